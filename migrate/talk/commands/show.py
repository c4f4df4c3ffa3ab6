"""`migrate verify` and `migrate show`: a saved backup, looked at without any phone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from migrate.talk.console import Column, format_findings, print_json, print_line, say, table, wrapped
from migrate.talk.options import Exit, GlobalOptions, with_global_options
from migrate.talk.passwords import PasswordFile, Passwords
from migrate.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from migrate.backup.folder import BackupFolder
    from migrate.backup.verify.run import Verdict
    from migrate.categories.tally import CategoryTally, Tally

T = TypeVar("T")

BackupArgument = Annotated[
    Path, typer.Argument(metavar="BACKUP", help="The folder that holds Manifest.db, or the one around it.")
]


def register(app: typer.Typer) -> None:
    app.command("verify")(with_global_options(verify))
    app.command("show")(with_global_options(show))


def verify(
    options: GlobalOptions,
    backup: BackupArgument,
    quick: Annotated[
        bool, typer.Option("--quick", help="Look at names and lengths only; open no stored file.", show_default=False)
    ] = False,
    password_file: PasswordFile = None,
) -> Exit:
    """Checks whether a backup is whole.

    It reads all of it, needs no phone, and changes nothing. Without its password, an encrypted one is checked as far as
    that goes.
    """
    from migrate.backup.folder import BackupFolder, find_backup
    from migrate.problems import PasswordMissing

    folder = BackupFolder(find_backup(backup))
    locked: PasswordMissing | None = None
    try:
        verdict = _checked(options, folder, Passwords(file=password_file), quick=quick)
    except PasswordMissing as problem:
        locked = problem
        verdict = _checked(options, folder, None, quick=quick)
    if options.json:
        error = {"error": locked.as_json()} if locked and verdict.exit_code == locked.exit_code else {}
        print_json({**verdict.as_json(), **error})
    else:
        for line in format_verdict(verdict, quick=quick):
            print_line(line)
    return verdict.exit_code


def _checked(options: GlobalOptions, folder: BackupFolder, passwords: Passwords | None, *, quick: bool) -> Verdict:
    """The verdict; `passwords` None: as far as that goes without one."""
    from migrate.backup.verify import run as check
    from migrate.categories.claims import Claims
    from migrate.talk.task_progress import report_progress

    depth: check.Depth = "quick" if quick else "full"
    with options.open_workspace() as workspace, report_progress("check", quiet=options.json) as progress:
        seals = workspace.home.seals
        if passwords is None:
            return check.verify_locked(
                folder.path,
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


def show(options: GlobalOptions, backup: BackupArgument, password_file: PasswordFile = None) -> Exit:
    """Shows what is in a backup.

    By category and by app: how much, how many, and what is only in iCloud.
    """
    from migrate.backup.folder import BackupFolder, find_backup
    from migrate.backup.reader import Backup
    from migrate.backup.seal import read_seal
    from migrate.categories.apps import find_apps
    from migrate.categories.catalogue import load_catalogue
    from migrate.categories.claims import Claims
    from migrate.categories.tally import tally

    folder = BackupFolder(find_backup(backup))
    with options.open_workspace() as workspace:
        opened = with_password(folder, Passwords(file=password_file), lambda word: Backup.open(folder.path, word))
        with opened:
            seal = read_seal(workspace.home.seals, folder)
            apps = find_apps(opened.folder, opened.manifest.domains(), seal.app_groups if seal else None)
            counted = tally(opened, Claims(load_catalogue(), apps), tmp=workspace.tmp)
    if options.json:
        print_json(counted.as_json())
    else:
        for line in format_tally(counted, folder):
            print_line(line)
    return None


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


# -- in words --------------------------------------------------------------------------------------------------------

VERDICTS = {
    "whole": "Whole: everything it lists is there, and is what it should be.",
    "damaged": "Damaged: see below what is wrong with it.",
    "unreadable": "Unreadable: its list of files cannot be read.",
}
QUICK = "Whole as far as names and lengths tell: no stored file was opened (--quick)."


def format_verdict(verdict: Verdict, *, quick: bool) -> list[str]:
    kind = {True: "encrypted", False: "not encrypted", None: "encryption unknown"}[verdict.encrypted]
    lines = [
        wrapped(str(verdict.backup)),
        wrapped(f"iOS {verdict.ios_version or 'unknown'}, {kind}, phone {verdict.udid}"),
    ]
    if verdict.records is not None:
        size = format_bytes(verdict.bytes or 0)
        lines.append(wrapped(f"{verdict.records:,} records, {verdict.files or 0:,} of them files, {size} stored"))
    lines += ["", wrapped(QUICK if quick and verdict.verdict == "whole" else VERDICTS[verdict.verdict])]
    if verdict.findings:
        lines += ["", *format_findings(verdict.findings)]
    return lines


def format_tally(counted: Tally, folder: BackupFolder) -> list[str]:
    right = [Column("Files", "right"), Column("Size", "right")]
    categories = [
        (
            row.category.title,
            "" if row.items is None else f"{row.items:,}",
            f"{row.files:,}",
            format_bytes(row.bytes),
            _mark(row),
        )
        for row in counted.categories
        if row.files or row.notes
    ]
    empty = [row.category.title for row in counted.categories if not row.files and not row.notes]
    apps = [
        (
            app.app.title,
            app.app.version or "",
            "" if app.items is None else f"{app.items:,}",
            f"{app.files:,}",
            format_bytes(app.bytes),
            "*" if app.notes else "",
        )
        for app in counted.apps
    ]
    unclaimed = [(row.domain, f"{row.files:,}", format_bytes(row.bytes)) for row in counted.unclaimed]
    lines = [wrapped(f"{phone_name(folder)}, iOS {folder.ios_version or 'unknown'}"), wrapped(str(counted.backup)), ""]
    lines += table((Column("Category", shrinks=True), Column("Items", "right"), *right, Column("")), categories)
    if empty:
        lines += [wrapped(f"Nothing of: {', '.join(empty)}.")]
    if apps:
        lines += [
            "",
            *table(
                (Column("App", shrinks=True), Column("Version"), Column("Chats", "right"), *right, Column("")), apps
            ),
        ]
    if unclaimed:
        lines += ["", *table((Column("Unclaimed (moves with everything)", shrinks=True), *right), unclaimed)]
    lines += ["", *format_totals(counted)]
    noted = [(row.category.title, row.notes) for row in counted.categories]
    noted += [(app.app.title, app.notes) for app in counted.apps]
    if any(notes for _, notes in noted):
        lines += ["", *format_notes(noted)]
    return lines


def _mark(row: CategoryTally) -> str:
    if row.only_in_icloud or (row.cloud_notes and not row.files):
        return "not all is here"
    return "*" if row.notes else ""


def format_totals(counted: Tally) -> list[str]:
    """That nothing was left out: what has an owner, held against the manifest."""
    files, size = counted.owned
    shared = f" ({counted.shared_files:,} of them in several apps, counted once)" if counted.shared_files else ""
    if (files, size) == (counted.files, counted.bytes):
        unclaimed = sum(row.files for row in counted.unclaimed)
        text = f"All {files:,} files, {format_bytes(size)}, are above{shared}; {unclaimed:,} claimed by nothing."
    else:
        text = f"{files:,} files are above{shared}, and the backup lists {counted.files:,}: please tell us."
    return [wrapped(text)]


def format_notes(noted: Iterable[tuple[str, tuple[str, ...]]]) -> list[str]:
    """Each note once, after all that it speaks of."""
    about: dict[str, list[str]] = {}
    for title, notes in noted:
        for note in notes:
            about.setdefault(note, []).append(title)
    return [wrapped(f"{', '.join(titles)}: {note}.", indent="  ", first="* ") for note, titles in about.items()]
