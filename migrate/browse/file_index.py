"""Every file of a backup in a scratch database: folder by folder, and by the category or app that it belongs to."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from migrate.backup.manifest.manifest import Row
from migrate.backup.record import Kind
from migrate.browse.item_index import folded
from migrate.browse.scratch import Scratch
from migrate.categories.claims import Claims
from migrate.problems import BadRecord

_ROWS_AT_ONCE = 1000


class FileEntry(NamedTuple):
    """A file or a folder."""

    domain: str
    path: str
    is_folder: bool
    size: int | None
    """None if the list does not say it."""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2] or self.domain


class FileIndex:
    """Filled once by `fill`, then read by any thread. Close it."""

    def __init__(self, tmp: Path) -> None:
        self._lock = threading.Lock()
        self._scratch = Scratch(tmp)
        self._connection: sqlite3.Connection = self._scratch.connection
        self._connection.executescript(
            """
            CREATE TABLE files(domain TEXT, parent TEXT, folder INT, name TEXT, size INT,
                PRIMARY KEY(domain, parent, folder, name)) WITHOUT ROWID;
            CREATE TABLE owned(owner TEXT, domain TEXT, path TEXT, size INT,
                PRIMARY KEY(owner, domain, path)) WITHOUT ROWID;
            CREATE TABLE domains(domain TEXT PRIMARY KEY, files INT, bytes INT);
            """
        )

    def close(self) -> None:
        with self._lock:
            self._scratch.close()

    def fill(self, rows: Iterable[Row], claims: Claims) -> None:
        """Take all rows of a manifest. Folders that are only named in paths of files are added."""
        totals: dict[str, list[int]] = {}
        folders: set[tuple[str, str]] = set()
        files: list[tuple[str, str, int, str, int | None]] = []
        owned: list[tuple[str, str, str, int | None]] = []
        for row in rows:
            domain, path = _storable(row.domain), _storable(row.relative_path)
            total = totals.setdefault(domain, [0, 0])
            parent, _slash, name = path.rpartition("/")
            if row.kind is Kind.FILE:
                try:
                    size = row.size()
                except BadRecord:
                    continue
                total[0] += 1
                total[1] += size or 0
                files.append((domain, parent, 0, name, size))
                owned += [(owner, domain, path, size) for owner in claims.owners(row.domain, row.relative_path)]
            elif path and row.kind is Kind.DIRECTORY:
                parent = path
            while parent and (domain, parent) not in folders:
                folders.add((domain, parent))
                above, _slash, name = parent.rpartition("/")
                files.append((domain, above, 1, name, None))
                parent = above
            if len(files) >= _ROWS_AT_ONCE:
                self._add(files, owned)
        self._add(files, owned)
        with self._lock:
            rows_of_domains = [(domain, *total) for domain, total in totals.items()]
            self._connection.executemany("INSERT OR REPLACE INTO domains VALUES (?, ?, ?)", rows_of_domains)

    def _add(
        self, files: list[tuple[str, str, int, str, int | None]], owned: list[tuple[str, str, str, int | None]]
    ) -> None:
        with self._lock:
            self._connection.executemany("INSERT OR IGNORE INTO files VALUES (?, ?, ?, ?, ?)", files)
            self._connection.executemany("INSERT OR IGNORE INTO owned VALUES (?, ?, ?, ?)", owned)
        files.clear()
        owned.clear()

    def domains(self) -> list[tuple[str, int, int]]:
        """(domain, files, bytes), by name."""
        return list(self._rows("SELECT domain, files, bytes FROM domains ORDER BY domain", ()))

    def folder(self, domain: str, path: str, offset: int, limit: int) -> list[FileEntry]:
        """What is in a folder: folders first, by name."""
        prefix = f"{path}/" if path else ""
        found = self._rows(
            "SELECT folder, name, size FROM files WHERE domain = ? AND parent = ?"
            " ORDER BY folder DESC, name LIMIT ? OFFSET ?",
            (domain, path, limit, offset),
        )
        return [FileEntry(domain, prefix + name, bool(folder), size) for folder, name, size in found]

    def count_folder(self, domain: str, path: str) -> int:
        query = "SELECT COUNT(*) FROM files WHERE domain = ? AND parent = ?"
        return int(self._rows(query, (domain, path))[0][0])

    def of_owner(self, owner: str, offset: int, limit: int) -> list[FileEntry]:
        query = "SELECT domain, path, size FROM owned WHERE owner = ? ORDER BY domain, path LIMIT ? OFFSET ?"
        found = self._rows(query, (owner, limit, offset))
        return [FileEntry(domain, path, False, size) for domain, path, size in found]

    def count_owner(self, owner: str) -> int:
        return int(self._rows("SELECT COUNT(*) FROM owned WHERE owner = ?", (owner,))[0][0])

    def found(self, wanted: str, limit: int) -> list[FileEntry]:
        """Files in whose name this text is."""
        found = self._rows(
            "SELECT domain, parent, name, size FROM files WHERE folder = 0 AND instr(lower(name), ?) > 0 LIMIT ?",
            (folded(wanted), limit),
        )
        return [FileEntry(d, f"{parent}/{name}" if parent else name, False, size) for d, parent, name, size in found]

    def _rows(self, query: str, values: tuple[object, ...]) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def _storable(text: str) -> str:
    """Halves of characters cannot be stored."""
    return text.encode("utf-8", "replace").decode()
