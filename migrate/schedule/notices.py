"""Tell the person at the computer: a notice on the desktop, and the person's own command (hook).

A notice is believed only where the desktop can have shown it: without a session bus desktop-notifier's `send` returns
as if it had (*measured*, facts schedule-and-fleet A4).
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from migrate.language import _
from migrate.schedule.tick import Told

HOOK_TIMEOUT_S = 3600.0
NOTICE_TIMEOUT_S = 10.0
SECRET_NAMES = ("MIGRATE_BACKUP_PASSWORD", "MIGRATE_NEW_BACKUP_PASSWORD")


@dataclass(frozen=True)
class Heard:
    """What became of telling."""

    shown: bool
    hook_failed: str | None = None
    """What was wrong with the hook; None if it ran, or there is none."""


def notice_text(told: Told) -> tuple[str, str]:
    """The title and the text of a notice."""
    phone = told.schedule.called
    if told.event == "passcode-needed":
        return (
            _("{phone} is ready for its backup").format(phone=phone),
            _("Enter its passcode on it now. It asks for three minutes."),
        )
    if told.event == "backed-up":
        return _("{phone} is backed up").format(phone=phone), ""
    if told.event == "overdue":
        return _("The backup of {phone} is overdue").format(phone=phone), told.why
    return _("{phone} could not be backed up").format(phone=phone), told.why


async def tell(told: Told) -> Heard:
    """Show a notice and call the hook. Never raises."""
    shown = told.event != "backed-up" and await _show(*notice_text(told))
    return Heard(shown, await _call_hook(told) if told.schedule.hook else None)


def can_show(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a desktop is there that can show notices."""
    return platform in ("darwin", "win32") or bool(environment.get("DBUS_SESSION_BUS_ADDRESS"))


async def _show(title: str, text: str) -> bool:
    if not can_show():
        return False
    try:
        from desktop_notifier import DesktopNotifier

        notifier = DesktopNotifier(app_name="migrate")
        await asyncio.wait_for(notifier.send(title=title, message=text), NOTICE_TIMEOUT_S)
    except Exception:  # whatever a desktop does wrong: a backup does not depend on it
        return False
    return True


async def _call_hook(told: Told) -> str | None:
    """Run the hook without a shell, with what happened in its environment and without our passwords."""
    assert told.schedule.hook is not None
    kept = {name: value for name, value in os.environ.items() if name not in SECRET_NAMES}
    facts = {
        "MIGRATE_EVENT": told.event,
        "MIGRATE_UDID": told.schedule.udid,
        "MIGRATE_PHONE": told.schedule.called,
        "MIGRATE_WHY": told.why,
        "MIGRATE_SNAPSHOT": str(told.snapshot.backup) if told.snapshot else "",
    }
    try:
        words = shlex.split(told.schedule.hook)
        running = await asyncio.create_subprocess_exec(
            *words,
            env={**kept, **{name: value.replace("\0", "") for name, value in facts.items()}},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except (OSError, ValueError) as error:
        return str(error)
    try:
        code = await asyncio.wait_for(running.wait(), HOOK_TIMEOUT_S)
    except TimeoutError:
        running.kill()
        await running.wait()
        return _("it did not end within an hour")
    return None if code == 0 else _("it ended with {code}").format(code=code)
