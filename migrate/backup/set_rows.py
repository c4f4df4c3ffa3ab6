"""Which rows a restore set has: what was chosen, and what a phone needs around it to take it (facts 4.3).

[1] a chosen file whose stored bytes can be sent; what cannot be sent is dropped and reported, because one row
    without its file makes the phone refuse the whole set (205)
[2] a database's companions: the old backup's own, or empty ones made here (companions.py)
[3] a directory row for every ancestor up to the domain's root
[4] an inode number of its own for every file: the phone makes a second file with the same one a link to the first
"""

from __future__ import annotations

import hashlib
import os
import plistlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from migrate.backup.companions import INDEX, LOG, SUFFIXES, database_of, is_database
from migrate.backup.crypto import KEY_BYTES, encrypted_chunks
from migrate.backup.folder import BackupFolder
from migrate.backup.links import is_regular
from migrate.backup.manifest import Manifest, ManifestWriter, Row
from migrate.backup.plists import archive_value
from migrate.backup.record import Kind, Record, file_id
from migrate.errors import BadRecord, CannotCompose, UnsafeName

FRESH_INODES = range(1 << 40, 1 << 41)
"""Numbers for files that need one. Phones count files from 2 up (*seen*: up to 190,000, iOS 14.3) or begin near the end
of 64 bits; a row that does use one of these gets another."""

_DIRECTORY_MODE = 0o040755

Key = tuple[str, str]


class Dropped(NamedTuple):
    """A chosen record that is not in the set, and why."""

    domain: str
    relative_path: str
    file_id: str
    reason: str


@dataclass
class SetRows:
    """The rows of one restore set, and the stored bytes of the files that are made here."""

    manifest: Manifest
    unreadable: Mapping[str, str]
    """File ids the phone could not read, with what it said: what is stored of them is a stump."""
    kept: dict[str, int | None] = field(default_factory=dict)
    """File ids of the old backup's rows that go, with the inode number each file gets (None: its own)."""
    made: list[Record] = field(default_factory=list)
    """Records made here: empty companions and missing directories."""
    made_bytes: dict[str, bytes] = field(default_factory=dict)
    """Stored bytes of the made files."""
    linked: list[str] = field(default_factory=list)
    """File ids whose stored bytes are linked from the old backup."""
    dropped: list[Dropped] = field(default_factory=list)
    _inodes: set[int] = field(default_factory=set, repr=False)
    _directories: set[Key] = field(default_factory=set, repr=False)
    _fresh: Iterator[int] = field(default_factory=lambda: iter(FRESH_INODES), repr=False)

    def choose(self, wanted: Collection[str]) -> None:
        """Decide about every row; afterwards the fields above are complete.

        Raises:
            CannotCompose: the old backup has something other than a directory where one must be.
        """
        wanted = wanted if isinstance(wanted, (set, frozenset)) else frozenset(wanted)
        databases: list[Record] = []
        companions: list[Record] = []
        found: set[str] = set()

        def on_bad(bad: BadRecord) -> None:
            if bad.file_id in wanted:
                found.add(bad.file_id)
                self._drop(bad, f"its row is damaged: {bad.reason}")

        for row in self.manifest.rows(on_bad):
            if row.file_id not in wanted:
                continue
            found.add(row.file_id)
            try:
                record = row.record()
            except BadRecord as bad:
                on_bad(bad)
                continue
            if record.kind is Kind.FILE and database_of(record.relative_path):
                companions.append(record)
            elif self._keep(record) and record.kind is Kind.FILE and is_database(record.relative_path):
                databases.append(record)
        self.dropped += [Dropped("", "", name, "no row of the backup names it") for name in sorted(wanted - found)]
        self._add_companions(databases, companions)
        self._add_directories()

    def write_into(self, writer: ManifestWriter) -> set[str]:
        """The old backup's rows as they are, but for inode numbers that had to change, then the made ones.

        Returns the domains that have rows.
        """
        domains = {record.domain for record in self.made}
        pending = dict(self.kept)
        for row in self.manifest.rows(on_bad=lambda bad: None):  # dropped, or never chosen
            if row.file_id in pending:
                inode = pending.pop(row.file_id)
                archive = row.file if inode is None else _renumbered(self.manifest.folder, row, inode)
                writer.add_row(row.file_id, row.domain, row.relative_path, row.flags & 7, archive)
                domains.add(row.domain)
        for record in self.made:
            writer.add(record)
        return domains

    # -- [1] what was chosen -----------------------------------------------------------------------------------------

    def _keep(self, record: Record) -> bool:
        """Take a row of the old backup into the set, if a phone can be sent it."""
        if record.file_id in self.kept:
            return True
        if reason := self._why_not(record):
            self._drop(record, reason)
            return False
        inode: int | None = None
        if record.kind is Kind.FILE:
            self.linked.append(record.file_id)
            inode = self._own_inode(record.inode)
        self.kept[record.file_id] = inode
        self._directories.update(_ancestors(record.domain, record.relative_path))
        return True

    def _why_not(self, record: Record) -> str | None:
        if record.file_id != file_id(record.domain, record.relative_path):
            return "its row has another file's id"
        if "/" in record.domain:
            return "its domain's name holds a slash, which phones refuse"
        if record.kind is not Kind.FILE:
            return None
        if record.file_id in self.unreadable:
            return f"the phone could not read it: {self.unreadable[record.file_id]}"
        if (keys := self.manifest.class_keys) is not None:
            if record.encryption_key is None:
                return "its row has no key"
            if class_of(record.encryption_key) not in keys.classes:
                return f"the backup has no key for its protection class, {class_of(record.encryption_key)}"
        try:
            stored = is_regular(self.manifest.folder.blob(record.file_id))
        except UnsafeName:
            stored = False
        return None if stored else "its stored bytes are not in the backup"

    def _drop(self, what: Record | BadRecord, reason: str) -> None:
        self.dropped.append(Dropped(what.domain, what.relative_path, what.file_id, reason))

    # -- [2] companions ----------------------------------------------------------------------------------------------

    def _add_companions(self, databases: list[Record], chosen: list[Record]) -> None:
        sent = {(database.domain, database.relative_path) for database in databases}
        for record in chosen:
            its_database = database_of(record.relative_path) or ""
            if (record.domain, its_database) in sent:
                continue  # comes with its database below
            if self._row_of(record.domain, its_database) is None:
                self._keep(record)  # a lone file that is only called so
            else:
                self._drop(
                    record, "the database it belongs to is not sent, and merging it into another would spoil that"
                )
        for database in databases:
            self._send_companions_of(database)

    def _send_companions_of(self, database: Record) -> None:
        log_is_real = False
        for suffix in SUFFIXES:
            path = database.relative_path + suffix
            real = self._row_of(database.domain, path, tell=True)
            if real is not None and real.kind is not Kind.FILE:
                continue  # a directory may be called anything
            if real is not None and (suffix != INDEX or log_is_real) and self._keep(real):
                log_is_real = log_is_real or suffix == LOG
            else:
                self._make_empty(database, path)

    def _make_empty(self, database: Record, path: str) -> None:
        """An empty file beside `database`, of its owner, mode, class and times. *Guessed* that a phone takes it."""
        identity, stored, key = file_id(database.domain, path), b"", None
        protection_class = database.protection_class
        if self.manifest.class_keys is not None and database.encryption_key is not None:
            # One block of padding, as encrypted contents end: pyiosbackup fails on a stored file of no bytes at all
            file_key = os.urandom(KEY_BYTES)
            stored = b"".join(encrypted_chunks([], file_key))
            protection_class = class_of(database.encryption_key)
            key = self.manifest.class_keys.wrap(protection_class, file_key)
        self.made_bytes[identity] = stored
        self.made.append(
            replace(
                database,
                file_id=identity,
                relative_path=path,
                inode=next(self._fresh),
                size=0,
                protection_class=protection_class,
                encryption_key=key,
                digest=None if database.digest is None else hashlib.sha1(stored, usedforsecurity=False).digest(),
                extended_attributes=None,
            )
        )

    # -- [3] directories ---------------------------------------------------------------------------------------------

    def _add_directories(self) -> None:
        for domain, path in sorted(self._directories):
            record = self._row_of(domain, path)
            if record is None:
                self.made.append(self._new_directory(domain, path))
            elif record.kind is Kind.DIRECTORY:
                self.kept.setdefault(record.file_id, None)
            else:
                raise CannotCompose(str(self.manifest.folder.path), f"{domain} {path} is not a directory")

    def _new_directory(self, domain: str, path: str) -> Record:
        """A directory that the old backup has no row for, as iOS makes those of apps and of the user (*seen* 14.3)."""
        return Record(
            file_id=file_id(domain, path),
            domain=domain,
            relative_path=path,
            kind=Kind.DIRECTORY,
            mode=_DIRECTORY_MODE,
            inode=next(self._fresh),
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

    def _row_of(self, domain: str, path: str, *, tell: bool = False) -> Record | None:
        """The old backup's record of a path. A damaged row is as good as none: what is made here takes its place."""
        try:
            return self.manifest.record(domain, path)
        except BadRecord as bad:
            if tell:
                self._drop(bad, f"its row is damaged: {bad.reason}")
            return None

    # -- [4] inode numbers -------------------------------------------------------------------------------------------

    def _own_inode(self, inode: int) -> int | None:
        """None where `inode` is nobody else's yet, else a fresh one. 0 is what a row without a number reads as."""
        if inode > 0 and inode not in self._inodes and inode not in FRESH_INODES:
            self._inodes.add(inode)
            return None
        return next(self._fresh)


def class_of(encryption_key: bytes) -> int:
    """The protection class in front of a wrapped key. It equals the row's ProtectionClass, which some hosts leave out
    (*seen*: the minted test backups)."""
    return int.from_bytes(encryption_key[:4], "little")


def _ancestors(domain: str, path: str) -> Iterator[Key]:
    while path:
        path = path.rpartition("/")[0]
        yield domain, path


def _renumbered(folder: BackupFolder, row: Row, inode: int) -> bytes:
    """The row's archive with another inode number and everything else as the phone wrote it, known to us or not."""
    archive: dict[str, Any] = archive_value(row.file)
    top = archive["$top"]["root"]
    root = archive["$objects"][top.data] if isinstance(top, plistlib.UID) else top
    root["InodeNumber"] = inode
    try:
        return plistlib.dumps(archive, fmt=plistlib.FMT_BINARY, sort_keys=False)
    except (OverflowError, RecursionError, TypeError, ValueError) as error:  # parts that no record needs, unwritable
        reason = f"the row of {row.domain} {row.relative_path} cannot be written again ({type(error).__name__})"
        raise CannotCompose(str(folder.path), reason) from error
