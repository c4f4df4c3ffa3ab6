"""Consistent copies of SQLite databases: one checkpointed file in place of a database and its companion files.

A phone copies its databases before it sends them, because they change during the backup (CONFIRMED(dec), facts 2.3). In
a real backup of iOS 14.3 three of 85 databases had a `-wal` beside them and one a `-shm` (*seen*). Which databases keep
theirs is not known; here it is those that SQLite cannot open.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from migrate.backup.companions import SUFFIXES
from migrate.simulator.agent.spool import Spool
from migrate.simulator.device.filesystem import Content, Node

MAGIC = b"SQLite format 3\0"
CHUNK_BYTES = 1 << 20

Place = tuple[str, str]


@dataclass(frozen=True)
class _Copy:
    database: Node
    log: Node | None
    copy: Node | None  # None if SQLite cannot open the database


class ConsistentCopies:
    """One phone's copies. A copy is only renewed if its database or log has changed, so that nothing is sent twice."""

    def __init__(self) -> None:
        self._made: dict[Place, _Copy] = {}
        self._spool = Spool()

    def replace_databases(self, scan: Callable[[], Iterable[Node]]) -> Iterator[Node]:
        """Yields the nodes of `scan`, with each database that has companion files replaced by its copy, and without
        those companion files. `scan` must yield the same nodes every time. Only such databases are held in memory."""
        beside = {
            (node.domain, node.relative_path.removesuffix(suffix))
            for node in scan()
            for suffix in SUFFIXES
            if node.kind == "file" and node.relative_path.endswith(suffix)
        }
        wanted = beside | {(domain, f"{path}-wal") for domain, path in beside}
        places = (((node.domain, node.relative_path), node) for node in scan() if beside and node.kind == "file")
        files = {place: node for place, node in places if place in wanted}
        copies: dict[Place, Node] = {}
        for place in beside & files.keys():
            if copy := self._copy_of(files[place], files.get((place[0], f"{place[1]}-wal"))):
                copies[place] = copy
        companions = {(domain, path + suffix) for domain, path in copies for suffix in SUFFIXES}
        for node in scan():
            place = (node.domain, node.relative_path)
            if place not in companions:
                yield copies.get(place, node)

    def _copy_of(self, database: Node, log: Node | None) -> Node | None:
        place = (database.domain, database.relative_path)
        made = self._made.get(place)
        if made is None or made.database is not database or made.log is not log:
            earlier = made.copy.changed if made is not None and made.copy is not None else 0
            made = self._made[place] = _Copy(database, log, self._checkpoint(database, log, earlier))
        return made.copy

    def _checkpoint(self, database: Node, log: Node | None, earlier: int) -> Node | None:
        """Makes a copy whose status change time is later than `earlier`, the previous copy's: incremental backups
        compare it."""
        if next(database.content.chunks(), b"")[: len(MAGIC)] != MAGIC:
            return None
        if log is None or not log.size:
            return database
        with tempfile.TemporaryDirectory(prefix="simulator-") as name:
            path = Path(name) / "database"
            _write(path, database.content)
            _write(Path(f"{path}-wal"), log.content)
            try:
                with closing(sqlite3.connect(path)) as opened:
                    opened.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.DatabaseError:
                return None
            content = self._spool.keep(_chunks(path))
        changed = max(database.changed, log.changed, earlier + 1)
        return replace(database, content=content, modified=max(database.modified, log.modified), changed=changed)


def _write(path: Path, content: Content) -> None:
    with path.open("wb") as file:
        for chunk in content.chunks():
            file.write(chunk)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            yield data
