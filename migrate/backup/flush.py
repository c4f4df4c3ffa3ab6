"""Waits until what was written under a folder is on the disk, so that a power failure cannot take it back.

    Linux     one syncfs for the file system; it also reports a write that failed after it seemed to succeed (since 5.8)
    macOS     fsync of every file, which hands it to the drive, then one F_FULLFSYNC, which empties the drive's cache
    Windows   FlushFileBuffers of every file (os.fsync)

A phone sends a hundred thousand files. Waiting for each of them as it comes would take longer than the backup.
Sources: syncfs(2); fcntl(2) of macOS.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from migrate.backup.private_files import sync_folder


def flush_to_disk(folder: Path, *, since_ns: int = 0) -> None:
    """Return when everything under `folder` is on the disk; where each file has to be flushed, those written since
    `since_ns`.

    Raises:
        OSError: something could not be written.
    """
    if sys.platform == "linux" and sync_file_system(folder):
        return
    last = None
    for path in _written_since(folder, since_ns):
        with path.open("r+b") as file:  # Windows flushes only what it may write to
            os.fsync(file.fileno())
        last = path
    for place, _, _ in os.walk(folder):
        sync_folder(Path(place))
    if sys.platform == "darwin" and last is not None:
        _empty_the_drives_cache(last)


def sync_file_system(folder: Path) -> bool:
    """One syncfs for the file system of `folder`. False: this system's C library has none.

    Raises:
        OSError: something could not be written.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        return False
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)
    return True


def _written_since(folder: Path, since_ns: int) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            with suppress(FileNotFoundError):
                if not path.is_symlink() and path.stat().st_mtime_ns >= since_ns:
                    yield path


def _empty_the_drives_cache(path: Path) -> None:
    import fcntl  # macOS has it, Windows does not

    with path.open("rb") as file:
        fcntl.fcntl(file.fileno(), getattr(fcntl, "F_FULLFSYNC", 51))
