"""The bytes of a Manifest.db as SQLite asks for them, a piece at a time: neither a copy in memory nor one on disk.

In CBC a block of plaintext needs its block of ciphertext and the one before it, so any piece of an encrypted manifest
can be decrypted alone. SQLite reads through a virtual file system that has this one file and can do nothing but read:
no journal, no log, no lock and no temporary file is ever made, and it does not learn where the backup lies.
"""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from typing import Final

import apsw

from migrate.backup.crypto import BLOCK_BYTES, decrypted_blocks, last_block, padding_length
from migrate.backup.write_ahead_log import SQLITE_MAGIC

PIECE_BYTES = 256 << 10
PIECES_KEPT = 8
"""The rows of a table lie in few runs of pages, and the archives of long ones a little further on: with eight pieces
200,000 rows are read from 645 of them, with one from ten times as many (measured)."""

HEADER_BYTES = 100
VERSIONS = slice(18, 20)
"""Header bytes of a database that say how it is written and how it is read."""
ROLLBACK_JOURNAL, WRITE_AHEAD_LOG = b"\1\1", b"\2\2"


class ManifestPages:
    """A Manifest.db, opened for reading. Its plain bytes under offsets; the log is switched off in its header.

    `size` is the length of the plain database. `is_padded` False: it ends without PKCS#7 padding, as pymobiledevice3's
    prune leaves it.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path, key: bytes | None) -> None:
        self._key = key
        self._pieces: dict[int, bytes] = {}
        self._file: Final = path.open("rb", buffering=0)
        try:
            self.stored_bytes = self._file.seek(0, 2)
            self.begins_plain = self._stored(0, len(SQLITE_MAGIC)) == SQLITE_MAGIC
            self.header = self._read(0)[:HEADER_BYTES] if self.stored_bytes >= BLOCK_BYTES else b""
            padding = self._padding()
        except BaseException:
            self._file.close()
            raise
        self.is_padded = padding is not None
        self.size = self.stored_bytes - (padding or 0)

    def __repr__(self) -> str:
        return f"ManifestPages({self._file.name!r})"

    def close(self) -> None:
        self._file.close()
        self._pieces.clear()

    def read(self, amount: int, offset: int) -> bytes:
        """`amount` plain bytes from `offset` on, fewer at the end."""
        amount = max(0, min(amount, self.size - offset))
        place, at = divmod(offset, PIECE_BYTES)
        found = self._read(place)[at : at + amount]
        while len(found) < amount:
            place += 1
            if not (more := self._read(place)[: amount - len(found)]):
                break
            found += more
        return found

    def _read(self, place: int) -> bytes:
        """The plain bytes of one piece."""
        piece = self._pieces.get(place)
        if piece is None:
            begin = place * PIECE_BYTES
            piece = self._stored(begin, PIECE_BYTES)
            if self._key is not None:
                whole = len(piece) // BLOCK_BYTES * BLOCK_BYTES
                before = self._stored(begin - BLOCK_BYTES, BLOCK_BYTES) if begin else b""
                piece = decrypted_blocks(piece[:whole], before, self._key)
            if place == 0 and len(piece) >= HEADER_BYTES:
                piece = piece[: VERSIONS.start] + ROLLBACK_JOURNAL + piece[VERSIONS.stop :]
            if len(self._pieces) >= PIECES_KEPT:
                del self._pieces[next(iter(self._pieces))]
            self._pieces[place] = piece
        return piece

    def _stored(self, begin: int, amount: int) -> bytes:
        self._file.seek(begin)
        found = b""
        while len(found) < amount and (more := self._file.read(amount - len(found))):
            found += more
        return found

    def _padding(self) -> int | None:
        """How many bytes of padding end the database; None where it has none."""
        tail = self._stored(max(0, self.stored_bytes - 2 * BLOCK_BYTES), 2 * BLOCK_BYTES)
        if self._key is None:
            padding = padding_length(tail)
        else:
            padding = None if self.stored_bytes % BLOCK_BYTES else padding_length(last_block(tail, self._key))
        if padding is not None and (self.stored_bytes - padding) % self._page_bytes:
            return None  # a last byte that merely looks like padding: what it would strip belongs to the database
        return padding

    @property
    def _page_bytes(self) -> int:
        """The page size in the header; 1 stands for 65,536, and nonsense reads as 1 (everything divides)."""
        stored = int.from_bytes(self.header[16:18], "big")
        return 65_536 if stored == 1 else stored or 1


def connect(pages: ManifestPages) -> apsw.Connection:
    """A connection that reads `pages`, and closes them when it is closed.

    Raises:
        apsw.Error: it is no database at all.
    """
    return _shelf().connect(pages)


@cache
def _shelf() -> _Shelf:
    return _Shelf()


class _Shelf(apsw.VFS):
    """The file system: files that are there until they are opened once."""

    def __init__(self) -> None:
        self._name = "migrate-manifest-pages"
        self._waiting: dict[str, ManifestPages] = {}
        self._numbers = itertools.count()
        super().__init__(self._name, base="")

    def connect(self, pages: ManifestPages) -> apsw.Connection:
        name = f"manifest-{next(self._numbers)}"
        self._waiting[name] = pages
        try:
            return apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY, vfs=self._name)
        finally:
            self._waiting.pop(name, None)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802 SQLite's name
        return False

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        found = self._waiting.pop(name.filename() if isinstance(name, apsw.URIFilename) else name or "", None)
        if found is None:
            raise apsw.CantOpenError("only a manifest is opened here")
        return _ReadOnlyFile(found)  # type: ignore[return-value]  # any object with its methods will do


class _ReadOnlyFile:
    """The open file, by the names that SQLite gives its methods."""

    def __init__(self, pages: ManifestPages) -> None:
        self._pages = pages

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        try:
            return self._pages.read(amount, offset)
        except OSError as error:
            raise apsw.IOError(error.strerror or type(error).__name__) from error

    def xFileSize(self) -> int:  # noqa: N802
        return self._pages.size

    def xClose(self) -> None:  # noqa: N802
        self._pages.close()

    def xLock(self, level: int) -> None:  # noqa: N802
        pass

    def xUnlock(self, level: int) -> None:  # noqa: N802
        pass

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, operation: int, pointer: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return 4096

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return apsw.SQLITE_IOCAP_IMMUTABLE
