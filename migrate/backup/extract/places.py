"""Where extracted files go: each in a real folder under the target, under a name that no other entry has."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from migrate.backup.extract.names import UsedNames, name_of
from migrate.backup.private_files import FOLDER_MODE
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.backup.safe_path import child_path, inside
from migrate.problems import BadRecord, UnsafeName

SAME_NAME = "two of its entries lead to the same name here"
USED_AS_FOLDER = "the backup lists this name both as a file and as a folder"
DIFFERS_IN_SPELLING = (
    "it takes the name for another one in the backup, which differs only in upper and lower case or in how an accent "
    "is stored"
)


class PlaceTaken(Exception):
    """Another entry of the backup has the place. `of_the_disk`: only this computer's disk cannot tell them apart."""

    def __init__(self, reason: str, *, of_the_disk: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.of_the_disk = of_the_disk


@dataclass
class Places:
    """The places of one extraction. `await_all` waits until every file begun so far has its name. `is_continued`:
    files of an unfinished extraction may be there."""

    backup: Backup
    to: Path
    names: UsedNames
    is_continued: bool
    await_all: Callable[[], None]
    begun: set[Path] = field(default_factory=set)
    """Files that are being written."""
    made: set[int] = field(default_factory=set)
    """Hashes of the places of this extraction, where another one is continued."""
    _folders: dict[str, Path] = field(default_factory=dict)
    """Folders under `to` known not to be links, by their names under it."""

    def begin(self, record: Record) -> Path:
        """The place of a file that is written from now on. Raises what `place` raises."""
        place = self.place(record)
        self.begun.add(place)
        if self.is_continued:
            self.made.add(hash(place))
        return place

    def place(self, record: Record) -> Path:
        """The path for a file or link. Creates its folder.

        Raises:
            UnsafeName: it would not be under `to`, or its folder is a link.
            PlaceTaken: another entry has the place.
            FileExistsError: a file is in the place of its folder.
        """
        above, _, name = name_of(record).rpartition("/")
        place = child_path(self.folder(above), name)
        if place in self.begun:  # two rows for one path: the second must see the result of the first
            self.await_all()
        self._require_own_name(f"{above}/{name}")
        if f"{above}/{name}" in self._folders:
            raise PlaceTaken(USED_AS_FOLDER)
        if os.path.lexists(place) and not self._may_be_ours(place):
            raise PlaceTaken(SAME_NAME)
        return place

    def _may_be_ours(self, place: Path) -> bool:
        """Whether what is there may be from the unfinished extraction that is continued."""
        return self.is_continued and hash(place) not in self.made

    def folder(self, name: str) -> Path:
        """A folder under `to`, created with its parents where missing; never the target of a link."""
        if (known := self._folders.get(name)) is not None:
            return known
        parts = name.split("/")
        folder = self.to
        for depth, part in enumerate(parts, 1):
            folder = self._folder_in(folder, part, "/".join(parts[:depth]))
        return folder

    def _folder_in(self, parent: Path, part: str, name: str) -> Path:
        if (known := self._folders.get(name)) is not None:
            return known
        folder = inside(parent, part)
        if folder.is_symlink():
            raise UnsafeName(name, "leads through a symbolic link")
        self._require_own_name(name)
        if folder in self.begun:
            self.await_all()
        with suppress(FileExistsError):
            folder.mkdir(mode=FOLDER_MODE)
        if not folder.is_dir():
            raise PlaceTaken(USED_AS_FOLDER) if self._lists_file(name) else FileExistsError
        self._folders[name] = folder
        return folder

    def _require_own_name(self, name: str) -> None:
        if self.names.take(name):
            raise PlaceTaken(DIFFERS_IN_SPELLING, of_the_disk=True)

    def _lists_file(self, name: str) -> bool:
        """Whether the backup has an entry of this name that is no folder."""
        domain, _, path = name.partition("/")
        with suppress(BadRecord):
            row = self.backup.manifest.row(domain, path)
            return row is not None and row.flags & 7 != Kind.DIRECTORY
        return False
