"""Consistent copies of SQLite databases: one checkpointed file in place of a database and its companion files.

A phone copies its databases before it sends them, because they change during the backup (CONFIRMED(dec), facts 2.3). In
a real backup of iOS 14.3 three of 85 databases had a `-wal` beside them and one a `-shm` (*seen*). Which databases keep
theirs is not known; here it is those that SQLite cannot open.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from migrate.backup.companions import SUFFIXES
from migrate.simulator.agent.spool import Spool
from migrate.simulator.device.filesystem import Content, Filesystem, Node

MAGIC = b"SQLite format 3\0"
CHUNK_BYTES = 1 << 20

Place = tuple[str, str]


@dataclass(frozen=True)
class _Copy:
    database: Node
    log: Node | None
    copy: Node | None  # None if SQLite cannot open the database


@dataclass(frozen=True)
class Replacements:
    """The copies, by the place of their database, and the places of the companion files that are left out for them."""

    copies: Mapping[Place, Node] = field(default_factory=dict)
    left_out: frozenset[Place] = frozenset()

    @property
    def domains(self) -> frozenset[str]:
        """The domains in which something is replaced or left out."""
        return frozenset(domain for domain, _ in self.copies)


class ConsistentCopies:
    """One phone's copies. A copy is only renewed if its database or log has changed, so that nothing is sent twice."""

    def __init__(self) -> None:
        self._made: dict[Place, _Copy] = {}
        self._spool = Spool()

    def of(self, files: Filesystem, belongs: Callable[[Node], bool]) -> Replacements:
        """What takes the place of the databases on this disk that have companion files. Of both, only those that
        `belongs` takes count. Only such databases are held in memory."""
        beside = {
            (node.domain, node.relative_path.removesuffix(suffix))
            for node in files.files_ending_with(SUFFIXES)
            if belongs(node)
            for suffix in SUFFIXES
            if node.relative_path.endswith(suffix)
        }
        copies: dict[Place, Node] = {}
        for domain, path in beside:
            database, log = (_file_at(files, domain, name, belongs) for name in (path, f"{path}-wal"))
            if database is not None and (copy := self._copy_of(database, log)):
                copies[domain, path] = copy
        companions = {(domain, path + suffix) for domain, path in copies for suffix in SUFFIXES}
        return Replacements(copies, frozenset(companions))

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


def _file_at(files: Filesystem, domain: str, path: str, belongs: Callable[[Node], bool]) -> Node | None:
    node = files.get(domain, path)
    return node if node is not None and node.kind == "file" and belongs(node) else None


def _write(path: Path, content: Content) -> None:
    with path.open("wb") as file:
        for chunk in content.chunks():
            file.write(chunk)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            yield data
