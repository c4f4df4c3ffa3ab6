"""A temporary SQLite database for rows that would not fit in memory, in its own folder, removed with the object.

For an encrypted backup the database is encrypted too (see `migrate.backup.manifest.scratch_vfs`).
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

from migrate.backup.manifest.scratch_vfs import ScratchVfs

CACHE_KIB = 32 << 10
"""Enough for the index of a million file ids: 28 MB with 20 bytes each."""
IN_ORDER_CACHE_KIB = 4 << 10
"""For rows that are written and read in their order, or nearly so."""
ROWS_PER_BATCH = 500

Values = tuple[Any, ...]


class ScratchDatabase:
    """A temporary database. Thread-safe; nothing is ever rolled back.

    Raises:
        OSError: from every method, for instance if the disk is full.
    """

    def __init__(self, schema: str, *, encrypted: bool, cache_kib: int = CACHE_KIB) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="simulator-"))  # 0700
        self._lock = threading.RLock()
        self._disk = ScratchVfs(self.folder / "rows", encrypted=encrypted)
        try:
            self._connection = self._disk.connect()
        except apsw.Error as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise self._disk.problem or error from error
        self.close = weakref.finalize(self, _tidy_up, self._connection, self._disk, self.folder)
        pragmas = ("locking_mode = EXCLUSIVE", "journal_mode = OFF", "synchronous = OFF", "temp_store = FILE")
        for pragma in (*pragmas, f"cache_size = -{cache_kib}", "cache_spill = ON"):
            self.run(f"PRAGMA {pragma}")
        self.run(schema)
        self.run("BEGIN")

    def rows(self, query: str, values: Values = ()) -> Iterator[Values]:
        """Yields the rows of a query in pages. The table must not change meanwhile."""
        with self._lock:
            cursor = self._checked(query, values)
        while page := self._next_page(cursor):
            yield from page

    def row(self, query: str, values: Values = ()) -> Values | None:
        """The first row of a query, or None."""
        with self._lock:
            cursor = self._checked(query, values)
            found = next(iter(cursor), None)
            cursor.close(True)
            return found

    def number(self, query: str, values: Values = ()) -> int:
        """The number a query returns; 0 for NULL."""
        found = self.row(query, values)
        return int(found[0] or 0) if found else 0

    def run(self, statement: str, values: Values = ()) -> None:
        with self._lock:
            self._checked(statement, values).fetchall()

    def run_many(self, statement: str, each: Iterable[Values]) -> None:
        waiting = iter(each)
        while page := list(islice(waiting, ROWS_PER_BATCH)):
            try:
                with self._lock:
                    self._connection.executemany(statement, page)
            except apsw.Error as error:
                raise self._disk.problem or error from error

    def _checked(self, statement: str, values: Values) -> apsw.Cursor:
        try:
            return self._connection.execute(statement, values)
        except apsw.Error as error:
            raise self._disk.problem or error from error

    def _next_page(self, cursor: apsw.Cursor) -> list[Values]:
        try:
            with self._lock:
                return list(islice(cursor, ROWS_PER_BATCH))
        except apsw.Error as error:
            raise self._disk.problem or error from error


def _tidy_up(connection: apsw.Connection, disk: ScratchVfs, folder: Path) -> None:
    connection.close(True)
    if disk.database is not None:
        disk.database.close()
    disk.unregister()
    shutil.rmtree(folder, ignore_errors=True)
