"""Writes a new Manifest.db, as a phone does, straight to disk and in bounded memory.

Source: facts 3.2, 3.5; the schema, `user_version` 2 and the padding of an unencrypted one are *seen* (iOS 14.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw

from migrate.backup.manifest.scratch_vfs import ScratchVfs
from migrate.backup.manifest.sqlite_pages import PAGE_BYTES, SHORT_KEY_BYTES, PageStream, TableWriter, copy_tree
from migrate.backup.manifest.vfs import COMPOSED, ManifestPages, connect
from migrate.backup.record import major_version

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

_INSERT = "INSERT INTO Files (rowid, fileID, domain, relativePath, flags) VALUES (?, ?, ?, ?, ?)"

_CACHE_KIB = 16 << 10
"""SQLite's cache while rows are added, and what its sorter holds before it writes to a scratch file."""

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

    The pages of `Files` are written as rows are added (sqlite_pages.py). SQLite keeps the same rows without their
    archives, about 120 bytes each, in a scratch database (scratch_vfs.py) and builds the indices and the schema from
    them; their pages follow. Removing rows, which is rare, costs a second writing of the table.

    Memory, whatever the number of rows: _CACHE_KIB twice (cache and sorter), the pieces of the scratch file, one piece
    of pages. A context manager: an unfinished manifest is removed.

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
        self._is_indexed = self._has_gaps = False
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
        try:
            self._stream = PageStream(self._unfinished, manifest_key)
        except OSError:
            self._close_scratch()
            raise
        self._table = TableWriter(self._stream)
        self._roots: dict[str, tuple[str, int]] = {}  # in the scratch database: tables and page numbers

    def add_rows(self, rows: Sequence[ManifestRow]) -> None:
        """Add rows in the order of their numbers, their archives unchanged. Of two rows with one file id, the first
        stays."""
        for row in rows:
            self._table.add(*row)
        try:
            self._database.executemany(_INSERT, [row[:5] for row in rows])
        except apsw.Error as error:
            raise self._disk.problem or error from error

    def remove(self, number: int) -> tuple[str, str, str]:
        """Remove a row. Returns its file id, domain and path."""
        where = "FROM Files WHERE rowid = ?"
        [(file_id, domain, path)] = self._execute(f"SELECT fileID, domain, relativePath {where}", (number,))
        self._execute(f"DELETE {where}", (number,))
        self._has_gaps = True
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
            self._has_gaps = True
        for statement in (*_AS_PRIMARY_KEY[1:], "COMMIT"):
            self._execute(statement)
        count: int = self._execute("SELECT count(*) FROM Files")[0][0]
        self._assemble()
        if self._has_gaps:
            self._write_again()
        self._unfinished.rename(self._path)
        return count

    def _assemble(self) -> None:
        """Append the trees of the scratch database to the table, then write the first page, which says where they
        begin."""
        roots = {"Files": self._table.finish()}
        found = self._execute("SELECT name, tbl_name, rootpage FROM sqlite_master WHERE name <> 'Files'")
        if not self._roots:
            self._roots = {name: (table, root) for name, table, root in found}
        for name, (table, root) in self._roots.items():
            may_overflow = table != "Files" or self._table.longest_key > SHORT_KEY_BYTES
            roots[name] = copy_tree(self._scratch_page, root, self._stream, may_overflow=may_overflow)
        self._execute("PRAGMA writable_schema = ON")
        self._execute("BEGIN")
        for name, root in roots.items():
            self._execute("UPDATE sqlite_master SET rootpage = ? WHERE name = ?", (root, name))
        self._execute("COMMIT")
        self._stream.finish(self._scratch_page(1))

    def _write_again(self) -> None:
        """Write the table again, without the rows that were removed from the scratch database."""
        again = self._path.with_name(f"{self._path.name}.again")
        numbers = self._database.execute("SELECT rowid FROM Files NOT INDEXED ORDER BY rowid")
        rows = "SELECT rowid, fileID, domain, relativePath, flags, file FROM Files NOT INDEXED ORDER BY rowid"
        first = connect(ManifestPages(self._unfinished, self._manifest_key))
        try:
            self._stream = PageStream(again, self._manifest_key)
            self._table = TableWriter(self._stream)
            written = first.execute(rows)
            for (number,) in numbers:
                self._table.add(*next(row for row in written if row[0] == number))
            written.close()
            self._assemble()
        except BaseException:
            self._stream.close()
            again.unlink(missing_ok=True)
            raise
        finally:
            first.close()
        again.replace(self._unfinished)

    def close(self) -> None:
        self._close_scratch()
        self._stream.close()
        self._unfinished.unlink(missing_ok=True)

    def _close_scratch(self) -> None:
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

    def _scratch_page(self, number: int) -> bytes:
        assert self._disk.database is not None
        return self._disk.database.read(PAGE_BYTES, (number - 1) * PAGE_BYTES)

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._database.execute(statement, values).fetchall()
        except apsw.Error as error:
            raise self._disk.problem or error from error
