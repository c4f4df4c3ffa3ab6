"""What `migrate export` says at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from migrate.language import _, plural
from migrate.talk.console import Column, format_file_count, format_findings, table, width, wrapped

if TYPE_CHECKING:
    from migrate.export.result import CategoryExport, ExportResult

_WITH_FILES = 76
"""Columns from which the number of files fits beside the others."""


def format_export(exported: ExportResult) -> list[str]:
    """What was exported, what was not and why, and where to look at it."""
    from migrate.export.folder import PAGE_NAME
    from migrate.export.record_of_export import GAP_CODE, in_one_sentence

    lines = [wrapped(in_one_sentence(exported)), "", *_table(exported)]
    lines += _not_complete(exported)
    others = [finding for finding in exported.findings if finding.code != GAP_CODE]
    if others:
        lines += ["", *format_findings(others)]
    page = exported.to / PAGE_NAME
    lines += ["", wrapped(_("To look at it, open this page in a browser:")), f"  {page}"]
    lines += ["", wrapped(_("Nothing in it is encrypted: everybody who has the folder can read it."))]
    return lines


def _table(exported: ExportResult) -> list[str]:
    """Items = exported + not exported. A column that has nothing to say is left out."""
    categories = exported.categories
    columns = [Column(_("Category"), shrinks=True), Column(_("Items"), "right"), Column(_("Exported"), "right")]
    cells = [[category.title, _shown(category, "items"), _shown(category, "exported")] for category in categories]
    if any(_not_exported(category) for category in categories):
        columns.append(Column(_("Not exported"), "right"))
        for category, row in zip(categories, cells, strict=True):
            count = _not_exported(category)
            row.append(f"{count:,}" if count else "")
    if any(category.count("deleted") for category in categories):
        from migrate.export.record_of_export import deleted_shown

        columns.append(Column(_("Deleted"), "right"))
        for category, row in zip(categories, cells, strict=True):
            row.append(deleted_shown(category.count("deleted_exported"), category.count("deleted")))
    if width() >= _WITH_FILES:
        columns.append(Column(_("Files"), "right"))
        for category, row in zip(categories, cells, strict=True):
            row.append(f"{category.files:,}")
    return table(columns, cells)


def _not_complete(exported: ExportResult) -> Iterator[str]:
    """What is missing, category by category, and how much the person did not want."""
    found = [category for category in exported.categories if category.reasons]
    if found:
        yield ""
        yield wrapped(_("What is not complete, and why:"))
    for category in found:
        yield wrapped(category.title, first="  ", indent="  ")
        for reason, count in category.reasons.most_common():
            number = f"{count:,}"
            yield wrapped(reason, first=f"    {number}  ", indent=" " * (len(number) + 6))
    left_out = sum(category.count("filtered") or 0 for category in exported.categories if not category.reasons)
    if left_out:
        yield ""
        text = plural(
            "{count:,} item was left out, as you chose.", "{count:,} items were left out, as you chose.", left_out
        )
        yield wrapped(text.format(count=left_out))


def _not_exported(category: CategoryExport) -> int | None:
    items, exported = category.count("items"), category.count("exported")
    return None if items is None or exported is None else items - exported


def _shown(category: CategoryExport, name: str) -> str:
    """A number of items. What is not counted in items is exported as files."""
    count = category.count(name)
    if count is not None:
        return f"{count:,}"
    if category.kinds:
        return "?"
    return format_file_count(category.files) if name == "exported" else ""
