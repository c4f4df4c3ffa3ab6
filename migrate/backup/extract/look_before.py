"""What is checked before anything is extracted: no chosen file is there already, and the disk has space for all."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from migrate.backup.extract.names import name_of
from migrate.backup.manifest.manifest import RecordFilter
from migrate.backup.reader import Backup
from migrate.backup.record import Kind
from migrate.backup.safe_path import inside
from migrate.problems import ExtractNeedsRoom, UnsafeName, WouldOverwrite


def look_before(backup: Backup, to: Path, wanted: RecordFilter, *, is_continued: bool) -> None:
    """Raises WouldOverwrite, ExtractNeedsRoom."""
    there, first, needed = 0, "", 0
    has_files = _holds_something(to)
    for record in backup.manifest.records_where(wanted, lambda bad: None):
        if record.kind is Kind.DIRECTORY:
            continue
        size = record.size or 0
        if has_files:
            with suppress(UnsafeName, OSError):  # reported later
                if os.path.lexists(inside(to, name_of(record))):
                    there, first, size = there + 1, first or name_of(record), 0
        needed += size
    if there and not is_continued:
        raise WouldOverwrite(str(to), there, first)
    existing = next(folder for folder in (to, *to.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if needed > free and (stored := _stored_bytes(backup, wanted)) > free:
        raise ExtractNeedsRoom(str(to), stored, free)


def _stored_bytes(backup: Backup, wanted: RecordFilter) -> int:
    """What the chosen files take: a claimed size may be any number."""
    total = 0
    for record in backup.manifest.records_where(wanted, lambda bad: None):
        if record.kind is Kind.FILE:
            with suppress(UnsafeName, OSError):
                total += backup.stored_path(record).stat().st_size
    return total


def _holds_something(to: Path) -> bool:
    try:
        return next(to.iterdir(), None) is not None
    except FileNotFoundError:
        return False
