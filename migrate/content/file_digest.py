"""The digest of a file's plaintext. Two backups of one file have different keys, so stored bytes cannot be compared."""

from __future__ import annotations

import hashlib

from migrate.backup.companions import LOG
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.problems import MigrateError

EMPTY = hashlib.sha256().digest()


def has_log(backup: Backup, domain: str, relative_path: str) -> bool:
    """Whether the backup has a `-wal` beside this file."""
    return backup.manifest.row(domain, relative_path + LOG) is not None


def digest_of(backup: Backup, record: Record, *, with_log: bool = True) -> bytes:
    """SHA-256 of a file's plaintext, and of its `-wal` if it has one that is not empty.

    Args:
        with_log: False if it is known to have none.

    Raises:
        BlobMissing, BlobUnreadable, BlobChanged: the backup's fault.
    """
    digest = hashlib.sha256()
    for chunk in backup.chunks(record):
        digest.update(chunk)
    log = backup.record(record.domain, record.relative_path + LOG) if with_log else None
    if log is None or log.kind is not Kind.FILE:
        return digest.digest()
    of_log = hashlib.sha256()
    for chunk in backup.chunks(log):
        of_log.update(chunk)
    return digest.digest() if of_log.digest() == EMPTY else digest.digest() + of_log.digest()


def digest_or_none(backup: Backup, record: Record) -> bytes | None:
    try:
        return digest_of(backup, record)
    except MigrateError:
        return None
