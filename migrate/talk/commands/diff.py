"""`migrate diff`: what differs between two backups, item by item and file by file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.language import _
from migrate.problems import (
    ExportStopped,
    ManifestLogRead,
    UnknownApp,
    UnknownCategory,
    UsageWrong,
)
from migrate.talk.backup_access import phone_name, require_rows, usable_seal, with_password
from migrate.talk.console import print_json, print_line, say, wrapped
from migrate.talk.options import Exit, GlobalOptions, with_global_options
from migrate.talk.passwords import NewPasswordFile, PasswordFile, Passwords

if TYPE_CHECKING:
    from collections.abc import Collection

    from migrate.backup.folder import BackupFolder
    from migrate.content.difference.difference import Difference
    from migrate.content.side import Side
    from migrate.export.result import ExportResult
    from migrate.talk.options import Workspace
    from migrate.talk.passwords import Role

COMMAND = "migrate diff"

OldArgument = Annotated[
    Path, typer.Argument(metavar="OLD", help=_("The earlier backup: the folder that holds Manifest.db."))
]
NewArgument = Annotated[Path, typer.Argument(metavar="NEW", help=_("The later backup, of this phone or another."))]
CategoryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--category", metavar="ID", help=_("A category as migrate show names it, or app:BUNDLE; can be repeated.")
    ),
]


GoneOption = Annotated[
    bool, typer.Option("--gone", help=_("Only what is gone: what OLD has and NEW does not. With --to it is exported."))
]
ToOption = Annotated[
    Path | None,
    typer.Option("--to", metavar="DIR", help=_("With --gone: the folder to export it to, as migrate export does.")),
]


def register(app: typer.Typer) -> None:
    app.command("diff")(with_global_options(diff))


def diff(
    options: GlobalOptions,
    old: OldArgument,
    new: NewArgument,
    category: CategoryOption = None,
    gone: GoneOption = False,
    to: ToOption = None,
    password_file: PasswordFile = None,
    new_password_file: NewPasswordFile = None,
) -> Exit:
    """Shows what differs between two backups: what was added, is gone or has changed.

    It compares item by item and file by file, and says what is in Recently Deleted or only in iCloud now. Both backups
    are only read. NEW is opened with the password of OLD, unless --new-password-file gives another.

    For example: migrate diff last-month today --category photos
    """
    if to is not None and not gone:
        raise UsageWrong(
            _("--to {folder}: it needs --gone, which exports what only OLD has.").format(folder=to), COMMAND
        )
    from migrate.backup.folder import BackupFolder
    from migrate.content.difference.difference import compare_backups
    from migrate.talk.difference_text import format_difference
    from migrate.talk.export_text import format_export
    from migrate.talk.task_progress import report_progress

    folders = BackupFolder(options.find_backup(old)), BackupFolder(options.find_backup(new))
    passwords = Passwords(file=password_file, new_file=new_password_file)
    with options.open_workspace() as workspace, ExitStack() as opened:
        sides = _open(folders[0], passwords, workspace, opened), _open_new(folders, passwords, workspace, opened)
        owners = _chosen(sides, category) if category else None
        with report_progress("diff", quiet=options.json) as progress:
            found = compare_backups(
                *sides, tmp=workspace.tmp, owners=owners, lists_gone=to is not None, progress=progress
            )
        exported = None
        if to is not None and found.only_in_old:
            options.ctrl_c_error = ExportStopped(str(to))
            exported = _export_gone(sides[0], found, to.expanduser().absolute(), workspace, quiet=options.json)
    if options.json:
        told = found.as_json()
        print_json({**told, "exported": exported.as_json() if exported else None} if to is not None else told)
        return exported.exit_code if exported else None
    for line in format_difference(found, folders, only_gone=gone):
        print_line(line)
    if to is not None:
        for line in ("", *(format_export(exported) if exported else [_("Nothing is gone, so nothing was exported.")])):
            print_line(line)
    return exported.exit_code if exported else None


def _export_gone(old: Side, found: Difference, to: Path, workspace: Workspace, *, quiet: bool) -> ExportResult:
    """Export the items that only OLD has."""
    from migrate.export.choice import ExportChoice
    from migrate.export.run import export_backup
    from migrate.talk.task_progress import report_progress

    choice = ExportChoice(only_ids=found.only_in_old)
    with report_progress("export", quiet=quiet) as progress:
        return export_backup(old.backup, old.claims, to, choice, tmp=workspace.tmp, progress=progress)


def _open_new(
    folders: tuple[BackupFolder, BackupFolder], passwords: Passwords, workspace: Workspace, opened: ExitStack
) -> Side:
    """NEW, with its own password if one was given, else with that of OLD."""
    old, new = folders
    name = None
    if phone_name(old) == phone_name(new) and old.udid != new.udid:  # "iPhone" is the name of most
        name = f"{phone_name(new)} (NEW)"
    return _open(new, passwords, workspace, opened, role="new" if passwords.look_up("new") else "old", name=name)


def _open(
    folder: BackupFolder,
    passwords: Passwords,
    workspace: Workspace,
    opened: ExitStack,
    *,
    role: Role = "old",
    name: str | None = None,
) -> Side:
    from migrate.backup.reader import Backup
    from migrate.categories.claims import Claims
    from migrate.content.side import Side

    backup = with_password(folder, passwords, lambda found: Backup.open(folder.path, found), role=role, name=name)
    opened.enter_context(backup)
    require_rows(backup)
    if backup.manifest.has_log:
        say(wrapped(f"{folder.path}: {ManifestLogRead().what}"))
    seal = usable_seal(workspace.home.seals_of(folder), folder)
    return Side(backup=backup, claims=Claims.of(backup, seal.app_groups if seal else None), seal=seal)


def _chosen(sides: tuple[Side, Side], categories: Collection[str]) -> frozenset[str]:
    """The owners that `--category` names. One of the two backups has to have an app that is named.

    Raises:
        UsageWrong: there is no such category or app; the nearest one is named.
    """
    from migrate.categories.choose import chosen_owners

    chosen: set[str] = set()
    for word in categories:
        try:
            try:
                chosen |= chosen_owners(sides[1].claims, categories=[word])
            except UnknownApp:
                chosen |= chosen_owners(sides[0].claims, categories=[word])
        except (UnknownCategory, UnknownApp) as error:
            raise UsageWrong(f"{error.what} {error.why}", COMMAND) from error
    return frozenset(chosen)
