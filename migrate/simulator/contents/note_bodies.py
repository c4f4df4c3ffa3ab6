"""The protocol buffers of the Notes app: bodies with styles, and tables.

Written from what is *read* in apple_cloud_notes_parser's notestore.proto and *seen* in stores of macOS 13 and 26.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

TITLE, HEADING, SUBHEADING, MONOSPACED, BULLETS, DASHES, NUMBERS, CHECKLIST = 0, 1, 2, 4, 100, 101, 102, 103
_KEYS = ("identity", "crTableColumnDirection", "self", "crRows", "UUIDIndex", "crColumns", "cellColumns")
_TYPES = ("com.apple.CRDT.NSNumber", "com.apple.CRDT.NSString", "com.apple.CRDT.NSUUID", "com.apple.notes.ICTable")


class NoteRun(NamedTuple):
    """Characters with the same attributes. A paragraph's newline belongs to its last run."""

    text: str
    style: int | None = None
    indent: int = 0
    item: bytes | None = None
    """The UUID of its line in a checklist, 16 bytes."""
    done: bool = False
    quoted: bool = False
    weight: int = 0
    """1 bold, 2 italic, 3 both."""
    underlined: bool = False
    struck: bool = False
    link: str | None = None
    attachment: tuple[str, str] | None = None
    """Identifier and uniform type identifier; the text is then U+FFFC."""


def note_body(text: str) -> bytes:
    """A note without styles."""
    return styled_body([NoteRun(text)])


def styled_body(runs: Sequence[NoteRun]) -> bytes:
    """The note as protobuf: a document (field 2) has a note (field 3)."""
    document = b"\x08\x00\x10\x00" + _field(3, _text(runs))
    return b"\x08\x00" + _field(2, document)


def _text(runs: Sequence[NoteRun]) -> bytes:
    """The text (field 2) and its runs (field 5)."""
    return _field(2, "".join(run.text for run in runs).encode()) + b"".join(_field(5, _run(run)) for run in runs)


def _run(run: NoteRun) -> bytes:
    paragraph = b"" if run.style is None else _number(1, run.style)
    paragraph += _number(4, run.indent) if run.indent else b""
    paragraph += b"" if run.item is None else _field(5, _field(1, run.item) + _number(2, run.done))
    paragraph += _number(8, 1) if run.quoted else b""
    parts = [_number(1, len(run.text.encode("utf-16-le")) // 2)]
    parts += [_field(2, paragraph)] if paragraph else []
    parts += [_number(number, 1) for number, is_so in ((6, run.underlined), (7, run.struck)) if is_so]
    parts += [_number(5, run.weight)] if run.weight else []
    parts += [] if run.link is None else [_field(9, run.link.encode())]
    if run.attachment is not None:
        identifier, kind = run.attachment
        parts.append(_field(12, _field(1, identifier.encode()) + _field(2, kind.encode())))
    return b"".join(parts)


def table_document(
    rows: Sequence[Sequence[str]], *, removed_rows: Sequence[int] = (), right_to_left: bool = False
) -> bytes:
    """A table as protobuf: numbered objects that refer to each other. A removed row is still in the order of rows."""
    objects: list[bytes] = []
    uuids: list[bytes] = []

    def add(content: bytes) -> int:
        objects.append(content)
        return len(objects) - 1

    def name() -> tuple[bytes, int]:
        """A UUID and the object that stands for it."""
        uuids.append((len(uuids) + 1).to_bytes(16, "big"))
        return uuids[-1], add(_map("com.apple.CRDT.NSUUID", {"UUIDIndex": _number(2, len(uuids) - 1)}))

    def ordered(count: int, removed: Sequence[int]) -> tuple[int, list[int]]:
        """An ordered set, and the objects by which the cells know its members."""
        pairs = [(name(), name()) for _member in range(count)]
        places = b"".join(
            _field(2, _number(1, index) + _field(2, uuid)) for index, ((uuid, _of), _) in enumerate(pairs)
        )
        array = _field(1, _text([NoteRun("\ufffc" * count)])) + places
        contents = _dictionary([(outside, inside) for (_uuid, outside), (_other, inside) in pairs])
        elements = _dictionary(
            [(outside, outside) for number, ((_uuid, outside), _) in enumerate(pairs) if number not in removed]
        )
        whole = _field(1, _field(1, array) + _field(2, contents)) + _field(2, elements)
        return add(_field(16, whole)), [inside for _outside, (_uuid, inside) in pairs]

    root = add(b"")
    direction = "RightToLeft" if right_to_left else "LeftToRight"
    says = add(_map("com.apple.CRDT.NSString", {"self": _field(4, f"CRTableColumnDirection{direction}".encode())}))
    row_set, row_names = ordered(len(rows), removed_rows)
    column_set, column_names = ordered(len(rows[0]), ())
    columns = []
    for x, column in enumerate(column_names):
        cells = [(row, add(_field(10, _text([NoteRun(rows[y][x])])))) for y, row in enumerate(row_names)]
        columns.append((column, add(_field(6, _dictionary(cells)))))
    entries = {
        "crTableColumnDirection": _number(6, says),
        "crRows": _number(6, row_set),
        "crColumns": _number(6, column_set),
        "cellColumns": _number(6, add(_field(6, _dictionary(columns)))),
    }
    objects[root] = _map("com.apple.notes.ICTable", entries)
    return _document(objects, uuids)


def gallery_document(pages: Sequence[str]) -> bytes:
    """The pages of a scanned document, by their identifiers."""
    objects = [_map("com.apple.CRDT.NSString", {"self": _field(4, page.encode())}) for page in pages]
    return _document(objects, [])


def _document(objects: Sequence[bytes], uuids: Sequence[bytes]) -> bytes:
    data = b"".join(_field(3, one) for one in objects)
    data += b"".join(_field(4, key.encode()) for key in _KEYS)
    data += b"".join(_field(5, kind.encode()) for kind in _TYPES)
    data += b"".join(_field(6, uuid) for uuid in uuids)
    return b"\x08\x00" + _field(2, b"\x08\x00\x10\x00" + _field(3, data))


def _map(kind: str, entries: dict[str, bytes]) -> bytes:
    shown = b"".join(_field(3, _number(1, _KEYS.index(key)) + _field(2, value)) for key, value in entries.items())
    return _field(13, _number(1, _TYPES.index(kind)) + shown)


def _dictionary(pairs: Sequence[tuple[int, int]]) -> bytes:
    return b"".join(_field(1, _field(1, _number(6, key)) + _field(2, _number(6, value))) for key, value in pairs)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
