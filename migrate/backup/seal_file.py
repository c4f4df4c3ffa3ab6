"""The file of a seal: one row of 60 bytes for each sealed file, in the order of the file ids, and a JSON object.

    "migrseal"                                     8 bytes
    file id, SHA-256, stored bytes                 20 + 32 + 8 bytes, one row for each sealed file, ascending
    what else a seal holds (`Seal`)                JSON, UTF-8
    rows, bytes of JSON, CRC-32 of all before      8 + 8 + 4 bytes, big-endian

A phone has up to 1.3 million files (facts 3.2). As a JSON object the seal of a million took 0.4 GB of memory to read;
here digests stay in the file until they are asked for, and where they are asked for in no order, the
file ids are in memory (20 MB).
"""

from __future__ import annotations

import heapq
import itertools
import json
import os
import struct
import tempfile
import weakref
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from migrate.backup.file_ids import ID_BYTES, IdTable, packed
from migrate.backup.private_files import open_new, sync_file, sync_folder

MAGIC: Final = b"migrseal"
DIGEST_BYTES: Final = 32

CAN_STAY_OPEN: Final = hasattr(os, "pread")
"""Windows cannot replace an open file, so there the rows are in memory."""

_ROW = struct.Struct(">20s32sQ")
_END = struct.Struct(">QQI")
_ROWS_AT_ONCE = 2_048
_RECORDS_AT_ONCE = 512  # of each part: there are 40 at a phone's most


class SealedFile(NamedTuple):
    """One row: file id and SHA-256 as bytes."""

    file_id: bytes
    sha256: bytes
    size: int


class SealRows:
    """The rows of one seal. Several threads may use it; its file stays open as long as it is there."""

    def __init__(self, source: IO[bytes] | bytes, begin: int, count: int) -> None:
        """`source` has `count` rows from `begin` on. A file may be closed afterwards."""
        self._source: int | memoryview
        if isinstance(source, bytes):
            self._source = memoryview(source)
        elif CAN_STAY_OPEN:
            self._source = os.dup(source.fileno())
            weakref.finalize(self, os.close, self._source)
        else:
            source.seek(0)
            self._source = memoryview(source.read())
        self._begin = begin
        self._count = count

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} files)"

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[SealedFile]:
        for begin, amount in self._pieces():
            yield from map(SealedFile._make, _ROW.iter_unpack(self._read(begin, amount)))

    @cached_property
    def table(self) -> IdTable:
        """The file ids, in memory from the first look on: what only reads all rows in order does not need them."""
        pieces = (self._read(begin, amount) for begin, amount in self._pieces())
        return IdTable(b"".join(map(_ids_of, pieces)))

    def _pieces(self) -> Iterator[tuple[int, int]]:
        for begin in range(0, len(self), _ROWS_AT_ONCE):
            yield begin * _ROW.size, min(_ROWS_AT_ONCE, len(self) - begin) * _ROW.size

    def sha256_at(self, place: int) -> bytes:
        """The SHA-256 in the row of this number."""
        return self._read(place * _ROW.size + ID_BYTES, DIGEST_BYTES)

    @classmethod
    def pack(cls, rows: Iterable[tuple[bytes, bytes, int]]) -> SealRows:
        """Rows in memory, given in any order; of two with one file id the last counts."""
        by_id = {file_id: (file_id, sha256, size) for file_id, sha256, size in rows}
        data = b"".join(_ROW.pack(*by_id[file_id]) for file_id in sorted(by_id))
        return cls(data, 0, len(by_id))

    @classmethod
    def spool(cls, rows: Iterable[tuple[bytes, bytes, int]], folder: Path | None) -> SealRows:
        """Rows in a temporary file in `folder`, None for the system's. They ascend by file id."""
        count = 0
        rows_packed = (_ROW.pack(*row) for row in rows)
        with tempfile.TemporaryFile(dir=folder) as file:
            while piece := b"".join(itertools.islice(rows_packed, _ROWS_AT_ONCE)):
                file.write(piece)
                count += len(piece) // _ROW.size
            file.flush()
            return cls(file, 0, count)

    def sha256_of(self, file_id: str) -> bytes | None:
        """The SHA-256 of a valid file id, 40 hex digits; None where it is not sealed."""
        place = self.table.place(bytes.fromhex(file_id))
        return None if place < 0 else self.sha256_at(place)

    def get(self, file_id: bytes) -> tuple[bytes, int] | None:
        """SHA-256 and stored bytes of `file_id`, or None."""
        place = self.table.place(file_id)
        if place < 0:
            return None
        stored = self._read(place * _ROW.size + ID_BYTES, _ROW.size - ID_BYTES)
        return stored[:DIGEST_BYTES], int.from_bytes(stored[DIGEST_BYTES:], "big")

    def _read(self, begin: int, amount: int) -> bytes:
        if isinstance(self._source, int):
            found = os.pread(self._source, amount, self._begin + begin)
        else:
            found = bytes(self._source[self._begin + begin : self._begin + begin + amount])
        if len(found) < amount:
            raise OSError(5, "the seal's file was cut short while it was read")
        return found


class Digests(Mapping[str, str]):
    """File id -> SHA-256, both in hex digits, of sealed files."""

    def __init__(self, rows: SealRows) -> None:
        self.rows = rows

    def __getitem__(self, file_id: str) -> str:
        if (found := _get(self.rows, file_id)) is None:
            raise KeyError(file_id)
        return found[0].hex()

    def __iter__(self) -> Iterator[str]:
        return (row.file_id.hex() for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class Sizes(Mapping[str, int]):
    """File id in hex digits -> stored bytes, of sealed files."""

    def __init__(self, rows: SealRows) -> None:
        self.rows = rows

    def get(self, file_id: str, default: Any = None) -> Any:  # without an exception for each file that is missing
        found = _get(self.rows, file_id)
        return default if found is None else found[1]

    def __getitem__(self, file_id: str) -> int:
        if (found := _get(self.rows, file_id)) is None:
            raise KeyError(file_id)
        return found[1]

    def __iter__(self) -> Iterator[str]:
        return (row.file_id.hex() for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def _get(rows: SealRows, file_id: object) -> tuple[bytes, int] | None:
    one = packed(file_id) if isinstance(file_id, str) else None
    return None if one is None else rows.get(one)


class BrokenSealFile(Exception):
    """`reason` completes "the seal cannot be read: "."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_seal_file(path: Path, *, limit_bytes: int) -> tuple[SealRows, Any]:
    """The rows and the JSON object of a seal's file.

    Raises:
        FileNotFoundError, OSError
        BrokenSealFile: it is not such a file, or damaged.
    """
    try:
        with path.open("rb", buffering=0) as file:
            return _read(file, limit_bytes)
    except (ValueError, RecursionError) as error:
        raise BrokenSealFile("its second part is no JSON") from error


def _read(file: IO[bytes], limit_bytes: int) -> tuple[SealRows, Any]:
    size = os.fstat(file.fileno()).st_size
    if size > limit_bytes:
        raise BrokenSealFile(f"it is larger than {limit_bytes} bytes")
    if file.read(len(MAGIC)) != MAGIC:
        raise BrokenSealFile("it does not begin as a seal does")
    file.seek(max(0, size - _END.size))
    end = file.read(_END.size)
    count, json_bytes, expected = _END.unpack(end) if len(end) == _END.size else (0, 0, 0)
    if len(MAGIC) + count * _ROW.size + json_bytes + _END.size != size:
        raise BrokenSealFile("it is cut short")
    file.seek(len(MAGIC))
    crc = zlib.crc32(MAGIC)
    left = count
    while left:
        piece = _read_exactly(file, min(left, _ROWS_AT_ONCE) * _ROW.size)
        crc = zlib.crc32(piece, crc)
        left -= len(piece) // _ROW.size
    text = _read_exactly(file, json_bytes)
    if zlib.crc32(text, crc) != expected:
        raise BrokenSealFile("its checksum is wrong")
    return SealRows(file, len(MAGIC), count), json.loads(text)


def write_seal_file(path: Path, rows: Iterable[tuple[bytes, bytes, int]], content: Any) -> None:
    """Write a seal's file and replace an old one when it is completely on disk. `rows` ascend by file id."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    text = json.dumps(content, separators=(",", ":")).encode()
    count = 0
    with open_new(unfinished) as file:
        file.write(MAGIC)
        crc = zlib.crc32(MAGIC)
        rows_packed = (_ROW.pack(*row) for row in rows)
        while piece := b"".join(itertools.islice(rows_packed, _ROWS_AT_ONCE)):
            file.write(piece)
            crc = zlib.crc32(piece, crc)
            count += len(piece) // _ROW.size
        file.write(text)
        file.write(_END.pack(count, len(text), zlib.crc32(text, crc)))
        sync_file(file)
    unfinished.replace(path)
    sync_folder(path.parent)


class SortedRecords:
    """Sorts records of one length in bounded memory: what does not fit is sorted in parts, in a temporary file.

    Raises:
        OSError: from every method.
    """

    def __init__(self, folder: Path, record_bytes: int, *, in_memory: int = 1 << 15) -> None:
        self._folder = folder
        self._bytes = record_bytes
        self._in_memory = in_memory
        self._pending: list[bytes] = []
        self._parts: list[int] = []  # records in each part of the file
        self._file: IO[bytes] | None = None

    def add(self, record: bytes) -> None:
        self.add_all((record,))

    def add_all(self, records: Iterable[bytes]) -> None:
        """Add as many records as fit into memory beside those that are there."""
        self._pending.extend(records)
        if len(self._pending) >= self._in_memory:
            self._spill()

    def __iter__(self) -> Iterator[bytes]:
        """Every record, ascending. Once."""
        self._pending.sort()
        if self._file is None:
            yield from self._pending
            return
        try:
            begins = itertools.accumulate(self._parts, initial=0)
            parts = [self._part(begin, count) for begin, count in zip(begins, self._parts, strict=False)]
            yield from heapq.merge(*parts, self._pending)
        finally:
            self._file.close()

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 closed when it has been read
        self._pending.sort()
        self._file.seek(0, 2)
        self._file.write(b"".join(self._pending))
        self._parts.append(len(self._pending))
        self._pending.clear()

    def _part(self, begin: int, count: int) -> Iterator[bytes]:
        assert self._file is not None
        size = self._bytes
        for number in range(begin, begin + count, _RECORDS_AT_ONCE):
            self._file.seek(number * size)
            piece = _read_exactly(self._file, min(_RECORDS_AT_ONCE, begin + count - number) * size)
            yield from (piece[at : at + size] for at in range(0, len(piece), size))


def _ids_of(rows: bytes) -> bytes:
    return b"".join(file_id for file_id, _, _ in _ROW.iter_unpack(rows))


def _read_exactly(file: IO[bytes], amount: int) -> bytes:
    found = file.read(amount)
    while len(found) < amount:
        if not (more := file.read(amount - len(found))):
            raise BrokenSealFile("it is cut short")
        found += more
    return found
