"""Set, change or remove the phone's backup password. It is stored in the phone's keychain, not in a backup."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from migrate.backup.folder import PLIST_LIMIT_BYTES
from migrate.backup.private_files import write_new
from migrate.phone.connection import PhoneConnection
from migrate.phone.mobilebackup2.session import BackupSession
from migrate.problems import PasswordNotTaken, WrongPhonePassword
from migrate.progress import Progress

DURING: Final = "the change of its backup password"


KEY_FILES: Final = ("Manifest.plist", "Snapshot/Manifest.plist")
"""The files of a backup whose keybag the phone rewraps for a new password (facts 2.6)."""


async def change_backup_password(
    connection: PhoneConnection,
    old: str | None,
    new: str | None,
    *,
    progress: Progress,
    key_files: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Set (`old` None), change, or remove (`new` None) the password. The phone asks for its passcode.

    The phone gets copies of `key_files` (names of KEY_FILES to their bytes), and never sees the backup itself: a backup
    keeps its password unless the caller takes over what is returned.

    Returns:
        those copies as the phone left them; the keybag in them has the new password where it had the old one.

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
    connection.usbmux.make_folders()
    root = Path(tempfile.mkdtemp(dir=connection.usbmux.tmp, prefix="password-"))
    folder = root / connection.facts.udid
    try:
        for name, content in (key_files or {}).items():
            (folder / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_new(folder / name, content, sync=False)
        async with BackupSession(connection, progress, DURING) as session:
            outcome = await session.send_request(request, folder, lock=False, repeatable=False)
            session.raise_if_refused(outcome, root)
            if not await session.has_set("WillEncrypt", bool(new)):
                raise PasswordNotTaken(connection.name)
        return {name: _read(folder / name) for name in key_files or {}}
    finally:
        shutil.rmtree(root, ignore_errors=True)


async def is_backup_password(connection: PhoneConnection, password: str, *, progress: Progress) -> bool:
    """Whether this is the phone's backup password. It asks for its passcode.

    No request only asks: this one changes the password to the same password, which the phone refuses (207) if the old
    one is wrong. *Inferred* from facts 2.6; nothing else about the phone changes.

    Raises:
        PasscodeNotEntered.
    """
    try:
        await change_backup_password(connection, password, password, progress=progress)
    except WrongPhonePassword:
        return False
    return True


def _read(path: Path) -> bytes:
    """What the phone left there; b"" if that is no file of a believable size."""
    if not path.is_file() or path.stat().st_size > PLIST_LIMIT_BYTES["Manifest.plist"]:
        return b""
    return path.read_bytes()
