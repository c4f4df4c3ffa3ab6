"""The rows of a host's manifest, kept on disk while the phone works with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from migrate.backup.manifest.manifest import Row
from migrate.backup.mbfile.decode import decode_mbfile
from migrate.backup.record import Kind, Record
from migrate.simulator.agent.rows.known_row import KnownRow, state_in
from migrate.simulator.agent.rows.scratch_database import CACHE_KIB, ScratchDatabase

_SCHEMA = """
    CREATE TABLE Row (
        number INTEGER PRIMARY KEY, file_id BLOB NOT NULL, domain TEXT NOT NULL, relative_path TEXT NOT NULL,
        kind INTEGER NOT NULL, archive BLOB NOT NULL, size INTEGER NOT NULL, state BLOB NOT NULL,
        inode INTEGER NOT NULL, protection_class INTEGER NOT NULL, encryption_key BLOB, digest BLOB
    )
"""
_KNOWN = ", ".join(KnownRow._fields)
DIRECTORIES_KEPT = 4_096
MAX_SIZE = (1 << 63) - 1

Place = tuple[str, str]
"""Domain and relative path."""


class HostRow(NamedTuple):
    """A valid row, as far as a restore asks about it."""

    file_id: bytes
    domain: str
    relative_path: str
    kind: Kind
    size: int
    inode: int
    """As SQLite holds it, see `signed`; so is the protection class."""
    protection_class: int
    encryption_key: bytes | None
    digest: bytes | None
    archive: bytes

    def record(self) -> Record:
        """Everything in the archive."""
        return decode_mbfile(
            self.archive,
            file_id=self.file_id.hex(),
            domain=self.domain,
            relative_path=self.relative_path,
            kind=self.kind,
        )


_COLUMNS = "file_id, domain, relative_path, kind, archive, size, state, inode, protection_class, encryption_key, digest"
_KINDS = {kind.value: kind for kind in Kind}


class HostRows:
    """The valid rows of a manifest, in its order."""

    def __init__(self, rows: Iterable[Row], *, encrypted: bool, cache_kib: int = CACHE_KIB) -> None:
        """`encrypted`: the database on disk must be encrypted.

        Raises:
            BadRecord, BackupUnreadable: raised by `rows`; BadRecord also for an invalid archive.
        """
        self._database = ScratchDatabase(_SCHEMA, encrypted=encrypted, cache_kib=cache_kib)
        checked = ((row, row.record()) for row in rows)
        values = (
            (
                *(bytes.fromhex(row.file_id), row.domain, row.relative_path, int(record.kind), row.file),
                *(min(record.size or 0, MAX_SIZE), state_in(record), signed(record.inode)),
                *(signed(record.protection_class), record.encryption_key, record.digest),
            )
            for row, record in checked
        )
        self._database.run_many(
            f"INSERT INTO Row ({_COLUMNS}) VALUES ({', '.join('?' * (_COLUMNS.count(',') + 1))})",  # noqa: S608
            values,
        )
        self._has_id_index = self._has_directory_index = False

    def close(self) -> None:
        """Free their memory and disk space before this object is gone."""
        self._database.close()

    def __len__(self) -> int:
        return self._database.number("SELECT count(*) FROM Row")

    def __iter__(self) -> Iterator[HostRow]:
        return self._each("")

    def by_path(self) -> Iterator[HostRow]:
        """Every row, sorted by domain and path."""
        return self._each("ORDER BY domain, relative_path")

    def _each(self, order: str) -> Iterator[HostRow]:
        columns = ", ".join(HostRow._fields)
        rows = self._database.rows(f"SELECT {columns} FROM Row NOT INDEXED {order}")  # noqa: S608
        return (HostRow._make((*row[:3], _KINDS[row[3]], *row[4:])) for row in rows)

    def known(self, file_id: str) -> KnownRow | None:
        """The last row with this file id, or None."""
        self._index_ids()
        query = f"SELECT {_KNOWN} FROM Row WHERE file_id = ? ORDER BY number DESC LIMIT 1"  # noqa: S608
        row = self._database.row(query, (bytes.fromhex(file_id),))
        return KnownRow(*row) if row else None

    def file_ids_in(self, shard: str) -> Iterator[str]:
        """The ids of all files that start with the two digits of `shard`."""
        self._index_ids()
        first = bytes.fromhex(shard)
        query = "SELECT lower(hex(file_id)) FROM Row WHERE file_id BETWEEN ? AND ? AND kind = ?"
        values = (first, first + b"\xff" * 20, int(Kind.FILE))
        return (file_id for (file_id,) in self._database.rows(query, values))

    def first_duplicate(self) -> int | None:
        """The number, counted from 0, of the first row whose path is also that of an earlier row."""
        query = "SELECT domain, relative_path, number FROM Row NOT INDEXED ORDER BY domain, relative_path, number"
        first: int | None = None
        before: Place | None = None
        for domain, relative_path, number in self._database.rows(query):
            place = (domain, relative_path)
            if place == before and (first is None or number <= first):
                first = number - 1
            before = place
        return first

    def parent_checker(self) -> Callable[[HostRow], bool]:
        """Returns a function that tells whether every directory above a record, including the domain's root, has a row.
        It caches up to DIRECTORIES_KEPT directories."""
        if not self._has_directory_index:
            self._database.run(
                f"CREATE INDEX directories ON Row(domain, relative_path) WHERE kind = {int(Kind.DIRECTORY)}"
            )
            self._has_directory_index = True
        known: dict[Place, bool] = {}

        def is_complete(domain: str, directory: str) -> bool:
            """Whether a directory and all directories above it have rows."""
            found = known.get((domain, directory))
            if found is None:
                above = not directory or is_complete(domain, directory.rpartition("/")[0])
                if len(known) >= DIRECTORIES_KEPT:
                    known.clear()
                found = known[domain, directory] = above and self._has_directory(domain, directory)
            return found

        def has_all_parents(record: HostRow) -> bool:
            return not record.relative_path or is_complete(record.domain, record.relative_path.rpartition("/")[0])

        return has_all_parents

    def _has_directory(self, domain: str, relative_path: str) -> bool:
        query = f"SELECT 1 FROM Row WHERE domain = ? AND relative_path = ? AND kind = {int(Kind.DIRECTORY)}"  # noqa: S608
        return self._database.row(query, (domain, relative_path)) is not None

    def _index_ids(self) -> None:
        if not self._has_id_index:
            self._database.run("CREATE INDEX ids ON Row(file_id, kind)")
            self._has_id_index = True


def signed(number: int) -> int:
    """A 64-bit number as SQLite can hold it."""
    number %= 1 << 64
    return number - (1 << 64) if number >> 63 else number
