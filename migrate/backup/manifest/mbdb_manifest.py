"""The records of Manifest.mbdb, the manifest of iOS 5 to 9.

Such a backup encrypts the stored files and their keys, never its list of files, and has no ManifestKey. The stored
files lie directly in the backup's folder.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any

from migrate.backup.crypto.keybag import ClassKeys
from migrate.backup.crypto.stored_content import open_regular_file
from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.manifest import Manifest, OnBad, RecordFilter, Row
from migrate.backup.manifest.mbdb import LIMIT_BYTES, MAGIC, Mbdb, MbdbBroken
from migrate.backup.mbfile.encode import encode_mbfile
from migrate.backup.record import Record, file_id
from migrate.problems import BackupUnreadable, BadRecord

NAME = "Manifest.mbdb"


class MbdbManifest(Manifest):
    """The records of a backup of iOS 5 to 9, held in memory."""

    def __init__(self, folder: BackupFolder, mbdb: Mbdb, class_keys: ClassKeys | None) -> None:
        self.folder = folder
        self.class_keys = class_keys
        self.manifest_key = None
        self.is_composed = False
        self.has_log = False
        self.is_padded = True  # an unencrypted list needs no padding
        self._mbdb = mbdb

    @classmethod
    def read(cls, folder: BackupFolder, class_keys: ClassKeys | None) -> MbdbManifest:
        """The Manifest.mbdb of `folder`.

        Raises:
            BackupUnreadable: it is missing, too large, cut short or not in that format.
        """
        try:
            return cls(folder, Mbdb(_stored(folder)), class_keys)
        except MbdbBroken as error:
            raise BackupUnreadable(folder.path, NAME, str(error)) from error

    def close(self) -> None:
        """Nothing is open: the records are bytes in memory."""

    @property
    def count(self) -> int:
        return len(self._mbdb)

    def rows(self, on_bad: OnBad | None = None) -> Iterator[Row]:
        for record in self.records(on_bad):
            yield self._row_of(record)

    def records(self, on_bad: OnBad | None = None) -> Iterator[Record]:
        for found in self._mbdb:
            try:
                record = found.record()
            except BadRecord as bad:
                if on_bad is None:
                    raise
                on_bad(bad)
                continue
            yield record

    def records_where(self, wanted: RecordFilter, on_bad: OnBad) -> Iterator[Record]:
        def on_bad_wanted(bad: BadRecord) -> None:
            if wanted(bad.domain, bad.relative_path):
                on_bad(bad)

        return (record for record in self.records(on_bad_wanted) if wanted(record.domain, record.relative_path))

    def record(self, domain: str, relative_path: str) -> Record | None:
        number = self._numbers.get(bytes.fromhex(file_id(domain, relative_path)))
        return None if number is None else self._mbdb.at(number).record()

    def row(self, domain: str, relative_path: str) -> Row | None:
        record = self.record(domain, relative_path)
        return None if record is None else self._row_of(record)

    def domains(self) -> frozenset[str]:
        return frozenset(record.domain for record in self.records(lambda bad: None))

    def properties(self) -> dict[str, Any]:
        return {}

    def find_faults(self) -> Iterator[str]:
        return iter(())  # opening it has checked its structure already

    def without(self, dropped: Collection[str]) -> bytes:
        """The bytes of a Manifest.mbdb without the records `dropped` (file ids) and those that cannot be read."""
        kept = [MAGIC]
        for number, found in enumerate(self._mbdb):
            with suppress(BadRecord):
                if found.record().file_id not in dropped:
                    kept.append(self._mbdb.bytes_of(number))
        return b"".join(kept)

    @cached_property
    def _numbers(self) -> dict[bytes, int]:
        """Which record has a file id; the first where two claim the same path."""
        numbers: dict[bytes, int] = {}
        for number, found in enumerate(self._mbdb):
            try:
                identity = file_id((found.domain or b"").decode(), (found.path or b"").decode())
            except UnicodeDecodeError:
                continue
            numbers.setdefault(bytes.fromhex(identity), number)
        return numbers

    def _row_of(self, record: Record) -> Row:
        """The row a phone of iOS 10 would write for the same file."""
        blob = encode_mbfile(record, ios_version=self.folder.ios_version or "")
        return Row(record.file_id, record.domain, record.relative_path, int(record.kind), blob)


def _stored(folder: BackupFolder) -> bytes:
    try:
        with open_regular_file(folder.path / NAME) as file:
            begin = file.read(len(MAGIC))
            if os.fstat(file.fileno()).st_size > LIMIT_BYTES:
                raise BackupUnreadable(folder.path, NAME, f"it is larger than {LIMIT_BYTES:,} bytes")
            if begin != MAGIC:
                return begin  # an unknown format is not read into memory
            return begin + b"".join(iter(lambda: file.read(LIMIT_BYTES), b""))
    except OSError as error:
        raise BackupUnreadable(folder.path, NAME, error.strerror or type(error).__name__) from error
