"""The list of the files that an export has written: `<to>/.migrate-export/ledger.sqlite`.

A file is noted before it gets its name, so after a kill every file that is there is known. The next run with the same
`--to` leaves alone what is complete. The names that a file needs are written together with the note: three transactions
for each took a third of the time of a small file. `synchronous=OFF`: a kill loses nothing; after a power cut the ledger
may be damaged, and then the export says so.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (key BLOB PRIMARY KEY, path TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS taken (folded TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, sha256 BLOB NOT NULL, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, origin TEXT
) WITHOUT ROWID;
"""


class Written(NamedTuple):
    """A file as it was written. `origin` tells what it was copied from; None for what was made."""

    path: str
    sha256: bytes
    bytes: int
    mtime_ns: int
    origin: str | None


class Ledger:
    """The open list. Used from one thread.

    Raises:
        OSError: in every method: it cannot be written; the disk is full.
        sqlite3.DatabaseError: it is damaged.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._is_closed = False

    @classmethod
    def open(cls, path: Path) -> Self:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            with _as_os_errors():
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute("PRAGMA cache_size = -2000")
                connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    def close(self) -> None:
        """Close it; a second time does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self.commit()
        finally:
            self._connection.close()

    def commit(self) -> None:
        """Keep the names that have been given, also if the process is killed now."""
        if self._connection.in_transaction:
            self._run("COMMIT")

    def fact(self, name: str) -> Any:
        """A remembered value, None if it was never set."""
        row = self._one("SELECT value FROM facts WHERE name = ?", name)
        return None if row is None else json.loads(row[0])

    def set_fact(self, name: str, value: Any) -> None:
        self._run("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, json.dumps(value))

    def path_of(self, key: str) -> str | None:
        row = self._one("SELECT path FROM names WHERE key = ?", _short(key))
        return None if row is None else str(row[0])

    def is_taken(self, folded: str) -> bool:
        return self._one("SELECT 1 FROM taken WHERE folded = ?", folded) is not None

    def take(self, folded: str) -> None:
        """Nothing else may have this name."""
        self._run("INSERT OR IGNORE INTO taken VALUES (?)", folded)

    def name(self, key: str, path: str, folded: str) -> None:
        """Give `path` to the thing with this key. Kept from the next `add` or `commit` on."""
        if not self._connection.in_transaction:
            self._run("BEGIN")
        self.take(folded)
        self._run("INSERT OR REPLACE INTO names VALUES (?, ?)", _short(key), path)

    def written(self, path: str) -> Written | None:
        row = self._one("SELECT path, sha256, bytes, mtime_ns, origin FROM files WHERE path = ?", path)
        return None if row is None else Written(*row)

    def add(self, file: Written) -> None:
        self._run("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", *file)
        self.commit()

    def forget(self, path: str) -> None:
        """The file there is somebody else's now."""
        self._run("DELETE FROM files WHERE path = ?", path)

    def files(self) -> Iterator[Written]:
        """All files, ordered by path."""
        for row in self._connection.execute("SELECT path, sha256, bytes, mtime_ns, origin FROM files ORDER BY path"):
            yield Written(*row)

    def _one(self, query: str, value: str | bytes) -> Any:
        return self._run(query, value).fetchone()

    def _run(self, query: str, *values: object) -> sqlite3.Cursor:
        with _as_os_errors():
            return self._connection.execute(query, values)


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """The system's error for a full disk, so that it is told like any other."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = errno.ENOSPC if "full" in str(error) else errno.EIO
        raise OSError(code, os.strerror(code)) from error


def _short(key: str) -> bytes:
    """Ids come from strangers: of any length, and perhaps with half a character in them."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
