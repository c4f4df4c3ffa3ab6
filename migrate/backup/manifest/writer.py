"""Writes a new Manifest.db, as a phone does, straight to disk and in bounded memory.

Source: facts 3.2, 3.5; the schema, `user_version` 2 and the padding of an unencrypted one are *seen* (iOS 14.3).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from migrate.backup.crypto.cipher import BLOCK_BYTES, padding_for
from migrate.backup.manifest.scratch_vfs import PIECE_BYTES, ScratchVfs
from migrate.backup.manifest.vfs import COMPOSED, VERSIONS, WRITE_AHEAD_LOG
from migrate.backup.private_files import open_new, sync_file
from migrate.backup.record import major_version

PAGE_BYTES = 4096

_SCHEMA = (
    f"PRAGMA page_size = {PAGE_BYTES}",
    "PRAGMA user_version = 2",
    "CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB)",
    "CREATE TABLE Properties (key TEXT PRIMARY KEY, value BLOB)",
)
_IS_COMPOSED = f"PRAGMA application_id = {COMPOSED}"
_DOMAIN_INDEX = "CREATE INDEX FilesDomainIdx ON Files(domain)"
_DOMAIN_INDEX_27 = "CREATE INDEX FilesDomainsRelativePathIdx ON Files(domain, relativePath)"
_INDICES = (
    "CREATE INDEX FilesRelativePathIdx ON Files(relativePath)",
    "CREATE INDEX FilesFlagsIdx ON Files(flags)",
)


def _indices(ios_version: str) -> tuple[str, ...]:
    return _DOMAIN_INDEX_27 if major_version(ios_version) >= 27 else _DOMAIN_INDEX, *_INDICES


ManifestRow = tuple[int, str, str, str, int, bytes]
"""The row's number, fileID, domain, relativePath, flags, file."""

_INSERT = "INSERT INTO Files (rowid, fileID, domain, relativePath, flags, file) VALUES (?, ?, ?, ?, ?, ?)"

_CACHE_KIB = 4 << 10
"""SQLite's cache while rows are added, and what its sorter holds before it writes to a scratch file. With four times as
much, 600,000 rows take as long (measured) and 24 MB more."""

_AS_PRIMARY_KEY = (
    "CREATE UNIQUE INDEX files_by_id ON Files(fileID)",
    "PRAGMA writable_schema = ON",
    "UPDATE sqlite_master SET sql = replace(sql, 'fileID TEXT', 'fileID TEXT PRIMARY KEY') WHERE name = 'Files'",
    "UPDATE sqlite_master SET name = 'sqlite_autoindex_Files_1', sql = NULL WHERE name = 'files_by_id'",
    "PRAGMA writable_schema = OFF",
)
"""The index of the primary key, sorted once after all rows are added. Kept up to date for rows in random order, it
would have to be in memory as a whole: 65 MB at a million rows. On disk the two are the same, a unique index of that
name without an SQL statement (*read*: https://www.sqlite.org/fileformat2.html#internal_schema_objects)."""

_DELETE_DUPLICATES = "DELETE FROM Files WHERE rowid NOT IN (SELECT min(rowid) FROM Files GROUP BY fileID)"


class ManifestWriter:
    """A new manifest on disk. With a manifest key it is encrypted, and no part of it is ever on disk in plain.

    SQLite writes rows, indices and schema into a scratch database, which is encrypted in pieces if the manifest is
    (scratch_vfs.py); `finish` copies it in one pass, encrypted as a phone encrypts it.

    Memory, whatever the number of rows: _CACHE_KIB twice (cache and sorter), the pieces of the scratch file, one piece
    of the copy. A context manager: an unfinished manifest is removed.

    Raises:
        OSError: the disk is full, for example; from every method.
    """

    def __init__(self, path: Path, ios_version: str, manifest_key: bytes | None, *, composed: bool = True) -> None:
        """`composed` marks it as written by this program (vfs.py: COMPOSED); False writes what a phone writes."""
        self._path = path
        self._ios_version = ios_version
        self._manifest_key = manifest_key
        self._scratch = path.with_name(f"{path.name}.scratch")
        self._unfinished = path.with_name(f"{path.name}.unfinished")
        self._disk = ScratchVfs(self._scratch, encrypted=manifest_key is not None)
        self._is_indexed = False
        try:
            self._database = self._disk.connect()
        except apsw.Error as error:
            raise self._disk.problem or error from error
        for pragma in (
            "locking_mode = EXCLUSIVE",
            "journal_mode = MEMORY",
            "synchronous = OFF",
            "temp_store = FILE",
            "secure_delete = ON",  # nothing of a removed row stays behind
            f"cache_size = -{_CACHE_KIB}",
            "cache_spill = ON",
        ):
            self._execute(f"PRAGMA {pragma}")
        for statement in (*_SCHEMA, *((_IS_COMPOSED,) if composed else ()), "BEGIN"):
            self._execute(statement.replace("fileID TEXT PRIMARY KEY", "fileID TEXT"))

    def add_rows(self, rows: Sequence[ManifestRow]) -> None:
        """Add rows in the order of their numbers, their archives unchanged. Of two rows with one file id, the first
        stays."""
        try:
            self._database.executemany(_INSERT, rows)
        except apsw.Error as error:
            raise self._disk.problem or error from error

    def remove(self, number: int) -> tuple[str, str, str]:
        """Remove a row. Returns its file id, domain and path."""
        where = "FROM Files WHERE rowid = ?"
        [(file_id, domain, path)] = self._execute(f"SELECT fileID, domain, relativePath {where}", (number,))
        self._execute(f"DELETE {where}", (number,))
        return file_id, domain, path

    def paths(self) -> Iterator[tuple[str, str, int]]:
        """Domain, path and flags of every row so far."""
        yield from self._database.execute("SELECT domain, relativePath, flags FROM Files NOT INDEXED")

    def set_property(self, key: str, value: bytes | str | int | float | None) -> None:
        self._execute("INSERT OR REPLACE INTO Properties VALUES (?, ?)", (key, value))

    def build_indices(self) -> None:
        """Build the indices now instead of in `finish`. Adding a few rows afterwards is cheap, adding many is not."""
        for statement in _indices(self._ios_version):
            self._execute(statement)
        self._is_indexed = True

    def finish(self) -> int:
        """Write Manifest.db, its header in WAL mode and padded as a phone leaves it. Returns the number of rows."""
        if not self._is_indexed:
            self.build_indices()
        try:
            self._execute(_AS_PRIMARY_KEY[0])
        except apsw.ConstraintError:
            for statement in (_DELETE_DUPLICATES, _AS_PRIMARY_KEY[0]):
                self._execute(statement)
        for statement in (*_AS_PRIMARY_KEY[1:], "COMMIT"):
            self._execute(statement)
        count: int = self._execute("SELECT count(*) FROM Files")[0][0]
        self._database.close()
        self._copy()
        self._unfinished.rename(self._path)
        return count

    def _copy(self) -> None:
        """Copy the scratch database, its header in WAL mode, with padding."""
        scratch = self._disk.database
        assert scratch is not None
        encryptor = (
            None if self._manifest_key is None else Cipher(AES(self._manifest_key), CBC(bytes(BLOCK_BYTES))).encryptor()
        )
        with open_new(self._unfinished, buffering=0) as file:
            for begin in range(0, scratch.size, PIECE_BYTES):
                piece = scratch.read(PIECE_BYTES, begin)
                if begin == 0:
                    piece = _first_piece(piece)
                if begin + PIECE_BYTES >= scratch.size:
                    piece += padding_for(0)  # pages are whole blocks
                left = memoryview(piece if encryptor is None else encryptor.update(piece))
                while left:
                    left = left[file.write(left) or 0 :]
            sync_file(file)

    def close(self) -> None:
        self._close_scratch()
        self._unfinished.unlink(missing_ok=True)

    def _close_scratch(self) -> None:
        self._database.close()  # again after `finish`, which does no harm
        if self._disk.database is not None:
            self._disk.database.close()
        self._disk.unregister()
        self._scratch.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._database.execute(statement, values).fetchall()
        except apsw.Error as error:
            raise self._disk.problem or error from error


def _first_piece(piece: bytes) -> bytes:
    """The beginning of the database, its header in WAL mode, with random bytes in the unused part of the first page.

    A phone's initial vector is zeros, so that two manifests under one key would be alike in ciphertext as far as they
    are alike in plain; with these bytes all behind the first page differs.
    """
    cells, content = (int.from_bytes(piece[at : at + 2], "big") for at in (_FIRST_CELLS, _FIRST_CELLS + 2))
    begin = _FIRST_POINTERS + 2 * cells
    unused = secrets.token_bytes(max(0, content - begin))
    head = piece[: VERSIONS.start] + WRITE_AHEAD_LOG + piece[VERSIONS.stop : begin]
    return head + unused + piece[begin + len(unused) :]


_FIRST_CELLS, _FIRST_POINTERS = 103, 108
"""Places in the first page: the number of cells and where their contents begin; the cells' pointers. The unused part is
between the two (*read*: https://www.sqlite.org/fileformat2.html#b_tree_pages)."""
