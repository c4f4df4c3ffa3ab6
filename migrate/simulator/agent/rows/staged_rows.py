"""The rows of a restore with their received contents, kept on disk until the restart and after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from migrate.backup.mbfile.decode import decode_mbfile
from migrate.backup.record import Kind, Record
from migrate.simulator.agent.rows.host_rows import HostRow
from migrate.simulator.agent.rows.record_node import node_of
from migrate.simulator.agent.rows.scratch_database import IN_ORDER_CACHE_KIB, ScratchDatabase, Values
from migrate.simulator.agent.spool import Spool
from migrate.simulator.device.filesystem import EMPTY, Content, Node

ROWS_PER_BATCH = 500
_SCHEMA = """
    CREATE TABLE Staged (
        place INTEGER PRIMARY KEY,  -- in the order of domain and path: parents first
        file_id BLOB NOT NULL, domain TEXT NOT NULL, relative_path TEXT NOT NULL, kind INTEGER NOT NULL,
        archive BLOB NOT NULL,
        inode INTEGER NOT NULL, claimed INTEGER NOT NULL,  -- inode and size according to the row
        encryption_key BLOB, digest BLOB,                  -- of the stored bytes, according to the row
        bytes INTEGER NOT NULL, content BLOB NOT NULL,     -- received size, and the spool's reference to the content
        wave INTEGER NOT NULL                              -- when it is placed
    )
"""
_ROW = "lower(hex(file_id)), domain, relative_path, kind, archive"

KINDS: Final = {int(kind): kind for kind in Kind}
EVERYWHERE = range(1, 1 << 62)
AT_RESTART, ALREADY_PLACED = 0, -1
"""Waves: placed at the restart; already stored on the phone, so no longer read here. Later waves count from 1."""


class ExpectedFile(NamedTuple):
    """What the manifest says about a file that is to be received."""

    place: int
    file_id: str
    relative_path: str
    inode: int
    claimed: int
    """Its size."""
    encryption_key: bytes | None
    digest: bytes | None


class StagedRows:
    """The rows of one restore. Thread-safe."""

    def __init__(self, spool: Spool, *, encrypted: bool) -> None:
        """`encrypted`: the database on disk must be encrypted."""
        self._spool = spool
        self._database = ScratchDatabase(_SCHEMA, encrypted=encrypted, cache_kib=IN_ORDER_CACHE_KIB)
        self._received: list[tuple[int, bytes, int]] = []
        self._database.run("CREATE INDEX paths ON Staged(domain, relative_path)")

    def fill(self, rows: Iterable[HostRow]) -> None:
        """Adds the rows to restore, sorted by domain and path. Call it once."""
        values = (
            (
                *(row.file_id, row.domain, row.relative_path, row.kind.value, row.archive),
                *(row.inode, row.size, row.encryption_key, row.digest),
            )
            for row in rows
        )
        columns = "file_id, domain, relative_path, kind, archive, inode, claimed, encryption_key, digest"
        insert = f"INSERT INTO Staged ({columns}, bytes, content, wave) VALUES ({'?, ' * 9}0, x'', {AT_RESTART})"  # noqa: S608
        self._database.run_many(insert, values)

    @property
    def count(self) -> int:
        return self._database.number("SELECT count(*) FROM Staged")

    def claimed_bytes(self, *, files_only: bool = False) -> int:
        """The sum of the sizes in the rows."""
        kinds = f"= {int(Kind.FILE)}" if files_only else ">= 0"
        sizes = self._database.rows(f"SELECT claimed FROM Staged NOT INDEXED WHERE kind {kinds}")  # noqa: S608
        return sum(size for (size,) in sizes)

    def __contains__(self, place: tuple[str, str]) -> bool:
        """Whether there is a row for this domain and path."""
        query = "SELECT 1 FROM Staged WHERE domain = ? AND relative_path = ?"
        return self._database.row(query, place) is not None

    # --- receiving

    def files(self) -> Iterator[ExpectedFile]:
        """Every file in the order of its place."""
        columns = ", ".join(ExpectedFile._fields).replace("file_id", "lower(hex(file_id))")
        pages = self._pages("kind = ?", (int(Kind.FILE),), columns=columns)
        return (
            ExpectedFile(place, identity, path, inode % (1 << 64), *rest)
            for place, identity, path, inode, *rest in pages
        )

    def shared_inodes(self) -> frozenset[int]:
        """The inodes of more than one file."""
        query = "SELECT inode FROM Staged NOT INDEXED WHERE kind = ? GROUP BY inode HAVING count(*) > 1"
        return frozenset(inode % (1 << 64) for (inode,) in self._database.rows(query, (int(Kind.FILE),)))

    def keep(self, place: int, content: Content) -> None:
        """Stores the received content of the file at `place`."""
        self._received.append((content.size, self._spool.reference(content), place))
        if len(self._received) >= ROWS_PER_BATCH:
            self._write_received()

    def _write_received(self) -> None:
        received, self._received = self._received, []
        self._database.run_many("UPDATE Staged SET bytes = ?, content = ? WHERE place = ?", received)

    # --- putting in place

    def postpone(self, wave_of: Callable[[str, str, Kind], int]) -> set[int]:
        """Moves rows that are restored in the background to later waves. Returns the waves that have rows."""
        postponed: list[tuple[int, int]] = []
        columns = "place, domain, relative_path, kind"
        for place, domain, relative_path, kind in self._pages("wave = ?", (AT_RESTART,), columns=columns):
            if (wave := wave_of(domain, relative_path, KINDS[kind])) != AT_RESTART:
                postponed.append((wave, place))
        self._database.run_many("UPDATE Staged SET wave = ? WHERE place = ?", postponed)
        return {wave for wave, _ in postponed}

    def nodes(self, wave: int | None = None) -> Iterator[tuple[int, Node]]:
        """Every node with its place, parents before children."""
        where, values = ("wave = ?", (wave,)) if wave is not None else ("1", ())
        return ((place, self._node(content, row)) for place, _, content, *row in self._pages(where, values))

    def nodes_in_the_place_of(self, is_taken: Callable[[str, str], bool], wave: int) -> Iterator[tuple[int, Node]]:
        """The nodes of a wave for whose domain and path `is_taken`."""
        node_at = f"SELECT content, {_ROW} FROM Staged WHERE place = ?"  # noqa: S608
        for place, domain, relative_path in self._pages("wave = ?", (wave,), columns="place, domain, relative_path"):
            if is_taken(domain, relative_path) and (row := self._database.row(node_at, (place,))) is not None:
                yield place, self._node(row[0], row[1:])

    def mark_placed(self, places: Iterable[int]) -> None:
        """Marks nodes that are now stored on the phone's disk."""
        self._database.run_many(f"UPDATE Staged SET wave = {ALREADY_PLACED} WHERE place = ?", ((p,) for p in places))  # noqa: S608

    def lazy_nodes(self, wave: int) -> list[RestoredNodes]:
        """The nodes of a wave, one source per domain, for `Filesystem.add_lazy`."""
        query = (
            "SELECT domain, min(place), max(place), sum(bytes) FROM Staged NOT INDEXED WHERE wave = ? GROUP BY domain"
        )
        inodes = self.count + 1
        return [
            RestoredNodes(self, domain, wave, range(first, last + 1), inodes, int(total))
            for domain, first, last, total in self._database.rows(query, (wave,))
        ]

    def nodes_of(self, domain: str, wave: int, places: range) -> Iterator[tuple[int, Node]]:
        """The nodes of a domain, all of whose rows are at `places`."""
        pages = self._pages("domain = ? AND wave = ?", (domain, wave), places)
        return ((place, self._node(content, row)) for place, _, content, *row in pages)

    def nodes_ending_with(
        self, suffixes: tuple[str, ...], domain: str, wave: int, places: range
    ) -> Iterator[tuple[int, Node]]:
        """Like `nodes_of`, but only the files whose path ends with one of `suffixes`."""
        wanted = " OR ".join("substr(relative_path, ?) = ?" for _ in suffixes)
        ends = [value for suffix in suffixes for value in (-len(suffix), suffix)]
        where = f"domain = ? AND wave = ? AND kind = ? AND ({wanted})"
        pages = self._pages(where, (domain, wave, int(Kind.FILE), *ends), places)
        return ((place, self._node(content, row)) for place, _, content, *row in pages)

    def node_at(self, domain: str, relative_path: str, wave: int) -> tuple[int, Node] | None:
        query = f"SELECT place, content, {_ROW} FROM Staged WHERE domain = ? AND relative_path = ? AND wave = ?"  # noqa: S608
        row = self._database.row(query, (domain, relative_path, wave))
        return (row[0], self._node(row[1], row[2:])) if row else None

    def content_at(self, domain: str, relative_path: str, wave: int) -> Content | None:
        """The content of a file; None where there is no file."""
        query = "SELECT kind, content FROM Staged WHERE domain = ? AND relative_path = ? AND wave = ?"
        row = self._database.row(query, (domain, relative_path, wave))
        return self._spool.content(row[1]) if row is not None and row[0] == Kind.FILE else None

    def _node(self, content: bytes, row: Iterable[object]) -> Node:
        return node_of(_record(*row), self._spool.content(content) if content else EMPTY)  # type: ignore[arg-type]

    def _pages(
        self, where: str, values: Values, places: range = EVERYWHERE, columns: str = f"place, bytes, content, {_ROW}"
    ) -> Iterator[Values]:
        """By default place, size, content reference and row of the selected rows, which may change during the
        iteration."""
        self._write_received()
        within = "place > ? AND place < ?"
        query = f"SELECT {columns} FROM Staged NOT INDEXED WHERE {within} AND {where} ORDER BY place LIMIT ?"  # noqa: S608
        last = places.start - 1
        while page := list(self._database.rows(query, (last, places.stop, *values, ROWS_PER_BATCH))):
            yield from page
            last = page[-1][0]


@dataclass(frozen=True)
class RestoredNodes:
    """The restored nodes of one domain, for `Filesystem.add_lazy`."""

    rows: StagedRows = field(repr=False)
    domain: str
    wave: int
    places: range
    """Where the domain's rows are: they lie together, and a search of all rows for each of many domains takes long."""
    inode_count: int
    total_bytes: int

    def nodes(self, first_inode: int) -> Iterator[Node]:
        """Every node, parents before children."""
        return (
            replace(node, inode=first_inode + place)
            for place, node in self.rows.nodes_of(self.domain, self.wave, self.places)
        )

    def ending_with(self, suffixes: tuple[str, ...], first_inode: int) -> Iterator[Node]:
        found = self.rows.nodes_ending_with(suffixes, self.domain, self.wave, self.places)
        return (replace(node, inode=first_inode + place) for place, node in found)

    def content(self, relative_path: str) -> Content | None:
        return self.rows.content_at(self.domain, relative_path, self.wave)

    def get(self, relative_path: str, first_inode: int) -> Node | None:
        found = self.rows.node_at(self.domain, relative_path, self.wave)
        return replace(found[1], inode=first_inode + found[0]) if found else None


def _record(file_id: str, domain: str, relative_path: str, kind: int, archive: bytes) -> Record:
    return decode_mbfile(archive, file_id=file_id, domain=domain, relative_path=relative_path, kind=Kind(kind))
