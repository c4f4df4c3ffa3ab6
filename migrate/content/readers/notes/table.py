"""A table in a note (`com.apple.notes.table`): a data type that several devices can edit at once, gzipped.

    document (2) -> data (3) -> objects (3), names of keys (4), names of types (5), UUIDs (6)
    object: dictionary (6), text (10, as in a note), map (13: type 1, entries 3), ordered set (16)
    map entry: key (1), value (2); dictionary: elements (1), each with key (1) and value (2)
    value: number (2), text (4), index of an object (6)
    ordered set: ordering (1) -> array (1: places 2, each with UUID 2), contents (2, a dictionary); elements (2)

The object of type `com.apple.notes.ICTable` has `crRows`, `crColumns`, `cellColumns` and `crTableColumnDirection`. The
array of an ordered set names its members in order; `contents` gives the UUID by which the cells know each; a member
that is not among the `elements` was removed. *seen*: tables of iOS and of macOS 13 and 26; removal is *guessed* from
the names in apple_cloud_notes_parser's notestore.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from migrate.content.protobuf import NotProtobuf, bytes_field, fields
from migrate.content.readers.notes.body import Body, decompressed, read_text

_MOST_CELLS = 200_000
_RIGHT_TO_LEFT = "CRTableColumnDirectionRightToLeft"
_TABLE = "com.apple.notes.ICTable"
_EMPTY = Body("")

Table = tuple[tuple[Body, ...], ...]
"""Rows of cells."""


class _Value(NamedTuple):
    number: int | None = None
    text: str | None = None
    place: int | None = None


class _Document:
    """The objects of a document, and what they say about each other."""

    def __init__(self, stored: bytes) -> None:
        document = bytes_field(decompressed(stored), 2)
        data = None if document is None else bytes_field(document, 3)
        if data is None:
            raise NotProtobuf("there is no document in it")
        self.objects: list[bytes] = []
        self.uuids: list[bytes] = []
        keys: list[str] = []
        types: list[str] = []
        for number, value in fields(data):
            if not isinstance(value, bytes):
                continue
            if number == 3:
                self.objects.append(value)
            elif number == 4:
                keys.append(value.decode("utf-8", "replace"))
            elif number == 5:
                types.append(value.decode("utf-8", "replace"))
            elif number == 6:
                self.uuids.append(value)
        self.keys, self.types = keys, types
        self._uuid_of: dict[int | None, bytes] = {}

    def object(self, place: int | None) -> bytes:
        if place is None or not place < len(self.objects):
            raise NotProtobuf("an object is missing")
        return self.objects[place]

    def map_of(self, message: bytes) -> tuple[str, list[tuple[str, _Value]]] | None:
        """The type and entries of an object that is a map."""
        custom = bytes_field(message, 13)
        if custom is None:
            return None
        kind = ""
        entries = []
        for number, value in fields(custom):
            if number == 1 and isinstance(value, int):
                kind = self.types[value] if value < len(self.types) else ""
            elif number == 3 and isinstance(value, bytes):
                key = next((one for part, one in fields(value) if part == 1 and isinstance(one, int)), -1)
                name = self.keys[key] if 0 <= key < len(self.keys) else ""
                entries.append((name, _read_value(bytes_field(value, 2) or b"")))
        return kind, entries

    def uuid(self, place: int | None) -> bytes:
        """The UUID that an object names."""
        if place in self._uuid_of:
            return self._uuid_of[place]
        found = self.map_of(self.object(place))
        index = found[1][0][1].number if found is not None and found[1] else None
        if index is None or not index < len(self.uuids):
            raise NotProtobuf("a UUID is missing")
        self._uuid_of[place] = self.uuids[index]
        return self.uuids[index]

    def ordered_set(self, place: int | None) -> dict[bytes, int]:
        """The position of each member, under every UUID it is known by."""
        found = bytes_field(self.object(place), 16)
        ordering = None if found is None else bytes_field(found, 1)
        array = None if ordering is None else bytes_field(ordering, 1)
        if found is None or ordering is None or array is None:
            raise NotProtobuf("rows or columns are missing")
        other_names: dict[bytes, list[bytes]] = {}
        for key, value in _elements(bytes_field(ordering, 2)):
            other_names.setdefault(self.uuid(key.place), []).append(self.uuid(value.place))
        there = {self.uuid(key.place) for key, _value in _elements(bytes_field(found, 2))}
        positions: dict[bytes, int] = {}
        count = 0
        for number, attachment in fields(array):
            if number != 2 or not isinstance(attachment, bytes):
                continue
            uuid = bytes_field(attachment, 2)
            if uuid is None:
                raise NotProtobuf("a member has no UUID")
            names = [uuid, *other_names.get(uuid, ())]
            if there and there.isdisjoint(names):
                continue
            positions.update((name, count) for name in names if name not in positions)
            count += 1
        return positions


def read_table(stored: bytes) -> Table:
    """The rows of a table from the stored bytes.

    Raises:
        ValueError: the bytes are not a table, or it is larger than any that is read.
    """
    document = _Document(stored)
    for message in document.objects:
        found = document.map_of(message)
        if found is not None and found[0] == _TABLE:
            return _cells(document, dict(found[1]))
    raise NotProtobuf("there is no table in it")


def _cells(document: _Document, entries: dict[str, _Value]) -> Table:
    rows = document.ordered_set(entries.get("crRows", _Value()).place)
    columns = document.ordered_set(entries.get("crColumns", _Value()).place)
    height, width = (max(members.values(), default=-1) + 1 for members in (rows, columns))
    if height * width > _MOST_CELLS:
        raise ValueError("it has too many cells")
    seen = 0
    cells = [[_EMPTY] * width for _row in range(height)]
    for column, of_rows in _dictionary(document, entries.get("cellColumns", _Value()).place):
        x = columns.get(document.uuid(column.place))
        for row, cell in _dictionary(document, of_rows.place):
            seen += 1
            if seen > _MOST_CELLS:
                raise ValueError("it has too many cells")
            y = rows.get(document.uuid(row.place))
            text = bytes_field(document.object(cell.place), 10)
            if x is not None and y is not None and text is not None:
                cells[y][x] = read_text(text)
    if _is_right_to_left(document, entries.get("crTableColumnDirection")):
        cells = [row[::-1] for row in cells]
    return tuple(map(tuple, cells))


def _dictionary(document: _Document, place: int | None) -> Iterator[tuple[_Value, _Value]]:
    return _elements(bytes_field(document.object(place), 6))


def _elements(dictionary: bytes | None) -> Iterator[tuple[_Value, _Value]]:
    """The pairs of a dictionary."""
    for number, element in fields(dictionary or b""):
        if number == 1 and isinstance(element, bytes):
            yield _read_value(bytes_field(element, 1) or b""), _read_value(bytes_field(element, 2) or b"")


def _is_right_to_left(document: _Document, direction: _Value | None) -> bool:
    if direction is None or direction.place is None or direction.place >= len(document.objects):
        return False
    found = document.map_of(document.objects[direction.place])
    return found is not None and any(_RIGHT_TO_LEFT in (value.text or "") for _key, value in found[1])


def _read_value(message: bytes) -> _Value:
    number = text = place = None
    for field, value in fields(message):
        if field == 2 and isinstance(value, int):
            number = value
        elif field == 4 and isinstance(value, bytes):
            text = value.decode("utf-8", "replace")
        elif field == 6 and isinstance(value, int):
            place = value
    return _Value(number, text, place)


def texts_in(stored: bytes) -> list[str]:
    """Every text that a document's maps have: for a gallery of scanned pages the identifiers of its pages, in order.

    Raises:
        ValueError: the bytes are not such a document.
    """
    document = _Document(stored)
    maps = filter(None, map(document.map_of, document.objects))
    return [value.text for _kind, entries in maps for _key, value in entries if value.text]
