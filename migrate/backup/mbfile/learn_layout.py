"""Learns the layout of an MBFile archive from one archive that the full decoder accepted (fast_decode.py)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from migrate.backup.mbfile.layout import (
    COUNTED,
    DATA_FIELDS,
    DATA_OBJECT,
    DICTIONARY,
    FIELDS,
    LIST,
    NUMBER,
    NUMBER_FIELDS,
    OFFSET_LIMIT,
    REFERENCE,
    TABLE_ENTRY_BYTES,
    TEXT,
    TRAILER_BYTES,
    WIDE_TEXT,
    Fields,
    Layout,
    NumberPlace,
    Piece,
    extent,
)

_NUMBER_ABSENT, _ABSENT = 0, 1  # indices of the two defaults among a layout's values
_NUMBER_FORMATS = {1: "B", 2: "H", 4: "I", 8: "q"}  # only the last is signed, in CFBinaryPList and plistlib alike


class UnusualArchive(Exception):
    """The archive cannot be sliced; the full decoder reads each one like it."""


def learn_layout(blob: bytes) -> tuple[Layout, int]:
    """The layout of an archive, and how many entries of its offset table tell the widths of its numbers.

    Raises:
        UnusualArchive
    """
    return _Archive(blob).layout()


class _Hole(NamedTuple):
    number: int  # of the object
    begin: int
    end: int
    names: tuple[str, ...]  # the fields it fills; empty for RelativePath, which only has to be a text


class _Archive:
    """A parsed archive whose objects all follow one another without gaps."""

    def __init__(self, blob: bytes) -> None:
        if len(blob) < TRAILER_BYTES:
            raise UnusualArchive
        self.blob = blob
        entry_bytes, reference_bytes, count, top, self.table_at = struct.unpack(">6xBBQQQ", blob[-TRAILER_BYTES:])
        if (entry_bytes, reference_bytes, top) != (TABLE_ENTRY_BYTES, 1, 0) or not 0 < count < 256:
            raise UnusualArchive
        if self.table_at >= OFFSET_LIMIT or len(blob) != self.table_at + count * TABLE_ENTRY_BYTES + TRAILER_BYTES:
            raise UnusualArchive
        self.at: tuple[int, ...] = struct.unpack_from(f">{count}H", blob, self.table_at)
        if self.at[0] != 8 or any(self._end(at) != then for at, then in pairwise((*self.at, self.table_at))):
            raise UnusualArchive
        self._times_named = [0] * count
        for number in range(count):
            for named in self._references(number):
                self._times_named[named] += 1

    def layout(self) -> tuple[Layout, int]:
        """See `learn_layout`."""
        holes = sorted(self._holes())
        if len({hole.number for hole in holes}) != len(holes):
            raise UnusualArchive
        sized = next(place for place, hole in enumerate(holes) if not self._is_fixed(hole))
        fixed, rest = holes[:sized], holes[sized:]
        pieces_at = self.at[rest[0].number]
        begin = fixed[0].begin if fixed else pieces_at
        mask = bytearray(b"\xff" * (pieces_at - begin))
        form = ">"
        at = begin
        for hole in fixed:
            form += f"{hole.begin - at}x{self._format(hole)}"
            mask[hole.begin - begin : hole.end - begin] = bytes(hole.end - hole.begin)
            at = hole.end
        pieces, end, ending = self._pieces(rest, pieces_at)
        as_number = int.from_bytes(mask, "big")
        return Layout(
            head=self.blob[:begin],
            fixed=tuple((hole.begin, self._format(hole)) for hole in fixed),
            unpack=struct.Struct(form).unpack_from,
            mask=as_number,
            literals=as_number & int.from_bytes(self.blob[begin:pieces_at], "big"),
            pieces_at=pieces_at,
            pieces=pieces,
            tail=self.blob[end : self.table_at],
            ending=ending,
            inode=self._inode(fixed),
            pick=_picker([hole.names for hole in (*fixed, *(hole for hole in rest if hole.names))]),
        ), rest[0].number + 1

    def _pieces(self, holes: list[_Hole], at: int) -> tuple[tuple[Piece, ...], int, int]:
        """The pieces from `at` on, the end of the last one, and `Layout.ending`."""
        ending = int.from_bytes(self.blob[self.table_at :], "big") - self.table_at
        pieces = []
        for hole in holes:
            is_fixed = self._is_fixed(hole)
            begin = hole.begin if is_fixed else self.at[hole.number]
            stated = self._family(hole.number)
            family = stated if stated in (DATA_OBJECT, NUMBER) else TEXT
            growth = self._growth(hole.number)
            fixed_bytes = hole.end - hole.begin if is_fixed else 0
            pieces.append(Piece(self.blob[at:begin], fixed_bytes, family, bool(hole.names), growth))
            ending -= 0 if is_fixed else (hole.end - begin) * growth
            at = hole.end
        return tuple(pieces), at, ending

    def _growth(self, number: int) -> int:
        """What one more byte in an object adds to the offset table and trailer, read as one number."""
        behind = range(len(self.at) - 1 - number)
        return sum(1 << 8 * (TRAILER_BYTES + TABLE_ENTRY_BYTES * place) for place in behind)

    def _inode(self, holes: list[_Hole]) -> NumberPlace | None:
        for number, _, end, names in holes:
            if names == ("InodeNumber",) and self._times_named[number] == 1:
                return NumberPlace(self.at[number], end, self._growth(number))
        return None

    # -- holes

    def _holes(self) -> Iterator[_Hole]:
        top = self._dictionary(0)
        objects = self._references(self._value(top, "$objects", LIST))
        found = self._value(self._dictionary(self._value(top, "$top", DICTIONARY)), "root", REFERENCE)
        root = self._dictionary(self._follow(objects, found))
        yield self._sole_hole(self._follow(objects, self._value(root, "RelativePath")), (), (TEXT, WIDE_TEXT))
        by_number: dict[int, list[str]] = {}
        for name in NUMBER_FIELDS:
            if name in root and not self._is_null(number := self._follow(objects, root[name])):
                by_number.setdefault(number, []).append(name)
        for number, names in by_number.items():
            yield self._number_hole(number, tuple(names))
        for name in (*DATA_FIELDS, "Target"):
            if name not in root or self._is_null(number := self._follow(objects, root[name])):
                continue
            if name in DATA_FIELDS and self._family(number) == DICTIONARY:
                number = self._follow(objects, self._value(self._dictionary(number), "NS.data"))
            yield self._sole_hole(number, (name,), (DATA_OBJECT,) if name in DATA_FIELDS else (TEXT, WIDE_TEXT))

    def _number_hole(self, number: int, names: tuple[str, ...]) -> _Hole:
        begin, end = self.at[number] + 1, self._end(self.at[number])
        if self._family(number) != NUMBER:
            raise UnusualArchive
        if end - begin == 16:  # phones write 2**63 and more in 16 bytes, never more than 64 bits
            begin += 8
            if any(self.blob[begin - 8 : begin]):
                raise UnusualArchive
        return _Hole(number, begin, end, names)

    def _sole_hole(self, number: int, names: tuple[str, ...], families: tuple[int, ...]) -> _Hole:
        """A text or data that nothing else refers to, so its content does not change how the rest is read."""
        if self._family(number) not in families or self._times_named[number] != 1:
            raise UnusualArchive
        return _Hole(number, *extent(self.blob, self.at[number]), names)

    def _is_fixed(self, hole: _Hole) -> bool:
        """Whether it has a fixed length: a number, or data whose length the full decoder checks."""
        return self._family(hole.number) == NUMBER or hole.names in (("EncryptionKey",), ("Digest",))

    def _format(self, hole: _Hole) -> str:
        size = hole.end - hole.begin
        if self._family(hole.number) == DATA_OBJECT:
            return f"{size}s"
        return "Q" if self.blob[self.at[hole.number]] == 0x14 else _NUMBER_FORMATS[size]

    # -- objects

    def _family(self, number: int) -> int:
        return self.blob[self.at[number]] >> 4

    def _end(self, at: int) -> int:
        """Where the object at `at` ends."""
        if at >= self.table_at:
            raise UnusualArchive
        family, low = self.blob[at] >> 4, self.blob[at] & 15
        if family in COUNTED:
            return extent(self.blob, at)[1]
        if family == NUMBER and low <= 4:
            return at + 1 + (1 << low)
        if family == REFERENCE:
            return at + 2 + low
        raise UnusualArchive

    def _references(self, number: int) -> bytes:
        """The object numbers in a list or dictionary, keys first."""
        if self._family(number) not in (LIST, DICTIONARY):
            return b""
        begin, end = extent(self.blob, self.at[number])
        found = self.blob[begin:end]
        if found and max(found) >= len(self.at):
            raise UnusualArchive
        return found

    def _dictionary(self, number: int) -> dict[str, int]:
        """The names in a dictionary and the object numbers of their values."""
        if self._family(number) != DICTIONARY:
            raise UnusualArchive
        references = self._references(number)
        half = len(references) // 2
        names = [self._name(key) for key in references[:half]]
        if len(set(names)) != half:
            raise UnusualArchive
        return dict(zip(names, references[half:], strict=True))

    def _name(self, number: int) -> str:
        if self._family(number) != TEXT:
            raise UnusualArchive
        begin, end = extent(self.blob, self.at[number])
        return self.blob[begin:end].decode("ascii", "replace")

    def _value(self, dictionary: dict[str, int], name: str, family: int | None = None) -> int:
        number = dictionary.get(name)
        if number is None or family not in (None, self._family(number)):
            raise UnusualArchive
        return number

    def _follow(self, objects: bytes, number: int) -> int:
        """The object number that a reference points to; for other objects, `number`."""
        if self._family(number) != REFERENCE:
            return number
        place = int.from_bytes(self.blob[self.at[number] + 1 : self._end(self.at[number])], "big")
        if place >= len(objects):
            raise UnusualArchive
        return objects[place]

    def _is_null(self, number: int) -> bool:
        return self._family(number) == TEXT and self._name(number) == "$null"


def _picker(names: list[tuple[str, ...]]) -> Callable[[Sequence[Any]], Fields]:
    """A function from the two defaults, followed by one value for each of `names`, to the fields in their order."""
    places = {name: place for place, filled in enumerate(names, 2) for name in filled}
    absent = {name: _ABSENT if name == "Size" or name not in NUMBER_FIELDS else _NUMBER_ABSENT for name in FIELDS}
    return itemgetter(*(places.get(name, absent[name]) for name in FIELDS))
