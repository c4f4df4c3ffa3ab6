"""Writes the pages of a new Manifest.db once and in order, encrypted on the way.

In CBC each block depends on every block before it, but the first page of a database says where its tables begin, which
is known last. So the last block of ciphertext of the first page is drawn at random before anything is written, and the
second page continues from it. When the first page is known, that random block is stored as its last block; it decrypts
to arbitrary bytes inside a freeblock, which SQLite never reads.

The table `Files` is built from rows in the order of their numbers; a page is written when it is full.
Memory: a page for each level of the tree, one row, and the data waiting to be written (PIECE_BYTES).
Source: https://www.sqlite.org/fileformat2.html (*read*): 1.3 the header, 1.5 cells, 1.6 overflow, 2.1 records.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from migrate.backup.crypto.cipher import BLOCK_BYTES, padding_for
from migrate.backup.manifest.vfs import VERSIONS, WRITE_AHEAD_LOG
from migrate.backup.private_files import FILE_MODE

PAGE_BYTES = 4096
PIECE_BYTES = 256 << 10

INDEX_INTERIOR, TABLE_INTERIOR, INDEX_LEAF, TABLE_LEAF = 2, 5, 10, 13
_HEADER_BYTES = {INDEX_INTERIOR: 12, TABLE_INTERIOR: 12, INDEX_LEAF: 8, TABLE_LEAF: 8}
_MOST_IN_TABLE = PAGE_BYTES - 35
_MOST_IN_INDEX = (PAGE_BYTES - 12) * 64 // 255 - 23
_LEAST = (PAGE_BYTES - 12) * 32 // 255 - 23

SHORT_KEY_BYTES = _MOST_IN_INDEX - 40
"""If the texts of an index entry have at most this many bytes together, the entry fits into its page."""

_CHILDREN = (PAGE_BYTES - 12) // (2 + 4 + 5) + 1
"""Children of an interior page: all but the last take a pointer, a page number and a row number of at most 5 bytes."""
_MOST_ROWS = 1 << 35

_FILE_HEADER_BYTES = 100
_FREEBLOCK_BYTES = 2 * BLOCK_BYTES

ReadPage = Callable[[int], bytes]


class PageStream:
    """A new database file whose pages are numbered from 2 on as they are appended. The first page is written last.

    Raises:
        OSError: from every method.
    """

    def __init__(self, path: Path, key: bytes | None) -> None:
        self._key = key
        self._last_block = os.urandom(BLOCK_BYTES)
        self._encryptor = None if key is None else _encryptor(key, self._last_block)
        self.pages = 1
        self._waiting: list[bytes] = [bytes(PAGE_BYTES)] if key is None else []
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._file = os.fdopen(os.open(path, flags, FILE_MODE), "r+b", buffering=0)
        if key is not None:
            self._file.seek(PAGE_BYTES)

    def append(self, page: bytes) -> int:
        """Returns the number of the page."""
        self._waiting.append(page)
        self.pages += 1
        if len(self._waiting) * PAGE_BYTES >= PIECE_BYTES:
            self._flush()
        return self.pages

    def append_overflow(self, rest: bytes) -> int:
        """Append the rest of a payload that does not fit into its cell, on consecutive pages. Returns the first's
        number."""
        first = self.pages + 1
        room = PAGE_BYTES - 4
        for at in range(0, len(rest), room):
            following = self.pages + 2 if at + room < len(rest) else 0
            self.append(following.to_bytes(4, "big") + rest[at : at + room].ljust(room, b"\0"))
        return first

    def finish(self, first_page: bytes) -> None:
        """Write the padding and the first page, with sizes and versions corrected, and wait until all is on disk."""
        self._waiting.append(padding_for(0))  # pages are whole blocks
        self._flush()
        page = _with_freeblock(first_page, self.pages)
        self._file.seek(0)
        self._write(page if self._key is None else self._encrypted_first_page(page, self._key))
        os.fsync(self._file.fileno())
        self.close()

    def close(self) -> None:
        self._waiting.clear()
        self._file.close()

    def _encrypted_first_page(self, page: bytes, key: bytes) -> bytes:
        """The first page encrypted, its last block replaced by the one that the second page continues from."""
        stored = _encryptor(key, bytes(BLOCK_BYTES)).update(page[:-BLOCK_BYTES])
        return stored + self._last_block

    def _flush(self) -> None:
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._write(data if self._encryptor is None else self._encryptor.update(data))

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) or 0 :]


class TableWriter:
    """Writes the table `Files`: leaf by leaf, and the interior pages of each level as they fill up."""

    def __init__(self, stream: PageStream) -> None:
        self._stream = stream
        self._cells: list[bytes] = []
        self._room = PAGE_BYTES - _HEADER_BYTES[TABLE_LEAF]
        self._last = 0
        self._levels: list[list[tuple[int, int]]] = []  # from the leaves up: (page, highest row number below it)
        self.longest_key = 0
        """The length in bytes of the longest domain and path together."""

    def add(self, number: int, file_id: str, domain: str, relative_path: str, flags: int, file: bytes) -> None:
        """Add a row. Raises ValueError unless its number is higher than those before."""
        if not self._last < number < _MOST_ROWS:
            raise ValueError(f"row {number} comes after row {self._last}")
        home = domain.encode()
        path = relative_path.encode()
        if len(home) + len(path) > self.longest_key:
            self.longest_key = len(home) + len(path)
        kind, flag_bytes = _KINDS[flags] if 0 <= flags < len(_KINDS) else _integer(flags)
        types = (
            _varint(13 + 2 * len(file_id))
            + _varint(13 + 2 * len(home))
            + _varint(13 + 2 * len(path))
            + kind
            + _varint(12 + 2 * len(file))
        )
        # the header's length counts its own one byte: five types take at most 45
        payload = b"%c%b%b%b%b%b%b" % (len(types) + 1, types, file_id.encode("ascii"), home, path, flag_bytes, file)
        size = len(payload)
        if size > _MOST_IN_TABLE:
            here = _local_bytes(size, _MOST_IN_TABLE)
            payload = payload[:here] + self._stream.append_overflow(payload[here:]).to_bytes(4, "big")
        cell = _varint(size) + _varint(number) + payload
        room = self._room - len(cell) - 2
        if room < 0:
            self._end_leaf()
            room = self._room - len(cell) - 2
        self._room = room
        self._cells.append(cell)
        self._last = number

    def finish(self) -> int:
        """Returns the number of the root page."""
        if self._cells or not self._levels:
            self._end_leaf()
        depth = 0
        while len(children := self._levels[depth]) > 1:
            self._add_to_level(depth + 1, self._stream.append(_interior(children)), children[-1][1])
            depth += 1
        return children[0][0]

    def _end_leaf(self) -> None:
        page = self._stream.append(_page(TABLE_LEAF, self._cells))
        self._cells, self._room = [], PAGE_BYTES - _HEADER_BYTES[TABLE_LEAF]
        self._add_to_level(0, page, self._last)

    def _add_to_level(self, depth: int, page: int, key: int) -> None:
        """Add a page, with the highest row number below it, to a level of interior pages. A full level is written
        without its last child: so no level ends in a page with a single child, which SQLite would never write."""
        if depth == len(self._levels):
            self._levels.append([])
        children = self._levels[depth]
        if len(children) == _CHILDREN:
            full, self._levels[depth] = children[:-1], children[-1:]
            self._add_to_level(depth + 1, self._stream.append(_interior(full)), full[-1][1])
        self._levels[depth].append((page, key))


def copy_tree(read: ReadPage, root: int, stream: PageStream, *, may_overflow: bool) -> int:
    """Append a B-tree of another database with the same page size to `stream`. Returns the page number of its new root.
    `may_overflow` False promises that no entry has an overflow page: then leaves are copied without parsing."""
    page = bytearray(read(root))
    kind = page[0]
    if kind not in _HEADER_BYTES:
        raise ValueError(f"page {root} is not a page of a B-tree")
    if kind in (INDEX_LEAF, TABLE_LEAF) and not may_overflow:
        return stream.append(bytes(page))
    count = int.from_bytes(page[3:5], "big")
    pointers = _HEADER_BYTES[kind]
    places = [int.from_bytes(page[at : at + 2], "big") for at in range(pointers, pointers + 2 * count, 2)]
    if kind in (INDEX_INTERIOR, TABLE_INTERIOR):
        for at in (*places, 8):
            below = int.from_bytes(page[at : at + 4], "big")
            page[at : at + 4] = copy_tree(read, below, stream, may_overflow=may_overflow).to_bytes(4, "big")
    if may_overflow and kind != TABLE_INTERIOR:
        for at in places:
            _copy_overflow(read, page, at + 4 if kind == INDEX_INTERIOR else at, kind, stream)
    return stream.append(bytes(page))


def _copy_overflow(read: ReadPage, page: bytearray, at: int, kind: int, stream: PageStream) -> None:
    size, at = _read_varint(page, at)
    most = _MOST_IN_INDEX
    if kind == TABLE_LEAF:
        _, at = _read_varint(page, at)
        most = _MOST_IN_TABLE
    if size <= most:
        return
    here = _local_bytes(size, most)
    at += here
    following, rest = int.from_bytes(page[at : at + 4], "big"), bytearray()
    while following:
        overflow = read(following)
        following = int.from_bytes(overflow[:4], "big")
        rest += overflow[4:]
    page[at : at + 4] = stream.append_overflow(bytes(rest[: size - here])).to_bytes(4, "big")


def _with_freeblock(page: bytes, pages: int) -> bytes:
    """The first page, its cells (the schema) moved to make room for a freeblock at its end."""
    count = int.from_bytes(page[_FILE_HEADER_BYTES + 3 : _FILE_HEADER_BYTES + 5], "big")
    pointers = _FILE_HEADER_BYTES + 8
    cells = []
    for at in range(pointers, pointers + 2 * count, 2):
        begin = int.from_bytes(page[at : at + 2], "big")
        size, after = _read_varint(page, begin)
        _, after = _read_varint(page, after)
        cells.append(page[begin : after + size])
    end = PAGE_BYTES - _FREEBLOCK_BYTES
    if page[_FILE_HEADER_BYTES] != TABLE_LEAF or pointers + sum(len(cell) + 2 for cell in cells) > end:
        raise ValueError("the schema does not fit into the first page")
    header = bytearray(page[:_FILE_HEADER_BYTES])
    header[VERSIONS] = WRITE_AHEAD_LOG
    header[28:32] = pages.to_bytes(4, "big")
    header[32:40] = bytes(8)  # no free pages
    header[92:96] = header[24:28]  # the page count is valid for this change counter
    freeblock = b"\0\0" + _FREEBLOCK_BYTES.to_bytes(2, "big")
    return bytes(header) + _page(TABLE_LEAF, cells, _FILE_HEADER_BYTES, freeblock.ljust(_FREEBLOCK_BYTES, b"\0"))


def _encryptor(key: bytes, vector: bytes) -> CipherContext:
    return Cipher(AES(key), CBC(vector)).encryptor()


def _interior(children: list[tuple[int, int]]) -> bytes:
    cells = [page.to_bytes(4, "big") + _varint(key) for page, key in children[:-1]]
    return _page(TABLE_INTERIOR, cells, right=children[-1][0])


def _page(kind: int, cells: list[bytes], before: int = 0, freeblock: bytes = b"", right: int = 0) -> bytes:
    """A page without the `before` bytes in front of it. The first cell is placed last, as SQLite does."""
    places = bytearray()
    at = end = PAGE_BYTES - len(freeblock)
    for cell in cells:
        at -= len(cell)
        places += at.to_bytes(2, "big")
    header = struct.pack(">BHHHB", kind, end if freeblock else 0, len(cells), at, 0)
    if kind == TABLE_INTERIOR:
        header += right.to_bytes(4, "big")
    begin = header + places
    return begin.ljust(at - before, b"\0") + b"".join(reversed(cells)) + freeblock


def _local_bytes(size: int, most: int) -> int:
    """How many bytes of a payload that is too long stay in its cell."""
    here = _LEAST + (size - _LEAST) % (PAGE_BYTES - 4)
    return here if here <= most else _LEAST


def _integer(value: int) -> tuple[bytes, bytes]:
    """The serial type of a number, and its bytes."""
    if value in (0, 1):
        return bytes((8 + value,)), b""
    for kind, size in ((1, 1), (2, 2), (3, 3), (4, 4), (5, 6), (6, 8)):
        if -(1 << 8 * size - 1) <= value < 1 << 8 * size - 1:
            return bytes((kind,)), value.to_bytes(size, "big", signed=True)
    raise OverflowError(f"{value} has more than 64 bits")


def _varint(value: int) -> bytes:
    return _SHORT[value] if value < len(_SHORT) else _long_varint(value)


def _long_varint(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(0x80 | value & 0x7F)
    return bytes(reversed(out))


_SHORT = tuple(map(_long_varint, range(4096)))
_KINDS = tuple(map(_integer, range(8)))


def _read_varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """The value, of at most eight bytes, and where it ends."""
    value = 0
    while True:
        value = value << 7 | data[at] & 0x7F
        at += 1
        if data[at - 1] < 0x80:
            return value, at
