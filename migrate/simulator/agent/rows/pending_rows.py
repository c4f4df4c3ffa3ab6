"""The rows of a backup in progress, kept on disk so that a million of them need no memory."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from migrate.backup.manifest.writer import ManifestWriter
from migrate.backup.mbfile.decode import decode_mbfile
from migrate.backup.record import Kind, Record
from migrate.simulator.agent.rows.known_row import KINDS, KnownRow
from migrate.simulator.agent.rows.record_templates import RecordTemplates
from migrate.simulator.agent.rows.scratch_database import ScratchDatabase, Values
from migrate.simulator.device.filesystem import Node

CHUNK_BYTES = 1 << 20
ROWS_PER_BATCH = 500

_SCHEMA = """
    CREATE TABLE {name} (
        number INTEGER PRIMARY KEY,    -- in the order of the plan
        file_id BLOB NOT NULL, domain TEXT NOT NULL, relative_path TEXT NOT NULL, kind INTEGER NOT NULL,
        archive BLOB NOT NULL,
        is_uploaded INTEGER NOT NULL,  -- whether this backup uploads the file
        size INTEGER NOT NULL,         -- of the file
        state BLOB NOT NULL,           -- see `state_of`
        stored_size INTEGER NOT NULL,  -- its size on the host
        file_key BLOB,                 -- with which its bytes are encrypted, if it is uploaded
        sent INTEGER NOT NULL,         -- whether it was sent completely, to Snapshot/
        snapshot_size INTEGER          -- its size in the host's Snapshot/, as last listed
    )
"""
_INSERT = "INSERT INTO Planned VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
_KNOWN = ", ".join(KnownRow._fields)
_NEEDS_UPLOAD = "is_uploaded AND NOT (sent AND snapshot_size IS stored_size)"


@dataclass(frozen=True)
class StoredFile:
    """A file that the phone generated for the host."""

    path: Path
    size: int
    sha256: bytes = field(repr=False)

    def chunks(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                yield data


class PendingRow(NamedTuple):
    """A planned row. `needs_upload`: the host does not have the file's bytes. `file_key`: in encrypted backups, the key
    of a file that this backup uploads."""

    number: int
    file_id: str
    stored_size: int
    needs_upload: bool
    file_key: bytes | None


class PendingRows:
    """The planned rows, by file id and in the order of the last plan."""

    def __init__(self, ios_version: str, *, encrypted: bool) -> None:
        """`encrypted`: the database on disk must be encrypted."""
        self._ios_version = ios_version
        self._templates = RecordTemplates(ios_version)
        self._database = ScratchDatabase(_SCHEMA.format(name="Row"), encrypted=encrypted)
        self._database.run("CREATE INDEX ids ON Row(file_id, kind, is_uploaded)")
        self._waiting: list[Values] = []  # planned rows that are not in the database yet
        self._sent: list[tuple[int]] = []  # numbers of sent rows that are not marked in the database yet
        self._count = self._planned = 0

    def __len__(self) -> int:
        return self._count

    def rest(self) -> None:
        """Frees memory and disk that is only needed while the backup runs. The rows can still be read."""
        self._note_sent()
        (self._database.folder / "Manifest.db").unlink(missing_ok=True)
        self._database.run("PRAGMA shrink_memory")

    # --- planning

    def begin_plan(self) -> None:
        """Starts a new plan. Rows that are not kept or put until `end_plan` are dropped."""
        self._note_sent()
        self._database.run("DROP TABLE IF EXISTS Planned")
        self._database.run(_SCHEMA.format(name="Planned"))
        self._planned = 0
        self._waiting.clear()

    def known(self, file_id: str) -> KnownRow | None:
        """A row of the last finished plan, or None."""
        if not self._count:
            return None
        row = self._database.row(f"SELECT {_KNOWN} FROM Row WHERE file_id = ?", (bytes.fromhex(file_id),))  # noqa: S608
        return KnownRow(*row) if row else None

    def known_from(self, file_id: bytes | None = None) -> Iterator[KnownRow]:
        """The rows in the order of the last plan: all, or those after the one with this file id."""
        after = "" if file_id is None else "WHERE number > (SELECT number FROM Row WHERE file_id = ?)"
        query = f"SELECT {_KNOWN} FROM Row {after} ORDER BY number"  # noqa: S608
        return map(KnownRow._make, self._database.rows(query, () if file_id is None else (file_id,)))

    def put(
        self,
        node: Node,
        file_id: str,
        state: bytes,
        *,
        protection_class: int,
        wrapped_key: bytes | None,
        attributes: bytes | None,
        stored_size: int,
        file_key: bytes | None,
    ) -> None:
        """Adds a new or changed row, whose file has not been sent yet."""
        kind, is_file = KINDS[node.kind], node.kind == "file"

        def make_record() -> Record:
            return Record(
                file_id=file_id,
                domain=node.domain,
                relative_path=node.relative_path,
                kind=kind,
                mode=node.mode,
                inode=node.inode,
                user_id=node.user_id,
                group_id=node.group_id,
                size=node.size,
                modified=node.modified,
                changed=node.changed,
                born=node.born,
                protection_class=protection_class,
                flags=0,
                encryption_key=wrapped_key,
                digest=None,
                extended_attributes=attributes,
                target=node.target,
            )

        archive = self._templates.encode_parts(
            (node.mode, node.user_id, node.group_id, protection_class, 0),
            (node.inode, node.size, node.modified, node.changed, node.born),
            node.relative_path,
            wrapped_key,
            None,
            node.target,
            attributes,
            make_record,
        )
        row = (bytes.fromhex(file_id), node.domain, node.relative_path, kind.value, archive)
        self._add((*row, is_file, node.size, state, stored_size, file_key, False))

    def put_known(self, known: KnownRow, *, stored_size: int) -> None:
        """Adds the row of a file that the backup has already."""
        *row, size, state = known
        self._add((*row, False, size, state, stored_size, None, False))

    def keep(self, known: KnownRow, *, is_uploaded: bool, stored_size: int) -> None:
        """Keeps a row of the last finished plan, with its state."""
        *row, size, state = known
        found = self._database.row("SELECT file_key, sent FROM Row WHERE file_id = ?", (known.file_id,))
        assert found is not None
        self._add((*row, is_uploaded, size, state, stored_size, *found))

    def end_plan(self) -> None:
        self._insert_waiting()
        self._database.run("DROP TABLE Row")
        self._database.run("ALTER TABLE Planned RENAME TO Row")
        self._database.run("CREATE INDEX ids ON Row(file_id, kind, is_uploaded)")
        self._count = self._planned

    def _add(self, values: Values) -> None:
        self._planned += 1
        self._waiting.append((self._planned, *values))
        if len(self._waiting) >= ROWS_PER_BATCH:
            self._insert_waiting()

    def _insert_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._database.run_many(_INSERT, waiting)

    # --- sending

    def record_uploaded_sizes(self, sizes: Iterable[tuple[str, int]]) -> None:
        """Records the sizes of the files in the host's Snapshot/: pairs of file id and size."""
        update = "UPDATE Row SET snapshot_size = ? WHERE file_id = ?"
        self._database.run_many(update, ((size, identity) for name, size in sizes if (identity := _identity(name))))

    def pending_upload_bytes(self) -> tuple[int, int]:
        """The total size of the files to upload: on the phone, and as stored on the host."""
        self._note_sent()
        row = self._database.row(f"SELECT sum(size), sum(stored_size) FROM Row WHERE {_NEEDS_UPLOAD}")  # noqa: S608
        assert row is not None
        return row[0] or 0, row[1] or 0

    @property
    def has_uploads(self) -> bool:
        """Whether any file is to be uploaded."""
        self._note_sent()
        return self._database.row(f"SELECT 1 FROM Row WHERE {_NEEDS_UPLOAD} LIMIT 1") is not None  # noqa: S608

    def in_order(self) -> Iterator[PendingRow]:
        """Every row in the order of the plan. Rows may be changed and marked during the iteration."""
        columns = f"number, lower(hex(file_id)), stored_size, {_NEEDS_UPLOAD}, file_key"
        query = f"SELECT {columns} FROM Row WHERE number > ? ORDER BY number LIMIT {ROWS_PER_BATCH}"  # noqa: S608
        self._note_sent()
        last = 0
        while page := list(self._database.rows(query, (last,))):
            yield from map(PendingRow._make, page)
            last = page[-1][0]

    def set_digest(self, row: PendingRow, digest: bytes) -> None:
        """Adds the digest of the stored bytes to a row's record."""
        query = "SELECT domain, relative_path, kind, archive FROM Row WHERE number = ?"
        found = self._database.row(query, (row.number,))
        assert found is not None
        domain, path, kind, archive = found
        record = decode_mbfile(archive, file_id=row.file_id, domain=domain, relative_path=path, kind=Kind(kind))
        archive = self._templates.encode(replace(record, digest=digest))
        self._database.run("UPDATE Row SET archive = ? WHERE number = ?", (archive, row.number))

    def mark_sent(self, row: PendingRow) -> None:
        self._sent.append((row.number,))
        if len(self._sent) >= ROWS_PER_BATCH:
            self._note_sent()

    def domains(self) -> set[str]:
        return {domain for (domain,) in self._database.rows("SELECT DISTINCT domain FROM Row NOT INDEXED")}

    def file_ids_in(self, shard: str, *, uploaded_only: bool = False) -> Iterator[str]:
        """The ids of all files that start with the two digits of `shard`; with `uploaded_only`, only of files that this
        backup uploads."""
        first = bytes.fromhex(shard)
        query = "SELECT lower(hex(file_id)) FROM Row WHERE file_id BETWEEN ? AND ? AND kind = ? AND is_uploaded >= ?"
        values = (first, first + b"\xff" * 20, int(Kind.FILE), uploaded_only)
        return (file_id for (file_id,) in self._database.rows(query, values))

    def _note_sent(self) -> None:
        sent, self._sent = self._sent, []
        self._database.run_many("UPDATE Row SET sent = 1 WHERE number = ?", sent)

    # --- the manifest

    def write_manifest(self, manifest_key: bytes | None, leave_out: Collection[str] = ()) -> StoredFile:
        """Writes Manifest.db without the file ids in `leave_out`, encrypted if there is a key. The file is deleted
        together with these rows."""
        path = self._database.folder / "Manifest.db"
        path.unlink(missing_ok=True)
        query = "SELECT number, lower(hex(file_id)), domain, relative_path, kind, archive FROM Row ORDER BY number"
        with ManifestWriter(path, self._ios_version, manifest_key, composed=False) as manifest:
            rows = self._database.rows(query)
            while page := list(islice(rows, ROWS_PER_BATCH)):
                manifest.add_rows([row for row in page if row[1] not in leave_out])
            manifest.finish()
        digest, stored = hashlib.sha256(), StoredFile(path, path.stat().st_size, b"")
        for chunk in stored.chunks():
            digest.update(chunk)
        return StoredFile(path, stored.size, digest.digest())


def _identity(name: str) -> bytes | None:
    """The 20 bytes of a file id, or None for any other name in the host's folder."""
    try:
        return bytes.fromhex(name)
    except ValueError:
        return None
