"""The body of a note: a gzipped protocol buffer with the text and its attributes.

    Document (field 2) -> Note (field 3) -> text (field 2), runs (field 5)
    run: length in UTF-16 units (1), paragraph (2), attachment (12: identifier 1, type 2)
    paragraph: style (1; 103 is a checklist), checklist item (5: UUID 1, done 2)

*seen*: stores of macOS 13 and 26, and the bodies of six notes of iOS.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from migrate.content.protobuf import NotProtobuf, bytes_field, fields

_LONGEST_BODY = 64 << 20
"""*guessed*: attachments are not in the body, so this is 60 million characters."""
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Body:
    text: str
    checklist: tuple[bool, ...]
    """Whether each line of its checklists is done, from top to bottom."""
    attachments: tuple[str, ...]
    """The identifiers of the attachments in the text, in order."""


def decode_body(stored: bytes) -> Body:
    """The text of a note from the stored bytes.

    Raises:
        ValueError: the bytes are not a note, or it is longer than 64 MB.
    """
    document = bytes_field(_decompress(stored), 2)
    note = None if document is None else bytes_field(document, 3)
    if note is None:
        raise NotProtobuf("there is no note in it")
    shown: bytes | None = None
    checklist: list[bool] = []
    attachments: list[str] = []
    previous_item: bytes | None = None
    for number, value in fields(note):
        if number == 2 and isinstance(value, bytes):
            shown = value
        elif number == 5 and isinstance(value, bytes):
            item, done, attachment = _read_run(value)
            if item is not None and item != previous_item:  # a line can have several runs
                checklist.append(done)
            previous_item = item
            if attachment is not None:
                attachments.append(attachment)
    if shown is None:
        raise NotProtobuf("there is no text in it")
    return Body(shown.decode("utf-8"), tuple(checklist), tuple(attachments))  # UnicodeDecodeError is a ValueError


def _decompress(stored: bytes) -> bytes:
    expander = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        expanded = expander.decompress(stored, _LONGEST_BODY)
    except zlib.error as error:
        raise ValueError("it is not compressed as notes are") from error
    if not expander.eof:
        raise ValueError("it is cut off or too long")
    return expanded


def _read_run(run: bytes) -> tuple[bytes | None, bool, str | None]:
    """A run's checklist item (its UUID) and whether that is done, and its attachment's identifier."""
    item, done, attachment = None, False, None
    for number, value in fields(run):
        if not isinstance(value, bytes):
            continue
        if number == 2 and (checked := bytes_field(value, 5)) is not None:
            item, done = b"", False
            for part, state in fields(checked):
                if part == 1 and isinstance(state, bytes):
                    item = state
                elif part == 2 and isinstance(state, int):
                    done = bool(state)
        elif number == 12:
            identifier = bytes_field(value, 1)
            attachment = None if identifier is None else identifier.decode("utf-8")
    return item, done, attachment
