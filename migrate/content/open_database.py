"""A private copy of a database, opened: its tables and columns are discovered, never assumed.

The schema is not trusted: views are never queried, triggers do not run on reads, and endless queries are stopped.

Core Data numbers columns that several entities share (`ZTITLE`, `ZTITLE1`), join tables and their columns
(`Z_26ASSETS`), and the numbers change between iOS versions. So a reader names every column it can use, `Columns` picks
those that exist, and says which the schema lacks.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from migrate.backup.companions import LOG

ROWS_AT_ONCE = 500
_MIN_TIMEOUT_S = 30.0
_SLOWEST_BYTES_PER_S = 5_000_000
"""A slow disk reads ten times as fast. Sorting five million health samples (500 MB) takes 20 s here."""
_POLL_S = 0.2
_MIN_ROW_LIMIT = 20_000
"""Rows that a query may give, however small the file."""
_CACHE_KIB = 8192
_VIRTUAL = re.compile(r"\s*create\s+virtual\s+table\b", re.IGNORECASE)
_SHADOWS = ("content", "docsize", "segdir", "segments", "stat", "data", "idx", "config", "node", "parent", "rowid")


def ordinary_tables(connection: sqlite3.Connection) -> frozenset[str]:
    """The ordinary tables: no views, no SQLite tables, no virtual tables or their shadow tables."""
    listed = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    virtual = {name for name, sql in listed if _VIRTUAL.match(sql or "")}
    shadows = {f"{name}_{part}" for name in virtual for part in _SHADOWS}
    names = {name for name, _ in listed if not name.lower().startswith("sqlite_")}
    return frozenset(names - virtual - shadows)


def columns_of(connection: sqlite3.Connection, table: str) -> frozenset[str]:
    """The columns of a table; empty if it does not exist."""
    return frozenset(row[1] for row in connection.execute(f"PRAGMA table_info({quote_identifier(table)})"))


def quote_identifier(name: str) -> str:
    """A name from a database, quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


class Columns:
    """The columns a query uses, under names of the reader's choice.

        Columns(table, "m", guid=("guid",), body=("attributedBody",), title=("ZTITLE2", "ZTITLE1", "ZTITLE"))

    Of several names, the first value that is not NULL is used. A column that does not exist gives NULL, and its name is
    in `lacking`.
    """

    def __init__(self, table: Table, alias: str, /, **wanted: Sequence[str]) -> None:
        prefix = f"{alias}." if alias else ""
        self.lacking = frozenset(name for name, names in wanted.items() if not table.columns.intersection(names))
        parts = []
        for name, names in wanted.items():
            found = [prefix + quote_identifier(column) for column in names if column in table.columns]
            value = "NULL" if not found else found[0] if len(found) == 1 else f"COALESCE({', '.join(found)})"
            parts.append(f"{value} AS {quote_identifier(name)}")
        self.sql = ", ".join(parts)
        """The part of a query after SELECT."""
        self.names = tuple(wanted)


class Table:
    """An ordinary table that exists."""

    def __init__(self, name: str, columns: frozenset[str]) -> None:
        self.name = name
        self.columns = columns
        self.sql = quote_identifier(name)
        """The name, quoted for SQL."""

    def has(self, *columns: str) -> bool:
        return self.columns.issuperset(columns)

    def first(self, *columns: str) -> str | None:
        """The first of these columns that exists, quoted; None if none does."""
        return next((quote_identifier(column) for column in columns if column in self.columns), None)


class Database:
    """A private, read-only copy of a database of a backup. Views and virtual tables are never read."""

    def __init__(self, connection: sqlite3.Connection, watchdog: _Watchdog, size: int) -> None:
        self._connection = connection
        self._watchdog = watchdog
        self._row_limit = max(size, _MIN_ROW_LIMIT)
        self._tables: dict[str, Table | None] = {}
        self.table_names = ordinary_tables(connection)

    def table(self, *names: str) -> Table | None:
        """The first of these tables that exists."""
        for name in names:
            if name in self.table_names:
                if name not in self._tables:
                    self._tables[name] = Table(name, columns_of(self._connection, name))
                return self._tables[name]
        return None

    def rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, a few at a time.

        Raises:
            sqlite3.Error: the database is damaged, or the query runs too long without a row.
            ValueError: it has more rows than the file has bytes: pages that name each other as children.
        """
        with self._watchdog:
            cursor = self._connection.execute(query, values)
            rows = cursor.fetchmany(ROWS_AT_ONCE)
        count = 0
        while rows:
            count += len(rows)
            if count > self._row_limit:
                raise ValueError("it is damaged: it has more rows than it can hold")
            yield from rows
            with self._watchdog:
                rows = cursor.fetchmany(ROWS_AT_ONCE)

    def entities(self) -> dict[str, int]:
        """The numbers of a Core Data store's entities, which differ between stores and iOS versions."""
        keys = self.table("Z_PRIMARYKEY")
        if keys is None or not keys.has("Z_ENT", "Z_NAME"):
            return {}
        return {str(name): number for name, number in self.rows("SELECT Z_NAME, Z_ENT FROM Z_PRIMARYKEY")}


class _Watchdog:
    """Interrupts a connection that works too long: a few pages that name each other as children would count for ever
    (*seen*: 5 KB, endless)."""

    def __init__(self, interrupt: Callable[[], None], timeout_s: float) -> None:
        self._interrupt = interrupt
        self._timeout_s = timeout_s
        self._deadline: float | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._closed.wait(_POLL_S):
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                self._interrupt()

    def __enter__(self) -> None:
        self._deadline = time.monotonic() + self._timeout_s

    def __exit__(self, *_: object) -> None:
        self._deadline = None

    def close(self) -> None:
        self._closed.set()
        self._thread.join()  # it must not interrupt a closed connection


@contextmanager
def open_copy(copy: Path, tmp: Path | None = None) -> Iterator[Database]:
    """Open a private copy of a database for a reader, with its `-wal` beside it if there is one.

    Args:
        copy: the copy.
        tmp: where SQLite keeps what it sorts and cannot hold in memory; the folder of the copy if there is none.

    Raises:
        sqlite3.Error: the file is not a valid database.
    """
    with _opened(copy, tmp or copy.parent) as (connection, watchdog):
        with watchdog:
            database = Database(connection, watchdog, _size(copy))
        yield database


@contextmanager
def open_database(copy: Path) -> Iterator[sqlite3.Connection]:
    """Like `open_copy`, as a plain connection, all of whose queries together may take only so long.

    Raises:
        sqlite3.Error: the file is not a valid database.
    """
    with _opened(copy, copy.parent) as (connection, watchdog), watchdog:
        yield connection


@contextmanager
def _opened(copy: Path, tmp: Path) -> Iterator[tuple[sqlite3.Connection, _Watchdog]]:
    """A connection that only reads. SQLite applies the `-wal` and may write beside the file, so it must be a copy."""
    address = f"{copy.resolve().as_uri()}?mode=rw"
    timeout_s = _MIN_TIMEOUT_S + _size(copy) / _SLOWEST_BYTES_PER_S
    with closing(sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)) as connection:
        connection.text_factory = lambda stored: stored.decode("utf-8", "replace")
        with closing(_Watchdog(connection.interrupt, timeout_s)) as watchdog:
            with watchdog:
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.execute("PRAGMA cell_size_check = ON")
                connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
                keep_temporary_files_in(connection, tmp)
                connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()  # applies the -wal
                connection.execute("PRAGMA query_only = ON")
            yield connection, watchdog


def _size(copy: Path) -> int:
    """The bytes of a copy and its `-wal`."""
    return sum(file.stat().st_size for file in (copy, copy.with_name(copy.name + LOG)) if file.exists())


def keep_temporary_files_in(connection: sqlite3.Connection, folder: Path) -> None:
    """Let SQLite sort in files under `folder`, or in memory if it cannot be told where: they hold rows in plain text.

    The folder is a setting of the process, and files in it have no name after they are opened (on Windows: until they
    are closed). `SQLITE_TMPDIR` in the environment would not do: SQLite reads it once, when it is first used. A library
    may be compiled without the setting; it is then ignored, which shows when it is read back.
    """
    wanted = str(folder.resolve())
    try:
        if _temporary_folder(connection) != wanted:
            connection.execute(f"PRAGMA temp_store_directory = {_quoted_text(wanted)}")
        known = _temporary_folder(connection) == wanted
    except (sqlite3.Error, ValueError):  # not a folder that can be written to, or a name that is not UTF-8
        known = False
    connection.execute(f"PRAGMA temp_store = {'FILE' if known else 'MEMORY'}")


def _temporary_folder(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("PRAGMA temp_store_directory").fetchone()
    return None if row is None else str(row[0])


def _quoted_text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
