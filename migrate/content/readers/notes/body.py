"""The body of a note: a gzipped protocol buffer with the text and its attributes.

    Document (field 2) -> Note (field 3) -> text (field 2), runs (field 5)
    run: length in UTF-16 units (1), paragraph (2), weight (5: 1 bold, 2 italic, 3 both), underlined (6), struck (7),
         raised (8, negative for lowered), link (9), attachment (12: identifier 1, type 2), highlight (14)
    paragraph: style (1), alignment (2), indent (4), checklist item (5: UUID 1, done 2), quoted (8)

*seen*: stores of macOS 13 and 26, and the bodies of six notes of iOS; alignment, quotes, highlights and raised text
*read* (apple_cloud_notes_parser, notestore.proto).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from migrate.content.protobuf import NotProtobuf, bytes_field, fields

_LONGEST_BODY = 64 << 20
"""*guessed*: attachments are not in the body, so this is 60 million characters."""
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_BOLD, _ITALIC = 1, 2
_DEEPEST_INDENT = 16
"""Notes itself stops long before (*guessed*)."""


class Style(IntEnum):
    """What a paragraph is. Notes writes other numbers, and none, for plain ones."""

    TITLE = 0
    HEADING = 1
    SUBHEADING = 2
    PLAIN = 3
    MONOSPACED = 4
    BULLETS = 100
    DASHES = 101
    NUMBERS = 102
    CHECKLIST = 103

    @property
    def is_list(self) -> bool:
        return self >= Style.BULLETS


_STYLES = {int(style): style for style in Style}


class ParagraphStyle(NamedTuple):
    style: Style = Style.PLAIN
    indent: int = 0
    alignment: int = 0
    """1 centred, 2 right, 3 justified."""
    quoted: bool = False
    item: bytes | None = None
    """The UUID of its checklist item."""
    done: bool = False


_PLAIN = ParagraphStyle()


class Run(NamedTuple):
    """Characters with the same attributes."""

    length: int
    """In UTF-16 units."""
    paragraph: ParagraphStyle = _PLAIN
    bold: bool = False
    italic: bool = False
    underlined: bool = False
    struck: bool = False
    raised: int = 0
    """1 raised, -1 lowered."""
    highlighted: bool = False
    link: str | None = None
    attachment: str | None = None
    """The identifier of the attachment that the character U+FFFC stands for."""
    type: str | None = None
    """Its uniform type identifier."""


@dataclass(frozen=True, slots=True)
class Body:
    text: str
    runs: tuple[Run, ...] = ()

    @property
    def checklist(self) -> tuple[bool, ...]:
        """Whether each line of its checklists is done, from top to bottom."""
        found: list[bool] = []
        previous: bytes | None = None
        for run in self.runs:
            item = run.paragraph.item
            if item is not None and item != previous:  # a line can have several runs
                found.append(run.paragraph.done)
            previous = item
        return tuple(found)

    @property
    def attachments(self) -> tuple[str, ...]:
        """The identifiers of the attachments in the text, in order."""
        return tuple(run.attachment for run in self.runs if run.attachment is not None)


def decode_body(stored: bytes) -> Body:
    """A note from the stored bytes.

    Raises:
        ValueError: the bytes are not a note, or it is longer than 64 MB.
    """
    document = bytes_field(decompressed(stored), 2)
    note = None if document is None else bytes_field(document, 3)
    if note is None:
        raise NotProtobuf("there is no note in it")
    return read_text(note)


def decompressed(stored: bytes) -> bytes:
    """The protocol buffer of a note or of a table.

    Raises:
        ValueError: it is not compressed, cut off, or longer than 64 MB.
    """
    expander = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        expanded = expander.decompress(stored, _LONGEST_BODY)
    except zlib.error as error:
        raise ValueError("it is not compressed as notes are") from error
    if not expander.eof:
        raise ValueError("it is cut off or too long")
    return expanded


def read_text(note: bytes) -> Body:
    """Text and runs of the message Note, which is a whole note or the cell of a table.

    Raises:
        ValueError: it is damaged, or there is no text in it.
    """
    shown: bytes | None = None
    runs: list[Run] = []
    known: dict[bytes, ParagraphStyle] = {}
    for number, value in fields(note):
        if number == 2 and isinstance(value, bytes):
            shown = value
        elif number == 5 and isinstance(value, bytes):
            runs.append(_read_run(value, known))
    if shown is None:
        raise NotProtobuf("there is no text in it")
    return Body(shown.decode("utf-8"), tuple(runs))  # UnicodeDecodeError is a ValueError


def _read_run(message: bytes, known: dict[bytes, ParagraphStyle]) -> Run:
    length = weight = raised = 0
    paragraph = _PLAIN
    underlined = struck = highlighted = False
    link = attachment = kind = None
    for number, value in fields(message):
        if isinstance(value, int):
            if number == 1:
                length = value
            elif number == 5:
                weight = value
            elif number == 6:
                underlined = value != 0
            elif number == 7:
                struck = value != 0
            elif number == 8:
                raised = (_signed(value) > 0) - (_signed(value) < 0)
            elif number == 14:
                highlighted = value != 0
        elif number == 2:
            found = known.get(value)
            paragraph = known[value] = _read_paragraph(value) if found is None else found
        elif number == 9:
            link = value.decode("utf-8", "replace")
        elif number == 12:
            attachment, kind = _read_attachment(value)
    return Run(
        length,
        paragraph,
        bool(weight & _BOLD),
        bool(weight & _ITALIC),
        underlined,
        struck,
        raised,
        highlighted,
        link,
        attachment,
        kind,
    )


def _read_attachment(message: bytes) -> tuple[str | None, str | None]:
    identifier, kind = bytes_field(message, 1), None
    for number, value in fields(message):
        if number == 2 and isinstance(value, bytes):
            kind = value.decode("utf-8", "replace")
    return None if identifier is None else identifier.decode("utf-8"), kind


def _read_paragraph(message: bytes) -> ParagraphStyle:
    style, indent, alignment, quoted = Style.PLAIN, 0, 0, False
    item: bytes | None = None
    done = False
    for number, value in fields(message):
        if number == 5:
            if not isinstance(value, bytes):
                raise NotProtobuf("field 5 is a number")
            item, done = b"", False
            for part, state in fields(value):
                if part == 1 and isinstance(state, bytes):
                    item = state
                elif part == 2 and isinstance(state, int):
                    done = bool(state)
        elif isinstance(value, int):
            if number == 1:
                style = _STYLES.get(value, Style.PLAIN)
            elif number == 2:
                alignment = value
            elif number == 4:
                indent = min(value, _DEEPEST_INDENT)
            elif number == 8:
                quoted = value != 0
    return ParagraphStyle(style, indent, alignment, quoted, item, done)


def _signed(value: int) -> int:
    """An int32 as protocol buffers store it."""
    return value - (1 << 64) if value >> 63 else value
