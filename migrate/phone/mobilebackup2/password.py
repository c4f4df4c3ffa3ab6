"""Set, change or remove the phone's backup password. It is stored in the phone's keychain, not in a backup."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from migrate.phone.connection import PhoneConnection
from migrate.phone.lockdown import value_of
from migrate.phone.mobilebackup2.session import BackupSession
from migrate.problems import PasswordNotTaken
from migrate.progress import Progress

DURING: Final = "the change of its backup password"
CONFIRMED_WITHIN_S = 10
"""How long the phone's WillEncrypt may lag behind its Response (*guessed*: the phone announces the change)."""


async def change_backup_password(
    connection: PhoneConnection, old: str | None, new: str | None, *, progress: Progress
) -> None:
    """Set (`old` None), change, or remove (`new` None) the password. The phone asks for its passcode.

    Raises:
        WrongPhonePassword: `old` is wrong or missing.
        PasscodeNotEntered; PasswordNotTaken: the phone's setting did not change.
    """
    if not old and not new:
        raise ValueError("neither an old nor a new password")
    request: dict[str, Any] = {"MessageName": "ChangePassword", "TargetIdentifier": connection.facts.udid}
    if old:
        request["OldPassword"] = old
    if new:
        request["NewPassword"] = new
    # Use an empty folder instead of the backup's: the phone would rewrap the keybag of a backup it finds there (facts
    # 2.6), and an existing backup must keep the password it was made with.
    connection.usbmux.make_folders()
    root = Path(tempfile.mkdtemp(dir=connection.usbmux.tmp, prefix="password-"))
    try:
        async with BackupSession(connection, progress, DURING) as session:
            outcome = await session.send_request(request, root / connection.facts.udid, lock=False, repeatable=False)
            session.raise_if_refused(outcome, root)
            with connection.translate_errors(DURING):
                await _confirm_encryption_setting(connection, session, bool(new))
    finally:
        shutil.rmtree(root, ignore_errors=True)


async def _confirm_encryption_setting(connection: PhoneConnection, session: BackupSession, encrypts: bool) -> None:
    """Check that the phone's own setting has changed, instead of relying on its Response."""
    for _ in range(CONFIRMED_WITHIN_S):
        will_encrypt = await value_of(connection.client, "com.apple.mobile.backup", "WillEncrypt")
        if will_encrypt is None or bool(will_encrypt) is encrypts:
            return  # without the setting, the Response has to do
        try:
            async with asyncio.timeout(1.0):
                await session.notifications.settings_changed.wait()
            session.notifications.settings_changed.clear()
        except TimeoutError:
            continue
    raise PasswordNotTaken(connection.name)
