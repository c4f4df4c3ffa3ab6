"""One process at a time: an advisory lock on a file, released when its process ends, even by SIGKILL."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast


class LockHeld(Exception):
    """Another process holds the lock."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock `path` while inside.

    Raises:
        LockHeld: another process holds it.
    """
    handle = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "rb+")
    with handle:
        _take(handle)
        try:
            yield
        finally:
            _release(handle)


def disk_keeps_locks(folder: Path) -> bool:
    """Whether files in a folder can be locked. Some network drives cannot do it."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return _take(cast(BinaryIO, file))


if sys.platform == "win32":
    import msvcrt

    def _take(handle: BinaryIO) -> bool:
        """Take the lock; False: the drive has none.

        Raises:
            LockHeld
        """
        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise LockHeld from error
        return True

    def _release(handle: BinaryIO) -> None:
        handle.seek(0)
        msvcrt.locking(handle.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import errno
    import fcntl

    CANNOT_LOCK = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})

    def _take(handle: BinaryIO) -> bool:
        """Take the lock; False: the drive has none.

        Raises:
            LockHeld
        """
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockHeld from error
        except OSError as error:  # some network drives cannot lock (ENOLCK, EOPNOTSUPP): "busy" would never end
            if error.errno not in CANNOT_LOCK:
                raise
            return False
        return True

    def _release(handle: BinaryIO) -> None:
        with suppress(OSError):  # closing the file releases it as well
            fcntl.flock(handle, fcntl.LOCK_UN)
