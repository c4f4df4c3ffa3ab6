"""A restore set under construction: its rows and stored files so far, and the directories they need.

Memory holds the directories, one bit for each inode number, and the dropped records, whatever the number of rows.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.manifest import Manifest, Row
from migrate.backup.manifest.writer import ManifestRow, ManifestWriter
from migrate.backup.mbfile.edit import ArchiveChange, CannotEdit, edit_archive
from migrate.backup.mbfile.encode import encode_mbfile
from migrate.backup.private_files import write_new
from migrate.backup.record import Kind, Record, file_id
from migrate.backup.restore_set.link_worker import FOLDER_MODE
from migrate.backup.restore_set.set_seal import SetSeal
from migrate.backup.restore_set.stored_files import LinkQueue, open_linker
from migrate.backup.seal import Seal
from migrate.problems import BadRecord, CannotCompose
from migrate.progress import Progress

FRESH_INODES = range(1 << 40, 1 << 41)
"""Inode numbers for files that need a new one. Phones count from 2 up (*seen*: up to 190,000, iOS 14.3) or begin near
the end of 64 bits; a row that uses one of these numbers gets another."""

_DIRECTORY_MODE = 0o040755
_ROWS_AT_ONCE = 1_000

RecordPath = tuple[str, str]
_Paths = defaultdict[str, set[str]]
"""Paths by domain: sets of texts cost the garbage collector less than tuples of domain and path."""


class Dropped(NamedTuple):
    """A chosen record that is not in the set, and the reason."""

    domain: str
    relative_path: str
    file_id: str
    reason: str


class Inodes:
    """The inode numbers in use, one bit each: phones assign them in runs."""

    def __init__(self) -> None:
        self._taken: dict[int, int] = {}
        self._fresh = iter(FRESH_INODES)

    def claim(self, inode: int) -> int | None:
        """None where `inode` was free and is taken now, else a fresh number. A row without a number reads as 0."""
        if inode > 0 and inode not in FRESH_INODES:
            bit = 1 << (inode & 63)
            taken = self._taken.get(inode >> 6, 0)
            if not taken & bit:
                self._taken[inode >> 6] = taken | bit
                return None
        return next(self._fresh)

    def fresh(self) -> int:
        return next(self._fresh)


@dataclass
class SetBuilder:
    """The set so far."""

    place: Path
    manifest: ManifestWriter
    progress: Progress
    ios_version: str
    dropped: list[Dropped] = field(default_factory=list)
    files: int = 0
    stored_bytes: int = 0
    inodes: Inodes = field(default_factory=Inodes)
    _rows: list[ManifestRow] = field(default_factory=list, repr=False)
    _count: int = 0
    _has_absent: bool = False
    _seal: SetSeal = field(init=False, repr=False)
    _needed: _Paths = field(default_factory=lambda: defaultdict(set), repr=False)
    _directories: _Paths = field(default_factory=lambda: defaultdict(set), repr=False)
    _symlinks: _Paths = field(default_factory=lambda: defaultdict(set), repr=False)

    def __post_init__(self) -> None:
        self._seal = SetSeal(self.place)

    # -- rows --------------------------------------------------------------------------------------------------------

    def add_row(self, row: Row | Record, kind: int, archive: bytes) -> int:
        """Add a row and note the directories it needs. Returns its number."""
        self._count += 1
        domain, path = row.domain, row.relative_path
        self._rows.append((self._count, row.file_id, domain, path, kind, archive))
        if len(self._rows) == _ROWS_AT_ONCE:
            self.flush()
        self._note_path(domain, path, kind)
        return self._count

    def remove_row(self, number: int) -> tuple[str, str, str]:
        """Remove a row whose stored file is missing. Returns its file id, domain and path."""
        self.flush()
        self._has_absent = True
        return self.manifest.remove(number)

    def flush(self) -> None:
        if self._rows:
            self.manifest.add_rows(self._rows)
            self._rows = []

    def _note_path(self, domain: str, path: str, kind: int) -> None:
        if kind != Kind.FILE:
            (self._directories if kind == Kind.DIRECTORY else self._symlinks)[domain].add(path)
        needed = self._needed[domain]
        while path:
            path = path.rpartition("/")[0]
            if path in needed:
                return
            needed.add(path)

    def has_path(self, domain: str, path: str) -> bool:
        """Whether the set has a directory or symbolic link with this path."""
        return path in self._directories[domain] or path in self._symlinks[domain]

    def drop(self, what: Row | Record | BadRecord, reason: str) -> None:
        self.dropped.append(Dropped(what.domain, what.relative_path, what.file_id, reason))

    def domains(self) -> set[str]:
        """Every domain that has a row."""
        return {domain for found in (self._needed, self._directories) for domain, paths in found.items() if paths}

    # -- stored files ------------------------------------------------------------------------------------------------

    @contextmanager
    def link_blobs_from(
        self, folder: BackupFolder, seal: Seal | None, expected: int, on_missing_blob: Callable[[int], None]
    ) -> Iterator[LinkQueue]:
        """A queue that links stored files of `folder`, sealed by `seal`, into the set; finished when the block ends.
        `on_missing_blob` gets the number of each row whose stored file is missing."""

        def on_linked(file_ids: Sequence[str], sizes: Sequence[int]) -> None:
            self._seal.add_linked(file_ids, sizes, seal)
            self._moved(len(file_ids), sum(sizes))

        with open_linker(folder.path, self.place, expected) as worker:
            links = LinkQueue(worker, on_missing_blob, on_linked)
            yield links
            links.finish()

    def _moved(self, files: int, stored_bytes: int) -> None:
        self.files += files
        self.stored_bytes += stored_bytes
        self.progress.bytes_moved(self.stored_bytes, None)
        self.progress.files_moved(self.files)

    def target(self, identity: str) -> Path:
        """The path of a stored file in the set. Creates its folder."""
        shard = self.place / identity[:2]
        shard.mkdir(mode=FOLDER_MODE, exist_ok=True)
        return shard / identity

    def add_file(self, record: Record, stored: bytes) -> None:
        """Add a file with new content."""
        write_new(self.target(record.file_id), stored, sync=False)  # the whole set is flushed at its end
        self.add_row(record, record.kind, encode_mbfile(record, ios_version=self.ios_version))
        self.count_file(record.file_id, len(stored), hashlib.sha256(stored).digest())

    def count_file(self, identity: str, stored_bytes: int, sha256: bytes) -> None:
        """Count a stored file that was written, not linked; its digest goes into the set's seal."""
        self._seal.add_written(identity, sha256, stored_bytes)
        self._moved(1, stored_bytes)

    def write_seal(self, app_groups: Seal | None) -> None:
        """Write the seal of the complete set beside it. See `SetSeal`."""
        self._seal.write(app_groups)

    # -- directories -------------------------------------------------------------------------------------------------

    def add_directories(self, own: Manifest, other: Manifest | None = None, sent: Collection[str] = ()) -> None:
        """Add a row for every directory above a record: that of `own`, that of another phone's backup with a new inode
        number, or else a new one. `sent` are the file ids of files from that other backup.

        Raises:
            CannotCompose: the path of a directory is taken by something else.
        """
        if self._has_absent:
            self._collect_paths_again()
        missing = [
            (domain, path) for domain, paths in self._needed.items() for path in paths - self._directories[domain]
        ]
        for domain, path in sorted(missing):
            row = _found(own, domain, path)
            if row is None and other is not None and (row := _found(other, domain, path)) is not None:
                row = self._with_fresh_inode(row)
            if row is None:
                record = _new_directory(domain, path, self.inodes.fresh())
                row = Row(
                    record.file_id, domain, path, record.kind, encode_mbfile(record, ios_version=self.ios_version)
                )
            if row.flags & 7 != Kind.DIRECTORY or path in self._symlinks[domain] or row.file_id in sent:
                raise CannotCompose(str(own.folder.path), f"{domain} {path} is not a directory")
            self.add_row(row, Kind.DIRECTORY, row.file)
        self.flush()

    def _with_fresh_inode(self, row: Row) -> Row | None:
        """None where the row cannot be written again."""
        try:
            return row._replace(file=edit_archive(row.file, ArchiveChange(inode=self.inodes.fresh())))
        except CannotEdit:
            return None

    def _collect_paths_again(self) -> None:
        """Collect the needed directories again, without those of removed rows."""
        self.flush()
        self._needed.clear()
        for domain, path, kind in self.manifest.paths():
            self._note_path(domain, path, kind)


def _found(manifest: Manifest, domain: str, path: str) -> Row | None:
    """The row of a path. A damaged one is taken for none, and a new directory replaces it."""
    try:
        row = manifest.row(domain, path)
        if row is not None:
            row.record()
        return row
    except BadRecord:
        return None


def _new_directory(domain: str, path: str, inode: int) -> Record:
    """A directory that no backup has a row for, as iOS makes them for apps and the user (*seen* 14.3)."""
    return Record(
        file_id=file_id(domain, path),
        domain=domain,
        relative_path=path,
        kind=Kind.DIRECTORY,
        mode=_DIRECTORY_MODE,
        inode=inode,
        user_id=501,
        group_id=501,
        size=0,
        modified=0,
        changed=0,
        born=0,
        protection_class=0,
        flags=0,
        encryption_key=None,
        digest=None,
        extended_attributes=None,
        target=None,
    )
