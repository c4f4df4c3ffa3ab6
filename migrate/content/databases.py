"""Copy a database of a backup to read it: a private copy of the file and its `-wal`, without its `-shm`.

    <tmp>/database-XXXX/main        0600, in a folder of 0700, removed afterwards
    <tmp>/database-XXXX/main-wal

SQLite applies the `-wal` when it opens the copy (open_database.py). With a `-shm` from another machine SQLite reports a
malformed database (facts/categories 1.3).
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from migrate.backup.companions import LOG
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.content.open_database import open_database, ordinary_tables, quote_identifier

_LIMIT_BYTES = 32 << 30
"""Larger than any database of a phone (*guessed*: Health stores of ten years have a few gigabytes)."""


@contextmanager
def database_copy(backup: Backup, record: Record, tmp: Path) -> Iterator[Path]:
    """A decrypted copy of a database of the backup, with its `-wal`; removed on exit.

    Raises:
        MigrateError: a blob is missing or cannot be decrypted.
        ValueError: it is longer than any database of a phone.
        OSError: the copy cannot be written.
    """
    log = backup.record(record.domain, record.relative_path + LOG)
    folder = Path(tempfile.mkdtemp(prefix="database-", dir=tmp))  # mkdtemp makes it 0700
    try:
        main = folder / "main"
        _write(backup.chunks(record), main)
        if log is not None and log.kind is Kind.FILE:
            _write(backup.chunks(log), folder / f"main{LOG}")
        yield main
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


def is_damaged(backup: Backup, record: Record, tmp: Path) -> bool:
    """Whether a file of the backup that should be a database is none, or has damaged pages. One whose schema this
    computer's SQLite does not know (a newer keyword, a function of the phone) is not damaged.

    Raises:
        as `database_copy`.
    """
    with database_copy(backup, record, tmp) as copy:
        try:
            table_digests(copy)
        except sqlite3.OperationalError:
            return False
        except sqlite3.DatabaseError as error:
            return not str(error).startswith("malformed database schema")
    return False


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
