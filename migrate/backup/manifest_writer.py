"""A new Manifest.db, as a phone writes it: in memory, or straight to the disk in bounded memory.

Source: facts 3.2, 3.5; the schema, `user_version` 2 and the padding of an unencrypted one are *seen* (iOS 14.3).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw

from migrate.backup.crypto import encrypted_chunks, padding_for
from migrate.backup.manifest_pages import COMPOSED, VERSIONS, WRITE_AHEAD_LOG
from migrate.backup.private_files import open_new, sync_file
from migrate.backup.record import Record, encode_mbfile, major_version
from migrate.backup.scratch_disk import ScratchDisk

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


class ManifestWriter:
    """A new manifest in memory, or in the file `at`, with the schema, indices and header that a phone of `ios_version`
    writes."""

    def __init__(self, ios_version: str, *, composed: bool = False, at: Path | None = None) -> None:
        """`composed`: it is made of a saved one, and says so (see manifest_pages)."""
        self._ios_version = ios_version
        self._at = at
        self._database: sqlite3.Connection | None = sqlite3.connect(at or ":memory:", isolation_level=None)
        if at is not None:
            pragmas = ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", f"cache_size = -{_CACHE_KIB}")
            for pragma in pragmas:
                self._database.execute(f"PRAGMA {pragma}")
        for statement in (*_SCHEMA, *((_IS_COMPOSED,) if composed else ())):
            self._database.execute(statement)
        self._database.execute("BEGIN")
        self.count = 0

    def add(self, record: Record) -> None:
        """One more record. A file id that is already there is a bug of ours: ValueError."""
        blob = encode_mbfile(record, ios_version=self._ios_version)
        self.add_row(record.file_id, record.domain, record.relative_path, record.kind, blob)

    def add_row(self, file_id: str, domain: str, relative_path: str, flags: int, file: bytes) -> None:
        """One more row, its archive as it is: how rows of another manifest are carried over untouched."""
        try:
            self._open.execute(
                "INSERT INTO Files VALUES (?, ?, ?, ?, ?)", (file_id, domain, relative_path, int(flags), file)
            )
        except sqlite3.IntegrityError as error:
            raise ValueError(f"{file_id} is in the manifest already") from error
        self.count += 1

    def set_property(self, key: str, value: bytes | str | int | float | None) -> None:
        self._open.execute("INSERT OR REPLACE INTO Properties VALUES (?, ?)", (key, value))

    def to_file(self) -> None:
        """Finishes the file it is written `at`: plain, its header in WAL mode, without padding. Ends the writer."""
        if self._at is None:
            raise ValueError("this manifest is in memory")
        self._finish()
        self.close()
        with self._at.open("r+b") as file:
            file.seek(VERSIONS.start)
            file.write(WRITE_AHEAD_LOG)

    def _finish(self) -> sqlite3.Connection:
        database = self._open
        for statement in (*_indices(self._ios_version), "COMMIT"):
            database.execute(statement)
        return database

    def to_bytes(self) -> bytes:
        """The finished database, its header in WAL mode as on a phone, without padding. Ends the writer."""
        data = bytearray(self._finish().serialize())
        self.close()
        data[VERSIONS] = WRITE_AHEAD_LOG
        return bytes(data)

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    @property
    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            raise ValueError("this manifest was finished already")
        return self._database


ManifestRow = tuple[int, str, str, str, int, bytes]
"""The row's number, fileID, domain, relativePath, flags, file."""

_INSERT = "INSERT INTO Files (rowid, fileID, domain, relativePath, flags, file) VALUES (?, ?, ?, ?, ?, ?)"

_CACHE_KIB = 16 << 10
"""What SQLite keeps in memory while rows come, and what its sorter takes before it writes to a scratch file."""

_AS_PRIMARY_KEY = (
    "CREATE UNIQUE INDEX files_by_id ON Files(fileID)",
    "PRAGMA writable_schema = ON",
    "UPDATE sqlite_master SET sql = replace(sql, 'fileID TEXT', 'fileID TEXT PRIMARY KEY') WHERE name = 'Files'",
    "UPDATE sqlite_master SET name = 'sqlite_autoindex_Files_1', sql = NULL WHERE name = 'files_by_id'",
    "PRAGMA writable_schema = OFF",
)
"""The index of the primary key, sorted once when all rows are there. Kept up while they come, in no order, it needs all
of itself in memory: 65 MB at a million rows. The two are the same on the disk, a unique index of that name without a
statement of its own (*read*: https://www.sqlite.org/fileformat2.html#internal_schema_objects)."""

_WITHOUT_TWINS = "DELETE FROM Files WHERE rowid NOT IN (SELECT min(rowid) FROM Files GROUP BY fileID)"


class ManifestFile:
    """A new manifest on the disk. With a manifest key it is encrypted, and never lies there in plain; see scratch_disk.

    A context manager: what was not finished is removed.

    Raises:
        OSError: no room, say; from every method.
    """

    def __init__(self, path: Path, ios_version: str, manifest_key: bytes | None, *, composed: bool = True) -> None:
        """`composed`: it is made of a saved one, and says so (see manifest_pages)."""
        self._path = path
        self._ios_version = ios_version
        self._manifest_key = manifest_key
        self._scratch = path.with_name(f"{path.name}.unfinished")
        self._disk = ScratchDisk(self._scratch, encrypted=manifest_key is not None)
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
            f"cache_size = -{_CACHE_KIB}",
            "cache_spill = ON",
        ):
            self._execute(f"PRAGMA {pragma}")
        for statement in (*_SCHEMA, *((_IS_COMPOSED,) if composed else ()), "BEGIN"):
            self._execute(statement.replace("fileID TEXT PRIMARY KEY", "fileID TEXT"))

    def add_rows(self, rows: Iterable[ManifestRow]) -> None:
        """More rows, their archives as they are, in the order of their numbers. Of two with one file id, the first will
        stay."""
        try:
            self._database.executemany(_INSERT, rows)
        except apsw.Error as error:
            raise self._disk.problem or error from error

    def remove(self, number: int) -> ManifestRow:
        """Take a row out again, and give it back."""
        where = "FROM Files WHERE rowid = ?"
        found = self._execute(f"SELECT rowid, fileID, domain, relativePath, flags, file {where}", (number,))
        self._execute(f"DELETE {where}", (number,))
        return found[0]

    def paths(self) -> Iterator[tuple[str, str, int]]:
        """Domain, path and flags of every row so far."""
        yield from self._database.execute("SELECT domain, relativePath, flags FROM Files NOT INDEXED")

    def set_property(self, key: str, value: bytes | str | int | float | None) -> None:
        self._execute("INSERT OR REPLACE INTO Properties VALUES (?, ?)", (key, value))

    def build_indices(self) -> None:
        """Now rather than at the end: rows may still come, but only a few are cheap."""
        for statement in _indices(self._ios_version):
            self._execute(statement)
        self._is_indexed = True

    def finish(self) -> int:
        """Write Manifest.db, its header in WAL mode and padded as a phone leaves it. Returns how many rows it has."""
        if not self._is_indexed:
            self.build_indices()
        try:
            self._execute(_AS_PRIMARY_KEY[0])
        except apsw.ConstraintError:
            for statement in (_WITHOUT_TWINS, _AS_PRIMARY_KEY[0]):
                self._execute(statement)
        for statement in (*_AS_PRIMARY_KEY[1:], "COMMIT"):
            self._execute(statement)
        count: int = self._execute("SELECT count(*) FROM Files")[0][0]
        self._database.close()
        scratch = self._disk.database
        assert scratch is not None
        if self._manifest_key is None:
            scratch.write(VERSIONS.start, WRITE_AHEAD_LOG)
            scratch.write(scratch.size, padding_for(scratch.size))
            scratch.sync()
            scratch.close()
            self._scratch.rename(self._path)
            return count
        with open_new(self._path, buffering=0) as file:
            for chunk in encrypted_chunks(_in_wal_mode(scratch.chunks()), self._manifest_key):
                file.write(chunk)
            sync_file(file)
        return count

    def close(self) -> None:
        self._database.close()
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


def _in_wal_mode(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(chunks)
    yield first[: VERSIONS.start] + WRITE_AHEAD_LOG + first[VERSIONS.stop :]
    yield from chunks


def encrypt_manifest(db: bytes, manifest_key: bytes) -> bytes:
    """Manifest.db of an encrypted backup: `db` padded and encrypted under the plain manifest key."""
    return b"".join(encrypted_chunks([db], manifest_key))


def pad_manifest(db: bytes) -> bytes:
    """Manifest.db of an unencrypted backup: phones pad that one too (*seen*, iOS 14.3)."""
    return db + padding_for(len(db))
