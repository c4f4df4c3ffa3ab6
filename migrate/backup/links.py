"""Copies of a backup that cost no space: hard links, and the folder they are built in.

A finished backup is linked into a run, and a restore set links the blobs it sends. Links share their file, so nothing
that was linked is ever opened for writing in place: a new file, then a rename.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migrate.backup.private_files import DISK_FULL, FOLDER_MODE, sync_folder
from migrate.backup.restore_set.link_worker import link_or_copy
from migrate.problems import DiskFullHere, StrangeFileInBackup

__all__ = ["is_regular", "link_or_copy", "link_tree", "refuse_nesting", "replace_folder"]


def link_tree(source: Path, into: Path) -> None:
    """Make `into` a copy of the backup folder `source` out of hard links, its folders 0700.

    `into` appears whole, by one rename, or not at all; what stood there before is replaced. Blocking.

    Raises:
        StrangeFileInBackup: the source holds something that is neither file nor folder, which no backup does.
        DiskFullHere: no room left for the links (or the copies, where links can't be made).
        ValueError: one folder lies in the other: a bug of the caller.
    """
    refuse_nesting(source, into)
    with replace_folder(into) as building:
        _link_folder(source, building)


def refuse_nesting(source: Path, into: Path) -> None:
    """ValueError where one folder is or holds the other: building `into` would change or replace `source`."""
    real_source, real_into = source.resolve(), into.resolve()
    if real_source in (real_into, *real_into.parents) or real_into in real_source.parents:
        raise ValueError(f"{into} and {source} lie in one another")


def _link_folder(source: Path, target: Path) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                link_or_copy(entry.path, target / entry.name)
            elif entry.is_dir(follow_symlinks=False):
                below = target / entry.name
                below.mkdir(mode=FOLDER_MODE)
                _link_folder(Path(entry.path), below)
            else:
                raise StrangeFileInBackup(entry.path)


@contextmanager
def replace_folder(into: Path) -> Iterator[Path]:
    """An empty folder (0700) next to `into`, which takes its place when the block ends well.

    When the block raises, the folder is gone and `into` is as it was. What an earlier, killed attempt left beside
    `into` is cleared first. One process at a time: whoever calls holds the run's lock.

    Raises:
        DiskFullHere: the block met a full disk.
    """
    for leftover in into.parent.iterdir():
        if leftover.name.startswith(f".{into.name}.building-"):
            shutil.rmtree(leftover)
    building = into.with_name(f".{into.name}.building-{secrets.token_hex(4)}")
    try:
        building.mkdir(mode=FOLDER_MODE)
        yield building
        _take_place(building, into)
    except BaseException as problem:
        shutil.rmtree(building, ignore_errors=True)
        if isinstance(problem, OSError) and problem.errno in DISK_FULL:
            raise DiskFullHere(str(into), problem.strerror or "no space left") from problem
        raise


def _take_place(building: Path, into: Path) -> None:
    """Rename `building` to `into`. A folder cannot be renamed over one that holds something, so that one moves away."""
    if into.exists():
        before = into.with_name(f".{into.name}.building-{secrets.token_hex(4)}-before")
        into.rename(before)
        building.rename(into)
        shutil.rmtree(before)
    else:
        building.rename(into)
    sync_folder(into.parent)


def is_regular(path: Path) -> bool:
    """Whether `path` is a regular file itself, not something a symlink leads to."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
