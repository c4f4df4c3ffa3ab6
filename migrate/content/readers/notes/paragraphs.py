"""A note's body as paragraphs of pieces with the same attributes: what a page or a text file is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from migrate.content.readers.notes.body import Body, ParagraphStyle, Run, Style

ATTACHMENT = "\ufffc"
_PIECES = re.compile(r"\ufffc|[^\ufffc]+")


class Piece(NamedTuple):
    text: str
    """Without newlines; U+FFFC alone stands for an attachment."""
    run: Run


class Paragraph(NamedTuple):
    style: ParagraphStyle
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)


def paragraphs(body: Body) -> Iterator[Paragraph]:
    """The paragraphs of a body. A newline at the end begins no further one."""
    pieces: list[Piece] = []
    style: ParagraphStyle | None = None
    for text, run in _with_runs(body):
        lines = text.split("\n")
        for number, line in enumerate(lines):
            if number:
                yield Paragraph(style or run.paragraph, tuple(pieces))
                pieces, style = [], None
            if style is None and (line or number < len(lines) - 1):
                style = run.paragraph
            pieces += (Piece(piece, run) for piece in _PIECES.findall(line))
    if pieces:
        yield Paragraph(style or ParagraphStyle(), tuple(pieces))


def _with_runs(body: Body) -> Iterator[tuple[str, Run]]:
    """The text in pieces, each with its run. A boundary inside a character is moved behind it.

    Runs that look alike are one: Notes begins one wherever somebody typed.
    """
    units = body.text.encode("utf-16-le")
    begin = reached = 0
    for run, alike in groupby(body.runs, lambda run: run._replace(length=0)):
        reached += sum(one.length for one in alike) * 2
        end = min(reached, len(units))
        if 0 < end < len(units) and 0xDC <= units[end + 1] <= 0xDF:
            end += 2
        if end > begin:
            yield units[begin:end].decode("utf-16-le"), run
            begin = end
    if begin < len(units):  # of a damaged note, or one without attributes
        yield units[begin:].decode("utf-16-le"), Run(0)


class Line(NamedTuple):
    """A line of a list, with the lines under it."""

    paragraph: Paragraph
    below: list[Line]


class Block(NamedTuple):
    """Paragraphs that belong together: the lines of a list, of a program, of a quotation, or a single one."""

    style: Style
    quoted: bool
    paragraphs: tuple[Paragraph, ...]

    @property
    def lines(self) -> list[Line]:
        """The lines of a list, nested by their indents."""
        top: list[Line] = []
        open_: list[tuple[int, list[Line]]] = [(-1, top)]
        for paragraph in self.paragraphs:
            while len(open_) > 1 and open_[-1][0] >= paragraph.style.indent:
                open_.pop()
            line = Line(paragraph, [])
            open_[-1][1].append(line)
            open_.append((paragraph.style.indent, line.below))
        return top


def blocks(body: Iterable[Paragraph]) -> Iterator[Block]:
    """Lists, programs and single paragraphs, in order. A list of another kind at the same indent is another list."""
    group: list[Paragraph] = []

    def block() -> Block:
        first = group[0].style
        return Block(first.style, first.quoted, tuple(group))

    for paragraph in body:
        if group and not _continues(group, paragraph.style):
            yield block()
            group = []
        group.append(paragraph)
    if group:
        yield block()


def _continues(group: list[Paragraph], style: ParagraphStyle) -> bool:
    first = group[0].style
    if first.quoted != style.quoted:
        return False
    if first.style.is_list and style.style.is_list:
        return style.indent > first.indent or style.style is first.style
    return style.style is first.style is Style.MONOSPACED
