"""The phone's backup password: set, changed, removed. It lives in the phone's keychain, not in a backup."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from migrate.phone.connection import Contact
from migrate.phone.lockdown import value_of
from migrate.phone.mobilebackup2.session import Session
from migrate.problems import PasswordNotTaken
from migrate.progress import Watcher

DURING: Final = "the change of its backup password"
TAKEN_WITHIN_S = 10
"""How long a phone's WillEncrypt may lag behind its answer (*guessed*: it announces the change itself)."""


async def change_backup_password(contact: Contact, old: str | None, new: str | None, *, watch: Watcher) -> None:
    """Set (`old` None), change, or remove (`new` None) the password. The phone asks for its passcode.

    Raises:
        WrongPhonePassword: `old` is not it, or it is missing. PasscodeNotEntered. PasswordNotTaken.
    """
    if not old and not new:
        raise ValueError("neither an old nor a new password")
    request: dict[str, Any] = {"MessageName": "ChangePassword", "TargetIdentifier": contact.facts.udid}
    if old:
        request["OldPassword"] = old
    if new:
        request["NewPassword"] = new
    # An empty folder in the backup's place: the phone would rewrap the keybag of one it finds there (facts 2.6), and a
    # saved backup keeps the password it was saved with.
    contact.muxer.make_folders()
    root = Path(tempfile.mkdtemp(dir=contact.muxer.tmp, prefix="password-"))
    try:
        async with Session(contact, watch, DURING) as session:
            outcome = await session.ask(request, root / contact.facts.udid, lock=False, repeatable=False)
            session.judge(outcome, root)
            with contact.told(DURING):
                await _see_it_taken(contact, session, bool(new))
    finally:
        shutil.rmtree(root, ignore_errors=True)


async def _see_it_taken(contact: Contact, session: Session, encrypts: bool) -> None:
    """Believe the phone's own setting, not its answer alone."""
    for _ in range(TAKEN_WITHIN_S):
        said = await value_of(contact.client, "com.apple.mobile.backup", "WillEncrypt")
        if said is None or bool(said) is encrypts:
            return  # one that does not tell is taken at its word
        try:
            async with asyncio.timeout(1.0):
                await session.notices.settings_changed.wait()
            session.notices.settings_changed.clear()
        except TimeoutError:
            continue
    raise PasswordNotTaken(contact.name)
