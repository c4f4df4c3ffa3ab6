"""`migrate extract`: files of a backup, decrypted into a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.language import _
from migrate.problems import ExtractStopped, UnknownApp, UnknownCategory, UsageWrong
from migrate.talk.backup_access import BackupArgument, usable_seal, with_password
from migrate.talk.console import format_file_count, format_findings, print_json, print_line, wrapped
from migrate.talk.options import Exit, GlobalOptions, with_global_options
from migrate.talk.passwords import PasswordFile, Passwords
from migrate.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Collection

    from migrate.backup.extract.result import ExtractResult
    from migrate.backup.manifest.manifest import RecordFilter
    from migrate.backup.reader import Backup
    from migrate.backup.seal import Seal

COMMAND = "migrate extract"

CategoryOption = Annotated[
    list[str] | None,
    typer.Option("--category", metavar="ID", help=_("A category as migrate show names it; can be repeated.")),
]
AppOption = Annotated[
    list[str] | None,
    typer.Option("--app", metavar="ID", help=_("An app, with its groups and extensions; can be repeated.")),
]
MatchOption = Annotated[
    list[str] | None,
    typer.Option(
        "--match",
        metavar="GLOB",
        help=_("File names: *.HEIC anywhere, or a path such as Library/SMS/** or HomeDomain/Library/SMS/**."),
    ),
]
ToOption = Annotated[Path, typer.Option("--to", metavar="DIR", help=_("The folder to write to; created if needed."))]


def register(app: typer.Typer) -> None:
    app.command("extract")(with_global_options(extract))


def extract(
    options: GlobalOptions,
    backup: BackupArgument,
    to: ToOption,
    category: CategoryOption = None,
    app: AppOption = None,
    match: MatchOption = None,
    password_file: PasswordFile = None,
) -> Exit:
    """Extracts files from a backup, decrypted, to DIR/DOMAIN/PATH.

    Extracts what any --category, --app or --match selects; without these options, everything. Never overwrites a file.
    """
    from migrate.backup.extract.extract import extract as extract_files
    from migrate.backup.folder import BackupFolder
    from migrate.backup.reader import Backup
    from migrate.talk.task_progress import report_progress

    folder = BackupFolder(options.find_backup(backup))
    patterns = [pattern_of(glob) for glob in match or ()]
    with options.open_workspace() as workspace:
        opened = with_password(folder, Passwords(file=password_file), lambda found: Backup.open(folder.path, found))
        with opened, report_progress("extract", quiet=options.json) as progress:
            seal = usable_seal(workspace.home.seals_of(folder), folder)
            wanted = record_filter(opened, seal, category or (), app or (), patterns)
            options.ctrl_c_error = ExtractStopped(str(to))
            sealed = seal.digests if seal else {}
            extracted = extract_files(opened, to.expanduser().absolute(), wanted, progress, sealed)
    if options.json:
        print_json(extracted.as_json())
    else:
        for line in format_extracted(extracted):
            print_line(line)
    return extracted.exit_code


def pattern_of(glob: str) -> re.Pattern[str]:
    """The pattern of `--match`: a name anywhere, or a path with or without its domain. Databases include their -wal.

    Raises:
        UsageWrong: the glob is invalid.
    """
    from migrate.categories.globs import pattern, with_companions

    try:
        return pattern([with_companions(glob if "/" in glob or glob == "**" else f"**/{glob}")])
    except ValueError as error:
        raise UsageWrong(f"--match {glob}: {error}.", COMMAND) from error


def record_filter(
    backup: Backup,
    seal: Seal | None,
    categories: Collection[str],
    apps: Collection[str],
    patterns: Collection[re.Pattern[str]],
) -> RecordFilter:
    """Whether a domain and path are selected; everything is if nothing was named.

    Raises:
        UsageWrong: the backup does not contain such a category or app; the nearest one is named.
    """
    from migrate.categories.choose import chosen_owners
    from migrate.categories.claims import Claims

    if not categories and not apps and not patterns:
        return lambda domain, path: True
    claims = Claims.of(backup, seal.app_groups if seal else None) if categories or apps else None
    owners: frozenset[str] = frozenset()
    if claims is not None:
        try:
            owners = chosen_owners(claims, categories=categories, apps=[*apps] if apps else None)
        except (UnknownCategory, UnknownApp) as error:
            raise UsageWrong(f"{error.what} {error.why}", COMMAND) from error

    def wanted(domain: str, path: str) -> bool:
        if claims is not None and not owners.isdisjoint(claims.owners(domain, path)):
            return True
        return any(one.fullmatch(path) or one.fullmatch(f"{domain}/{path}") for one in patterns)

    return wanted


def format_extracted(extracted: ExtractResult) -> list[str]:
    known = {"files": format_file_count(extracted.files), "size": format_bytes(extracted.bytes), "folder": extracted.to}
    lines = [wrapped(_("Extracted {files}, {size}, to {folder}.").format(**known))]
    if extracted.findings:
        lines += ["", *format_findings(extracted.findings)]
    return lines
