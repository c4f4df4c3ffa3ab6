"""Files that two seals prove to be the same: what one phone sent and what the other phone sent have one digest.

A seal's digests are of the bytes as stored, so they are those of the contents only in an unencrypted backup.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Self

from migrate.backup.companions import LOG
from migrate.backup.file_ids import FileIdCollector, FileIds
from migrate.backup.manifest.manifest import Row
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, file_id
from migrate.backup.seal_file import SealRows
from migrate.categories.catalogue import PathClass
from migrate.content.file_digest import has_log
from migrate.journey.proof.evidence import Side


@dataclass(frozen=True)
class Arrived:
    """The files in the new phone's list, from one pass over it: 20 bytes each."""

    files: Collection[str] = field(repr=False)
    """File ids."""
    logs: Collection[str] = field(repr=False)
    """File ids of those that are the -wal of another."""

    @classmethod
    def of(cls, backup: Backup) -> Self:
        files, logs = FileIdCollector(), set()
        for name, _, path, flags, _ in backup.manifest.rows(lambda bad: None):
            if flags & 7 == Kind.FILE:
                files.add(name)
                if path.endswith(LOG):
                    logs.add(name)
        return cls(FileIds.of(files), logs)


@dataclass(frozen=True)
class SealedAlike:
    """Two seals of unencrypted backups."""

    old_side: Side
    old: SealRows
    after: SealRows
    arrived: Arrived
    unreadable: Collection[str]
    """What the new phone could not read."""

    @classmethod
    def of(cls, old: Side, after: Side, arrived: Arrived) -> Self | None:
        """None where one has no seal or is encrypted."""
        if old.seal is None or after.seal is None or old.is_encrypted or after.is_encrypted:
            return None
        return cls(old, old.seal.rows, after.seal.rows, arrived, after.seal.unreadable)

    def proves(self, row: Row, is_class: PathClass, sealed: tuple[bytes, int]) -> bool:
        """Whether the new phone has this file of the old backup, with its -wal if it has one, as the old phone sent
        it: `sealed`. False if the seals do not tell."""
        name = row.file_id
        if sealed != self.after.get(bytes.fromhex(name)):
            return False
        if name not in self.arrived.files or name in self.unreadable:
            return False
        log = file_id(row.domain, row.relative_path + LOG)
        sealed_log = self.old.get(bytes.fromhex(log))
        if sealed_log is not None:
            return (
                sealed_log == self.after.get(bytes.fromhex(log))
                and log in self.arrived.logs
                and log not in self.unreadable
            )
        if is_class is not PathClass.DATABASE:
            return True
        return log not in self.arrived.logs and not has_log(self.old_side.backup, row.domain, row.relative_path)
