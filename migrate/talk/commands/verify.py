"""`migrate verify`: whether a backup is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from migrate.language import _
from migrate.talk.backup_access import BackupArgument, with_password
from migrate.talk.console import print_json
from migrate.talk.options import Exit, GlobalOptions, with_global_options
from migrate.talk.passwords import PasswordFile, Passwords
from migrate.talk.verdict import print_verdict

if TYPE_CHECKING:
    from migrate.backup.folder import BackupFolder
    from migrate.backup.verify.run import Verdict
    from migrate.problems import PasswordMissing, WrongPassword


def register(app: typer.Typer) -> None:
    app.command("verify")(with_global_options(verify))


def verify(
    options: GlobalOptions,
    backup: BackupArgument,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help=_("Check only names and sizes; do not read the stored files."), show_default=False
        ),
    ] = False,
    password_file: PasswordFile = None,
) -> Exit:
    """Checks that a backup is complete and undamaged.

    It reads the whole backup, needs no phone and changes nothing. Without the password, an encrypted backup is checked
    as far as possible.
    """
    from migrate.backup.folder import BackupFolder
    from migrate.problems import PasswordMissing, WrongPassword

    folder = BackupFolder(options.find_backup(backup))
    try:
        verdict = _verify(options, folder, Passwords(file=password_file), quick=quick)
    except (PasswordMissing, WrongPassword) as problem:
        verdict = _verify(options, folder, problem, quick=quick)
    if options.json:
        print_json(verdict.as_json())
    else:
        print_verdict(verdict, quick=quick)
    return verdict.exit_code


def _verify(
    options: GlobalOptions,
    folder: BackupFolder,
    passwords: Passwords | PasswordMissing | WrongPassword,
    *,
    quick: bool,
) -> Verdict:
    """The verdict. With the reason why there is no password instead of `passwords`: as far as possible without it."""
    from migrate.backup.verify import run as check
    from migrate.categories.claims import Claims
    from migrate.talk.task_progress import report_progress

    depth: check.Depth = "quick" if quick else "full"
    with options.open_workspace() as workspace, report_progress("check", quiet=options.json) as progress:
        seals = workspace.home.seals_of(folder)
        if not isinstance(passwords, Passwords):
            return check.verify_locked(
                folder.path,
                passwords,
                seals=seals,
                depth=depth,
                owners_of=lambda opened: Claims.of(opened).owners,
                progress=progress,
            )
        return with_password(
            folder,
            passwords,
            lambda password: check.verify(
                folder.path,
                password,
                seals=seals,
                depth=depth,
                owners_of=lambda opened: Claims.of(opened).owners,
                progress=progress,
            ),
        )
