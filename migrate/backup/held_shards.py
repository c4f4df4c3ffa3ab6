"""The folders of a backup's stored files, each checked once and held open, so that a file costs one system call.

Where the system opens files relative to an open folder (Linux, macOS), a shard is opened without following a link, and
every later name is looked up in that very folder: nobody can put a link in its place. Elsewhere (Windows), and for the
shards beyond half of the files that the process may open, the shard is looked at once, and its path is used. Names are
file ids, 40 hex digits, so they cannot lead anywhere else.
"""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO
from pathlib import Path
from typing import Final

from migrate.backup.open_files import open_folders_allowed

_BY_DESCRIPTOR: Final = os.open in os.supports_dir_fd and os.stat in os.supports_dir_fd
_SHARDS = 256
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_FILE_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""O_NONBLOCK: opening a pipe in an untrusted folder must not block."""


PIECE_BYTES: Final = 1 << 20


class HeldShards:
    """The shards of the backup at `folder`; with `flat` (iOS 5 to 9) the folder itself. Reads only.

    A shard that is a link or no folder counts as missing, with all its files. Several threads may use it.

    Raises:
        OSError: from every method; ENOENT where the file or its shard is missing.
    """

    def __init__(self, folder: Path, *, flat: bool = False) -> None:
        self._folder = folder
        self._flat = flat
        self._most = open_folders_allowed(_SHARDS) if _BY_DESCRIPTOR else 0
        self._held: dict[str, int | str | None] = {}

    def __enter__(self) -> HeldShards:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for held in self._held.values():
            if isinstance(held, int):
                os.close(held)
        self._held.clear()

    def status(self, file_id: str) -> os.stat_result:
        """The status of a stored file, of a link itself."""
        held = self._hold(file_id)
        if isinstance(held, int):
            return os.stat(file_id, dir_fd=held, follow_symlinks=False)
        return os.lstat(f"{held}{os.sep}{file_id}")

    def open(self, file_id: str) -> int:
        """A descriptor for reading. Whether it is a regular file is the caller's to check, with fstat."""
        held = self._hold(file_id)
        if isinstance(held, int):
            return os.open(file_id, _FILE_FLAGS, dir_fd=held)
        path = f"{held}{os.sep}{file_id}"
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise OSError(errno.ELOOP, "it is a symbolic link, which is not followed", path)
        return os.open(path, _FILE_FLAGS)

    def open_regular(self, file_id: str) -> FileIO:
        """A stored file, unbuffered. Raises OSError also where it is no regular file."""
        descriptor = self.open(file_id)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is no regular file", file_id)
        return os.fdopen(descriptor, "rb", buffering=0)

    def read_small(self, file_id: str, expected: int) -> bytes:
        """All bytes of a stored file that had `expected` bytes a moment ago."""
        descriptor = self.open(file_id)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "it is no regular file", file_id)
            found = os.read(descriptor, expected + 1)
            while len(found) != expected and (more := os.read(descriptor, PIECE_BYTES)):
                found += more
            return found
        finally:
            os.close(descriptor)

    def read_of_length(self, file_id: str, length: int) -> bytes | None:
        """All bytes of a stored file that has this length; None if it has another."""
        descriptor = self.open(file_id)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "it is no regular file", file_id)
            if status.st_size != length:
                return None
            found = os.read(descriptor, length)
            while len(found) < length and (more := os.read(descriptor, length - len(found))):
                found += more
            return found if len(found) == length else None
        finally:
            os.close(descriptor)

    def _hold(self, name: str) -> int | str:
        shard = "" if self._flat else name[:2]
        try:
            held = self._held[shard]
        except KeyError:
            by_path = len(self._held) >= self._most
            found = _held(self._folder / shard, follow=self._flat, by_path=by_path)
            held = self._held.setdefault(shard, found)
            if isinstance(found, int) and held != found:  # another thread was faster
                os.close(found)
        if held is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return held


def _held(path: Path, *, follow: bool, by_path: bool) -> int | str | None:
    """A descriptor of the folder, or its path; None where it is missing, a link or no folder."""
    try:
        if not by_path:
            return os.open(path, _FOLDER_FLAGS & ~getattr(os, "O_NOFOLLOW", 0) if follow else _FOLDER_FLAGS)
        status = path.stat() if follow else path.lstat()
        is_link = getattr(status, "st_reparse_tag", 0) != 0 and not follow  # a junction of Windows is no link to lstat
        return str(path) if stat.S_ISDIR(status.st_mode) and not is_link else None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise
