"""What a power cut leaves of a folder: only what was synced.

`DurableImage` watches the syncs of one process. `write_to` then writes the folder as it would be found after a power
cut at this moment in the worst case:

- a file has the contents of its last fsync, or is empty if it was never synced;
- a folder has the names of its last fsync. A name that was made or removed since is not there, or is there again;
- fsync of a file also keeps its own name and those of the folders above it, as ext4, XFS, Btrfs and APFS do. POSIX does
  not promise that;
- a syncfs keeps everything.

What other processes and SQLite sync by themselves counts as not synced, so the image is never better than a real disk.
A real disk keeps more: that lies between this image and the folder after a SIGKILL, which the other matrix covers.
"""

from __future__ import annotations

import os
import resource
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from migrate.backup import flush

Inode = int


class DurableImage:
    """The durable state of `root`, from now on."""

    def __init__(self, root: Path, store: Path) -> None:
        self._root, self._store = root, store
        self._names: dict[Inode, dict[str, Inode]] = {}
        self._files: dict[Inode, Path | None] = {}
        """Inode -> a copy of its synced contents; None: empty."""
        self._modes: dict[Inode, int] = {}
        self._targets: dict[Inode, str] = {}
        self._pins: dict[Inode, int] = {}
        """Descriptors: while one is open, the system gives the inode's number to no other file."""
        store.mkdir(mode=0o700)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.keep_everything()

    def watch(self) -> None:
        """Patch this process' ways to sync."""
        fsync: Callable[[Any], None] = os.fsync

        def fsync_and_keep(file: Any) -> None:
            fsync(file)
            number = file if isinstance(file, int) else file.fileno()
            self.keep(Path(f"/proc/self/fd/{number}").readlink())

        os.fsync = fsync_and_keep
        sync_file_system = flush.sync_file_system

        def sync_and_keep(folder: Path) -> bool:
            done = bool(sync_file_system(folder))
            if done and folder.absolute().is_relative_to(self._root):
                self.keep_everything()
            return done

        flush.sync_file_system = sync_and_keep

    def keep(self, path: Path) -> None:
        """`path` was synced."""
        if not path.is_relative_to(self._root) or not path.exists():
            return
        if path.is_dir():
            self._keep_names(path)
        else:
            self._keep_file(path)
            self._names.setdefault(self._pinned(path.parent), {})[path.name] = path.stat().st_ino
        while path != self._root:
            self._names.setdefault(self._pinned(path.parent), {})[path.name] = self._pinned(path)
            path = path.parent

    def keep_everything(self) -> None:
        for place, _, names in os.walk(self._root):
            self._keep_names(Path(place))
            for name in names:
                if not Path(place, name).is_symlink():
                    self._keep_file(Path(place, name))

    def write_to(self, target: Path) -> None:
        """Write the folder as it is found after the power cut."""
        self._write(self._root.stat().st_ino, target)

    def _write(self, inode: Inode, target: Path) -> None:
        target.mkdir(mode=0o700)
        for name, child in self._names.get(inode, {}).items():
            if child in self._targets:
                (target / name).symlink_to(self._targets[child])
            elif stat.S_ISDIR(self._modes[child]):
                self._write(child, target / name)
            else:
                copy = self._files.get(child)
                (target / name).write_bytes(copy.read_bytes() if copy else b"")
                (target / name).chmod(stat.S_IMODE(self._modes[child]))

    def _keep_names(self, folder: Path) -> None:
        self._names[self._pinned(folder)] = {entry.name: self._pinned(Path(entry.path)) for entry in os.scandir(folder)}

    def _keep_file(self, path: Path) -> None:
        inode = self._pinned(path)
        copy = self._store / str(inode)
        shutil.copyfile(path, copy)
        self._files[inode] = copy

    def _pinned(self, path: Path) -> Inode:
        """The inode of a path, held from now on."""
        known = os.lstat(path)
        if known.st_ino not in self._pins:
            self._pins[known.st_ino] = os.open(path, os.O_PATH | os.O_NOFOLLOW)
            self._modes[known.st_ino] = known.st_mode
            if stat.S_ISLNK(known.st_mode):
                self._targets[known.st_ino] = str(path.readlink())
        return known.st_ino
