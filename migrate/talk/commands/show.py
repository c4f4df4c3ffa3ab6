"""`migrate show`: what is in a backup, by category and by app."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from migrate.language import _, plural
from migrate.talk.backup_access import BackupArgument, phone_name, usable_seal, with_password
from migrate.talk.console import Column, one_line, print_json, print_line, say, table, wrapped
from migrate.talk.options import Exit, GlobalOptions, with_global_options
from migrate.talk.passwords import PasswordFile, Passwords
from migrate.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migrate.backup.folder import BackupFolder
    from migrate.content.tally import OwnerTally, Tally


def register(app: typer.Typer) -> None:
    app.command("show")(with_global_options(show))


def show(options: GlobalOptions, backup: BackupArgument, password_file: PasswordFile = None) -> Exit:
    """Shows what is in a backup.

    For each category and app: the number of items and files, their size, what is only in iCloud, and what was
    recently deleted.
    """
    from migrate.backup.folder import BackupFolder
    from migrate.backup.reader import Backup
    from migrate.categories.apps import find_apps
    from migrate.categories.catalogue import load_catalogue
    from migrate.categories.claims import Claims
    from migrate.content.tally import tally
    from migrate.problems import EntriesNotCounted, ManifestEmpty, ManifestLogRead

    folder = BackupFolder(options.find_backup(backup))
    with options.open_workspace() as workspace:
        opened = with_password(folder, Passwords(file=password_file), lambda found: Backup.open(folder.path, found))
        with opened:
            if not opened.manifest.count:
                raise ManifestEmpty(folder.path)
            seal = usable_seal(workspace.home.seals_of(folder), folder)
            apps = find_apps(opened.folder, opened.manifest.domains(), seal.app_groups if seal else None)
            counted = tally(opened, Claims(load_catalogue(), apps), tmp=workspace.tmp)
            has_log = opened.manifest.has_log
    if has_log:
        say(wrapped(ManifestLogRead().what))
    if counted.bad_rows:
        say(wrapped(EntriesNotCounted(counted.bad_rows).what))
    if options.json:
        print_json(counted.as_json())
    else:
        for line in format_tally(counted, folder):
            print_line(line)
    return None


def format_tally(counted: Tally, folder: BackupFolder) -> list[str]:
    right = [Column(_("Files"), "right"), Column(_("Size"), "right")]
    categories = []
    for row in counted.categories:
        if row.files or row.notes:
            categories.append(
                (_(row.category.title), _items(row), f"{row.files:,}", format_bytes(row.bytes), _mark(row))
            )
            categories += [(label, number, "", "", "") for label, number in _counted_apart(row)]
    empty = [_(row.category.title) for row in counted.categories if not row.files and not row.notes]
    apps = []
    for app in counted.apps:
        version = app.app.version or ""
        apps.append((app.app.title, version, _items(app), f"{app.files:,}", format_bytes(app.bytes), _mark(app)))
        apps += [(label, "", number, "", "", "") for label, number in _counted_apart(app)]
    unclaimed = [(row.domain, f"{row.files:,}", format_bytes(row.bytes)) for row in counted.unclaimed]
    lines = [
        wrapped(f"{phone_name(folder)}, iOS {folder.ios_version or _('unknown')}"),
        one_line(counted.backup),
        "",
    ]
    lines += table((Column(_("Category"), shrinks=True), Column(_("Items"), "right"), *right, Column("")), categories)
    if empty:
        lines += [wrapped(_("Empty: {categories}.").format(categories=", ".join(empty)))]
    if apps:
        lines += [
            "",
            *table(
                (Column(_("App"), shrinks=True), Column(_("Version")), Column(_("Items"), "right"), *right, Column("")),
                apps,
            ),
        ]
    if unclaimed:
        lines += ["", *table((Column(_("Unclaimed (moves with everything)"), shrinks=True), *right), unclaimed)]
    lines += ["", *format_totals(counted)]
    noted = [(_(row.category.title), row.notes) for row in counted.categories]
    noted += [(app.app.title, app.notes) for app in counted.apps]
    if any(notes for _title, notes in noted):
        lines += ["", *format_notes(noted)]
    return lines


def _items(row: OwnerTally) -> str:
    return "" if row.items is None else f"{row.items:,}"


def _counted_apart(row: OwnerTally) -> list[tuple[str, str]]:
    """Lines below a category or app: how many of its items are only in iCloud, and how many more were deleted."""
    lines = []
    if row.only_in_icloud:
        lines.append(("  " + _("of them only in iCloud"), f"{row.only_in_icloud:,}"))
    if row.deleted:
        lines.append(("  " + _("recently deleted"), f"{row.deleted:,}"))
    return lines


def _mark(row: OwnerTally) -> str:
    if row.complete is False:
        return _("not all is here")
    return "*" if row.notes else ""


def format_totals(counted: Tally) -> list[str]:
    """Whether the table accounts for every file of the manifest."""
    files, size = counted.owned
    known = {"count": files, "size": format_bytes(size), "listed": counted.files}
    if (files, size) == (counted.files, counted.bytes):
        known["unclaimed"] = sum(row.files for row in counted.unclaimed)
        total = _("All {count:,} files, {size}, are listed above; {unclaimed:,} of them are unclaimed.")
    else:
        total = _("{count:,} files are listed above, but the backup has {listed:,}: please report this.")
    lines = [wrapped(total.format(**known))]
    if counted.shared_files:
        shared = plural(
            "{count:,} file belongs to several apps and is counted once.",
            "{count:,} files belong to several apps and are counted once.",
            counted.shared_files,
        )
        lines.append(wrapped(shared.format(count=counted.shared_files)))
    return lines


def format_notes(noted: Iterable[tuple[str, tuple[str, ...]]]) -> list[str]:
    """Each note once, after the titles it is about."""
    about: dict[str, list[str]] = {}
    for title, notes in noted:
        for note in notes:
            about.setdefault(note, []).append(title)
    return [wrapped(f"{', '.join(titles)}: {note}.", indent="  ", first="* ") for note, titles in about.items()]
