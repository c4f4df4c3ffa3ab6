"""How a command takes the BACKUP it is about, and opens it with its password."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from migrate.talk.console import say
from migrate.talk.passwords import Passwords

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrate.backup.folder import BackupFolder

T = TypeVar("T")

BackupArgument = Annotated[
    Path, typer.Argument(metavar="BACKUP", help="The folder that holds Manifest.db, or the one around it.")
]


def with_password(folder: BackupFolder, passwords: Passwords, work: Callable[[str | None], T]) -> T:
    """`work` with the backup's password, asked for only when it is encrypted, and again when what was typed is wrong.

    Raises:
        PasswordMissing, WrongPassword: none was given, or what was given does not open it.
    """
    from migrate.problems import WrongPassword

    if not needs_password(folder):
        return work(None)
    name = phone_name(folder)
    for tries_left in (2, 1, 0):
        try:
            return work(passwords.old(name, folder.udid))
        except WrongPassword:
            if not tries_left or not passwords.reject_password(name):
                raise
            say("That is not this backup's password. Try again.")
    raise AssertionError("unreachable")


def needs_password(folder: BackupFolder) -> bool:
    """Whether a password is worth asking for. A folder too broken to tell is left to whoever opens it."""
    from migrate.problems import MigrateError

    try:
        return folder.is_encrypted
    except MigrateError:
        return False


def phone_name(folder: BackupFolder) -> str:
    return folder.device_name or folder.path.name
