"""Lets SQLite read an encrypted Manifest.db piece by piece, without a decrypted copy in memory or on disk.

In CBC, decrypting a block needs only its ciphertext and the block before it, so any piece of an encrypted manifest can
be decrypted alone. SQLite reads through a virtual file system that holds this one file and can only read: SQLite makes
no journal, log, lock or temporary file, and does not learn the path of the backup.
"""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from typing import Protocol

import apsw

from migrate.backup.crypto.cipher import BLOCK_BYTES, padding_length
from migrate.backup.crypto.stored_content import BlobReader
from migrate.backup.manifest.vfs_file import UnsharedFile
from migrate.backup.manifest.wal import SQLITE_MAGIC

HEADER_BYTES = 100
VERSIONS = slice(18, 20)
"""The bytes of a database header that hold its write version and read version."""
ROLLBACK_JOURNAL, WRITE_AHEAD_LOG = b"\1\1", b"\2\2"

APPLICATION_ID = slice(68, 72)
COMPOSED = 0x6D696772
"""The application id ("migr") of a manifest that this program composed from a backup's. A phone writes 0 (*seen*, iOS
14.3), and SQLite does not use it. A restore set shares its stored files with a backup, and so the backup's seal; the id
keeps verify from comparing the set's new manifest with the sealed one."""


class ManifestPages(BlobReader):
    """The decrypted bytes of a Manifest.db by offset, with its header changed from WAL mode to rollback mode.

    `size` is the length of the plain database. `is_padded` False: it ends without PKCS#7 padding, as pymobiledevice3's
    prune leaves it. An unencrypted one has padding too (*seen*, iOS 14.3).

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path, key: bytes | None) -> None:
        self.header = b""
        super().__init__(path, key)
        self.has_plain_header = self._stored(0, len(SQLITE_MAGIC)) == SQLITE_MAGIC

    def _decrypted(self, place: int) -> bytes:
        piece = super()._decrypted(place)
        if place == 0 and len(piece) >= HEADER_BYTES:
            return piece[: VERSIONS.start] + ROLLBACK_JOURNAL + piece[VERSIONS.stop :]
        return piece

    def _padding(self) -> int | None:
        self.header = self._piece(0)[:HEADER_BYTES] if self.stored_bytes >= BLOCK_BYTES else b""
        padding = padding_length(self._tail()) if self._key is None else super()._padding()
        if padding is not None and (self.stored_bytes - padding) % page_bytes(self.header):
            return None  # the last byte only looks like padding: it belongs to the database
        return padding


def page_bytes(header: bytes) -> int:
    """The page size in a database's header. A stored 1 means 65,536; a stored 0 is returned as 1."""
    stored = int.from_bytes(header[16:18], "big")
    return 65_536 if stored == 1 else stored or 1


class Pages(Protocol):
    """What SQLite can read through `connect`."""

    size: int

    def read(self, amount: int, offset: int) -> bytes: ...
    def close(self) -> None: ...


def connect(pages: Pages) -> apsw.Connection:
    """A connection that reads `pages`, and closes them when it is closed.

    Raises:
        apsw.Error: it is not a database.
    """
    return _pages_vfs().connect(pages)


@cache
def _pages_vfs() -> _PagesVfs:
    return _PagesVfs()


class _PagesVfs(apsw.VFS):
    """A virtual file system whose files exist until they are opened once."""

    def __init__(self) -> None:
        self._name = "migrate-pages"
        self._waiting: dict[str, Pages] = {}
        self._numbers = itertools.count()
        super().__init__(self._name, base="")

    def connect(self, pages: Pages) -> apsw.Connection:
        name = f"pages-{next(self._numbers)}"
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
            raise apsw.CantOpenError("only registered pages can be opened")
        return _ReadOnlyFile(found)  # type: ignore[return-value]  # any object with its methods will do


class _ReadOnlyFile(UnsharedFile):
    """An open file, with SQLite's method names."""

    def __init__(self, pages: Pages) -> None:
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

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return apsw.SQLITE_IOCAP_IMMUTABLE
