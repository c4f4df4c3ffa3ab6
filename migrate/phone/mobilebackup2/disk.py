"""Turn disk errors of this computer into our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migrate.backup.disk_space import free_bytes_at
from migrate.backup.private_files import DISK_FULL
from migrate.problems import BackupDiskFull, CannotWriteHere, MigrateError


def disk_error(error: OSError, folder: Path) -> MigrateError:
    """The error for a write that failed under `folder`."""
    if error.errno in DISK_FULL:
        return BackupDiskFull(folder, 0, free_bytes(folder))
    return CannotWriteHere(folder, error.strerror or type(error).__name__)


def free_bytes(folder: Path) -> int:
    """The free bytes on the disk that holds (or will hold) `folder`; 0 if the system does not say."""
    return free_bytes_at(folder) or 0


@contextmanager
def translate_disk_errors(folder: Path) -> Iterator[None]:
    """Wrap disk work only: every OSError inside must come from the disk, not from a phone."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, folder) from error
