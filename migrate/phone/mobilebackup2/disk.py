"""This computer's disk, when it refuses something: which error that is for a person."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migrate.backup.private_files import DISK_FULL
from migrate.problems import BackupDiskFull, CannotWriteHere, MigrateError


def disk_error(error: OSError, folder: Path) -> MigrateError:
    """What a write that failed under `folder` means."""
    if error.errno in DISK_FULL:
        return BackupDiskFull(folder, 0, free_bytes(folder))
    return CannotWriteHere(folder, error.strerror or type(error).__name__)


def free_bytes(folder: Path) -> int:
    """What is free where `folder` is, or will be; 0 where the system does not say."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return 0


@contextmanager
def translate_disk_errors(folder: Path) -> Iterator[None]:
    """For work on the disk alone: no OSError in here comes from a phone."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, folder) from error
