"""The phone's backup password: set, changed, removed. It lives in the phone's keychain, not in a backup."""

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
TAKEN_WITHIN_S = 10
"""How long a phone's WillEncrypt may lag behind its answer (*guessed*: it announces the change itself)."""


async def change_backup_password(
    connection: PhoneConnection, old: str | None, new: str | None, *, progress: Progress
) -> None:
    """Set (`old` None), change, or remove (`new` None) the password. The phone asks for its passcode.

    Raises:
        WrongPhonePassword: `old` is not it, or it is missing. PasscodeNotEntered. PasswordNotTaken.
    """
    if not old and not new:
        raise ValueError("neither an old nor a new password")
    request: dict[str, Any] = {"MessageName": "ChangePassword", "TargetIdentifier": connection.facts.udid}
    if old:
        request["OldPassword"] = old
    if new:
        request["NewPassword"] = new
    # An empty folder in the backup's place: the phone would rewrap the keybag of one it finds there (facts 2.6), and a
    # saved backup keeps the password it was saved with.
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
    """Believe the phone's own setting, not its answer alone."""
    for _ in range(TAKEN_WITHIN_S):
        will_encrypt = await value_of(connection.client, "com.apple.mobile.backup", "WillEncrypt")
        if will_encrypt is None or bool(will_encrypt) is encrypts:
            return  # one that does not tell is taken at its word
        try:
            async with asyncio.timeout(1.0):
                await session.notifications.settings_changed.wait()
            session.notifications.settings_changed.clear()
        except TimeoutError:
            continue
    raise PasswordNotTaken(connection.name)
