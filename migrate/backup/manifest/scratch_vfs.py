"""A virtual file system for a database that SQLite writes and that must not be on disk in plain.

In a Manifest.db each page of ciphertext depends on every page before it, but SQLite writes pages in any order. So
SQLite writes a manifest into a scratch file, each piece encrypted under a random key that exists only in this process,
and the file is copied when it is complete. The temporary files of its sorter are encrypted in the same way. Memory is
bounded by the pieces kept and SQLite's cache, whatever the size of the database.

Without a key (the manifest of a plain backup) the scratch file is plain too.
"""

from __future__ import annotations

import itertools
import os
import secrets
from pathlib import Path
from typing import BinaryIO, Final

import apsw
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from migrate.backup.crypto.cipher import KEY_BYTES
from migrate.backup.manifest.vfs_file import UnsharedFile
from migrate.backup.private_files import FILE_MODE

PIECE_BYTES: Final = 256 << 10
PIECES_KEPT: Final = 16
"""4 MiB: pages are appended and read again in order; SQLite's own cache holds the rest."""


class ScratchFile:
    """A private file of bytes by offset, kept in pieces. With a key, no piece is written twice under the same key
    stream: the counter block includes how often the piece was written.

    Raises:
        OSError: from any method that reads or writes.
    """

    def __init__(self, path: Path, key: bytes | None) -> None:
        self.path = path
        self.size = 0
        self._key = key
        self._pieces: dict[int, bytes | bytearray] = {}  # bytes until first written to: their slices are copied once
        self._unwritten: set[int] = set()
        self._stored: dict[int, tuple[int, int]] = {}  # for each piece: times written, length at the last time
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._file: BinaryIO = os.fdopen(os.open(path, flags, FILE_MODE), "r+b", buffering=0)

    def __repr__(self) -> str:
        return f"ScratchFile({str(self.path)!r})"

    def write(self, offset: int, data: bytes) -> None:
        begin, end = offset, offset + len(data)
        self.size = max(self.size, end)
        while offset < end:
            place, at = divmod(offset, PIECE_BYTES)
            part = data[offset - begin : offset - begin + PIECE_BYTES - at]
            piece = self._piece(place)
            if not isinstance(piece, bytearray):
                piece = self._pieces[place] = bytearray(piece)
            if len(piece) < at:
                piece.extend(bytes(at - len(piece)))
            piece[at : at + len(part)] = part
            self._unwritten.add(place)
            offset += len(part)

    def read(self, amount: int, offset: int) -> bytes:
        """`amount` bytes from `offset` on, fewer at the end."""
        place, at = divmod(offset, PIECE_BYTES)
        found = bytes((self._pieces.get(place) or self._piece(place))[at : at + amount])
        if len(found) == amount:
            return found
        while len(found) < amount and offset + len(found) < self.size:
            place, at = divmod(offset + len(found), PIECE_BYTES)
            more = self._piece(place)[at : at + amount - len(found)]
            found += more or bytes(min(amount - len(found), PIECE_BYTES - at))  # a hole: nothing was written there
        return found[: max(0, self.size - offset)]

    def truncate(self, size: int) -> None:
        if size >= self.size:
            return
        place, rest = divmod(size, PIECE_BYTES)
        kept = self._piece(place)[:rest]
        for gone in {gone for gone in (*self._pieces, *self._stored) if gone >= place}:
            self._pieces.pop(gone, None)
            self._unwritten.discard(gone)
            self._stored[gone] = self._stored.get(gone, (0, 0))[0], 0
        self._file.truncate(size)
        self.size = size - rest
        self.write(self.size, bytes(kept).ljust(rest, b"\0"))

    def close(self) -> None:
        self._pieces.clear()
        self._unwritten.clear()
        self._file.close()

    def _piece(self, place: int) -> bytes | bytearray:
        piece = self._pieces.get(place)
        if piece is None:
            if len(self._pieces) >= PIECES_KEPT:
                oldest = next(iter(self._pieces))
                if oldest in self._unwritten:
                    self._store(oldest)
                del self._pieces[oldest]
            piece = self._pieces[place] = self._load(place)
        return piece

    def _load(self, place: int) -> bytes | bytearray:
        times, size = self._stored.get(place, (0, 0))
        if not size:
            return b""
        self._file.seek(place * PIECE_BYTES)
        stored = self._file.read(size) or b""
        while len(stored) < size and (more := self._file.read(size - len(stored))):
            stored += more
        return self._crypted(place, times, stored)

    def _store(self, place: int) -> None:
        piece, times = self._pieces[place], self._stored.get(place, (0, 0))[0] + 1
        data = memoryview(self._crypted(place, times, piece))
        self._stored[place] = times, len(piece)
        self._file.seek(place * PIECE_BYTES)
        while data:
            data = data[self._file.write(data) or 0 :]
        self._unwritten.discard(place)

    def _crypted(self, place: int, times: int, data: bytes | bytearray) -> bytes | bytearray:
        if self._key is None:
            return data
        stream = place.to_bytes(6, "big") + times.to_bytes(6, "big") + bytes(4)
        return Cipher(AES(self._key), CTR(stream)).encryptor().update(data)


class ScratchVfs(apsw.VFS):
    """A virtual file system with one database at `path` and temporary files beside it, each under a random key.

    `problem` is the first OSError that SQLite met, if any: it says more than SQLite's error code for it.
    """

    _numbers = itertools.count()

    def __init__(self, path: Path, *, encrypted: bool) -> None:
        self.name = f"migrate-scratch-{next(self._numbers)}"
        self.problem: OSError | None = None
        self._path = path
        self._key = secrets.token_bytes(KEY_BYTES) if encrypted else None
        self._temporary = itertools.count()
        self.database: ScratchFile | None = None
        super().__init__(self.name, base="")

    def connect(self) -> apsw.Connection:
        """A connection to the new, empty database. `database` is its file; it stays open when the connection ends."""
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        return apsw.Connection("scratch", flags=flags, vfs=self.name)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802 SQLite's name
        return False

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        pass

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        try:
            if name is None:
                path = self._path.with_name(f"{self._path.name}.sorting-{next(self._temporary)}")
                key = secrets.token_bytes(KEY_BYTES) if self._key is not None else None
                opened = _File(self, ScratchFile(path, key), is_temporary=True)
            elif self.database is None:
                self.database = ScratchFile(self._path, self._key)
                opened = _File(self, self.database, is_temporary=False)
            else:
                raise apsw.CantOpenError("only one database is written here")
        except OSError as error:
            raise self.record_error(error) from error
        flags[1] = flags[0]
        return opened  # type: ignore[return-value]  # any object with its methods will do

    def record_error(self, error: OSError) -> apsw.Error:
        self.problem = self.problem or error
        return apsw.FullError(error.strerror or type(error).__name__)


class _File(UnsharedFile):
    """An open file, with SQLite's method names."""

    def __init__(self, disk: ScratchVfs, scratch: ScratchFile, *, is_temporary: bool) -> None:
        self._disk = disk
        self._scratch = scratch
        self._is_temporary = is_temporary

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        try:
            return self._scratch.read(amount, offset)
        except OSError as error:
            raise self._disk.record_error(error) from error

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        try:
            self._scratch.write(offset, data)
        except OSError as error:
            raise self._disk.record_error(error) from error

    def xTruncate(self, size: int) -> None:  # noqa: N802
        try:
            self._scratch.truncate(size)
        except OSError as error:
            raise self._disk.record_error(error) from error

    def xFileSize(self) -> int:  # noqa: N802
        return self._scratch.size

    def xClose(self) -> None:  # noqa: N802
        if self._is_temporary:
            self._scratch.close()
            self._scratch.path.unlink(missing_ok=True)

    def xSync(self, flags: int) -> None:  # noqa: N802
        pass  # an unfinished manifest is written again from the start

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return 0
