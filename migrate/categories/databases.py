"""Reading a database of a backup: a private copy of the file and its `-wal`, never its `-shm`, opened only to be asked.

    <tmp>/database-XXXX/main        0600, in a folder of 0700, removed when the reader is done
    <tmp>/database-XXXX/main-wal

SQLite folds the `-wal` in when it opens the copy. A `-shm` from another machine describes another moment: with it
SQLite reports a malformed database (facts/categories 1.3). The schema of a stranger is not trusted: views are not
asked, triggers never run on a read, and a query that goes on and on is stopped.
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

_STEPS_BETWEEN_LOOKS = 1_000_000
_STEP_LIMIT = 5_000_000_000
"""Virtual machine steps of one connection; counting a row takes about four. *guessed*: far more than one needs."""

_LEAST_PATIENCE_S, _AGAIN_S = 30.0, 0.2
_SLOWEST_BYTES_PER_S = 5_000_000
"""A slow disk reads ten times as much; a count reads no page twice."""

_LIMIT_BYTES = 32 << 30
"""No database of a phone is so long (*guessed*: Health stores of ten years have some gigabytes)."""

_VIRTUAL = re.compile(r"\s*create\s+virtual\s+table\b", re.IGNORECASE)
_SHADOWS = ("content", "docsize", "segdir", "segments", "stat", "data", "idx", "config", "node", "parent", "rowid")


ReadRecord = Callable[[Record], Iterable[bytes]]
"""The content of a record in pieces, decrypted: what `Backup.chunks` gives."""


@contextmanager
def database_copy(backup: Backup, record: Record, tmp: Path) -> Iterator[Path]:
    """A readable copy of a database file of the backup, decrypted, its `-wal` beside it; gone afterwards.

    Raises:
        MigrateError: a blob is missing or does not decrypt. The backup's fault.
        OSError: the copy cannot be written.
    """
    log = backup.record(record.domain, record.relative_path + LOG)
    with copy_database(backup.chunks, record, log, tmp) as copy:
        yield copy


@contextmanager
def copy_database(read: ReadRecord, record: Record, log: Record | None, tmp: Path) -> Iterator[Path]:
    """The same where no backup is open: `read` gives the bytes of a record, `log` is its `-wal`'s, if it has one.

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
    """A connection that answers questions about a private copy. It may write beside the file: it must be a copy.

    Raises:
        sqlite3.Error: the bytes are no database. Whoever wrote the file is at fault.
    """
    with ExitStack() as held:
        address = f"{database.resolve().as_uri()}?mode=rw"
        connection = held.enter_context(closing(sqlite3.connect(address, uri=True, isolation_level=None)))
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        looks = iter(range(_STEP_LIMIT // _STEPS_BETWEEN_LOOKS))
        connection.set_progress_handler(lambda: next(looks, None) is None, _STEPS_BETWEEN_LOOKS)
        held.enter_context(_interrupted_after(connection, _patience_s(database)))
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()  # folds the -wal in
        connection.execute("PRAGMA query_only = ON")
        yield connection


def _patience_s(database: Path) -> float:
    """How long a database of this length may be asked."""
    there = (database, database.with_name(database.name + LOG))
    length = sum(file.stat().st_size for file in there if file.exists())
    return _LEAST_PATIENCE_S + length / _SLOWEST_BYTES_PER_S


@contextmanager
def _interrupted_after(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Stops a question that SQLite does not come back from: counting the rows of a table is one step of its machine,
    and a few pages that name each other as children hold more rows than can ever be counted (*seen*: 5 KB, endless)."""
    done = threading.Event()

    def watch() -> None:
        patience = seconds
        while not done.wait(patience):
            connection.interrupt()
            patience = _AGAIN_S  # whoever asks something else then is stopped as well

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()  # it must not interrupt a connection that is closed


def ordinary_tables(connection: sqlite3.Connection) -> frozenset[str]:
    """The ordinary tables: no views, nothing of SQLite's own, no full-text indexes or what they keep behind them."""
    listed = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    virtual = {name for name, sql in listed if _VIRTUAL.match(sql or "")}
    shadows = {f"{name}_{part}" for name in virtual for part in _SHADOWS}
    names = {name for name, _ in listed if not name.lower().startswith("sqlite_")}
    return frozenset(names - virtual - shadows)


def columns_of(connection: sqlite3.Connection, table: str) -> frozenset[str]:
    """The columns of a table, none where there is no such table."""
    return frozenset(row[1] for row in connection.execute(f"PRAGMA table_info({quote_identifier(table)})"))


def quote_identifier(name: str) -> str:
    """A name from a database as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def count_rows(
    connection: sqlite3.Connection,
    table: str,
    where: Mapping[str, int] | None = None,
    *,
    needs: Collection[str] = (),
) -> int | None:
    """How many rows a table has, or how many of them have `where`'s values in the columns that exist; None where one
    of the columns it `needs` does not exist.

    An index may need a collation that only the phone has; then the table itself is read.
    """
    columns = columns_of(connection, table) if where or needs else frozenset()
    if not columns.issuperset(needs):
        return None
    asked = {column: value for column, value in (where or {}).items() if column in columns}
    condition = " WHERE " + " AND ".join(f"{quote_identifier(column)} = ?" for column in asked) if asked else ""
    for source in (quote_identifier(table), f"{quote_identifier(table)} NOT INDEXED"):
        try:
            (count,) = connection.execute(f"SELECT COUNT(*) FROM {source}{condition}", tuple(asked.values())).fetchone()  # noqa: S608  names are quoted, values bound
        except sqlite3.OperationalError as error:
            if source.endswith("NOT INDEXED") or error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise
        else:
            return int(count)
    raise AssertionError("unreachable")


@dataclass(frozen=True)
class TableDigest:
    """What a table holds, whatever pages it lies on."""

    count: int
    digest: int
    """The sum of the digests of its rows: the same for the same rows in any order. 128 bits."""


def table_digests(database: Path) -> dict[str, TableDigest]:
    """The rows of every ordinary table of a private copy (with its `-wal` beside it, if it has one).

    Raises:
        sqlite3.Error: the bytes are no database, or a table cannot be read.
    """
    with open_database(database) as connection:
        return {table: _rows_of(connection, table) for table in sorted(ordinary_tables(connection))}


def _rows_of(connection: sqlite3.Connection, table: str) -> TableDigest:
    """An index may need a collation that only the phone has, so the table itself is read."""
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
