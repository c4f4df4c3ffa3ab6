"""A note as Markdown: CommonMark with the tables, ticks and strokes of GitHub."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from migrate.content.item import State
from migrate.content.readers.notes.attachment import LINK, AttachedFile, Attachment
from migrate.content.readers.notes.body import Run, Style
from migrate.content.readers.notes.contents import Content
from migrate.content.readers.notes.note import Note
from migrate.content.readers.notes.paragraphs import ATTACHMENT, Block, Line, Paragraph, Piece, blocks, paragraphs
from migrate.export.names import iso_time
from migrate.export.notes.hrefs import Hrefs, Shown, how_shown, missing, safe_link
from migrate.untrusted_text import without_control_characters

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>~|&])")
_AT_BEGIN = re.compile(r"(\s*)(?:([#+\-=])|(\d{1,9})([.)]))")
_HEADINGS = {Style.TITLE: "# ", Style.HEADING: "## ", Style.SUBHEADING: "### "}
_MARKERS = {Style.BULLETS: "- ", Style.DASHES: "- ", Style.CHECKLIST: "- "}
_TICKS = re.compile(r"`+")


def note_markdown(note: Note, content: Content, hrefs: Hrefs) -> str:
    """The whole file of a note: its facts as YAML, and the text."""
    facts: dict[str, object] = {
        "title": note.title,
        "created": iso_time(note.when),
        "modified": iso_time(note.modified),
        "folder": "/".join(note.folders),
        "account": note.account,
        "pinned": note.pinned or None,
        "deleted": note.state is State.DELETED or None,
        "locked": note.locked or None,
    }
    known = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.items() if value]
    parts = ["---", *known, "---", ""]
    for part in _Markdown(content, hrefs).parts():
        if part or parts[-1]:  # one empty line at a time
            parts.append(part)
    return without_control_characters("\n".join(parts).rstrip("\n") + "\n")


class _Markdown:
    def __init__(self, content: Content, hrefs: Hrefs) -> None:
        self._content = content
        self._hrefs = hrefs

    def parts(self) -> Iterator[str]:
        """The lines of the text, and empty ones between its blocks. A program is one part with its own newlines."""
        for quoted, group in groupby(blocks(self._content.paragraphs), lambda block: block.quoted):
            lines = [line for block in group for line in self._block(block)]
            if quoted:
                yield from ("", *(f"> {line}".rstrip() for part in lines for line in part.split("\n")), "")
            else:
                yield from lines
        for attachment in self._content.not_in_text:
            if not attachment.is_inline:
                yield from self._attachment(attachment)

    def _block(self, block: Block) -> Iterator[str]:
        if block.style.is_list:
            yield from (*self._list(block.lines, ""), "")
        elif block.style is Style.MONOSPACED:
            yield from _program([paragraph.text for paragraph in block.paragraphs])
        else:
            for paragraph in block.paragraphs:
                yield from self._paragraph(paragraph)

    def _paragraph(self, paragraph: Paragraph) -> Iterator[str]:
        heading = _HEADINGS.get(paragraph.style.style)
        inline: list[Piece] = []
        for piece in (*paragraph.pieces, None):
            attachment = None if piece is None else self._attached(piece)
            if piece is not None and (attachment is None or attachment.is_inline):
                inline.append(piece)
                continue
            text = self._inline(inline)
            inline = []
            if text and heading is not None:
                yield from (heading + text.replace("\n", " "), "")
            elif text:
                yield _escaped_begin(text).replace("\n", "  \n") + "  "
            elif not paragraph.pieces:
                yield ""
            if attachment is not None:
                yield from ("", *self._attachment(attachment))

    def _list(self, lines: Iterable[Line], indent: str) -> Iterator[str]:
        for style, group in groupby(lines, lambda line: line.paragraph.style.style):
            for number, line in enumerate(group, 1):
                marker = _MARKERS.get(style) or f"{number}. "
                tick = ""
                if style is Style.CHECKLIST:
                    tick = "[x] " if line.paragraph.style.done else "[ ] "
                pieces = line.paragraph.pieces
                text = _escaped_begin(self._inline(pieces)).replace("\n", " ")
                yield f"{indent}{marker}{tick}{text}".rstrip()
                below = indent + " " * len(marker)
                for piece in pieces:
                    attachment = self._attached(piece)
                    if attachment is not None and not attachment.is_inline:
                        yield from ("", *(f"{below}{one}".rstrip() for one in self._attachment(attachment)))
                yield from self._list(line.below, below)

    # -- inside a paragraph ------------------------------------------------------------------------------------------

    def _inline(self, pieces: Iterable[Piece]) -> str:
        """Text of a paragraph, without attachments that stand on their own. A newline is a break inside it."""
        known = list(pieces)
        parts = []
        for number, piece in enumerate(known):
            before = known[number - 1].text[-1:] if number else ""
            after = known[number + 1].text[:1] if number + 1 < len(known) else ""
            parts.append(self._piece(piece, before, after))
        return "".join(parts)

    def _piece(self, piece: Piece, before: str, after: str) -> str:
        attachment = self._attached(piece)
        if piece.text == ATTACHMENT:
            if attachment is None or not attachment.is_inline:
                return ""
            name = _escaped(attachment.text or attachment.title or "")
            href = self._hrefs.note(attachment.note) if attachment.note else None
            return name if href is None else f"[{name}](<{href}>)"
        return _with_marks(piece.text.replace("\u2028", "\n"), piece.run, before, after)

    def _attached(self, piece: Piece) -> Attachment | None:
        run = piece.run
        if piece.text != ATTACHMENT or run.attachment is None:
            return None
        return self._content.attachments.get(run.attachment, Attachment(run.attachment, run.type or "", absent=1))

    # -- attachments -------------------------------------------------------------------------------------------------

    def _attachment(self, attachment: Attachment) -> Iterator[str]:
        unreadable = 0
        if attachment.table:
            yield from (*self._table(attachment), "")
        for file in attachment.files:
            shown = self._file(file)
            unreadable += shown is None
            if shown is not None:
                yield from (shown, "")
        for page in attachment.pages:
            yield from self._attachment(page)
        if attachment.type == LINK or (attachment.url and not attachment.files):
            yield from (_link(_escaped(attachment.title or attachment.url or ""), attachment.url or ""), "")
        for sentence in missing(attachment, unreadable):
            yield from (f"*{_escaped(sentence)}*", "")

    def _table(self, attachment: Attachment) -> Iterator[str]:
        for number, row in enumerate(attachment.table or ()):
            cells = ("<br>".join(self._inline(one.pieces) for one in paragraphs(cell)) for cell in row)
            yield f"| {' | '.join(cell.replace(chr(10), '<br>') for cell in cells)} |"
            if number == 0:
                yield f"|{' --- |' * len(row)}"

    def _file(self, file: AttachedFile) -> str | None:
        href = self._hrefs.file(file)
        if href is None:
            return None
        return f"{'!' if how_shown(file) is Shown.PICTURE else ''}[{_escaped(file.name)}](<{href}>)"


def _program(lines: list[str]) -> Iterator[str]:
    fence = "`" * max((len(run) + 1 for line in lines for run in _TICKS.findall(line)), default=3)
    fence = max(fence, "```", key=len)
    shown = (line.replace("\u2028", "\n").replace(ATTACHMENT, "") for line in lines)
    yield from ("", "\n".join((fence, *shown, fence)), "")


def _with_marks(text: str, run: Run, before: str, after: str) -> str:
    inner = text.strip()
    if not inner:
        return text
    shown = _escaped(inner)
    # Between a letter and a mark, `**` opens or closes nothing unless what it marks begins and ends with a letter.
    is_tight = (before.isalnum() and text[0] == inner[0] and not inner[0].isalnum()) or (
        after.isalnum() and text[-1] == inner[-1] and not inner[-1].isalnum()
    )
    for is_so, tag, mark in ((run.bold, "b", "**"), (run.italic, "i", "*"), (run.struck, "s", "~~")):
        if is_so:
            shown = f"<{tag}>{shown}</{tag}>" if is_tight else f"{mark}{shown}{mark}"
    for is_so, tag in (
        (run.underlined, "u"), (run.raised > 0, "sup"), (run.raised < 0, "sub"), (run.highlighted, "mark"),
    ):  # fmt: skip
        if is_so:
            shown = f"<{tag}>{shown}</{tag}>"
    if run.link is not None:
        shown = _link(shown, run.link)
    begin = text.index(inner)
    return text[:begin] + shown + text[begin + len(inner) :]


def _link(shown: str, link: str) -> str:
    safe = safe_link(link)
    if safe is None:
        return f"{shown} ({_escaped(link)})" if link not in shown else shown
    address = re.sub(r"[<>\s\\]", lambda found: f"%{ord(found[0]):02X}" if ord(found[0]) < 128 else "", safe)
    return f"[{shown}](<{address}>)"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _escaped_begin(text: str) -> str:
    """A line that is no heading, list or indented program."""
    shown = text.lstrip(" \t")
    found = _AT_BEGIN.match(shown)
    if found is None:
        return shown
    if found[2]:
        return f"\\{shown}"
    return f"{found[3]}\\{found[4]}{shown[found.end() :]}"
