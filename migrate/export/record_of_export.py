"""`export.json`, the record of an export for programs, and `index.html`, the same for people.

`export.json`: backup, phone, date, counts with reasons, findings, and the SHA-256 of every file that this folder's
exports have written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.export.folder import JSON_NAME, PAGE_NAME, ExportFolder, writing_to
from migrate.export.names import iso_time
from migrate.export.result import ExportResult
from migrate.language import _, language_tag, plural
from migrate.pages.markup import Markup, element, escaped, joined, text_element
from migrate.pages.style import STYLE
from migrate.units import now_utc

POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"


def write_json(folder: ExportFolder, result: ExportResult, backup: BackupFolder) -> None:
    """Replace `export.json`."""
    facts = {
        **result.as_json(),
        "phone": {"udid": backup.udid, "name": backup.device_name, "ios_version": backup.ios_version},
        "exported_at": iso_time(now_utc().timestamp()),
    }
    _replace(folder, JSON_NAME, _json_with_files(facts, folder))


def _json_with_files(facts: dict[str, Any], folder: ExportFolder) -> Iterator[str]:
    """The object in pieces: there may be a million files."""
    yield json.dumps(facts, indent=1, ensure_ascii=True)[:-2] + ',\n "written": [\n'
    separator = "  "
    for file in folder.ledger.files():
        yield separator + json.dumps({"path": file.path, "bytes": file.bytes, "sha256": file.sha256.hex()})
        separator = ",\n  "
    yield "\n ]\n}\n"


def write_index_page(folder: ExportFolder, result: ExportResult, backup: BackupFolder) -> None:
    """Replace `index.html`: what is in the folder, and what is not and why."""
    name = backup.device_name or backup.udid
    title = _("Exported from {phone}").format(phone=name)
    head = element(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        ),
        text_element("title", title),
        element("style", Markup(STYLE)),
    )
    body = element(
        "body",
        element("main", text_element("h1", title), *_folders(folder), _table(result), *_reasons(result)),
    )
    page = f"<!doctype html>\n{element('html', head, body, lang=language_tag())}\n"
    _replace(folder, PAGE_NAME, [page])


def _folders(folder: ExportFolder) -> Iterator[Markup]:
    """Links to the folders in the order of their names."""
    names = sorted({file.path.split("/", 1)[0] for file in folder.ledger.files() if "/" in file.path})
    if names:
        from urllib.parse import quote

        links = [element("li", text_element("a", name, href=quote(name) + "/")) for name in names]
        yield element("ul", joined(links))


def _table(result: ExportResult) -> Markup:
    heads = (_("Category"), _("Exported"), _("Only in iCloud"), _("Not readable"), _("Left out"), _("Deleted"))
    names = ("exported", "only_in_icloud", "unreadable", "filtered", "deleted_exported")
    rows = []
    for category in result.categories:
        files = plural("{count:,} file", "{count:,} files", category.files).format(count=category.files)
        cells = [category.count(name) for name in names]
        has_items = bool(category.kinds)
        shown = [("?" if has_items else "") if cell is None else f"{cell:,}" for cell in cells]
        first = element("th", escaped(category.title), text_element("small", files), scope="row")
        rows.append(
            element(
                "tr",
                first,
                *(text_element("td", text, data_label=head) for text, head in zip(shown, heads[1:], strict=True)),
            )
        )
    head = element("thead", element("tr", *(text_element("th", one, scope="col") for one in heads)))
    return element("table", head, element("tbody", joined(rows)))


def _reasons(result: ExportResult) -> Iterator[Markup]:
    found = [
        text_element("li", f"{category.title}: {count:,} × {reason}")
        for category in result.categories
        for reason, count in category.reasons.most_common()
    ]
    if found:
        yield text_element("h2", _("What is not complete"))
        yield element("ul", joined(found))


def _replace(folder: ExportFolder, name: str, pieces: Iterable[str]) -> None:
    with writing_to(folder.root), folder.new_part() as (file, part):
        for piece in pieces:
            file.write(piece.encode("utf-8", "replace"))
        file.close()
        part.replace(folder.root / name)
