"""The rows of a backup in the making: on the disk, so that a million of them cost no memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from migrate.backup.manifest.writer import ManifestFile
from migrate.backup.record import Kind, Record, decode_mbfile
from migrate.simulator.agent.rows.record_templates import RecordTemplates
from migrate.simulator.agent.rows.scratch_database import ScratchDatabase, Values

CHUNK_BYTES = 1 << 20
ROWS_PER_BATCH = 500

_SCHEMA = """
    CREATE TABLE {name} (
        number INTEGER PRIMARY KEY,  -- in the order of the plan
        file_id BLOB NOT NULL, domain TEXT NOT NULL, relative_path TEXT NOT NULL, kind INTEGER NOT NULL,
        archive BLOB NOT NULL,
        moves INTEGER NOT NULL,      -- its bytes are sent in this backup
        size INTEGER NOT NULL,       -- of the file
        stored INTEGER NOT NULL,     -- its length on the host
        sent INTEGER NOT NULL,       -- streamed to its end, to Snapshot/
        there INTEGER                -- its length in the host's Snapshot/, as last seen
    )
"""
_INSERT = "INSERT INTO Planned VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
_NEEDS_UPLOAD = "moves AND NOT (sent AND there IS stored)"


@dataclass(frozen=True)
class StoredFile:
    """A file that the phone has written for the host."""

    path: Path
    size: int
    sha256: bytes = field(repr=False)

    def chunks(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                yield data


@dataclass(frozen=True, slots=True)
class PendingRow:
    """A row as the draft has it. `needs_upload`: the host lacks its bytes."""

    number: int
    file_id: str
    domain: str
    relative_path: str
    kind: int
    archive: bytes = field(repr=False)
    stored_size: int
    needs_upload: bool

    def record(self) -> Record:
        return decode_mbfile(
            self.archive,
            file_id=self.file_id,
            domain=self.domain,
            relative_path=self.relative_path,
            kind=Kind(self.kind),
        )


class PendingRows:
    """Rows by file id, and in the order of the last plan."""

    def __init__(self, ios_version: str, *, encrypted: bool) -> None:
        """`encrypted`: nothing of them may lie on the disk in plain."""
        self._ios_version = ios_version
        self._templates = RecordTemplates(ios_version)
        self._database = ScratchDatabase(_SCHEMA.format(name="Row"), encrypted=encrypted)
        self._database.run("CREATE INDEX ids ON Row(file_id, kind, moves)")
        self._waiting: list[Values] = []  # rows of a plan that are not in the database yet
        self._sent: list[tuple[int]] = []  # the same of numbers
        self._count = self._planned = 0

    def __len__(self) -> int:
        return self._count

    # --- planning

    def begin_plan(self) -> None:
        """What is not kept or put from now on is gone from the phone."""
        self._note_sent()
        self._database.run("DROP TABLE IF EXISTS Planned")
        self._database.run(_SCHEMA.format(name="Planned"))
        self._planned = 0
        self._waiting.clear()

    def get(self, file_id: str) -> Record | None:
        """A row of the last finished plan."""
        if not self._count:
            return None
        query = "SELECT domain, relative_path, kind, archive FROM Row WHERE file_id = ?"
        row = self._database.row(query, (bytes.fromhex(file_id),))
        if row is None:
            return None
        domain, path, kind, archive = row
        return decode_mbfile(archive, file_id=file_id, domain=domain, relative_path=path, kind=Kind(kind))

    def put(self, record: Record, *, is_uploaded: bool, stored_size: int) -> None:
        """A new row, or another one in the place of an old: nothing of it is sent yet."""
        self._put(record, self._templates.encode(record), is_uploaded, stored_size, sent=False)

    def keep(self, record: Record, *, is_uploaded: bool, stored_size: int) -> None:
        """A row of the last finished plan, as `get` gave it."""
        sent = self._database.number("SELECT sent FROM Row WHERE file_id = ?", (bytes.fromhex(record.file_id),))
        self._put(record, self._templates.encode(record), is_uploaded, stored_size, sent=bool(sent))

    def end_plan(self) -> None:
        self._insert_waiting()
        self._database.run("DROP TABLE Row")
        self._database.run("ALTER TABLE Planned RENAME TO Row")
        self._database.run("CREATE INDEX ids ON Row(file_id, kind, moves)")
        self._count = self._planned

    def _put(self, record: Record, archive: bytes, is_uploaded: bool, stored_size: int, *, sent: bool) -> None:
        self._planned += 1
        values = (record.file_id, record.domain, record.relative_path, int(record.kind), archive)
        identity = bytes.fromhex(record.file_id)
        self._waiting.append((self._planned, identity, *values[1:], is_uploaded, record.size or 0, stored_size, sent))
        if len(self._waiting) >= ROWS_PER_BATCH:
            self._insert_waiting()

    def _insert_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._database.run_many(_INSERT, waiting)

    # --- sending

    def record_uploaded_sizes(self, sizes: Iterable[tuple[str, int]]) -> None:
        """What files the host has in Snapshot/, and how long each is."""
        update = "UPDATE Row SET there = ? WHERE file_id = ?"
        self._database.run_many(update, ((size, identity) for name, size in sizes if (identity := _identity(name))))

    def pending_upload_bytes(self) -> tuple[int, int]:
        """Of the files whose bytes the host lacks: their sizes on the phone and on the host, added up."""
        self._note_sent()
        row = self._database.row(f"SELECT sum(size), sum(stored) FROM Row WHERE {_NEEDS_UPLOAD}")  # noqa: S608
        assert row is not None
        return row[0] or 0, row[1] or 0

    def in_order(self) -> Iterator[PendingRow]:
        """Every row, in the order of the plan; meanwhile rows may be replaced and marked."""
        columns = "number, lower(hex(file_id)), domain, relative_path, kind, archive, stored"
        query = f"SELECT {columns}, {_NEEDS_UPLOAD} FROM Row WHERE number > ? ORDER BY number LIMIT {ROWS_PER_BATCH}"  # noqa: S608
        self._note_sent()
        last = 0
        while page := list(self._database.rows(query, (last,))):
            for row in page:
                yield PendingRow(*row)
            last = page[-1][0]

    def replace(self, row: PendingRow, record: Record) -> None:
        """Other facts about the same file."""
        archive = self._templates.encode(record)
        self._database.run("UPDATE Row SET archive = ? WHERE number = ?", (archive, row.number))

    def mark_sent(self, row: PendingRow) -> None:
        self._sent.append((row.number,))
        if len(self._sent) >= ROWS_PER_BATCH:
            self._note_sent()

    def domains(self) -> set[str]:
        return {domain for (domain,) in self._database.rows("SELECT DISTINCT domain FROM Row NOT INDEXED")}

    def file_ids_in(self, shard: str, *, uploaded_only: bool = False) -> Iterator[str]:
        """The ids of all files whose id begins with these two digits; `uploaded_only`: of those whose bytes are sent in this
        backup."""
        first = bytes.fromhex(shard)
        query = "SELECT lower(hex(file_id)) FROM Row WHERE file_id BETWEEN ? AND ? AND kind = ? AND moves >= ?"
        values = (first, first + b"\xff" * 20, int(Kind.FILE), uploaded_only)
        return (file_id for (file_id,) in self._database.rows(query, values))

    def _note_sent(self) -> None:
        sent, self._sent = self._sent, []
        self._database.run_many("UPDATE Row SET sent = 1 WHERE number = ?", sent)

    # --- the manifest

    def write_manifest(self, manifest_key: bytes | None) -> StoredFile:
        """Manifest.db as it goes to the host, encrypted where there is a key. It lies here as long as these rows."""
        path = self._database.folder / "Manifest.db"
        path.unlink(missing_ok=True)
        query = "SELECT number, lower(hex(file_id)), domain, relative_path, kind, archive FROM Row ORDER BY number"
        with ManifestFile(path, self._ios_version, manifest_key, composed=False) as manifest:
            rows = self._database.rows(query)
            while page := list(islice(rows, ROWS_PER_BATCH)):
                manifest.add_rows(page)
            manifest.finish()
        digest, stored = hashlib.sha256(), StoredFile(path, path.stat().st_size, b"")
        for chunk in stored.chunks():
            digest.update(chunk)
        return StoredFile(path, stored.size, digest.digest())


def _identity(name: str) -> bytes | None:
    """A file id's 20 bytes; None for another name that a host may have in its folder."""
    try:
        return bytes.fromhex(name)
    except ValueError:
        return None
