"""What `migrate export` says at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.language import _
from migrate.talk.console import Column, format_file_count, format_findings, table, wrapped

if TYPE_CHECKING:
    from migrate.export.result import CategoryExport, ExportResult


def format_export(exported: ExportResult) -> list[str]:
    """The table of what was exported, where it is, and what is missing."""
    shown = {"files": format_file_count(exported.files), "folder": exported.to}
    lines = [wrapped(_("Exported {files} to {folder}.").format(**shown))]
    columns = [
        Column(_("Category")),
        Column(_("Exported"), "right"),
        Column(_("Of"), "right"),
        Column(_("Deleted"), "right"),
        Column(_("Files"), "right"),
    ]
    lines += ["", *table(columns, [_row(category) for category in exported.categories])]
    if exported.findings:
        lines += ["", *format_findings(exported.findings)]
    lines += ["", wrapped(_("To look at it, open {page} in a browser.").format(page=exported.to / "index.html"))]
    return lines


def _row(category: CategoryExport) -> tuple[str, ...]:
    return (
        category.title,
        _number(category, "exported"),
        _number(category, "items"),
        _number(category, "deleted_exported"),
        f"{category.files:,}",
    )


def _number(category: CategoryExport, name: str) -> str:
    count = category.count(name)
    if count is None:
        return "?" if category.kinds else ""
    return f"{count:,}"
