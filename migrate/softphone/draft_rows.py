"""The rows of a backup in the making: on the disk, so that a million of them cost no memory."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from migrate.backup.crypto import encrypted_chunks, padding_for
from migrate.backup.manifest import ManifestWriter
from migrate.backup.record import Kind, Record, decode_mbfile, encode_mbfile

CACHE_KIB = 32 << 10
CHUNK_BYTES = 1 << 20

_SCHEMA = """
    CREATE TABLE Row (
        file_id TEXT NOT NULL UNIQUE, domain TEXT NOT NULL, relative_path TEXT NOT NULL, kind INTEGER NOT NULL,
        archive BLOB NOT NULL,
        plan INTEGER NOT NULL,   -- in which look at the phone it was there last
        sent INTEGER NOT NULL,   -- streamed to its end, to Snapshot/
        moves INTEGER NOT NULL   -- its bytes are sent in this backup
    )
"""
_PUT = """
    INSERT INTO Row VALUES (?, ?, ?, ?, ?, ?, 0, ?)
    ON CONFLICT (file_id) DO UPDATE SET archive = excluded.archive, kind = excluded.kind, plan = excluded.plan,
        sent = 0, moves = excluded.moves
"""


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


class DraftRows:
    """Records by file id, in the order of the last plan. The folder is removed with this object."""

    def __init__(self, ios_version: str) -> None:
        self._ios_version = ios_version
        self._folder = Path(tempfile.mkdtemp(prefix="softphone-"))
        self._database = sqlite3.connect(self._folder / "rows", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}", "temp_store = FILE"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute(_SCHEMA)
        self._database.execute("BEGIN")
        self._plan = 0
        weakref.finalize(self, _tidy_up, self._database, self._folder)

    def __len__(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM Row").fetchone()[0])

    def __iter__(self) -> Iterator[Record]:
        """Every record; none may be put meanwhile."""
        query = "SELECT file_id, domain, relative_path, kind, archive FROM Row ORDER BY rowid"
        return (_record(*row) for row in self._database.execute(query))

    def get(self, file_id: str) -> Record | None:
        query = "SELECT file_id, domain, relative_path, kind, archive FROM Row WHERE file_id = ?"
        row = self._database.execute(query, (file_id,)).fetchone()
        return _record(*row) if row else None

    # --- planning

    def begin_plan(self) -> None:
        """What is not kept or put from now on is gone from the phone."""
        self._plan += 1

    def put(self, record: Record, *, moves: bool) -> None:
        """A new row, or another one in the place of an old: nothing of it is sent yet."""
        archive = encode_mbfile(record, ios_version=self._ios_version)
        values = (record.file_id, record.domain, record.relative_path, int(record.kind), archive, self._plan, moves)
        self._database.execute(_PUT, values)

    def keep(self, file_id: str, *, moves: bool) -> None:
        self._database.execute("UPDATE Row SET plan = ?, moves = ? WHERE file_id = ?", (self._plan, moves, file_id))

    def end_plan(self) -> None:
        self._database.execute("DELETE FROM Row WHERE plan < ?", (self._plan,))

    # --- sending

    def replace(self, record: Record) -> None:
        """Other facts about the same file."""
        archive = encode_mbfile(record, ios_version=self._ios_version)
        self._database.execute("UPDATE Row SET archive = ? WHERE file_id = ?", (archive, record.file_id))

    def mark_sent(self, file_id: str) -> None:
        self._database.execute("UPDATE Row SET sent = 1 WHERE file_id = ?", (file_id,))

    def is_sent(self, file_id: str) -> bool:
        return self._flag("sent", file_id)

    def moves(self, file_id: str) -> bool:
        """Whether the bytes of this file are sent in this backup."""
        return self._flag("moves", file_id)

    def is_file(self, file_id: str) -> bool:
        row = self._database.execute("SELECT kind FROM Row WHERE file_id = ?", (file_id,)).fetchone()
        return row is not None and row[0] == Kind.FILE

    def domains(self) -> set[str]:
        return {domain for (domain,) in self._database.execute("SELECT DISTINCT domain FROM Row")}

    def files_in(self, shard: str) -> Iterator[str]:
        """The ids of all files whose id begins with these two digits."""
        query = "SELECT file_id FROM Row WHERE file_id BETWEEN ? AND ? AND kind = ?"
        return (file_id for (file_id,) in self._database.execute(query, (shard, f"{shard}g", int(Kind.FILE))))

    # --- the manifest

    def write_manifest(self, manifest_key: bytes | None) -> StoredFile:
        """Manifest.db as it goes to the host, encrypted where there is a key. It lies here as long as these rows."""
        plain, stored = self._folder / "plain", self._folder / "Manifest.db"
        plain.unlink(missing_ok=True)
        writer = ManifestWriter(self._ios_version, at=plain)
        query = "SELECT file_id, domain, relative_path, kind, archive FROM Row ORDER BY rowid"
        for row in self._database.execute(query):
            writer.add_row(*row)
        writer.to_file()
        chunks = StoredFile(plain, plain.stat().st_size, b"").chunks()
        digest, size = hashlib.sha256(), 0
        with stored.open("wb") as file:
            for chunk in encrypted_chunks(chunks, manifest_key) if manifest_key is not None else _padded(chunks):
                digest.update(chunk)
                size += file.write(chunk)
        plain.unlink()
        return StoredFile(stored, size, digest.digest())

    def _flag(self, column: str, file_id: str) -> bool:
        row = self._database.execute(f"SELECT {column} FROM Row WHERE file_id = ?", (file_id,)).fetchone()  # noqa: S608
        return bool(row and row[0])


def _record(file_id: str, domain: str, relative_path: str, kind: int, archive: bytes) -> Record:
    return decode_mbfile(archive, file_id=file_id, domain=domain, relative_path=relative_path, kind=Kind(kind))


def _padded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        yield chunk
    yield padding_for(size)


def _tidy_up(database: sqlite3.Connection, folder: Path) -> None:
    database.close()
    shutil.rmtree(folder, ignore_errors=True)
