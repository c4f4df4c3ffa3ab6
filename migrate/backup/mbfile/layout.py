"""What all MBFile archives of one layout have in common, and how their fields are sliced out (fast_decode.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

NUMBER_FIELDS = (
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
DATA_FIELDS = ("EncryptionKey", "Digest", "ExtendedAttributes")
FIELDS = (*NUMBER_FIELDS, *DATA_FIELDS, "Target")
"""The order of what `Layouts.read` returns. A missing number is 0; any other missing field, and Size, is None."""

SIZE = FIELDS.index("Size")
TABLE_ENTRY_BYTES = 2
TRAILER_BYTES = 32
OFFSET_LIMIT = 1 << 16

Fields = tuple[Any, ...]

NUMBER, DATA_OBJECT, TEXT, WIDE_TEXT, REFERENCE, LIST, DICTIONARY = 0x1, 0x4, 0x5, 0x6, 0x8, 0xA, 0xD
COUNTED = (DATA_OBJECT, TEXT, WIDE_TEXT, LIST, DICTIONARY)
_UNIT_BYTES = [
    {WIDE_TEXT: 2, DICTIONARY: 2}.get(family, 1 if family in COUNTED else OFFSET_LIMIT) for family in range(16)
]


class Piece(NamedTuple):
    """A literal after the fixed holes in front, and the hole that follows it."""

    literal: bytes
    fixed_bytes: int  # 0: of any length, given by its own header
    family: int  # NUMBER, DATA_OBJECT or TEXT; where it is of any length, the high half of its header's first byte
    is_kept: bool
    growth: int  # what each byte of the hole adds to the offset table, read as one number


class NumberPlace(NamedTuple):
    """The position, marker included, of a number to which only one key refers. It is the same in all archives of a
    layout."""

    begin: int
    end: int
    growth: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What all archives of one layout share."""

    head: bytes
    fixed: tuple[tuple[int, str], ...]  # where each fixed hole begins, and its form as in a struct
    unpack: Callable[..., tuple[Any, ...]] = field(repr=False)
    mask: int
    literals: int  # the bytes between the fixed holes, read as one number under `mask`
    pieces_at: int
    pieces: tuple[Piece, ...]
    tail: bytes
    ending: int  # offset table and trailer as one number, with all variable holes empty and `table_at` subtracted
    inode: NumberPlace | None  # None: other fields may share the number
    pick: Callable[[Sequence[Any]], Fields] = field(repr=False)

    @property
    def has_numbers_behind(self) -> bool:
        """Whether numbers follow a hole of any length, so that the offset table does not begin with their widths."""
        return any(piece.family == NUMBER for piece in self.pieces)

    def read(self, blob: bytes, table_at: int) -> Fields | None:
        """The fields of an archive of this layout; None where it differs in any detail.

        Offset table and trailer are compared as one number. A hole that is one byte longer moves everything behind it
        by one, which adds 1 to each of those entries: `growth`. Entries are below 2**16, so none carries into the next.
        """
        head, at = self.head, self.pieces_at
        if (
            not at < table_at < OFFSET_LIMIT
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
                stored = blob[at : at + fixed_bytes]
                at += fixed_bytes
                values.append(number(stored, blob[at - fixed_bytes - 1]) if family == NUMBER else stored)
                continue
            if blob[at] >> 4 == TEXT and (count := blob[at] & 15) < 15:  # `extent`, without a call for a short text
                begin = at + 1
                end = begin + count
            else:
                begin, end = extent(blob, at)
            if end > table_at:
                return None
            content = blob[begin:end]
            if is_kept:
                values.append(_content(blob[at] >> 4, family, content))
                if values[-1] is None:
                    return None
            elif (blob[at] >> 4 != TEXT or not content.isascii()) and _content(blob[at] >> 4, family, content) is None:
                return None  # not a field, but it must be a text
            ending += (end - at) * growth
            at = end
        if (
            not blob.startswith(self.tail, at)
            or at + len(self.tail) != table_at
            or int.from_bytes(blob[table_at:], "big") != ending + table_at
        ):
            return None
        fields = self.pick(values)
        size = fields[SIZE]
        return None if size is not None and size < 0 else fields

    def with_inode(self, blob: bytes, table_at: int, inode: int) -> bytes | None:
        """An archive of this layout with another inode number. A longer number moves what follows, so the offset table
        is adjusted as in `read`."""
        if self.inode is None or not 0 < inode < 1 << 63:
            return None
        begin, end, growth = self.inode
        number = b"\x13" + inode.to_bytes(8, "big")
        longer = len(number) - (end - begin)
        if table_at + longer >= OFFSET_LIMIT:
            return None
        table = int.from_bytes(blob[table_at:], "big") + longer * (growth + 1)  # + 1: the offset in the trailer
        return blob[:begin] + number + blob[end:table_at] + table.to_bytes(len(blob) - table_at, "big")


def number(stored: bytes, before: int) -> int:
    """The number in `stored`. Only one of 8 bytes behind the marker of 8 is signed, in CFBinaryPList and plistlib
    alike."""
    return int.from_bytes(stored, "big", signed=len(stored) == 8 and before == 0x13)


def _content(stated: int, family: int, stored: bytes) -> bytes | str | None:
    """The text or data of an object; None where it is neither, or the archive's "$null"."""
    if family == DATA_OBJECT:
        return stored if stated == DATA_OBJECT else None
    if stated not in (TEXT, WIDE_TEXT):
        return None
    try:
        text = stored.decode("ascii" if stated == TEXT else "utf-16-be")
    except UnicodeDecodeError:
        return None
    return None if text == "$null" else text


def is_wide_text(stored: bytes) -> bool:
    """Whether this is the content of a text of 16-bit units, and not the archive's "$null"."""
    return _content(WIDE_TEXT, TEXT, stored) is not None


def extent(blob: bytes, at: int) -> tuple[int, int]:
    """Where the content of the data, text, list or dictionary at `at` begins and ends; beyond 2**16 for other
    objects."""
    if at + 4 > len(blob):
        return at, OFFSET_LIMIT
    count = blob[at] & 15
    begin = at + 1
    if count == 15:
        width = blob[begin]
        if width == 0x10:
            count, begin = blob[at + 2], at + 3
        elif width == 0x11:
            count, begin = blob[at + 2] << 8 | blob[at + 3], at + 4
        else:
            return at, OFFSET_LIMIT
    return begin, begin + count * _UNIT_BYTES[blob[at] >> 4]
