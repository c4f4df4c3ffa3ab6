"""Open the files of the host folder that a phone asks for.

A restore asks for hardly anything but blobs. So for each batch of them the folder is opened once, and each of its
shards is looked at once, instead of every path being followed from the root of the disk. Whatever is not simply there
is opened by way of `HostFolder.local_path`, which says what is wrong with it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from migrate.phone.mobilebackup2.host_folder import HostFolder

CAN_OPEN_FOLDERS = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")
"""Not on Windows."""

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""O_NONBLOCK: opening a pipe must not wait for a writer."""
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


class OpenFile(NamedTuple):
    """A regular file that is open for reading. Close its descriptor."""

    descriptor: int
    size: int
    name: str
    """A file id, Manifest.db, a plist …"""


class FilesToSend:
    """Opens files of the host folder for reading."""

    def __init__(self, host_folder: HostFolder) -> None:
        self._host_folder = host_folder
        self._blob_path = re.compile(rf"{re.escape(host_folder.name)}/(([0-9a-f]{{2}})/([0-9a-f]{{40}}))")
        self._is_held = False
        self._descriptor: int | None = None
        self._prefix = ""
        """What a blob's path is joined to where the folder has no descriptor."""
        self._identity: tuple[int, int] | None = None
        self._shards: set[str] = set()
        """Shards of this very folder that are real folders: a phone cannot put a link in their place."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for one batch; in between, the phone may rename it."""
        with suppress(OSError):
            self._hold()
        try:
            yield
        finally:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._is_held, self._descriptor, self._prefix = False, None, ""

    def open(self, host_path: str) -> OpenFile:
        """Open one file.

        Raises:
            UnsafeName, OSError: as `HostFolder.local_path`; also where it is no regular file.
        """
        blob = self._blob_path.fullmatch(host_path) if self._is_held else None
        if blob is not None:
            with suppress(OSError):
                if blob[2] in self._shards or self._is_shard(blob[2]):
                    return OpenFile(*self._open_blob(self._prefix + blob[1]), blob[3])
        place = self._host_folder.local_path(host_path, to_read=True)
        return OpenFile(*_open(place, _READ, None), place.name)

    def _hold(self) -> None:
        folder = self._host_folder.local_path(self._host_folder.name, to_read=True)
        if CAN_OPEN_FOLDERS:
            self._descriptor = os.open(folder, _READ | os.O_DIRECTORY)
            status = os.fstat(self._descriptor)
        else:
            self._prefix = f"{folder}{os.sep}"
            status = folder.stat()
        if self._identity != (identity := (status.st_dev, status.st_ino)):
            self._identity = identity
            self._shards.clear()
        self._is_held = True

    def _is_shard(self, name: str) -> bool:
        status = os.stat(self._prefix + name, dir_fd=self._descriptor, follow_symlinks=False)
        is_junction = getattr(status, "st_reparse_tag", 0) != 0  # Windows follows one like a link
        if not stat.S_ISDIR(status.st_mode) or is_junction:
            return False
        self._shards.add(name)
        return True

    def _open_blob(self, path: str) -> tuple[int, int]:
        if not _NO_LINK and Path(path).is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return _open(path, _READ | _NO_LINK, self._descriptor)


def _open(path: str | Path, flags: int, folder: int | None) -> tuple[int, int]:
    try:
        descriptor = os.open(path, flags, dir_fd=folder)
    except PermissionError:
        if Path(path).is_dir():  # Windows denies access to a folder
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
        raise
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        return descriptor, status.st_size
    os.close(descriptor)
    code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
    raise OSError(code, os.strerror(code))
