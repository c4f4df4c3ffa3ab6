"""Read a database of a backup through a private copy of the file and its `-wal`, without its `-shm`.

    <tmp>/database-XXXX/main        0600, in a folder of 0700, removed afterwards
    <tmp>/database-XXXX/main-wal

SQLite applies the `-wal` when it opens the copy. With a `-shm` from another machine SQLite reports a malformed database
(facts/categories 1.3). The schema is not trusted: views are never queried, triggers do not run on reads, and endless
queries are stopped.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from migrate.backup.companions import LOG
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record

_STEPS_PER_CHECK = 1_000_000
_STEP_LIMIT = 5_000_000_000
"""SQLite virtual machine steps for one connection. Counting a row takes about four; the limit is *guessed*."""

_MIN_TIMEOUT_S, _REPEAT_S = 30.0, 0.2
_SLOWEST_BYTES_PER_S = 5_000_000
"""A slow disk reads ten times as fast, and a count reads each page once."""

_LIMIT_BYTES = 32 << 30
"""Larger than any database of a phone (*guessed*: Health stores of ten years have a few gigabytes)."""

_VIRTUAL = re.compile(r"\s*create\s+virtual\s+table\b", re.IGNORECASE)
_SHADOWS = ("content", "docsize", "segdir", "segments", "stat", "data", "idx", "config", "node", "parent", "rowid")


ReadRecord = Callable[[Record], Iterable[bytes]]
"""Returns a record's decrypted content in chunks, like `Backup.chunks`."""


@contextmanager
def database_copy(backup: Backup, record: Record, tmp: Path) -> Iterator[Path]:
    """A decrypted copy of a database of the backup, with its `-wal`; removed on exit.

    Raises:
        MigrateError: a blob is missing or cannot be decrypted.
        OSError: the copy cannot be written.
    """
    log = backup.record(record.domain, record.relative_path + LOG)
    with copy_database(backup.chunks, record, log, tmp) as copy:
        yield copy


@contextmanager
def copy_database(read: ReadRecord, record: Record, log: Record | None, tmp: Path) -> Iterator[Path]:
    """Like `database_copy`, without an open backup: `read` returns a record's bytes; `log` is the record of the `-wal`.

    Raises:
        What `read` raises.
        ValueError: it is longer than any database of a phone.
        OSError: the copy cannot be written.
    """
    folder = Path(tempfile.mkdtemp(prefix="database-", dir=tmp))  # mkdtemp makes it 0700
    try:
        main = folder / "main"
        _write(read(record), main)
        if log is not None and log.kind is Kind.FILE:
            _write(read(log), folder / f"main{LOG}")
        yield main
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def open_database(database: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection to a private copy. SQLite may write beside the file, so it must be a copy.

    Raises:
        sqlite3.Error: the file is not a valid database.
    """
    with ExitStack() as stack:
        address = f"{database.resolve().as_uri()}?mode=rw"
        connection = stack.enter_context(closing(sqlite3.connect(address, uri=True, isolation_level=None)))
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        checks = iter(range(_STEP_LIMIT // _STEPS_PER_CHECK))
        connection.set_progress_handler(lambda: next(checks, None) is None, _STEPS_PER_CHECK)
        stack.enter_context(_interrupted_after(connection, _timeout_s(database)))
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()  # applies the -wal
        connection.execute("PRAGMA query_only = ON")
        yield connection


def _timeout_s(database: Path) -> float:
    """How long all queries of a database may take, from its size."""
    files = (database, database.with_name(database.name + LOG))
    size = sum(file.stat().st_size for file in files if file.exists())
    return _MIN_TIMEOUT_S + size / _SLOWEST_BYTES_PER_S


@contextmanager
def _interrupted_after(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Interrupt queries that run too long. The step limit is not enough: counting a table's rows is one step, and a few
    pages that name each other as children count for ever (*seen*: 5 KB, endless)."""
    done = threading.Event()

    def interrupt_queries() -> None:
        timeout = seconds
        while not done.wait(timeout):
            connection.interrupt()
            timeout = _REPEAT_S  # later queries are interrupted as well

    thread = threading.Thread(target=interrupt_queries, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()  # it must not interrupt a closed connection


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


def count_rows(
    connection: sqlite3.Connection,
    table: str,
    where: Mapping[str, int] | None = None,
    *,
    needs: Collection[str] = (),
) -> int | None:
    """The number of rows, restricted to `where` for columns that exist; None if a column in `needs` does not exist.

    If an index needs a collation that only the phone has, the table itself is read instead.
    """
    columns = columns_of(connection, table) if where or needs else frozenset()
    if not columns.issuperset(needs):
        return None
    wanted = {column: value for column, value in (where or {}).items() if column in columns}
    condition = " WHERE " + " AND ".join(f"{quote_identifier(column)} = ?" for column in wanted) if wanted else ""
    for source in (quote_identifier(table), f"{quote_identifier(table)} NOT INDEXED"):
        try:
            query = f"SELECT COUNT(*) FROM {source}{condition}"  # noqa: S608  names are quoted, values bound
            (count,) = connection.execute(query, tuple(wanted.values())).fetchone()
        except sqlite3.OperationalError as error:
            if source.endswith("NOT INDEXED") or error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise
        else:
            return int(count)
    raise AssertionError("unreachable")


@dataclass(frozen=True)
class TableDigest:
    """The rows of a table, independent of their order and of the pages that hold them."""

    count: int
    digest: int
    """The sum of the digests of all rows, 128 bits: equal for equal rows in any order."""


def table_digests(database: Path) -> dict[str, TableDigest]:
    """The digest of every ordinary table of a private copy (with its `-wal` beside it, if there is one).

    Raises:
        sqlite3.Error: the file is not a valid database, or a table cannot be read.
    """
    with open_database(database) as connection:
        return {table: _table_digest(connection, table) for table in sorted(ordinary_tables(connection))}


def _table_digest(connection: sqlite3.Connection, table: str) -> TableDigest:
    """Reads the table itself, because an index may need a collation that only the phone has."""
    count, total = 0, 0
    for row in connection.execute(f"SELECT * FROM {quote_identifier(table)} NOT INDEXED"):  # noqa: S608  the name is quoted
        digest = hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        total += int.from_bytes(digest, "big")
        count += 1
    return TableDigest(count, total & (1 << 128) - 1)


def _write(chunks: Iterable[bytes], path: Path) -> None:
    path.touch(mode=0o600, exist_ok=False)
    length = 0
    with path.open("wb") as out:
        for chunk in chunks:
            length += len(chunk)
            if length > _LIMIT_BYTES:
                raise ValueError(f"longer than {_LIMIT_BYTES:,} bytes")
            out.write(chunk)
