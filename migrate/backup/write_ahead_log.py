"""A SQLite database and its `-wal`, folded into one in memory.

iOS stores most databases already folded, but not all: an AddressBook can be 4,096 bytes with everything it holds in
its `-wal` (*seen*: iOS 15.3.1). Reading such a database without its log shows an empty or an old one, and letting
SQLite do it needs both files on disk in plain. So the log is applied here, as SQLite would, and nothing is written.

    header   magic u32, version u32, page size u32, checkpoint u32, salt 8 bytes, checksum u32 x 2      32 bytes
    frame    page number u32, pages after commit u32 (0: not a commit), salt 8 bytes, checksum u32 x 2  24 bytes + page

A frame counts when its salt is the header's, its checksum continues the chain, and a commit follows it.
Source: https://www.sqlite.org/fileformat2.html, section 4.
"""

from __future__ import annotations

import struct
import sys
from array import array

SQLITE_MAGIC = b"SQLite format 3\0"
WAL_HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
_MAGIC_LITTLE_ENDIAN_SUMS = 0x377F0682
_MAGIC_BIG_ENDIAN_SUMS = 0x377F0683

SPARE_BYTES = 16 << 20
"""A commit may count pages that are in no frame: SQLite leaves out what it freed again. So much is believed beyond what
database and log hold; a log of 568 bytes can count 280 terabytes of them."""

Sum = tuple[int, int]


def folded(database: bytes, log: bytes) -> bytearray:
    """The database as SQLite would show it with this log beside it, its header in rollback mode.

    A log that is empty, foreign or torn changes nothing that was not committed: its valid beginning is applied and the
    rest is left, as SQLite does. A commit that counts more pages than there can be is torn. The two version bytes (18,
    19) are set to 1, because a database in memory cannot have a log and SQLite refuses to open one whose header asks
    for it.
    """
    pages = bytearray(database)
    most_bytes = len(database) + len(log) + SPARE_BYTES
    for page_number, page, page_count in _committed(log):
        size = len(page)
        if page_count * size > most_bytes:
            break
        pages += bytes(max(0, page_count * size - len(pages)))
        pages[(page_number - 1) * size : page_number * size] = page
        del pages[page_count * size :]
    if pages[: len(SQLITE_MAGIC)] == SQLITE_MAGIC and len(pages) > 19:
        pages[18:20] = b"\x01\x01"
    return pages


def _committed(log: bytes) -> list[tuple[int, bytes, int]]:
    """Every committed frame, oldest first: page number, its bytes, and the page count its transaction ends with."""
    if len(log) < WAL_HEADER_BYTES:
        return []
    magic, _version, page_bytes, _checkpoint = struct.unpack_from(">4I", log)
    if magic not in (_MAGIC_LITTLE_ENDIAN_SUMS, _MAGIC_BIG_ENDIAN_SUMS) or not _is_page_size(page_bytes):
        return []
    big_endian = magic == _MAGIC_BIG_ENDIAN_SUMS
    salt = log[16:24]
    running = _summed(log[:24], (0, 0), big_endian=big_endian)
    if running != struct.unpack_from(">2I", log, 24):
        return []
    committed: list[tuple[int, bytes, int]] = []
    pending: list[tuple[int, bytes]] = []
    for at in range(WAL_HEADER_BYTES, len(log) - FRAME_HEADER_BYTES - page_bytes + 1, FRAME_HEADER_BYTES + page_bytes):
        page_number, page_count = struct.unpack_from(">2I", log, at)
        page = log[at + FRAME_HEADER_BYTES : at + FRAME_HEADER_BYTES + page_bytes]
        if log[at + 8 : at + 16] != salt or page_number == 0:
            break
        running = _summed(page, _summed(log[at : at + 8], running, big_endian=big_endian), big_endian=big_endian)
        if running != struct.unpack_from(">2I", log, at + 16):
            break
        pending.append((page_number, page))
        if page_count:
            committed += [(number, content, page_count) for number, content in pending if number <= page_count]
            pending.clear()
    return committed


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
