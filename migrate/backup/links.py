"""Copies a backup with hard links, which take no space, and replaces folders atomically.

A finished backup is linked into a run, and a restore set links the blobs it sends. Links share their file, so a linked
file is never written in place: write a new file, then rename it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from migrate.backup.flush import flush_to_disk
from migrate.backup.private_files import DISK_FULL, FOLDER_MODE, sync_folder
from migrate.backup.restore_set.link_worker import link_or_copy
from migrate.problems import DiskFullHere, StrangeFileInBackup

__all__ = ["is_regular", "link_or_copy", "link_tree", "refuse_nesting", "replace_folder"]


def link_tree(source: Path, into: Path) -> None:
    """Make `into` a hard-linked copy of the backup folder `source`, its folders 0700.

    `into` is replaced as a whole, by one rename, or not at all. Blocking.

    Raises:
        StrangeFileInBackup: the source holds something that is neither file nor folder, as no backup does.
        DiskFullHere: there is no room for the links (or the copies, where links cannot be made).
        ValueError: one folder is inside the other: a bug of the caller.
    """
    refuse_nesting(source, into)
    with replace_folder(into) as building:
        _link_folder(source.resolve(), building)


def refuse_nesting(source: Path, into: Path) -> None:
    """Raises ValueError where one folder contains the other: building `into` would change or replace `source`."""
    real_source, real_into = source.resolve(), into.resolve()
    if real_source in (real_into, *real_into.parents) or real_into in real_source.parents:
        raise ValueError(f"{into} and {source} lie in one another")


def _link_folder(source: Path, target: Path) -> None:
    with os.scandir(source) as entries, _Linker(source, target) as link:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                link(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                below = target / entry.name
                below.mkdir(mode=FOLDER_MODE)
                _link_folder(Path(entry.path), below)
            else:
                raise StrangeFileInBackup(entry.path)


class _Linker:
    """Links files from one folder into another; both are held open where the system can, which saves it the paths."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source, self._target = source, target
        self._held: list[int] = []

    def __enter__(self) -> Callable[[str], None]:
        if not _BY_DESCRIPTOR:
            return self._link_by_path
        for folder in (self._source, self._target):
            self._held.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW))
        return self._link

    def __exit__(self, *_: object) -> None:
        while self._held:
            os.close(self._held.pop())

    def _link(self, name: str) -> None:
        try:
            os.link(name, name, src_dir_fd=self._held[0], dst_dir_fd=self._held[1], follow_symlinks=False)
        except OSError:
            self._link_by_path(name)  # a file system without links, or the error is raised there again

    def _link_by_path(self, name: str) -> None:
        link_or_copy(self._source / name, self._target / name)


_BY_DESCRIPTOR = os.name == "posix" and {os.open, os.link} <= os.supports_dir_fd


@contextmanager
def replace_folder(into: Path) -> Iterator[Path]:
    """An empty folder (0700) next to `into` that replaces it when the block succeeds and all of it is on the disk.

    If the block raises, the folder is removed and `into` is unchanged. Leftovers of an earlier, killed attempt are
    removed first. Only one process may do this at a time: the caller holds the run's lock.

    Raises:
        DiskFullHere: the disk is full.
    """
    for leftover in into.parent.iterdir():
        if leftover.name.startswith(f".{into.name}.building-"):
            shutil.rmtree(leftover)
    building = into.with_name(f".{into.name}.building-{secrets.token_hex(4)}")
    try:
        building.mkdir(mode=FOLDER_MODE)
        yield building
        flush_to_disk(building)
        _move_into_place(building, into)
    except BaseException as problem:
        shutil.rmtree(building, ignore_errors=True)
        if isinstance(problem, OSError) and problem.errno in DISK_FULL:
            raise DiskFullHere(str(into), problem.strerror or "no space left") from problem
        raise


def _move_into_place(building: Path, into: Path) -> None:
    """Rename `building` to `into`. A folder cannot be renamed over one that is not empty, so the old one is moved
    first."""
    if into.exists():
        before = into.with_name(f".{into.name}.building-{secrets.token_hex(4)}-before")
        into.rename(before)
        building.rename(into)
        shutil.rmtree(before)
    else:
        building.rename(into)
    sync_folder(into.parent)


def is_regular(path: Path) -> bool:
    """Whether `path` itself is a regular file, not a symbolic link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
