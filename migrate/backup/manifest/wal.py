"""Applies the `-wal` of a SQLite database to it in memory.

iOS checkpoints most databases before a backup, but not all: an AddressBook can be 4,096 bytes with all its content in
the `-wal` (*seen*: iOS 15.3.1). Without its log such a database reads as empty or old, and SQLite itself needs both
files on disk in plain. So the log is applied here, as SQLite would, and nothing is written.

    header   magic u32, version u32, page size u32, checkpoint u32, salt 8 bytes, checksum u32 x 2      32 bytes
    frame    page number u32, pages after commit u32 (0: not a commit), salt 8 bytes, checksum u32 x 2  24 bytes + page

A frame counts when its salt is the header's, its checksum continues the chain, and a commit follows it.
Source: https://www.sqlite.org/fileformat2.html, section 4.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.backup.crypto.stored_content import BlobReader

SQLITE_MAGIC = b"SQLite format 3\0"
WAL_HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
_VERSIONS_END = 20
_MAGIC_LITTLE_ENDIAN_SUMS = 0x377F0682
_MAGIC_BIG_ENDIAN_SUMS = 0x377F0683

SPARE_BYTES = 16 << 20
"""A commit may count pages that have no frame, because SQLite leaves out pages it freed again. This much is accepted
beyond the size of database and log; a log of 568 bytes can claim 280 terabytes."""

Sum = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Frame:
    """One committed page of a log."""

    page_number: int  # from 1 on
    place: int  # offset of its bytes in the log
    page_bytes: int
    page_count: int  # pages of the database after its transaction


Read = Callable[[int, int], bytes]
"""`(amount, offset)` -> bytes, fewer at the end."""


class WalPages:
    """A database as SQLite would show it with its log beside it, read piece by piece from two stored files.

    Of a log that is foreign or torn, the valid beginning is applied and the rest ignored, as SQLite does. A commit that
    counts more pages than there can be is torn. The header's two version bytes (18, 19) read as 1: a database in memory
    cannot have a log, and SQLite refuses to open one whose header asks for it. `size` is the length of the database
    with its log applied.
    """

    def __init__(self, database: BlobReader, log: BlobReader | None) -> None:
        self._database = database
        self._log = log
        self.log_bytes = 0
        """Length of the part of the log that is applied."""
        self._frames: dict[int, Frame] = {}
        self._page_bytes = 0
        self.size = self._from_database = database.size
        for frame in committed_frames(log.read, log.size, database.size) if log is not None else ():
            self._page_bytes = frame.page_bytes
            self._frames[frame.page_number] = frame
            if frame.page_count * frame.page_bytes < self.size:
                self._frames = {number: one for number, one in self._frames.items() if number <= frame.page_count}
            self.size = frame.page_count * frame.page_bytes
            self.log_bytes = frame.place + frame.page_bytes
            self._from_database = min(self._from_database, self.size)
        self._has_versions = self.size > 19 and self._bytes(len(SQLITE_MAGIC), 0) == SQLITE_MAGIC

    def close(self) -> None:
        self._database.close()
        if self._log is not None:
            self._log.close()

    def read(self, amount: int, offset: int) -> bytes:
        """`amount` bytes from `offset` on, fewer at the end; the header's two version bytes are 1."""
        if not self._frames and offset >= _VERSIONS_END and offset + amount <= self._from_database:
            return self._database.read(amount, offset)  # a page of most databases, in a third of the time
        found = self._bytes(max(0, min(amount, self.size - offset)), offset)
        for at in (18 - offset, 19 - offset) if self._has_versions else ():
            if 0 <= at < len(found):
                found[at] = 1
        return bytes(found)

    def _bytes(self, amount: int, offset: int) -> bytearray:
        end, found = offset + amount, bytearray()
        while offset < end:
            step = min(end - offset, self._page_bytes - offset % self._page_bytes) if self._frames else end - offset
            found += self._within_page(step, offset)
            offset += step
        return found

    def _within_page(self, amount: int, offset: int) -> bytes:
        frame = self._frames.get(offset // self._page_bytes + 1) if self._frames else None
        if frame is not None and self._log is not None:
            return self._log.read(amount, frame.place + offset % self._page_bytes)
        kept = max(0, min(amount, self._from_database - offset))
        return self._database.read(kept, offset).ljust(amount, b"\0")


def committed_frames(read: Read, log_bytes: int, database_bytes: int) -> list[Frame]:
    """Every committed frame of a log, oldest first, up to the first that is torn, foreign, or counts impossible
    pages."""
    header = read(WAL_HEADER_BYTES, 0)
    if len(header) < WAL_HEADER_BYTES:
        return []
    magic, _version, page_bytes, _checkpoint = struct.unpack_from(">4I", header)
    if magic not in (_MAGIC_LITTLE_ENDIAN_SUMS, _MAGIC_BIG_ENDIAN_SUMS) or not _is_page_size(page_bytes):
        return []
    big_endian = magic == _MAGIC_BIG_ENDIAN_SUMS
    running = _summed(header[:24], (0, 0), big_endian=big_endian)
    if running != struct.unpack_from(">2I", header, 24):
        return []
    found: list[Frame] = []
    pending: list[tuple[int, int]] = []
    step = FRAME_HEADER_BYTES + page_bytes
    for at in range(WAL_HEADER_BYTES, log_bytes - step + 1, step):
        frame = read(step, at)
        page_number, page_count = struct.unpack_from(">2I", frame)
        if frame[8:16] != header[16:24] or page_number == 0:
            break
        running = _summed(
            frame[FRAME_HEADER_BYTES:], _summed(frame[:8], running, big_endian=big_endian), big_endian=big_endian
        )
        if running != struct.unpack_from(">2I", frame, 16):
            break
        pending.append((page_number, at + FRAME_HEADER_BYTES))
        if page_count * page_bytes > database_bytes + log_bytes + SPARE_BYTES:
            break
        if page_count:
            found += [Frame(number, place, page_bytes, page_count) for number, place in pending if number <= page_count]
            pending.clear()
    return found


def _is_page_size(size: int) -> bool:
    return 512 <= size <= 65536 and size & (size - 1) == 0


def _summed(data: bytes, start: Sum, *, big_endian: bool) -> Sum:
    """SQLite's log checksum of `data`, continued from `start`: two sums over pairs of 32-bit words."""
    words = array("I", data)
    if big_endian != (sys.byteorder == "big"):
        words.byteswap()
    first, second = start
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
