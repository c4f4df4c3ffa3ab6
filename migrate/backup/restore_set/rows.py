"""Adds the chosen rows of a backup to a restore set, and what a phone needs around them (facts 4.3).

[1] every chosen file whose stored bytes can be sent; others are dropped and reported, because one row without its file
    makes the phone refuse the whole set (205)
[2] the companions of each database: the backup's own, or empty ones (companions.py)
[3] a directory row for every ancestor up to the domain's root (builder.py)
[4] a different inode number for every file: the phone makes a second file with the same number a link to the first

One pass over the manifest does [1] and [4]; only rows of databases and their companions are kept until its end, for
[2].
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace

from migrate.backup.companions import INDEX, LOG, SUFFIXES, database_of, is_database
from migrate.backup.crypto.cipher import KEY_BYTES, encrypted_chunks
from migrate.backup.links import is_regular
from migrate.backup.manifest.manifest import Manifest, Row
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record, file_id
from migrate.backup.restore_set.another_phone import BOUND_REASON, is_bound_to_phone
from migrate.backup.restore_set.builder import RecordPath, SetBuilder
from migrate.backup.restore_set.rekey import CannotIncludeRecord, ReencryptedContent, SameKeys, with_inode
from migrate.backup.restore_set.stored_files import LinkQueue
from migrate.backup.restore_set.wanted import Wanted
from migrate.backup.seal import Seal
from migrate.problems import BadRecord, UnsafeName

BLOB_MISSING = "its stored bytes are not in the backup"


class ChosenRows:
    """Adds the chosen records of one backup to a set.

    `seal` is that of the backup. `excluded` are file ids to leave out, each with the reason. `joins_another_phone`: the
    set also has rows of another phone, which keep their inode numbers, so every row here gets a new one, and what is
    bound to its phone is left out. `empty_companions` are needed where the phone keeps companions that the set does not
    bring (companions.py).
    """

    def __init__(
        self,
        builder: SetBuilder,
        manifest: Manifest,
        rekey: SameKeys,
        *,
        seal: Seal | None,
        excluded: Mapping[str, str],
        excluded_domains: Mapping[str, str] | None = None,
        joins_another_phone: bool = False,
        empty_companions: bool = True,
    ) -> None:
        self._builder = builder
        self._manifest = manifest
        self._rekey = rekey
        self._seal = seal
        self._excluded = excluded
        self._excluded_domains = excluded_domains or {}
        self._joins = joins_another_phone
        self._empty_companions = empty_companions
        self._domains: dict[str, str] = {}  # why nothing in it can be sent, or ""
        self._databases: dict[str, Row] = {}  # by file id; the links show which of them are stored
        self._companions: dict[RecordPath, Row | None] = {}  # all in the backup: they are sent with their databases
        self._chosen_companions: list[Row] = []
        self._damaged_companions: dict[RecordPath, BadRecord] = {}
        self._links: LinkQueue
        self.sent: set[str] = set()
        """File ids of the files in the set; only filled where rows of another phone follow."""

    def send(self, wanted: Wanted) -> None:
        """Add everything `wanted` to the set, without the directories above."""
        folder, seal = self._manifest.folder, self._seal
        most = len(seal.rows) if seal else self._manifest.count
        with self._builder.link_blobs_from(folder, seal, most, self._on_missing_blob) as self._links:
            self._pass(wanted)
            self._links.finish_requests()
            for name in wanted.missing(self._manifest):
                self._builder.drop(BadRecord(name, "", "", ""), "the backup has no entry for it")
            if not self._joins:  # no rows of another backup follow
                self._builder.flush()
                self._builder.manifest.build_indices()  # while the last links are being made
        databases, self._databases = self._databases, {}
        with self._builder.link_blobs_from(folder, seal, 3 * len(databases), self._on_missing_blob) as self._links:
            self._send_companions([row.record() for row in databases.values()])
            self._links.finish_requests()
        self._builder.flush()

    # -- [1] what was chosen -----------------------------------------------------------------------------------------

    def _pass(self, wanted: Wanted) -> None:
        def on_bad(bad: BadRecord) -> None:
            if wanted.takes_bad(bad):
                self._builder.drop(bad, f"its row is damaged: {bad.reason}")
            elif database_of(bad.relative_path):
                self._damaged_companions[bad.domain, bad.relative_path] = bad

        takes, send = wanted.takes, self._send
        for row in self._manifest.rows(on_bad):
            identity, domain, path, flags, _ = row
            kind = flags & 7
            try:
                inode, key, size = row.copied()
            except BadRecord as bad:
                on_bad(bad)
                continue
            is_wanted = takes(row, size)
            if path.endswith(SUFFIXES) and database_of(path):
                self._companions[domain, path] = row if kind == Kind.FILE else None
                if kind == Kind.FILE and is_wanted:
                    self._chosen_companions.append(row)
                    continue
            if is_wanted and send(row, inode, key) and is_database(path):
                self._databases[identity] = row

    def _send_alone(self, row: Row) -> bool:
        """Add a row to the set that was met before. Returns what `_send` returns."""
        try:
            inode, key, _ = row.copied()
        except BadRecord as bad:
            self._builder.drop(bad, f"its row is damaged: {bad.reason}")
            return False
        return self._send(row, inode, key)

    def _send(self, row: Row, inode: int, key: bytes | None) -> bool:
        """Add a row with this inode number and key to the set if it can be sent. Returns whether it is a file that was
        added; a missing stored file is only noticed later, when it is linked."""
        identity, domain, path, flags, _ = row
        kind = flags & 7
        try:
            self._check(identity, domain, path)
            if kind != Kind.FILE:
                fresh = self._builder.inodes.fresh() if self._joins else None
                self._builder.add_row(row, kind, with_inode(row, fresh))
                return False
            if isinstance(self._rekey, ReencryptedContent):
                self._rewrite(row, self._rekey, inode)
            else:
                self._rekey.check(key)
                archive = self._rekey.archive(row, key, self._inode(inode))
                self._links.link(identity, self._builder.add_row(row, kind, archive))
        except CannotIncludeRecord as reason:
            self._builder.drop(row, reason.reason)
            return False
        except BadRecord as bad:
            self._builder.drop(bad, f"its row is damaged: {bad.reason}")
            return False
        if self._joins:
            self.sent.add(identity)
        return True

    def _rewrite(self, row: Row, rekey: ReencryptedContent, inode: int) -> None:
        target = self._builder.target(row.file_id)
        if not target.exists():  # else it duplicates a row of the set
            archive, stored_bytes, sha256 = rekey.write(row, self._inode(inode), target)
            self._builder.count_file(row.file_id, stored_bytes, sha256)
            self._builder.add_row(row, Kind.FILE, archive)

    def _check(self, identity: str, domain: str, path: str) -> None:
        """Raises CannotIncludeRecord."""
        if identity != file_id(domain, path):
            raise CannotIncludeRecord("its row has another file's id")
        refusal = self._domains.get(domain)
        if refusal is None:
            slash = "its domain's name holds a slash, which phones refuse" if "/" in domain else ""
            refusal = self._domains[domain] = slash or self._excluded_domains.get(domain, "")
        if refusal:
            raise CannotIncludeRecord(refusal)
        if self._joins and is_bound_to_phone(domain, path):
            raise CannotIncludeRecord(BOUND_REASON)
        if identity in self._excluded:
            raise CannotIncludeRecord(self._excluded[identity])

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
            self._send_alone(row)  # an ordinary file that only has such a name
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
                continue  # a directory with a companion's name
            if row is not None and (suffix != INDEX or log_is_real) and self._send_companion(row):
                log_is_real = log_is_real or suffix == LOG
            elif self._empty_companions:
                self._make_empty(database, path)

    def _send_companion(self, row: Row) -> bool:
        if not self._is_stored(row):
            self._builder.drop(row, BLOB_MISSING)
            return False
        return self._send_alone(row)

    def _make_empty(self, database: Record, path: str) -> None:
        """Add an empty file beside `database` with its owner, mode, class and times. *Guessed* that a phone accepts
        it."""
        stored, key, protection_class = b"", None, database.protection_class
        if self._rekey.keys is not None and (database.encryption_key is not None or not self._rekey.is_linked):
            # One block of padding, as for any encrypted content: pyiosbackup fails on an empty stored file
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
        if self._joins:
            self.sent.add(empty.file_id)

    # -- one record --------------------------------------------------------------------------------------------------

    def _is_stored(self, row: Row) -> bool:
        try:
            return is_regular(Backup(self._manifest.folder, self._manifest).stored_path(row.record()))
        except BadRecord:
            return True  # the damaged row is the reason to report
        except UnsafeName:
            return False

    def _inode(self, inode: int) -> int | None:
        """The inode number to write, or None to keep the row's own."""
        return self._builder.inodes.fresh() if self._joins else self._builder.inodes.claim(inode)
