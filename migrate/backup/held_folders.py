"""Folders that are resolved and checked once, and then used through an open handle.

A phone sends a hundred thousand files into 256 folders. Following the whole path for each of them again took more than
half of a backup's time. Through the handle of a folder (`dir_fd`) a name can only mean what lies directly in it, and
nothing that happens to the path in between leads elsewhere. Windows has no such handles; there the checked path is
used again.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import OrderedDict
from pathlib import Path

from migrate.backup.open_files import open_folders_allowed
from migrate.backup.private_files import FILE_MODE
from migrate.backup.safe_path import inside

HAS_HANDLES = {os.open, os.rename, os.unlink} <= os.supports_dir_fd and hasattr(os, "O_DIRECTORY")

_FOLDER_NO_LINK = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_READ_NO_LINK = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""O_NONBLOCK: opening a pipe must not wait for a writer."""
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)

MOST_HANDLES = 600
"""The 256 folders of a backup, those of the one that arrives, and a few more."""
FEWEST_HANDLES = 16


class HeldFolder:
    """One folder. `name` is always a single component, which the caller has checked."""

    __slots__ = ("_handle", "path")

    def __init__(self, path: Path, handle: int | None) -> None:
        """Use `open`, or `HeldFolders.get`."""
        self.path = path
        self._handle = handle

    @classmethod
    def open(cls, path: Path) -> HeldFolder:
        """Hold `path`, a folder of ours that needs no check."""
        return cls(path, os.open(path, _FOLDER) if HAS_HANDLES else None)

    def create(self, name: str) -> int:
        """Create a file (0600) and return its descriptor. Raises FileExistsError, also where `name` is a link."""
        if self._handle is None:
            return os.open(self._join(name), _NEW_FILE, FILE_MODE)
        return os.open(name, _NEW_FILE, FILE_MODE, dir_fd=self._handle)

    def open_to_read(self, name: str) -> int:
        """A descriptor of what is called `name`. Whether that is a regular file is the caller's to check, with fstat.

        Raises:
            OSError: also where it is a link.
        """
        if self._handle is not None:
            return os.open(name, _READ_NO_LINK, dir_fd=self._handle)
        path = self._join(name)
        if path.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        return os.open(path, _READ_NO_LINK)

    def replace(self, name: str, folder: HeldFolder, new_name: str) -> None:
        """Rename `name` to `new_name` in `folder`; a file of that name is replaced."""
        if self._handle is None or folder._handle is None:
            self._join(name).replace(folder._join(new_name))
        else:
            os.replace(name, new_name, src_dir_fd=self._handle, dst_dir_fd=folder._handle)

    def unlink(self, name: str) -> None:
        """Remove the file or link `name`."""
        if self._handle is None:
            self._join(name).unlink()
        else:
            os.unlink(name, dir_fd=self._handle)

    def sync(self) -> None:
        """Wait until a rename in this folder is on the disk. Windows has no such call, and NTFS journals the rename."""
        if self._handle is not None:
            os.fsync(self._handle)

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _join(self, name: str) -> Path:
        return self.path / name


class HeldFolders:
    """The folders below `root` that were used last. Belongs to one thread.

    Call `forget` after a folder below `root` was renamed or removed: a handle follows its folder to a new name.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._held: OrderedDict[str, HeldFolder] = OrderedDict()
        self._limit = max(FEWEST_HANDLES, open_folders_allowed(MOST_HANDLES))

    def get(self, name: str) -> HeldFolder:
        """The folder that a phone or a backup calls `name`. It stays open until FEWEST_HANDLES others are used.

        Raises:
            UnsafeName: as `inside`: also where a link leads out of `root`.
            FileNotFoundError, NotADirectoryError: there is no such folder.
        """
        folder = self._held.get(name)
        if folder is not None:
            self._held.move_to_end(name)
            return folder
        folder = self._open(name)
        while len(self._held) >= self._limit:
            self._held.popitem(last=False)[1].close()
        self._held[name] = folder
        return folder

    def forget(self) -> None:
        """Close all of them; they are resolved again when they are needed."""
        while self._held:
            self._held.popitem()[1].close()

    def _open(self, name: str) -> HeldFolder:
        path = inside(self._root, name)
        if not HAS_HANDLES:
            if not stat.S_ISDIR(path.stat().st_mode):
                raise NotADirectoryError(str(path))
            return HeldFolder(path, None)
        # without links: `inside` lets one pass that stays below the root
        real_root, real_path = os.path.realpath(self._root), os.path.realpath(path)
        handle = os.open(real_root, _FOLDER)
        try:
            for part in Path(real_path).relative_to(real_root).parts:
                parent, handle = handle, os.open(part, _FOLDER_NO_LINK, dir_fd=handle)
                os.close(parent)
        except BaseException:
            os.close(handle)
            raise
        return HeldFolder(path, handle)
