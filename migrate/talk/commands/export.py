"""`migrate export`: readable files from a backup."""

from __future__ import annotations

from datetime import date, datetime, timedelta
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
from migrate.talk.backup_access import BackupArgument, require_rows, usable_seal, with_password
from migrate.talk.console import print_json, print_line, require_terminal, say, wrapped
from migrate.talk.options import Exit, GlobalOptions, with_global_options
from migrate.talk.passwords import PasswordFile, Passwords, ask_hidden, read_password_file

if TYPE_CHECKING:
    from collections.abc import Collection

    from migrate.categories.claims import Claims
    from migrate.export.choice import Deleted
    from migrate.export.person import Person

COMMAND = "migrate export"
WORD = "passwords"
"""What is typed before passwords are written in plain."""

CategoryOption = Annotated[
    list[str] | None,
    typer.Option("--category", metavar="ID", help=_("A category as migrate show names it; can be repeated.")),
]
AppOption = Annotated[
    list[str] | None, typer.Option("--app", metavar="ID", help=_("An app, as migrate show names it; can be repeated."))
]
ToOption = Annotated[Path, typer.Option("--to", metavar="DIR", help=_("The folder to write to; created if needed."))]
WithOption = Annotated[
    str | None,
    typer.Option("--with", metavar="NAME|NUMBER", help=_("Only the chats and calls with one person or group.")),
]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="DATE", help=_("Only what is from this day on: 2024-05-01."))
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="DATE", help=_("Only what is up to this day, with it: 2024-12-31."))
]
AsOption = Annotated[
    str | None,
    typer.Option("--as", metavar="FORMATS", help=_("html, txt, json, csv, md, pdf, mbox; several with commas.")),
]
DeletedOption = Annotated[
    str, typer.Option("--deleted", metavar="HOW", help=_("What is in Recently Deleted: with, only or without it."))
]
OriginalsOption = Annotated[
    bool, typer.Option("--originals", help=_("Only files as the phone keeps them, no copies in other formats."))
]
NotesPasswordOption = Annotated[
    str | None,
    typer.Option(
        "--notes-password-file", metavar="FILE", help=_("Has the password of locked notes in its first line.")
    ),
]
PasswordsOption = Annotated[
    bool, typer.Option("--passwords", help=_("Also saved passwords, readable for everybody who has the file."))
]


def register(app: typer.Typer) -> None:
    app.command("export")(with_global_options(export))


def export(
    options: GlobalOptions,
    backup: BackupArgument,
    to: ToOption,
    category: CategoryOption = None,
    app: AppOption = None,
    with_: WithOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    as_: AsOption = None,
    deleted: DeletedOption = "with",
    originals: OriginalsOption = False,
    notes_password_file: NotesPasswordOption = None,
    passwords: PasswordsOption = False,
    password_file: PasswordFile = None,
) -> Exit:
    """Writes messages, photos, contacts and everything else of a backup as files that you can read.

    Without --category and --app it exports everything. Run it again with the same options and it adds only what is
    missing. export.json in the folder lists what was written and what was not, and why.

    For example: migrate export BACKUP --to Mum --category messages --with Mum
    """
    from migrate.backup.folder import BackupFolder
    from migrate.backup.reader import Backup
    from migrate.categories.claims import Claims
    from migrate.content.kinds import source_places
    from migrate.content.source import Source
    from migrate.export.choice import ExportChoice
    from migrate.export.people import person_called
    from migrate.export.run import export_backup
    from migrate.talk.export_text import format_export
    from migrate.talk.task_progress import report_progress

    formats, how = _formats(as_), _deleted(deleted)
    first, last = _instant("--since", since, 0), _instant("--until", until, 1)
    folder = BackupFolder(options.find_backup(backup))
    if passwords:
        _confirm_passwords()
    notes_password = read_password_file(notes_password_file, ask_hidden) if notes_password_file else None
    to = to.expanduser().absolute()
    with options.open_workspace() as workspace:
        opened = with_password(folder, Passwords(file=password_file), lambda found: Backup.open(folder.path, found))
        with opened, report_progress("export", quiet=options.json) as progress:
            require_rows(opened)
            if opened.manifest.has_log:
                say(wrapped(ManifestLogRead().what))
            seal = usable_seal(workspace.home.seals_of(folder), folder)
            opened.hold_to(seal.digests if seal else {})
            claims = Claims.of(opened, seal.app_groups if seal else None)
            person: Person | None = None
            if with_ is not None:
                person = person_called(with_, Source(opened, workspace.tmp, source_places()))
            choice = ExportChoice(
                owners=_owners(claims, category or (), app or (), passwords=passwords),
                person=person,
                since=first,
                until=last,
                formats=formats,
                deleted=how,
                originals=originals,
                passwords=passwords,
                notes_password=notes_password,
            )
            options.ctrl_c_error = ExportStopped(str(to))
            exported = export_backup(opened, claims, to, choice, tmp=workspace.tmp, progress=progress)
    if options.json:
        print_json(exported.as_json())
    else:
        for line in format_export(exported):
            print_line(line)
    return exported.exit_code


def _formats(chosen: str | None) -> frozenset[str]:
    """
    Raises:
        UsageWrong: there is no such format.
    """
    from migrate.export.choice import FORMATS

    formats = frozenset(word.strip().lower() for word in (chosen or "").split(",") if word.strip())
    if unknown := sorted(formats - set(FORMATS)):
        raise UsageWrong(
            _("--as {format}: there is no such format. There are {known}.").format(
                format=unknown[0], known=", ".join(FORMATS)
            ),
            COMMAND,
        )
    return formats


def _deleted(how: str) -> Deleted:
    from migrate.export.choice import DELETED

    for known in DELETED:
        if how == known:
            return known
    raise UsageWrong(_("--deleted {how}: it is with, only or without.").format(how=how), COMMAND)


def _instant(option: str, text: str | None, days_later: int) -> float | None:
    """The instant that an option names: a day begins at midnight here, so `--until` ends with the midnight after it.

    Raises:
        UsageWrong: it is no date.
    """
    if text is None:
        return None
    try:
        if len(text) <= len("2024-05-01"):
            day = date.fromisoformat(text) + timedelta(days=days_later)
            return datetime(day.year, day.month, day.day).astimezone().timestamp()
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError) as error:
        text = _("{option} {text}: it is a day, such as 2024-05-01.").format(option=option, text=text)
        raise UsageWrong(text, COMMAND) from error


def _confirm_passwords() -> None:
    """Ask for a typed word before passwords are written in plain.

    Raises:
        NoTerminal: nobody can be asked.
        UsageWrong: another word was typed.
    """
    from migrate.talk.console import ask_line

    require_terminal()
    say(wrapped(_("This writes saved passwords into a file that everybody who has it can read.")))
    if ask_line(_("Type the word {word} to go on: ").format(word=WORD)).strip() != WORD:
        raise UsageWrong(_("--passwords: the word was not typed, so nothing was exported."), COMMAND)


def _owners(
    claims: Claims, categories: Collection[str], apps: Collection[str], *, passwords: bool
) -> frozenset[str] | None:
    """The owners that were chosen, with the passwords if those were asked for; None for all.

    Raises:
        UsageWrong: there is no such category or app; the nearest one is named.
    """
    from migrate.categories.choose import chosen_owners

    if not categories and not apps:
        return None
    try:
        owners = chosen_owners(claims, categories=categories, apps=[*apps] if apps else None)
    except (UnknownCategory, UnknownApp) as error:
        raise UsageWrong(f"{error.what} {error.why}", COMMAND) from error
    return owners | {"passwords"} if passwords else owners
