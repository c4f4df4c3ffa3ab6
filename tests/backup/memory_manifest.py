"""Manifests that SQLite itself writes, in memory: the rows a test needs, sound or not, and the reference for the
program's own writer."""

from __future__ import annotations

import sqlite3

from migrate.backup.crypto.cipher import encrypted_chunks, padding_for
from migrate.backup.manifest.vfs import VERSIONS, WRITE_AHEAD_LOG
from migrate.backup.manifest.writer import PAGE_BYTES
from migrate.backup.mbfile.encode import encode_mbfile
from migrate.backup.record import Record, major_version


class MemoryManifest:
    """A new manifest with the schema, indices and header that a phone of `ios_version` writes."""

    def __init__(self, ios_version: str) -> None:
        self._ios_version = ios_version
        self._database = sqlite3.connect(":memory:", isolation_level=None)
        columns = "fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB"
        for statement in (
            f"PRAGMA page_size = {PAGE_BYTES}",
            "PRAGMA user_version = 2",
            f"CREATE TABLE Files ({columns})",
            "CREATE TABLE Properties (key TEXT PRIMARY KEY, value BLOB)",
            "BEGIN",
        ):
            self._database.execute(statement)
        self.count = 0

    def add(self, record: Record) -> None:
        archive = encode_mbfile(record, ios_version=self._ios_version)
        self.add_row(record.file_id, record.domain, record.relative_path, record.kind, archive)

    def add_row(self, file_id: str, domain: str, relative_path: str, flags: int, file: bytes) -> None:
        values = (file_id, domain, relative_path, int(flags), file)
        self._database.execute("INSERT INTO Files VALUES (?, ?, ?, ?, ?)", values)
        self.count += 1

    def set_property(self, key: str, value: bytes | str | int | float | None) -> None:
        self._database.execute("INSERT OR REPLACE INTO Properties VALUES (?, ?)", (key, value))

    def to_bytes(self) -> bytes:
        """The finished database, its header in WAL mode as on a phone, without padding."""
        by_domain = "FilesDomainIdx ON Files(domain)"
        if major_version(self._ios_version) >= 27:
            by_domain = "FilesDomainsRelativePathIdx ON Files(domain, relativePath)"
        for index in (by_domain, "FilesRelativePathIdx ON Files(relativePath)", "FilesFlagsIdx ON Files(flags)"):
            self._database.execute(f"CREATE INDEX {index}")
        self._database.execute("COMMIT")
        data = bytearray(self._database.serialize())
        self._database.close()
        data[VERSIONS] = WRITE_AHEAD_LOG
        return bytes(data)


def encrypt_manifest(db: bytes, manifest_key: bytes) -> bytes:
    """Manifest.db of an encrypted backup: `db` padded and encrypted under the plain manifest key."""
    return b"".join(encrypted_chunks([db], manifest_key))


def pad_manifest(db: bytes) -> bytes:
    """Manifest.db of an unencrypted backup: phones pad that one too (*seen*, iOS 14.3)."""
    return db + padding_for(len(db))
