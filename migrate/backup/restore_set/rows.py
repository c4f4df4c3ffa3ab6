"""Which rows of a saved backup a restore set has: what was chosen, and what a phone needs around it (facts 4.3).

[1] a chosen file whose stored bytes can be sent; what cannot be sent is dropped and reported, because one row
    without its file makes the phone refuse the whole set (205)
[2] a database's companions: the backup's own, or empty ones made here (companions.py)
[3] a directory row for every ancestor up to the domain's root (set_draft.py)
[4] an inode number of its own for every file: the phone makes a second file with the same one a link to the first

One pass over the manifest does [1] and [4]; of the rows only the databases' and their companions' are kept until its
end, for [2].
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import replace

from migrate.backup.companions import INDEX, LOG, SUFFIXES, database_of, is_database
from migrate.backup.crypto.cipher import KEY_BYTES, encrypted_chunks
from migrate.backup.links import is_regular
from migrate.backup.manifest.open import Manifest, Row
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record, file_id
from migrate.backup.restore_set.builder import RecordPath, SetBuilder
from migrate.backup.restore_set.rekey import CannotIncludeRecord, ReencryptedContent, SameKeys
from migrate.backup.restore_set.stored_files import LinkQueue
from migrate.problems import BadRecord, UnsafeName

BLOB_MISSING = "its stored bytes are not in the backup"


class ChosenRows:
    """The chosen records of one backup, sent into a set.

    `excluded` are file ids that stay out, each with the reason. `fresh_inodes` gives every file another inode number: in
    a set that has another phone's files too, whose numbers stay.
    """

    def __init__(
        self,
        builder: SetBuilder,
        manifest: Manifest,
        rekey: SameKeys,
        *,
        excluded: Mapping[str, str],
        fresh_inodes: bool = False,
        excluded_domains: Mapping[str, str] | None = None,
    ) -> None:
        self._builder = builder
        self._manifest = manifest
        self._rekey = rekey
        self._excluded = excluded
        self._excluded_domains = excluded_domains or {}
        self._fresh_inodes = fresh_inodes
        self._domains: dict[str, str] = {}  # why nothing of it goes, or ""
        self._databases: dict[str, Row] = {}  # by file id; what is there turns out with the links
        self._companions: dict[RecordPath, Row | None] = {}  # every one in the backup: their databases bring them along
        self._chosen_companions: list[Row] = []
        self._damaged_companions: dict[RecordPath, BadRecord] = {}
        self._links: LinkQueue
        self.sent: set[str] = set()
        """File ids of the files that are in the set, where others are to be put beside them."""

    def send(self, wanted: Collection[str]) -> None:
        """Put everything that is `wanted` into the draft, but for the directories above it."""
        wanted = wanted if isinstance(wanted, (set, frozenset)) else frozenset(wanted)
        folder = self._manifest.folder
        with self._builder.link_blobs_from(folder, len(wanted), self._on_missing_blob) as self._links:
            found = self._pass(wanted)
            self._links.finish_requests()
            if not self._fresh_inodes:  # no other backup's rows follow
                self._builder.flush()
                self._builder.manifest.build_indices()  # while the last links are made
        if found < len(wanted):
            self._name_the_missing(wanted)
        databases, self._databases = self._databases, {}
        with self._builder.link_blobs_from(folder, 3 * len(databases), self._on_missing_blob) as self._links:
            self._send_companions([row.record() for row in databases.values()])
            self._links.finish_requests()
        self._builder.flush()

    # -- [1] what was chosen -----------------------------------------------------------------------------------------

    def _pass(self, wanted: Collection[str]) -> int:
        """Returns how many of `wanted` have a row, twins counted twice."""
        found = 0

        def on_bad(bad: BadRecord) -> None:
            nonlocal found
            is_wanted = bad.file_id in wanted
            found += is_wanted
            if is_wanted:
                self._builder.drop(bad, f"its row is damaged: {bad.reason}")
            elif database_of(bad.relative_path):
                self._damaged_companions[bad.domain, bad.relative_path] = bad

        for row in self._manifest.rows(on_bad):
            is_wanted = row.file_id in wanted
            found += is_wanted
            if row.relative_path.endswith(SUFFIXES) and database_of(row.relative_path):
                is_file = row.flags & 7 == Kind.FILE
                self._companions[row.domain, row.relative_path] = row if is_file else None
                if is_file and is_wanted:
                    self._chosen_companions.append(row)
                    continue
            if is_wanted and self._send(row) and is_database(row.relative_path):
                self._databases[row.file_id] = row
        return found

    def _name_the_missing(self, wanted: Collection[str]) -> None:
        missing = set(wanted)
        missing.difference_update(row.file_id for row in self._manifest.rows(lambda bad: missing.discard(bad.file_id)))
        for name in sorted(missing):
            self._builder.drop(BadRecord(name, "", "", ""), "the backup has no entry for it")

    def _send(self, row: Row) -> bool:
        """Take a row into the set, if a phone can be sent it. Returns whether it is a file that is on its way: whether
        stored bytes that are only linked are there turns out later."""
        kind = row.flags & 7
        try:
            inode, key = row.inode_and_key()
            self._check(row)
            if kind != Kind.FILE:
                self._builder.add_row(row, kind, row.file)
                return False
            if isinstance(self._rekey, ReencryptedContent):
                self._rewrite(row, self._rekey, inode)
            else:
                self._rekey.check(key)
                archive = self._rekey.archive(row, key, self._inode(inode))
                self._links.link(row.file_id, self._builder.add_row(row, kind, archive))
        except CannotIncludeRecord as reason:
            self._builder.drop(row, reason.reason)
            return False
        except BadRecord as bad:
            self._builder.drop(bad, f"its row is damaged: {bad.reason}")
            return False
        if self._fresh_inodes:
            self.sent.add(row.file_id)
        return True

    def _rewrite(self, row: Row, rekey: ReencryptedContent, inode: int) -> None:
        target = self._builder.target(row.file_id)
        if not target.exists():  # else it is the twin of a row that is in the set
            archive, stored_bytes = rekey.write(row, self._inode(inode), target)
            self._builder.count_file(stored_bytes)
            self._builder.add_row(row, Kind.FILE, archive)

    def _check(self, row: Row) -> None:
        if row.file_id != file_id(row.domain, row.relative_path):
            raise CannotIncludeRecord("its row has another file's id")
        why_not = self._domains.get(row.domain)
        if why_not is None:
            slash = "its domain's name holds a slash, which phones refuse" if "/" in row.domain else ""
            why_not = self._domains[row.domain] = slash or self._excluded_domains.get(row.domain, "")
        if why_not:
            raise CannotIncludeRecord(why_not)
        if row.file_id in self._excluded:
            raise CannotIncludeRecord(self._excluded[row.file_id])

    def _on_missing_blob(self, number: int) -> None:
        identity, domain, path = self._builder.remove_row(number)
        self._builder.drop(BadRecord(identity, domain, path, BLOB_MISSING), BLOB_MISSING)
        self._databases.pop(identity, None)
        self.sent.discard(identity)

    # -- [2] companions ----------------------------------------------------------------------------------------------

    def _send_companions(self, databases: list[Record]) -> None:
        sent = {(database.domain, database.relative_path) for database in databases}
        for row in self._chosen_companions:
            its_database = database_of(row.relative_path) or ""
            if (row.domain, its_database) not in sent:
                self._send_orphan_companion(row, its_database)
        for database in databases:
            self._send_companions_of(database)

    def _send_orphan_companion(self, row: Row, its_database: str) -> None:
        try:
            is_orphan = self._manifest.row(row.domain, its_database) is None
        except BadRecord:
            is_orphan = True
        if is_orphan:
            self._send(row)  # a file that is only called so
        else:
            self._builder.drop(
                row, "the database it belongs to is not sent, and merging it into another would spoil that"
            )

    def _send_companions_of(self, database: Record) -> None:
        log_is_real = False
        for suffix in SUFFIXES:
            path = database.relative_path + suffix
            key = (database.domain, path)
            if (bad := self._damaged_companions.get(key)) is not None:
                self._builder.drop(bad, f"its row is damaged: {bad.reason}")
            row = self._companions.get(key)
            if row is None and key in self._companions:
                continue  # a directory may be called anything
            if row is not None and (suffix != INDEX or log_is_real) and self._send_companion(row):
                log_is_real = log_is_real or suffix == LOG
            else:
                self._make_empty(database, path)

    def _send_companion(self, row: Row) -> bool:
        if not self._is_stored(row):
            self._builder.drop(row, BLOB_MISSING)
            return False
        return self._send(row)

    def _make_empty(self, database: Record, path: str) -> None:
        """An empty file beside `database`, of its owner, mode, class and times. *Guessed* that a phone takes it."""
        stored, key, protection_class = b"", None, database.protection_class
        if self._rekey.keys is not None and (database.encryption_key is not None or not self._rekey.is_linked):
            # One block of padding, as encrypted contents end: pyiosbackup fails on a stored file of no bytes at all
            file_key = os.urandom(KEY_BYTES)
            stored = b"".join(encrypted_chunks([], file_key))
            protection_class = self._rekey.protection_class_for(database)
            key = self._rekey.keys.wrap(protection_class, file_key)
        empty = replace(
            database,
            file_id=file_id(database.domain, path),
            relative_path=path,
            inode=self._builder.inodes.fresh(),
            size=0,
            protection_class=protection_class,
            encryption_key=key,
            digest=None if database.digest is None else hashlib.sha1(stored, usedforsecurity=False).digest(),
            extended_attributes=None,
        )
        self._builder.add_file(empty, stored)
        if self._fresh_inodes:
            self.sent.add(empty.file_id)

    # -- one record --------------------------------------------------------------------------------------------------

    def _is_stored(self, row: Row) -> bool:
        try:
            return is_regular(Backup(self._manifest.folder, self._manifest).stored_path(row.record()))
        except BadRecord:
            return True  # that is the reason to give
        except UnsafeName:
            return False

    def _inode(self, inode: int) -> int | None:
        """None: its own, and nobody else has it."""
        return self._builder.inodes.fresh() if self._fresh_inodes else self._builder.inodes.claim(inode)
