"""One of several compared backups."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.backup.reader import Backup
from migrate.backup.record import Record
from migrate.backup.seal import Seal
from migrate.categories.claims import Claims


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the compared backups, open."""

    backup: Backup
    claims: Claims
    seal: Seal | None = None
    """The digests of its blobs as the phone sent them."""

    @property
    def is_encrypted(self) -> bool:
        return self.backup.manifest.is_encrypted

    def could_not_read(self, record: Record) -> bool:
        """Whether the phone listed this file and could not read it for the backup."""
        return self.seal is not None and record.file_id in self.seal.unreadable
