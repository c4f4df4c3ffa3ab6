"""The fates of files while a proof runs, on disk: a phone has a million files, and items ask for those of their own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Self

from migrate.journey.proof.fates import Fate, LaterReason


class StoredFate(NamedTuple):
    """The fate of a file that has not simply arrived."""

    file_id: str
    domain: str
    relative_path: str
    fate: Fate
    reason: LaterReason | None
    """Why it comes later."""
    owners: tuple[str, ...]
    kept: bool
    """Whether it was on the new phone before and was not chosen."""
    why: str
    """A detail: which settings differ."""


class FileStore:
    """Remembers every file that has not simply arrived. Use as a context manager."""

    def __init__(self, tmp: Path) -> None:
        self._folder = TemporaryDirectory(prefix="proof-", dir=tmp)
        self._connection = sqlite3.connect(Path(self._folder.name) / "files", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA temp_store = MEMORY")
        self._connection.execute(
            "CREATE TABLE files (domain BLOB, path BLOB, file_id TEXT, fate TEXT, reason TEXT, owners TEXT,"
            " kept INTEGER, why TEXT, claimed INTEGER DEFAULT 0, PRIMARY KEY (domain, path, kept)) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._folder.cleanup()

    def add(self, stored: StoredFate) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO files (domain, path, file_id, fate, reason, owners, kept, why)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                _storable(stored.domain),
                _storable(stored.relative_path),
                stored.file_id,
                stored.fate.value,
                stored.reason,
                json.dumps(stored.owners),
                stored.kept,
                stored.why,
            ),
        )

    def claim(self, domain: str, relative_path: str, *, kept: bool) -> tuple[Fate, LaterReason | None]:
        """The fate of a file that belongs to an item. From now on the item speaks for it."""
        key = (_storable(domain), _storable(relative_path), kept)
        found = self._connection.execute(
            "SELECT fate, reason, claimed FROM files WHERE domain = ? AND path = ? AND kept = ?", key
        ).fetchone()
        if found is None:
            return Fate.SAME, None
        if not found[2]:
            self._connection.execute("UPDATE files SET claimed = 1 WHERE domain = ? AND path = ? AND kept = ?", key)
        return Fate(found[0]), found[1]

    def found_elsewhere(self, domain: str, relative_path: str, *, kept: bool) -> StoredFate | None:
        """Forget a file that is on the new phone at another path. Returns what was known of it."""
        key = (_storable(domain), _storable(relative_path), kept)
        where = "WHERE domain = ? AND path = ? AND kept = ?"
        row = self._connection.execute(f"SELECT {_COLUMNS} FROM files {where}", key).fetchone()  # noqa: S608  constants
        self._connection.execute(f"DELETE FROM files {where}", key)  # noqa: S608  constants
        return None if row is None else _stored(row)

    def unclaimed(self) -> Iterator[StoredFate]:
        """The files no item has spoken for."""
        query = f"SELECT {_COLUMNS} FROM files WHERE claimed = 0 ORDER BY domain, path"  # noqa: S608  constants
        yield from map(_stored, self._connection.execute(query))


_COLUMNS = "file_id, domain, path, fate, reason, owners, kept, why"


def _stored(row: tuple[Any, ...]) -> StoredFate:
    file_id, domain, path, fate, reason, owners, kept, why = row
    known = tuple(json.loads(owners))
    return StoredFate(file_id, _restored(domain), _restored(path), Fate(fate), reason, known, bool(kept), why)


def _storable(name: str) -> bytes:
    """SQLite takes no lone surrogates, which stand for bytes of a name that are not UTF-8."""
    return name.encode("utf-8", "surrogatepass")


def _restored(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")
