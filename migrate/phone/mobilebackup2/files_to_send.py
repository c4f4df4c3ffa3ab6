"""Open the files of the host folder that a phone asks for.

A restore asks for hardly anything but blobs, which are opened in the folders that the host folder holds. Whatever is
not simply there is opened by its path, which finds out what is wrong with it.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple

from migrate.phone.mobilebackup2.host_folder import HostFolder

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
"""O_NONBLOCK: opening a pipe must not wait for a writer."""


class OpenFile(NamedTuple):
    """A regular file that is open for reading. Close its descriptor."""

    descriptor: int
    size: int
    name: str
    """A file id, Manifest.db, a plist …"""


def open_to_send(host_folder: HostFolder, host_path: str) -> OpenFile:
    """Open the file that the phone calls `host_path`.

    Raises:
        UnsafeName, OSError: as `HostFolder.local_path`; also where it is no regular file.
    """
    descriptor, name = host_folder.open_blob(host_path), host_path.rpartition("/")[2]
    if descriptor is None:
        place = host_folder.local_path(host_path, to_read=True)
        descriptor, name = _open(place), place.name
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        return OpenFile(descriptor, status.st_size, name)
    os.close(descriptor)
    code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
    raise OSError(code, os.strerror(code))


def _open(place: Path) -> int:
    try:
        return os.open(place, _READ)
    except PermissionError:
        if place.is_dir():  # Windows denies access to a folder
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
        raise
