"""The BACKUP argument of a command, and opening that backup with its password."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from migrate.language import _
from migrate.talk.console import say
from migrate.talk.options import PHONE_WAIT_S, Workspace
from migrate.talk.passwords import Passwords, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrate.backup.folder import BackupFolder
    from migrate.backup.reader import Backup
    from migrate.backup.seal import Seal
    from migrate.journey import events
    from migrate.journey.phone_session import PhoneSession

T = TypeVar("T")

BackupArgument = Annotated[
    Path, typer.Argument(metavar="BACKUP", help=_("The folder that holds Manifest.db, or the one around it."))
]


def with_password(
    folder: BackupFolder,
    passwords: Passwords,
    work: Callable[[str | None], T],
    *,
    role: Role = "old",
    name: str | None = None,
) -> T:
    """Call `work` with the backup's password. It is asked for only if the backup is encrypted, up to three times.

    Args:
        role: of a command with two backups, which one it is.
        name: what the prompt calls the phone, instead of its name.

    Raises:
        PasswordMissing: no password is known.
        WrongPassword: the password does not open the backup.
    """
    from migrate.problems import WrongPassword

    if not needs_password(folder):
        return work(None)
    name = name or phone_name(folder)
    find = passwords.old if role == "old" else passwords.new
    for tries_left in (2, 1, 0):
        try:
            return work(find(name, folder.udid))
        except WrongPassword:
            if not tries_left or not passwords.reject_password(name, role):
                raise
            say(_("That is not the password of this backup. Try again."))
    raise AssertionError("unreachable")


def phone_session(
    workspace: Workspace, *, passwords: Passwords, listener: events.Listener, wait_s: int | None
) -> PhoneSession:
    """Reaches the one phone whose backup a command works on, as the old phone."""
    from migrate.journey.context import RunContext
    from migrate.journey.phone_session import PhoneSession
    from migrate.talk.prompts import TerminalPrompts

    context = RunContext(
        home=workspace.home,
        tmp=workspace.tmp,
        usbmux=workspace.usbmux,
        prompts=TerminalPrompts(passwords, yes=False),
        listener=listener,
        wait_s=PHONE_WAIT_S if wait_s is None else wait_s,
    )
    return PhoneSession(context=context, old_udid=None, old_backup=None, new_udid=None, encrypts_backups=False)


def usable_seal(seals: Path, folder: BackupFolder) -> Seal | None:
    """The seal of this backup; None where there is none, or it is damaged, which `verify` reports."""
    from migrate.backup.seal import read_seal
    from migrate.problems import MigrateError

    try:
        return read_seal(seals, folder)
    except MigrateError:
        return None


def require_rows(backup: Backup) -> None:
    """Check that the manifest has a row, sound or not. Counting all of them takes a second.

    Raises:
        ManifestEmpty: it has none.
    """
    from migrate.problems import BadRecord, ManifestEmpty

    bad: list[BadRecord] = []
    if next(backup.manifest.rows(bad.append), None) is None and not bad:
        raise ManifestEmpty(backup.folder.path)


def needs_password(folder: BackupFolder) -> bool:
    """Whether the backup is encrypted; False if the folder is too damaged to tell, so that opening it reports that."""
    from migrate.problems import MigrateError

    try:
        return folder.is_encrypted
    except MigrateError:
        return False


def phone_name(folder: BackupFolder) -> str:
    return folder.device_name or folder.path.name
