"""A set while it is being built: the rows and stored files it has so far, and the directories they need.

Whatever the number of rows, memory holds the directories, one bit for each inode number, and what is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from migrate.backup.folder import BackupFolder
from migrate.backup.link_errand import FOLDER_MODE
from migrate.backup.manifest import Manifest
from migrate.backup.manifest_writer import ManifestFile, ManifestRow
from migrate.backup.private_files import write_new
from migrate.backup.record import Kind, Record, encode_mbfile, file_id
from migrate.backup.stored_files import LinkQueue, linking
from migrate.errors import BadRecord, CannotCompose
from migrate.watch import Watcher

FRESH_INODES = range(1 << 40, 1 << 41)
"""Numbers for files that need one. Phones count files from 2 up (*seen*: up to 190,000, iOS 14.3) or begin near the end
of 64 bits; a row that does use one of these gets another."""

_DIRECTORY_MODE = 0o040755
_ROWS_AT_ONCE = 1_000

Key = tuple[str, str]


class Dropped(NamedTuple):
    """A chosen record that is not in the set, and why."""

    domain: str
    relative_path: str
    file_id: str
    reason: str


class Inodes:
    """The inode numbers of the files so far, one bit each: phones give them out in runs."""

    def __init__(self) -> None:
        self._taken: dict[int, int] = {}
        self._fresh = iter(FRESH_INODES)

    def own(self, inode: int) -> int | None:
        """None where `inode` is nobody else's yet, else a fresh one. 0 is what a row without a number reads as."""
        if inode > 0 and inode not in FRESH_INODES:
            bit = 1 << (inode & 63)
            taken = self._taken.get(inode >> 6, 0)
            if not taken & bit:
                self._taken[inode >> 6] = taken | bit
                return None
        return next(self._fresh)

    def fresh(self) -> int:
        return next(self._fresh)


class Placed(NamedTuple):
    """A file whose row is in the set and whose stored bytes are on their way."""

    number: int  # of its row
    record: Record


@dataclass
class SetDraft:
    """What a set has so far."""

    place: Path
    manifest: ManifestFile
    watch: Watcher
    ios_version: str
    dropped: list[Dropped] = field(default_factory=list)
    files: int = 0
    stored_bytes: int = 0
    inodes: Inodes = field(default_factory=Inodes)
    _rows: list[ManifestRow] = field(default_factory=list, repr=False)
    _count: int = 0
    _needed: set[Key] = field(default_factory=set, repr=False)
    _there: set[Key] = field(default_factory=set, repr=False)
    _symlinks: set[Key] = field(default_factory=set, repr=False)

    # -- rows --------------------------------------------------------------------------------------------------------

    def add_row(self, record: Record, archive: bytes) -> int:
        """A row, whose number comes back."""
        self._count += 1
        row = (self._count, record.file_id, record.domain, record.relative_path, int(record.kind), archive)
        self._rows.append(row)
        if len(self._rows) == _ROWS_AT_ONCE:
            self.flush()
        return self._count

    def remove_row(self, number: int) -> None:
        self.flush()
        self.manifest.remove(number)

    def flush(self) -> None:
        if self._rows:
            self.manifest.add_rows(self._rows)
            self._rows = []

    def keep(self, record: Record) -> None:
        """`record` is in the set, and so must the directories above it be."""
        domain, path = record.domain, record.relative_path
        if record.kind is Kind.DIRECTORY:
            self._there.add((domain, path))
        elif record.kind is Kind.SYMLINK:
            self._symlinks.add((domain, path))
        needed = self._needed
        while path:
            path = path.rpartition("/")[0]
            key = (domain, path)
            if key in needed:
                return
            needed.add(key)

    def has(self, domain: str, path: str) -> bool:
        """Whether a directory or symbolic link of this path is in the set."""
        return (domain, path) in self._there or (domain, path) in self._symlinks

    def drop(self, what: Record | BadRecord, reason: str) -> None:
        self.dropped.append(Dropped(what.domain, what.relative_path, what.file_id, reason))

    def domains(self) -> set[str]:
        """Every domain that has a row."""
        return {domain for domain, _ in self._needed} | {domain for domain, _ in self._there}

    # -- stored files ------------------------------------------------------------------------------------------------

    @contextmanager
    def links_from(
        self,
        folder: BackupFolder,
        expected: int,
        on_linked: Callable[[Placed], None],
        on_absent: Callable[[Placed], None],
    ) -> Iterator[LinkQueue[Placed]]:
        """Links of `folder`'s stored files. What becomes of each is told in time, of the last when the block ends."""
        told = [0, 0]

        def moved(files: int, stored_bytes: int) -> None:
            self.files += files - told[0]
            self.stored_bytes += stored_bytes - told[1]
            told[:] = files, stored_bytes
            self._tell()

        with linking(folder.path, self.place, expected) as worker:
            links = LinkQueue(worker, on_linked, on_absent, moved)
            yield links
            links.finish()

    def target(self, identity: str) -> Path:
        """Where a stored file of the set lies, its folder made."""
        shard = self.place / identity[:2]
        shard.mkdir(mode=FOLDER_MODE, exist_ok=True)
        return shard / identity

    def add_file(self, record: Record, stored: bytes) -> None:
        """A file that is made here."""
        write_new(self.target(record.file_id), stored, sync=False)  # the set is made again if power fails
        self.add_row(record, encode_mbfile(record, ios_version=self.ios_version))
        self.count_file(len(stored))
        self.keep(record)

    def count_file(self, stored_bytes: int) -> None:
        self.files += 1
        self.stored_bytes += stored_bytes
        self._tell()

    def _tell(self) -> None:
        self.watch.bytes_moved(self.stored_bytes, None)
        self.watch.files_moved(self.files)

    # -- directories -------------------------------------------------------------------------------------------------

    def add_directories(self, sources: Sequence[Manifest], sent: Collection[str] = ()) -> None:
        """A row for every directory above a record: of the first backup that has one, else made here. `sent` are file
        ids of files that another backup gave.

        Raises:
            CannotCompose: something other than a directory is there.
        """
        for domain, path in sorted(self._needed - self._there):
            row, record = next(_found(sources, domain, path), (b"", None))
            if record is None:
                record = _new_directory(domain, path, self.inodes.fresh())
                row = encode_mbfile(record, ios_version=self.ios_version)
            if record.kind is not Kind.DIRECTORY or (domain, path) in self._symlinks or record.file_id in sent:
                raise CannotCompose(str(sources[0].folder.path), f"{domain} {path} is not a directory")
            self.add_row(record, row)
        self._there |= self._needed
        self.flush()


def _found(sources: Sequence[Manifest], domain: str, path: str) -> Iterator[tuple[bytes, Record]]:
    """The rows of a path, archive and record. A damaged row is as good as none: what is made here takes its place."""
    for manifest in sources:
        try:
            row = manifest.row(domain, path)
            if row is not None:
                yield row.file, row.record()
        except BadRecord:
            continue


def _new_directory(domain: str, path: str, inode: int) -> Record:
    """A directory that no backup has a row for, as iOS makes those of apps and of the user (*seen* 14.3)."""
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
