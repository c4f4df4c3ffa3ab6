"""A note as a page: all text is escaped, and nothing is loaded from the net."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from migrate.content.item import State
from migrate.content.readers.notes.attachment import LINK, AttachedFile, Attachment
from migrate.content.readers.notes.body import Run, Style
from migrate.content.readers.notes.contents import Content
from migrate.content.readers.notes.note import Note
from migrate.content.readers.notes.paragraphs import ATTACHMENT, Block, Line, Paragraph, blocks, paragraphs
from migrate.export.names import iso_time, local_time
from migrate.export.notes.hrefs import Hrefs, Shown, how_shown, missing, safe_link
from migrate.language import _, language_tag
from migrate.pages.markup import Markup, element, escaped, joined, text_element
from migrate.pages.style import STYLE

POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"
NOTE_STYLE = """
.note p{margin:0}.note h1{all:revert;font-size:1.7rem;line-height:1.25;margin:.2rem 0 .6rem}
.note h2{font-size:1.35rem;margin:1rem 0 .3rem}.note h3{font-size:1.1rem;margin:.8rem 0 .2rem}
.note pre{font:.9em/1.45 ui-monospace,Menlo,Consolas,monospace;background:var(--card);border-radius:.4rem;
 padding:.7rem .9rem;margin:.6rem 0;white-space:pre-wrap}
.note blockquote{margin:.6rem 0;padding:.1rem 0 .1rem .9rem;border-left:.2rem solid var(--line)}
.note ul,.note ol{margin:.2rem 0}.note li{margin:.1rem 0}
.note .dashes{list-style-type:"\\2013\\00a0 "}.note .checklist{list-style:none;padding-left:.1rem}
.note .checklist .checklist{padding-left:1.7rem}
.note .checklist input{margin:0 .55rem 0 0;width:1.05rem;height:1.05rem;vertical-align:-.12rem}
.note .done>span{color:var(--muted)}
.note table{width:auto;max-width:100%;margin:.6rem 0;font-variant-numeric:normal}
.note tr,.note tbody{display:revert}.note table{display:block;overflow-x:auto}
.note td{display:table-cell;border:1px solid var(--line);padding:.35rem .6rem;text-align:start;min-width:4.5rem;
 vertical-align:top;white-space:normal;margin:0;font-size:1rem}
.note td:first-child{padding-left:.6rem}.note td:last-child{padding-right:.6rem;white-space:normal}
.note td::before{content:none}.note td:empty{display:table-cell}.note tbody tr{padding:0;border:0}
.note figure{margin:.7rem 0}.note img,.note video{max-width:100%;height:auto;border-radius:.4rem;display:block}
.note audio{width:100%;max-width:28rem}.note figcaption{font-size:.875rem;color:var(--muted)}
.note .link{background:var(--card);border-radius:.5rem;padding:.6rem .9rem;margin:.6rem 0;max-width:30rem}
.note .tag{color:var(--open)}.note mark{background:var(--card);color:inherit;border-bottom:.15rem solid var(--open)}
.note .missing{color:var(--muted);border:1px dashed var(--line);border-radius:.4rem;padding:.5rem .8rem;margin:.6rem 0}
.note .a1{text-align:center}.note .a2{text-align:end}.note .a3{text-align:justify}
.facts{color:var(--muted);font-size:.875rem;margin:0 0 1.2rem}
.facts b{color:var(--text);background:var(--card);border-radius:.3rem;padding:.1rem .45rem;font-weight:600}
""" + "".join(f".note .i{depth}{{margin-left:{depth * 1.6:.1f}rem}}" for depth in range(1, 17))
"""For the element with the class `note`, after `pages.style.STYLE`."""
_TAGS = {Style.TITLE: "h1", Style.HEADING: "h2", Style.SUBHEADING: "h3"}
_LIST_TAGS = {
    Style.BULLETS: ("ul", None),
    Style.DASHES: ("ul", "dashes"),
    Style.NUMBERS: ("ol", None),
    Style.CHECKLIST: ("ul", "checklist"),
}
_BREAK = Markup("<br>")


def note_page(note: Note, content: Content, hrefs: Hrefs) -> str:
    """The whole page of a note."""
    title = note.title or _("Note")
    head = element(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        text_element("title", title),
        element("style", Markup(STYLE + NOTE_STYLE)),
    )
    body = element(
        "body", element("main", note_facts(note), element("article", note_markup(content, hrefs), class_="note"))
    )
    return f"<!doctype html>\n{element('html', head, body, lang=language_tag())}\n"


def note_facts(note: Note) -> Markup:
    """Where a note is, from when, and what is special about it."""
    facts = [text_element("b", mark) for mark in marks(note)]
    if note.folders:
        facts.append(escaped(" › ".join(note.folders)))
    if note.account:
        facts.append(escaped(note.account))
    for label, when in ((_("created {day}"), note.when), (_("changed {day}"), note.modified)):
        moment = local_time(when)
        if moment is not None:
            before, _field, after = label.partition("{day}")
            shown = text_element("time", f"{moment:%Y-%m-%d %H:%M}", datetime=iso_time(when))
            facts.append(Markup(f"{escaped(before)}{shown}{escaped(after)}"))
    return element("p", Markup(" · ".join(facts)), class_="facts")


def marks(note: Note) -> list[str]:
    """What is special about a note."""
    found = [_("recently deleted")] if note.state is State.DELETED else []
    found += [_("pinned")] if note.pinned else []
    return found + ([_("locked on the iPhone")] if note.locked else [])


def note_markup(content: Content, hrefs: Hrefs) -> Markup:
    """The body of a note and its attachments."""
    return _Page(content, hrefs).markup()


class _Page:
    def __init__(self, content: Content, hrefs: Hrefs) -> None:
        self._content = content
        self._hrefs = hrefs

    def markup(self) -> Markup:
        parts: list[Markup] = []
        for quoted, group in groupby(blocks(self._content.paragraphs), lambda block: block.quoted):
            shown = [part for block in group for part in self._block(block)]
            parts += [element("blockquote", joined(shown))] if quoted else shown
        parts += (self._attachment(one) for one in self._content.not_in_text if not one.is_inline)
        return joined(parts)

    def _block(self, block: Block) -> Iterator[Markup]:
        if block.style.is_list:
            yield from self._lists(block.lines)
        elif block.style is Style.MONOSPACED:
            lines = [self._inline(paragraph, in_text=True) for paragraph in block.paragraphs]
            yield element("pre", Markup("\n".join(lines)))
        else:
            for paragraph in block.paragraphs:
                yield from self._paragraph(paragraph)

    def _paragraph(self, paragraph: Paragraph) -> Iterator[Markup]:
        style = paragraph.style
        classes = [f"a{style.alignment}"] if 0 < style.alignment < 4 else []
        classes += [f"i{style.indent}"] if style.indent else []
        yield from self._flow(paragraph, _TAGS.get(style.style, "p"), " ".join(classes) or None)

    def _flow(self, paragraph: Paragraph, tag: str, classes: str | None) -> Iterator[Markup]:
        """The text of a paragraph in elements of this kind, and what cannot be inside one between them."""
        inline: list[Markup] = []
        is_empty = True
        for piece in paragraph.pieces:
            attachment = self._attached(piece.text, piece.run)
            if attachment is None or attachment.is_inline:
                inline.append(self._piece(piece.text, piece.run))
                continue
            if any(inline):
                yield element(tag, Markup("".join(inline)), class_=classes, dir="auto")
            inline, is_empty = [], False
            yield self._attachment(attachment)
        if any(part.strip() for part in inline):
            yield element(tag, Markup("".join(inline)), class_=classes, dir="auto")
        elif is_empty:
            yield element("p", _BREAK)

    def _lists(self, lines: Iterable[Line]) -> Iterator[Markup]:
        for style, group in groupby(lines, lambda line: line.paragraph.style.style):
            tag, class_ = _LIST_TAGS[style]
            yield element(tag, joined(self._line(line) for line in group), class_=class_)

    def _line(self, line: Line) -> Markup:
        style = line.paragraph.style
        parts = list(self._flow(line.paragraph, "span", None))
        if style.style is Style.CHECKLIST:
            label = _("done") if style.done else _("to do")
            parts.insert(0, element("input", type="checkbox", disabled=True, checked=style.done, aria_label=label))
        done = "done" if style.done else None
        return element("li", Markup("".join(parts)), *self._lists(line.below), class_=done)

    # -- inside a paragraph ------------------------------------------------------------------------------------------

    def _inline(self, paragraph: Paragraph, *, in_text: bool = False) -> Markup:
        return Markup("".join(self._piece(piece.text, piece.run, in_text=in_text) for piece in paragraph.pieces))

    def _piece(self, text: str, run: Run, *, in_text: bool = False) -> Markup:
        if text == ATTACHMENT:
            return self._inline_attachment(text, run)
        shown = Markup(str(escaped(text)).replace("\u2028", "\n" if in_text else "<br>"))
        for tag, is_so in (
            ("b", run.bold), ("i", run.italic), ("u", run.underlined), ("s", run.struck),
            ("sup", run.raised > 0), ("sub", run.raised < 0), ("mark", run.highlighted),
        ):  # fmt: skip
            if is_so:
                shown = element(tag, shown)
        return shown if run.link is None else self._linked(shown, text, run.link)

    def _linked(self, shown: Markup, text: str, link: str) -> Markup:
        safe = safe_link(link)
        if safe is not None:
            return element("a", shown, href=safe, rel="noreferrer noopener")
        return shown if link in text else Markup(f"{shown} {text_element('span', f'({link})', class_='muted')}")

    def _attached(self, text: str, run: Run) -> Attachment | None:
        """The attachment that a piece stands for."""
        if text != ATTACHMENT or run.attachment is None:
            return None
        unknown = Attachment(run.attachment, run.type or "", absent=1)
        return self._content.attachments.get(run.attachment, unknown)

    def _inline_attachment(self, text: str, run: Run) -> Markup:
        attachment = self._attached(text, run)
        if attachment is None:
            return Markup("")
        shown = text_element("span", attachment.text or attachment.title or "", class_="tag")
        href = self._hrefs.note(attachment.note) if attachment.note else None
        return shown if href is None else element("a", shown, href=href)

    # -- attachments -------------------------------------------------------------------------------------------------

    def _attachment(self, attachment: Attachment) -> Markup:
        parts: list[Markup] = []
        unreadable = 0
        if attachment.table is not None:
            parts.append(self._table(attachment))
        for file in attachment.files:
            shown = self._file(file)
            unreadable += shown is None
            parts += [] if shown is None else [shown]
        parts += (self._attachment(page) for page in attachment.pages)
        if attachment.type == LINK or (attachment.url and not attachment.files):
            parts.append(_link_card(attachment))
        parts += (text_element("p", sentence, class_="missing") for sentence in missing(attachment, unreadable))
        if not parts:
            name = attachment.title or attachment.type or _("an attachment")
            parts.append(text_element("p", name, class_="missing"))
        return joined(parts)

    def _table(self, attachment: Attachment) -> Markup:
        rows = []
        for row in attachment.table or ():
            cells = (joined_lines([self._inline(one) for one in paragraphs(cell)]) for cell in row)
            rows.append(element("tr", *(element("td", cell, dir="auto") for cell in cells)))
        return element("table", element("tbody", joined(rows)))

    def _file(self, file: AttachedFile) -> Markup | None:
        href = self._hrefs.file(file)
        if href is None:
            return None
        link = text_element("a", file.name, href=href)
        shown = how_shown(file)
        if shown is Shown.PICTURE:
            return element("figure", element("a", element("img", src=href, alt=file.name, loading="lazy"), href=href))
        if shown is Shown.LINK:
            return element("p", link, class_="link")
        player = element("audio" if shown is Shown.SOUND else "video", src=href, controls=True, preload="none")
        return element("figure", player, element("figcaption", link))


def joined_lines(lines: list[Markup]) -> Markup:
    return Markup("<br>".join(lines))


def _link_card(attachment: Attachment) -> Markup:
    url = attachment.url or ""
    safe = safe_link(url)
    name = attachment.title or url or _("a link")
    shown = escaped(name) if safe is None else text_element("a", name, href=safe, rel="noreferrer noopener")
    return element("p", shown, text_element("small", url) if url != name else None, class_="link")
