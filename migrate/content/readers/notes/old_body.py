"""The body of a note of iOS 8 and older, which is HTML, as paragraphs. Every step takes time in proportion to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from migrate.content.readers.notes.body import ParagraphStyle, Run, Style
from migrate.content.readers.notes.paragraphs import Paragraph, Piece

_TAG = re.compile(r"<([^<>]*)>")
_NAME = re.compile(r"/?\s*([A-Za-z0-9]{1,12})")
_HREF = re.compile(r"""\bhref\s*=\s*["']?([^"'\s>]{1,2000})""", re.IGNORECASE)
_BLOCKS = {
    "div": Style.PLAIN, "p": Style.PLAIN, "li": Style.PLAIN, "tr": Style.PLAIN, "blockquote": Style.PLAIN,
    "h1": Style.TITLE, "h2": Style.HEADING, "h3": Style.SUBHEADING,
}  # fmt: skip
_LISTS = {"ul": Style.BULLETS, "ol": Style.NUMBERS}
_FLAGS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underlined",
    "s": "struck", "strike": "struck", "del": "struck",
}  # fmt: skip
_PICTURES = frozenset({"img", "object"})
_DEEPEST = 16


def old_paragraphs(html: str) -> Iterator[Paragraph]:
    """The paragraphs of a note that is stored as HTML, or as plain text."""
    reader = _Reader()
    for index, part in enumerate(_TAG.split(html)):
        yield from reader.tag(part) if index % 2 else reader.text(part)
    yield from reader.end(only_if_filled=True)


class _Reader:
    """The paragraph that is being read, and the elements around it."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._block = Style.PLAIN
        self._lists: list[Style] = []
        self._item = False
        self._flags = dict.fromkeys(("bold", "italic", "underlined", "struck"), 0)
        self._link: str | None = None

    def text(self, part: str) -> Iterator[Paragraph]:
        for number, line in enumerate(unescape(part).split("\n")):
            if number:
                yield from self.end()
            if line:
                bold, italic, underlined, struck = (depth > 0 for depth in self._flags.values())
                run = Run(0, bold=bold, italic=italic, underlined=underlined, struck=struck, link=self._link)
                self._pieces.append(Piece(line.replace("\ufffc", ""), run))

    def tag(self, part: str) -> Iterator[Paragraph]:
        found = _NAME.match(part)
        if found is None:
            return
        name, closes = found[1].lower(), part.startswith("/")
        if name == "br":
            yield from self.end()
        elif name in _LISTS:
            yield from self.end(only_if_filled=True)
            if not closes:
                self._lists.append(_LISTS[name])
            elif self._lists:
                self._lists.pop()
        elif name in _BLOCKS:
            yield from self.end(only_if_filled=True)
            self._block = Style.PLAIN if closes else _BLOCKS[name]
            self._item = name == "li" and not closes
        elif name in _FLAGS:
            self._flags[_FLAGS[name]] = max(self._flags[_FLAGS[name]] + (-1 if closes else 1), 0)
        elif name == "a":
            href = None if closes else _HREF.search(part)
            self._link = unescape(href[1]) if href else None
        elif name in _PICTURES and not closes:
            self._pieces.append(Piece("\ufffc", Run(1, attachment="")))

    def end(self, *, only_if_filled: bool = False) -> Iterator[Paragraph]:
        if only_if_filled and not self._pieces:
            return
        style = ParagraphStyle(self._block)
        if self._lists and self._item:
            style = ParagraphStyle(self._lists[-1], min(len(self._lists), _DEEPEST) - 1)
        yield Paragraph(style, tuple(self._pieces))
        self._pieces = []
