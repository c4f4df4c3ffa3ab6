"""The difference of two backups, as text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from migrate.content.difference.files import CHANGES, Change, FilesDifference
from migrate.content.difference.items import ONLY_IN_OLD, ItemFate
from migrate.content.field_names import field_name
from migrate.language import _, mark, plural
from migrate.talk.backup_access import phone_name
from migrate.talk.console import Column, format_findings, one_line, table, wrapped

if TYPE_CHECKING:
    from migrate.backup.folder import BackupFolder
    from migrate.content.difference.difference import CategoryDifference, Difference
    from migrate.content.difference.items import KindDifference

SHOWN = 5
"""Items and files that are named for each change; --json names more."""
UNKNOWN = "?"

COLUMNS: Mapping[ItemFate, str] = {
    ItemFate.ADDED: mark("Added"),
    ItemFate.GONE: mark("Gone"),
    ItemFate.CHANGED: mark("Changed"),
    ItemFate.DELETED: mark("Deleted"),
    ItemFate.ONLY_IN_ICLOUD: mark("In iCloud"),
}
HEADINGS: Mapping[ItemFate, str] = {
    ItemFate.GONE: mark("Gone:"),
    ItemFate.DELETED: mark("In Recently Deleted now:"),
    ItemFate.ONLY_IN_ICLOUD: mark("Only in iCloud now:"),
    ItemFate.CHANGED: mark("Changed:"),
    ItemFate.UNDECIDED: mark("Not known whether they have changed:"),
    ItemFate.ADDED: mark("Added:"),
    ItemFate.DELETED_ADDED: mark("Added, and already in Recently Deleted:"),
    ItemFate.DELETED_GONE: mark("No longer in Recently Deleted:"),
}
"""In the order in which they are told: what may be lost first."""
CHANGE_HEADINGS: Mapping[Change, str] = {
    "gone": mark("Files that are gone:"),
    "changed": mark("Files that have changed:"),
    "added": mark("Files that were added:"),
}


def format_difference(
    found: Difference, folders: tuple[BackupFolder, BackupFolder], *, only_gone: bool = False
) -> list[str]:
    """The lines of `migrate diff`; with `only_gone` no names of items and files that are not gone."""
    lines = []
    for label, folder in zip(("OLD", "NEW"), folders, strict=True):
        date = folder.status_date
        known = [
            phone_name(folder),
            f"iOS {folder.ios_version or _('unknown')}",
            f"{date:%Y-%m-%d %H:%M}" if date else "",
        ]
        lines += [wrapped(f"{label}: {', '.join(filter(None, known))}"), f"     {one_line(folder.path)}"]
    compared = [category for category in found.categories if category.kinds]
    differing = [category for category in compared if category.differs or category.is_unknown]
    same = [category.title for category in compared if not category.differs and not category.is_unknown]
    if differing:
        columns = [Column(_("Items of"), shrinks=True), *(Column(_(title), "right") for title in COLUMNS.values())]
        lines += ["", *table(columns, [row for category in differing for row in _rows(category)])]
    if same:
        lines += ["", wrapped(_("No item differs: {categories}.").format(categories=", ".join(same)))]
    for fate, heading in HEADINGS.items():
        if only_gone and fate not in ONLY_IN_OLD:
            continue
        told = [line for category in differing for one in category.kinds for line in _named(category, one, fate)]
        if told:
            lines += ["", _(heading), *told]
    lines += ["", *format_files(found.files, ("gone",) if only_gone else CHANGES)]
    if found.findings:
        lines += ["", *format_findings(found.findings)]
    return lines


def _rows(category: CategoryDifference) -> Iterator[tuple[str, ...]]:
    counts = [category.count(fate) for fate in COLUMNS]
    yield category.title, *(UNKNOWN if count is None else f"{count:,}" for count in counts)
    for one in category.kinds:
        if one.kind.extra and not one.is_unknown and any(one.counts[fate] for fate in COLUMNS):
            yield f"  {_(one.kind.label)}", *(f"{one.counts[fate]:,}" for fate in COLUMNS)


def _named(category: CategoryDifference, one: KindDifference, fate: ItemFate) -> Iterator[str]:
    """The first items of a kind with one fate, and how many more there are."""
    examples = one.examples.get(fate)
    if examples is None or one.is_unknown:
        return
    label = category.title if len(category.kinds) == 1 else f"{category.title}, {_(one.kind.label)}"
    yield wrapped(f"{label}:", indent="    ", first="  ")
    for name in examples.named[:SHOWN]:
        yield wrapped(name, indent="      ", first="    ")
    if (more := examples.count - min(SHOWN, len(examples.named))) > 0:
        yield "    " + plural("… and {count:,} more", "… and {count:,} more", more).format(count=more)
    if examples.fields:
        fields = ", ".join(field_name(field) for field, _count in examples.fields.most_common())
        yield wrapped(_("What differs: {fields}").format(fields=fields), indent="      ", first="    ")


def format_files(files: FilesDifference, named: Collection[Change] = CHANGES) -> list[str]:
    """The numbers of files, and the first of those that a person may know, for these changes."""
    changes = {change: files.changes[change] for change in CHANGES}
    if not any(changes.values()) and not files.unreadable:
        same = plural("The {count:,} file is the same.", "All {count:,} files are the same.", files.unchanged)
        return [wrapped(same.format(count=files.unchanged))]
    text = _("Files: {added:,} added, {gone:,} gone, {changed:,} changed, {unchanged:,} unchanged.")
    lines = [wrapped(text.format(**changes, unchanged=files.unchanged))]
    if own := sum(files.housekeeping.values()):
        kept = plural(
            "{count:,} of them is one that the iPhone keeps for itself, such as a cache.",
            "{count:,} of those that differ are ones that the iPhone keeps for itself, such as caches.",
            own,
        )
        lines.append(wrapped(kept.format(count=own)))
    if files.unreadable:
        unread = plural(
            "{count:,} file could not be compared.", "{count:,} files could not be compared.", files.unreadable
        )
        lines.append(wrapped(unread.format(count=files.unreadable)))
    for change, heading in CHANGE_HEADINGS.items():
        if change not in named or not files.named[change]:
            continue
        shown = files.named[change][:SHOWN]
        lines += ["", _(heading), *(f"  {one_line(f'{domain} {path}')}" for domain, path in shown)]
        if (more := files.changes[change] - files.housekeeping[change] - len(shown)) > 0:
            lines.append("  " + plural("… and {count:,} more", "… and {count:,} more", more).format(count=more))
    return lines
