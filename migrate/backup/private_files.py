"""Writes this program's own files: readable by the owner only, never half written, flushed to disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

FOLDER_MODE = 0o700
FILE_MODE = 0o600

DISK_FULL = frozenset(code for name in ("ENOSPC", "EDQUOT") if (code := getattr(errno, name, None)) is not None)
"""The errno of a write when the disk or the user's quota is full."""


def open_new(path: Path, *, buffering: int = -1) -> BinaryIO:
    """Create a file (0600) for writing. Raises FileExistsError if it exists."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, FILE_MODE), "wb", buffering=buffering)


def write_new(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Write a file that must not exist yet and, with `sync`, wait until it is on the disk."""
    with open_new(path) as file:
        file.write(content)
        if sync:
            sync_file(file)


def sync_file(file: BinaryIO) -> None:
    """Flush the file and wait until it is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file once the new one is completely on disk: readers find the old or the new one."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    write_new(unfinished, content)
    unfinished.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until a rename in `folder` is on the disk. Windows has no such call, and NTFS journals the rename."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems do not support it
            raise
    finally:
        os.close(descriptor)
