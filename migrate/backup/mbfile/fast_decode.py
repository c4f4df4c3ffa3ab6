"""MBFile archives that differ only in their values are read by slicing: no property list is parsed.

Phones write a handful of layouts (143 among the 3,721 rows of an iPhone on iOS 14.3, *seen*). One is learned from the
first archive of its kind that the full decoder accepted; what it found out then holds for every archive that has the
same bytes everywhere but in the holes, and an offset table that says so:

    bplist00 | $top, $objects, the root and its keys                     literal
    numbers of the root, references, an inline Digest                    fixed holes and literals: one struct, one mask
    RelativePath | ... | Target | Digest | EncryptionKey | classes       holes of any length, fixed holes and literals
    offset table                                                         a sum, see `Layout.read`
    trailer                                                              literal, but for the table's place

Anything else is declined, and the full decoder has the word. A hole is a number, a text or data that the record takes
over: whatever stands there, the full decoder reads the same. So a wrong answer would need two archives that are the
same to plistlib's every step and yet decode differently. tests/backup/test_archive_layout.py looks for one.

Source of the format: CFBinaryPList.c, and plistlib, which is the full decoder's.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple

NUMBERS = (
    "Mode",
    "InodeNumber",
    "UserID",
    "GroupID",
    "Size",
    "LastModified",
    "LastStatusChange",
    "Birth",
    "ProtectionClass",
    "Flags",
)
DATA = ("EncryptionKey", "Digest", "ExtendedAttributes")
FIELDS = (*NUMBERS, *DATA, "Target")
"""What `Layouts.read` gives, in this order: 0 for a number that is not there, None for anything else (and for Size)."""

_SIZE = FIELDS.index("Size")
_NUMBER_ABSENT, _ABSENT = 0, 1  # places of the two defaults among a layout's values
_FINGERPRINT = slice(83, 140)  # the references of $objects and of the root in an archive of the usual order
_LAYOUTS_AT_MOST = 1_000  # about 4 KiB each; a stranger's backup may bring a new one with every row
_TABLE_ENTRY_BYTES = 2
_TRAILER_BYTES = 32
_FARTHEST = 1 << 16

Fields = tuple[Any, ...]


class Piece(NamedTuple):
    """A literal behind the numbers, and the hole that follows it."""

    literal: bytes
    fixed_bytes: int  # 0: of any length, its own header tells
    family: int  # the high half of the header's first byte: _DATA or _TEXT
    is_kept: bool
    growth: int  # what every byte of the hole adds to the offset table, read as one number


class NumberPlace(NamedTuple):
    """Where a number that only one key refers to lies in all archives of a layout, its marker first."""

    begin: int
    end: int
    growth: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What all archives of one layout share."""

    head: bytes
    unpack: Callable[..., tuple[Any, ...]] = field(repr=False)  # the fixed holes from the end of `head` on
    mask: int
    literals: int  # the bytes between the fixed holes, read as one number under `mask`
    pieces_at: int
    pieces: tuple[Piece, ...]
    tail: bytes
    ending: int  # offset table and trailer, read as one number, if no hole of any length took room; but for `table_at`
    inode: NumberPlace | None  # None: other fields may share the number
    pick: Callable[[Sequence[Any]], Fields] = field(repr=False)

    def read(self, blob: bytes, table_at: int) -> Fields | None:
        """The fields of an archive of this layout; None where it is not one, in whatever detail.

        Offset table and trailer are compared as one number. A hole that is a byte longer moves everything behind it by
        one, which adds 1 to each of those entries: `growth`. No entry carries into the next, being below 2**16.
        """
        head, at = self.head, self.pieces_at
        if (
            not at < table_at < _FARTHEST
            or not blob.startswith(head)
            or int.from_bytes(blob[len(head) : at], "big") & self.mask != self.literals
        ):
            return None
        values = [0, None, *self.unpack(blob, len(head))]
        ending = self.ending
        for literal, fixed_bytes, family, is_kept, growth in self.pieces:
            if not blob.startswith(literal, at):
                return None
            at += len(literal)
            if fixed_bytes:
                values.append(blob[at : at + fixed_bytes])
                at += fixed_bytes
                continue
            begin, end = _extent(blob, at)
            if end > table_at:
                return None
            content = blob[begin:end]
            if is_kept:
                values.append(_content(blob[at] >> 4, family, content))
                if values[-1] is None:
                    return None
            elif (blob[at] >> 4 != _TEXT or not content.isascii()) and _content(blob[at] >> 4, family, content) is None:
                return None  # it is not kept, but a text it must be
            ending += (end - at) * growth
            at = end
        if (
            not blob.startswith(self.tail, at)
            or at + len(self.tail) != table_at
            or int.from_bytes(blob[table_at:], "big") != ending + table_at
        ):
            return None
        fields = self.pick(values)
        size = fields[_SIZE]
        return None if size is not None and size < 0 else fields

    def with_inode(self, blob: bytes, table_at: int, inode: int) -> bytes | None:
        """An archive of this layout with another inode number. A longer one moves what lies behind it, and the offset
        table is corrected for that as in `read`."""
        if self.inode is None or not 0 < inode < 1 << 63:
            return None
        begin, end, growth = self.inode
        number = b"\x13" + inode.to_bytes(8, "big")
        longer = len(number) - (end - begin)
        if table_at + longer >= _FARTHEST:
            return None
        table = int.from_bytes(blob[table_at:], "big") + longer * (growth + 1)  # the 1: the trailer says where it lies
        return blob[:begin] + number + blob[end:table_at] + table.to_bytes(len(blob) - table_at, "big")


def _content(stated: int, family: int, stored: bytes) -> bytes | str | None:
    """The text or data of an object; None where it is neither, or what an archive writes for nothing."""
    if family == _DATA:
        return stored if stated == _DATA else None
    if stated not in (_TEXT, _WIDE_TEXT):
        return None
    try:
        text = stored.decode("ascii" if stated == _TEXT else "utf-16-be")
    except UnicodeDecodeError:
        return None
    return None if text == "$null" else text


class Layouts:
    """The layouts met so far. Several threads may use it: at worst, one is learned twice."""

    def __init__(self) -> None:
        self._found: dict[bytes, tuple[int, dict[bytes, Layout]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return sum(len(layouts) for _, layouts in self._found.values())

    def read(self, blob: bytes) -> Fields | None:
        """The fields of an archive whose layout is known, as FIELDS has them; None for any other bytes."""
        known = self._found.get(blob[_FINGERPRINT])
        if known is None:
            return None
        table_at = int.from_bytes(blob[-8:], "big")
        layout = known[1].get(blob[table_at : table_at + known[0]])
        return None if layout is None else layout.read(blob, table_at)

    def with_inode(self, blob: bytes, inode: int) -> bytes | None:
        """An archive that `read` knows, with another inode number and nothing else changed. None: written in full."""
        known = self._found.get(blob[_FINGERPRINT])
        if known is None:
            return None
        table_at = int.from_bytes(blob[-8:], "big")
        layout = known[1].get(blob[table_at : table_at + known[0]])
        if layout is None or layout.read(blob, table_at) is None:
            return None
        return layout.with_inode(blob, table_at, inode)

    def learn(self, blob: bytes) -> None:
        """Remember the layout of an archive that the full decoder has just accepted, if it is one to remember."""
        try:
            layout, entries = _Archive(blob).layout()
        except _UnusualArchive:
            return
        if self._count >= _LAYOUTS_AT_MOST:
            self._found, self._count = {}, 0
        entry_bytes, layouts = self._found.setdefault(blob[_FINGERPRINT], (entries * _TABLE_ENTRY_BYTES, {}))
        table_at = int.from_bytes(blob[-8:], "big")
        layouts[blob[table_at : table_at + entry_bytes]] = layout
        self._count += 1


# -- learning ----------------------------------------------------------------------------------------------------------

_NUMBER, _DATA, _TEXT, _WIDE_TEXT, _REFERENCE, _LIST, _DICTIONARY = 0x1, 0x4, 0x5, 0x6, 0x8, 0xA, 0xD
_COUNTED = (_DATA, _TEXT, _WIDE_TEXT, _LIST, _DICTIONARY)
_UNIT_BYTES = [
    {_WIDE_TEXT: 2, _DICTIONARY: 2}.get(family, 1 if family in _COUNTED else _FARTHEST) for family in range(16)
]
_NUMBER_FORMATS = {1: "B", 2: "H", 4: "I", 8: "q"}  # only the last is signed, in CFBinaryPList and plistlib alike


class _UnusualArchive(Exception):
    """Not one to slice; the full decoder reads it every time."""


def _extent(blob: bytes, at: int) -> tuple[int, int]:
    """Where the content of the data, text, list or dictionary at `at` begins and ends. Beyond 2**16 for any other."""
    if at + 4 > len(blob):
        return at, _FARTHEST
    count = blob[at] & 15
    begin = at + 1
    if count == 15:
        width = blob[begin]
        if width == 0x10:
            count, begin = blob[at + 2], at + 3
        elif width == 0x11:
            count, begin = blob[at + 2] << 8 | blob[at + 3], at + 4
        else:
            return at, _FARTHEST
    return begin, begin + count * _UNIT_BYTES[blob[at] >> 4]


class _Hole(NamedTuple):
    number: int  # of the object
    begin: int
    end: int
    names: tuple[str, ...]  # the fields it fills; none for RelativePath, which only has to be a text


class _Archive:
    """An archive taken apart, all of whose objects lie one behind the other."""

    def __init__(self, blob: bytes) -> None:
        if len(blob) < _TRAILER_BYTES:
            raise _UnusualArchive
        self.blob = blob
        entry_bytes, reference_bytes, count, top, self.table_at = struct.unpack(">6xBBQQQ", blob[-_TRAILER_BYTES:])
        if (entry_bytes, reference_bytes, top) != (_TABLE_ENTRY_BYTES, 1, 0) or not 0 < count < 256:
            raise _UnusualArchive
        if self.table_at >= _FARTHEST or len(blob) != self.table_at + count * _TABLE_ENTRY_BYTES + _TRAILER_BYTES:
            raise _UnusualArchive
        self.at: tuple[int, ...] = struct.unpack_from(f">{count}H", blob, self.table_at)
        if self.at[0] != 8 or any(self._end(at) != then for at, then in pairwise((*self.at, self.table_at))):
            raise _UnusualArchive
        self._times_named = [0] * count
        for number in range(count):
            for named in self._references(number):
                self._times_named[named] += 1

    def layout(self) -> tuple[Layout, int]:
        """The layout, and how many entries of its offset table tell the widths of its numbers."""
        holes = sorted(self._holes())
        if len({hole.number for hole in holes}) != len(holes):
            raise _UnusualArchive
        sized = next(place for place, hole in enumerate(holes) if not self._is_fixed(hole))
        fixed, rest = holes[:sized], holes[sized:]
        if not fixed or any(self._family(hole.number) == _NUMBER for hole in rest):
            raise _UnusualArchive
        begin, pieces_at = fixed[0].begin, self.at[rest[0].number]
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
            unpack=struct.Struct(form).unpack_from,
            mask=as_number,
            literals=as_number & int.from_bytes(self.blob[begin:pieces_at], "big"),
            pieces_at=pieces_at,
            pieces=pieces,
            tail=self.blob[end : self.table_at],
            ending=ending,
            inode=self._inode(holes),
            pick=_picker([hole.names for hole in (*fixed, *(hole for hole in rest if hole.names))]),
        ), rest[0].number + 1

    def _pieces(self, holes: list[_Hole], at: int) -> tuple[tuple[Piece, ...], int, int]:
        """The pieces from `at` on, where the last one ends, and `Layout.ending`."""
        ending = int.from_bytes(self.blob[self.table_at :], "big") - self.table_at
        pieces = []
        for hole in holes:
            is_fixed = self._is_fixed(hole)
            begin = hole.begin if is_fixed else self.at[hole.number]
            family = _DATA if self._family(hole.number) == _DATA else _TEXT
            growth = self._growth(hole.number)
            fixed_bytes = hole.end - hole.begin if is_fixed else 0
            pieces.append(Piece(self.blob[at:begin], fixed_bytes, family, bool(hole.names), growth))
            ending -= 0 if is_fixed else (hole.end - begin) * growth
            at = hole.end
        return tuple(pieces), at, ending

    def _growth(self, number: int) -> int:
        """What a byte more in an object adds to the offset table behind it, read as one number with the trailer."""
        behind = range(len(self.at) - 1 - number)
        return sum(1 << 8 * (_TRAILER_BYTES + _TABLE_ENTRY_BYTES * place) for place in behind)

    def _inode(self, holes: list[_Hole]) -> NumberPlace | None:
        for number, _, end, names in holes:
            if names == ("InodeNumber",) and self._times_named[number] == 1:
                return NumberPlace(self.at[number], end, self._growth(number))
        return None

    # -- holes

    def _holes(self) -> Iterator[_Hole]:
        top = self._dictionary(0)
        objects = self._references(self._value(top, "$objects", _LIST))
        found = self._value(self._dictionary(self._value(top, "$top", _DICTIONARY)), "root", _REFERENCE)
        root = self._dictionary(self._follow(objects, found))
        yield self._sole_hole(self._follow(objects, self._value(root, "RelativePath")), (), (_TEXT, _WIDE_TEXT))
        by_number: dict[int, list[str]] = {}
        for name in NUMBERS:
            if name in root and not self._is_null(number := self._follow(objects, root[name])):
                by_number.setdefault(number, []).append(name)
        for number, names in by_number.items():
            yield self._number_hole(number, tuple(names))
        for name in (*DATA, "Target"):
            if name not in root or self._is_null(number := self._follow(objects, root[name])):
                continue
            if name in DATA and self._family(number) == _DICTIONARY:
                number = self._follow(objects, self._value(self._dictionary(number), "NS.data"))
            yield self._sole_hole(number, (name,), (_DATA,) if name in DATA else (_TEXT, _WIDE_TEXT))

    def _number_hole(self, number: int, names: tuple[str, ...]) -> _Hole:
        begin, end = self.at[number] + 1, self._end(self.at[number])
        if self._family(number) != _NUMBER:
            raise _UnusualArchive
        if end - begin == 16:  # a phone's word for 2**63 and more, never for what has more than 64 bits
            begin += 8
            if any(self.blob[begin - 8 : begin]):
                raise _UnusualArchive
        return _Hole(number, begin, end, names)

    def _sole_hole(self, number: int, names: tuple[str, ...], families: tuple[int, ...]) -> _Hole:
        """A text or data that nothing else refers to: whatever stands in it, the rest reads the same."""
        if self._family(number) not in families or self._times_named[number] != 1:
            raise _UnusualArchive
        return _Hole(number, *_extent(self.blob, self.at[number]), names)

    def _is_fixed(self, hole: _Hole) -> bool:
        """Numbers, and data that has one length only: the full decoder has seen to it."""
        return self._family(hole.number) == _NUMBER or hole.names in (("EncryptionKey",), ("Digest",))

    def _format(self, hole: _Hole) -> str:
        size = hole.end - hole.begin
        if self._family(hole.number) == _DATA:
            return f"{size}s"
        return "Q" if self.blob[self.at[hole.number]] == 0x14 else _NUMBER_FORMATS[size]

    # -- objects

    def _family(self, number: int) -> int:
        return self.blob[self.at[number]] >> 4

    def _end(self, at: int) -> int:
        """Where the object at `at` ends."""
        if at >= self.table_at:
            raise _UnusualArchive
        family, low = self.blob[at] >> 4, self.blob[at] & 15
        if family in _COUNTED:
            return _extent(self.blob, at)[1]
        if family == _NUMBER and low <= 4:
            return at + 1 + (1 << low)
        if family == _REFERENCE:
            return at + 2 + low
        raise _UnusualArchive

    def _references(self, number: int) -> bytes:
        """The numbers of the objects that a list or dictionary names, keys first."""
        if self._family(number) not in (_LIST, _DICTIONARY):
            return b""
        begin, end = _extent(self.blob, self.at[number])
        found = self.blob[begin:end]
        if found and max(found) >= len(self.at):
            raise _UnusualArchive
        return found

    def _dictionary(self, number: int) -> dict[str, int]:
        """Names and the numbers of their values."""
        if self._family(number) != _DICTIONARY:
            raise _UnusualArchive
        references = self._references(number)
        half = len(references) // 2
        names = [self._name(key) for key in references[:half]]
        if len(set(names)) != half:
            raise _UnusualArchive
        return dict(zip(names, references[half:], strict=True))

    def _name(self, number: int) -> str:
        if self._family(number) != _TEXT:
            raise _UnusualArchive
        begin, end = _extent(self.blob, self.at[number])
        return self.blob[begin:end].decode("ascii", "replace")

    def _value(self, dictionary: dict[str, int], name: str, family: int | None = None) -> int:
        number = dictionary.get(name)
        if number is None or family not in (None, self._family(number)):
            raise _UnusualArchive
        return number

    def _follow(self, objects: bytes, number: int) -> int:
        """The object a reference means; any other object itself."""
        if self._family(number) != _REFERENCE:
            return number
        place = int.from_bytes(self.blob[self.at[number] + 1 : self._end(self.at[number])], "big")
        if place >= len(objects):
            raise _UnusualArchive
        return objects[place]

    def _is_null(self, number: int) -> bool:
        return self._family(number) == _TEXT and self._name(number) == "$null"


def _picker(names: list[tuple[str, ...]]) -> Callable[[Sequence[Any]], Fields]:
    """From the two defaults and then a value for each of `names` to the fields in their order."""
    places = {name: place for place, filled in enumerate(names, 2) for name in filled}
    absent = {name: _ABSENT if name == "Size" or name not in NUMBERS else _NUMBER_ABSENT for name in FIELDS}
    return itemgetter(*(places.get(name, absent[name]) for name in FIELDS))
