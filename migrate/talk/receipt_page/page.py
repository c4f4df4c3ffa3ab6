"""The receipt as one self-contained HTML page: no script, nothing is loaded, everything is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from migrate.language import _, language_tag, mark
from migrate.pages.markup import Markup, element, escaped, joined, text_element
from migrate.pages.style import STYLE
from migrate.talk.receipt_page.content import Content, Point, Row, content_of
from migrate.talk.receipt_page.drawings import PARTS, bar, space_plot, swatch
from migrate.talk.receipt_page.style import RECEIPT_STYLE
from migrate.units import format_bytes

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""The browser refuses to load or run anything else, whatever a name on the phone might contain."""
COLUMNS: Mapping[str, str] = {
    "sent": mark("sent"),
    "proven": mark("proven"),
    "there": mark("there, not compared"),
    "arriving": mark("later"),
    "changed_since": mark("changed since"),
    "wrong": mark("wrong"),
}


def receipt_html(receipt: Mapping[str, Any]) -> str:
    """The page of a receipt. Names come from phones, so they are strangers' text."""
    content = content_of(receipt)
    if content.is_undo:
        title = _("Receipt: {phone} as it was").format(phone=content.new)
    else:
        title = _("Receipt: {old} to {new}").format(old=content.old, new=content.new)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        text_element("title", title),
        element("style", Markup(STYLE + RECEIPT_STYLE)),
    )
    body = element("body", element("main", joined(_sections(content, title))))
    return f"<!doctype html>\n{element('html', head, body, lang=language_tag())}\n"


def _sections(content: Content, title: str) -> Iterator[Markup]:
    yield text_element("p", title, class_="title")
    yield text_element("h1", content.headline, class_=content.mood)
    if content.keep_until:
        yield element("p", text_element("strong", content.keep_until), class_="card")
    yield _definitions(content)
    if content.next:
        yield text_element("h2", _("What to do next"))
        yield _list("ol", content.next)
    if content.points:
        yield from _before_erasing(content.points)
    yield text_element("h2", _("What arrived"))
    yield _legend(content)
    yield _table(content)
    if content.kept:
        yield text_element("p", content.kept)
    yield from _left_behind(content)
    if content.sizes:
        yield text_element("h2", _("Where the space went"))
        yield space_plot(content.sizes)
    yield from _how_to_undo(content)
    yield text_element("h2", _("Details"))
    yield from _details(content)
    footer = _("Run {run}, written {written} by migrate {version}.")
    yield text_element("footer", footer.format(run=content.run, written=content.written, version=content.version))


def _definitions(content: Content) -> Markup:
    facts = {} if content.is_undo else {_("Old phone"): _with_ios(content.old, content.ios_version)}
    facts[_("New phone")] = content.new
    if content.begun:
        facts[_("Begun")] = content.begun
    facts[_("Written")] = content.written
    return element(
        "dl", *(joined((text_element("dt", name), text_element("dd", value))) for name, value in facts.items())
    )


def _with_ios(phone: str, ios_version: str | None) -> str:
    return _("{phone}, iOS {version}").format(phone=phone, version=ios_version) if ios_version else phone


def _list(tag: str, texts: Iterable[str]) -> Markup:
    return element(tag, joined(text_element("li", text) for text in texts))


def _before_erasing(points: tuple[Point, ...]) -> Iterator[Markup]:
    yield text_element("h2", _("Before you erase the old phone"))
    hint = _("Tick what is done. The page does not store the ticks: print it to keep them.")
    yield text_element("p", hint, class_="muted")
    found, questions = [one for one in points if one.is_found], [one for one in points if not one.is_found]
    if found:
        yield text_element("h3", _("Found on the old phone"))
        yield _boxes(found)
    if questions:
        yield text_element("h3", _("What a backup cannot tell"))
        yield _boxes(questions)


def _boxes(points: Iterable[Point]) -> Markup:
    def box(one: Point) -> Markup:
        words = element("span", text_element("strong", one.title), text_element("small", one.text))
        return element("li", element("label", element("input", type="checkbox"), words))

    return element("ul", joined(map(box, points)), class_="tick")


def _legend(content: Content) -> Markup:
    used = [part for part in PARTS if any(row.columns.get(part) for row in content.rows)]
    if not used:
        return Markup("")
    return element("ul", *(element("li", swatch(part), escaped(_(COLUMNS[part]))) for part in used), class_="legend")


def _table(content: Content) -> Markup:
    names = [name for name in COLUMNS if name == "sent" or any(row.columns.get(name) for row in content.rows)]
    names = names if content.is_compared else names[:1]
    heads = [(_("What")), *(_(COLUMNS[name]) for name in names), _("size")]
    # the roles are said in full because the narrow page shows the rows as blocks, which browsers take for no table
    head = element("tr", *(text_element("th", name, scope="col", role="columnheader") for name in heads), role="row")
    return element(
        "table",
        element("thead", head, role="rowgroup"),
        element("tbody", joined(_row(row, names) for row in content.rows), role="rowgroup"),
        role="table",
        aria_label=_("What arrived"),
    )


def _row(row: Row, names: list[str]) -> Markup:
    whys = [text_element("small", why) for why in row.whys]
    cells = [element("th", escaped(row.title), bar(row.columns), *whys, scope="row", role="rowheader")]
    for name in names:
        count = row.columns.get(name, 0)
        cells.append(text_element("td", f"{count:,}" if count else "", role="cell", data_label=_(COLUMNS[name])))
    size = format_bytes(row.bytes) if row.bytes else ""
    cells.append(text_element("td", size, role="cell", data_label=_("size")))
    return element("tr", *cells, role="row", class_="files" if row.is_files else None)


def _left_behind(content: Content) -> Iterator[Markup]:
    if content.not_moved or content.losses:
        yield text_element("h2", _("What did not come back") if content.is_undo else _("What did not move, and why"))
        yield _list("ul", (*content.not_moved, *content.losses))
    if content.in_icloud:
        yield text_element("h2", _("What is only in iCloud"))
        hint = _("The old phone keeps at most small copies of these. Sign in to iCloud on the new phone to load them.")
        yield text_element("p", hint)
        yield _list("ul", content.in_icloud)


def _how_to_undo(content: Content) -> Iterator[Markup]:
    if content.undo:
        yield text_element("h2", _("How to undo it"))
        command = text_element("code", content.undo_command) if content.undo_command else None
        yield element("p", escaped(content.undo + " "), command)
    if content.password_note:
        yield text_element("h2", _("The backup password"))
        yield text_element("p", content.password_note)


def _details(content: Content) -> Iterator[Markup]:
    yield _folded(_("How it was done"), (*content.about, *content.facts), is_open=False)
    if content.remarks:
        yield _folded(_("Worth knowing"), content.remarks, is_open=content.mood == "bad")


def _folded(summary: str, texts: Iterable[str], *, is_open: bool) -> Markup:
    return element("details", text_element("summary", summary), _list("ul", texts), open=is_open)
