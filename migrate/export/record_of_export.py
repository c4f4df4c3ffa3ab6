"""`export.json`, the record of an export for programs, and `index.html`, the same for people.

`export.json`: backup, phone, date, counts with reasons, findings, and the SHA-256 of every file that this folder's
exports have written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any
from urllib.parse import quote

from migrate.backup.folder import BackupFolder
from migrate.export.folder import JSON_NAME, PAGE_NAME, ExportFolder, writing_to
from migrate.export.names import iso_time, local_time
from migrate.export.result import CategoryExport, ExportResult
from migrate.language import _, language_tag, plural
from migrate.pages.markup import Markup, element, escaped, joined, text_element
from migrate.pages.style import STYLE
from migrate.units import now_utc

POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
PARTS_OF_ITEMS = ("exported", "only_in_icloud", "unreadable", "filtered")
"""They add up to the items."""
GAP_CODE = "export-gap"
"""Findings that say again what the reasons of a category say."""
_MOST_ENTRIES, _MOST_PAGES, _MOST_FINDINGS = 500, 50, 100
"""Links for each folder, pages beside a link, findings: a page with a million lines opens nowhere. `export.json` has
all."""
_FEW_ENTRIES = 8
_STYLE = """
a{color:var(--there)}
.folders{gap:.35rem 1.25rem}.folders dt{color:var(--text);font-weight:600}
.folders details{border:0;padding:0}.folders summary{font-weight:400}
details ul{columns:18rem;font-size:.9375rem}
tfoot th,tfoot td{font-weight:600;border-bottom:0}
"""


# -- export.json -----------------------------------------------------------------------------------------------------


def write_json(folder: ExportFolder, result: ExportResult, backup: BackupFolder) -> None:
    """Replace `export.json`."""
    facts = {
        **result.as_record(),
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


# -- index.html ------------------------------------------------------------------------------------------------------


def write_index_page(folder: ExportFolder, result: ExportResult, backup: BackupFolder) -> None:
    """Replace `index.html`: what is in the folder, and what is not and why."""
    title = _("Exported from {phone}").format(phone=backup.device_name or backup.udid)
    head = element(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        ),
        text_element("title", title),
        element("style", Markup(STYLE + _STYLE)),
    )
    main = element(
        "main",
        text_element("p", _when(backup), class_="title"),
        text_element("h1", title),
        text_element("p", in_one_sentence(result)),
        *_folders(folder),
        *_table(result),
        *_reasons(result),
        *_findings(result),
        *_footer(),
    )
    page = f"<!doctype html>\n{element('html', head, element('body', main), lang=language_tag())}\n"
    _replace(folder, PAGE_NAME, [page])


def in_one_sentence(result: ExportResult) -> str:
    """How much of what was chosen is in the folder."""
    files = plural("{count:,} file", "{count:,} files", result.files).format(count=result.files)
    items, exported = (_total(result, name) for name in ("items", "exported"))
    if any(category.kinds and category.count("items") is None for category in result.categories):
        text = _("Exported {exported:,} items, in {files}. A part of the backup could not be read.")
    elif not items:
        text = _("Exported {files}.")
    elif items == exported:
        text = plural("Exported {items:,} item, in {files}.", "Exported all {items:,} items, in {files}.", items)
    else:
        text = plural(
            "Exported {exported:,} of {items:,} item, in {files}.",
            "Exported {exported:,} of {items:,} items, in {files}.",
            items,
        )
    return text.format(files=files, items=items, exported=exported)


def _total(result: ExportResult, name: str) -> int:
    return sum(category.count(name) or 0 for category in result.categories)


def _when(backup: BackupFolder) -> str:
    """The iOS version and the day of the backup."""
    date = backup.status_date
    moment = None if date is None else local_time(date.timestamp())
    parts = [f"iOS {backup.ios_version}" if backup.ios_version else ""]
    parts.append(_("backup of {day}").format(day=f"{moment:%Y-%m-%d %H:%M}") if moment else "")
    return " · ".join(part for part in parts if part)


def _folders(folder: ExportFolder) -> Iterator[Markup]:
    """What is in each folder, in the order of its name, with links to pages."""
    rows: list[Markup] = []
    for top, files in groupby(folder.ledger.files(), key=lambda file: file.path.split("/", 1)[0]):
        count = 0
        entries: list[Markup] = []
        for entry, inside in groupby(files, key=lambda file: "/".join(file.path.split("/", 2)[:2])):
            pages: list[str] = []
            is_folder = False
            for file in inside:
                count += 1
                is_folder |= file.path != entry
                if file.path.endswith(".html") and file.path.count("/") == 2 and len(pages) < _MOST_PAGES:
                    pages.append(file.path)
            if len(entries) < _MOST_ENTRIES:
                entries.append(_entry(entry, pages, is_folder=is_folder))
        rows += [text_element("dt", top), element("dd", *_inside(top, count, entries))]
    if rows:
        yield element("dl", joined(rows), class_="folders")


def _inside(top: str, count: int, entries: list[Markup]) -> Iterator[Markup]:
    """A few links as they are, more of them folded up."""
    if len(entries) <= _FEW_ENTRIES:
        yield Markup(" · ".join(entries))
        return
    names = plural("{count:,} file", "{count:,} files", count).format(count=count)
    lines = element("ul", joined(element("li", entry) for entry in entries))
    more = None
    if len(entries) == _MOST_ENTRIES:
        more = element("p", _link(f"{top}/", _("Open the folder to see all of it.")))
    yield element("details", text_element("summary", names), lines, more)


def _entry(path: str, pages: list[str], *, is_folder: bool) -> Markup:
    """A link to a file or folder, and to the pages in it."""
    name = path.rpartition("/")[2]
    if not is_folder:
        return _link(path, name)
    links = [_link(page, page.rpartition("/")[2].removesuffix(".html")) for page in pages]
    return Markup(_link(f"{path}/", name) + (f" ({', '.join(links)})" if links else ""))


def _link(path: str, text: str) -> Markup:
    return text_element("a", text, href=quote(path))


def _table(result: ExportResult) -> Iterator[Markup]:
    heads = (
        _("Category"),
        _("Items"),
        _("Exported"),
        _("Only in iCloud"),
        _("Not readable"),
        _("Left out"),
        _("Deleted"),
    )
    rows = [_row(category, heads) for category in result.categories]
    totals = [_total(result, name) for name in ("items", *PARTS_OF_ITEMS)]
    cells = [
        *(f"{total:,}" for total in totals),
        deleted_shown(_total(result, "deleted_exported"), _total(result, "deleted")),
    ]
    foot = element("tr", text_element("th", _("All"), scope="row"), *_cells(cells, heads))
    head = element("tr", *(text_element("th", one, scope="col") for one in heads))
    yield text_element("h2", _("In numbers"))
    yield element("table", element("thead", head), element("tbody", joined(rows)), element("tfoot", foot))
    yield text_element(
        "p",
        _(
            "Items are what is not deleted: exported, only in iCloud, not readable and left out add up to them. What "
            "is in Recently Deleted is counted apart. A question mark: a file could not be read, see below."
        ),
        class_="muted",
    )


def _row(category: CategoryExport, heads: tuple[str, ...]) -> Markup:
    cells = [_shown(category, name) for name in ("items", *PARTS_OF_ITEMS)]
    deleted = deleted_shown(category.count("deleted_exported"), category.count("deleted"))
    files = plural("{count:,} file", "{count:,} files", category.files).format(count=category.files)
    first = element("th", escaped(category.title), text_element("small", files), scope="row")
    return element("tr", first, *_cells([*cells, deleted], heads))


def _shown(category: CategoryExport, name: str) -> str:
    """A number; nothing for none that are missing, so that those stand out that are."""
    count = category.count(name)
    if count is None:
        return "?" if category.kinds else ""
    return f"{count:,}" if count or name in ("items", "exported") else ""


def _cells(cells: Iterable[str], heads: tuple[str, ...]) -> Iterator[Markup]:
    for text, head in zip(cells, heads[1:], strict=True):
        yield text_element("td", text, data_label=head)


def deleted_shown(exported: int | None, deleted: int | None) -> str:
    """`3`, or `1 of 3` if not all of them were exported; nothing if there are none."""
    if not deleted:
        return ""
    if exported == deleted:
        return f"{deleted:,}"
    return _("{some:,} of {all:,}").format(some=exported or 0, all=deleted)


def _reasons(result: ExportResult) -> Iterator[Markup]:
    found = [
        text_element("li", f"{category.title}: {count:,} × {reason}")
        for category in result.categories
        for reason, count in category.reasons.most_common()
    ]
    if found:
        yield text_element("h2", _("What is not complete, and why"))
        yield element("ul", joined(found))


def _findings(result: ExportResult) -> Iterator[Markup]:
    found = [finding for finding in result.findings if finding.code != GAP_CODE]
    if found:
        yield text_element("h2", _("What else was found"))
        yield element(
            "ul",
            joined(
                element("li", escaped(finding.what), text_element("small", finding.why))
                for finding in found[:_MOST_FINDINGS]
            ),
        )
        if len(found) > _MOST_FINDINGS:
            more = len(found) - _MOST_FINDINGS
            yield text_element("p", plural("… and {count:,} more", "… and {count:,} more", more).format(count=more))


def _footer() -> Iterator[Markup]:
    yield element(
        "footer",
        text_element("p", _("Nothing here is encrypted: everybody who has this folder can read it.")),
        element(
            "p",
            escaped(_("Every file with its SHA-256, and all of the above for programs:")),
            Markup(" "),
            _link(JSON_NAME, JSON_NAME),
        ),
    )


def _replace(folder: ExportFolder, name: str, pieces: Iterable[str]) -> None:
    with writing_to(folder.root), folder.new_part() as (file, part):
        for piece in pieces:
            file.write(piece.encode("utf-8", "replace"))
        file.close()
        part.replace(folder.root / name)
