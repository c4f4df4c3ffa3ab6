"""Graft: chosen records of an old backup among the complete domains that a phone in use takes as exact sets.

From iOS 27 on, files absent from HomeDomain and CameraRollDomain of a restore set are deleted from the phone, and what
the keyboard has learned is lost if KeyboardDomain is absent (facts 4.2, REPORTED). So these three domains come whole
from the new phone's own backup, made just before, and chosen records replace their counterparts in them. Every other
domain holds only the chosen records, as in an overlay.

[1] the old backup's chosen records, their keys wrapped for the new phone's keybag, all with fresh inode numbers (a
graft
    has the numbers of two phones, and the base keeps its own)
[2] the base's rows, except those that chosen records claim, those with the path of a chosen record, and companions of a
    database that is left out. If a row that must stay cannot be sent, the phone would delete it: no set is made then.

INFERRED as a whole: each rule has its source, but no restore of such a set onto a phone with iOS 27 is known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from migrate.backup.companions import database_of
from migrate.backup.manifest.manifest import Manifest, Row
from migrate.backup.record import Kind, file_id
from migrate.backup.restore_set.builder import SetBuilder
from migrate.backup.restore_set.rekey import CannotIncludeRecord, SameKeys
from migrate.backup.restore_set.rows import BLOB_MISSING
from migrate.backup.restore_set.stored_files import LinkQueue
from migrate.problems import BadRecord, GraftWouldDelete

COMPLETE_DOMAINS: Final = frozenset({"HomeDomain", "CameraRollDomain", "KeyboardDomain"})

KEYCHAIN: Final = "KeychainDomain"
EXCLUDED_DOMAINS: Final = {
    KEYCHAIN: "passwords and keys of another phone cannot be put among those of a phone in use",
}


class BaseRows:
    """Adds the complete domains of the new phone's own backup to a set that has the chosen records already.

    `replaced` are file ids to leave out, `sent` those of files already in the set. `replaced_files` counts the files
    left out.
    """

    def __init__(
        self,
        builder: SetBuilder,
        base: Manifest,
        *,
        excluded: Mapping[str, str],
        replaced: Collection[str],
        sent: Collection[str],
    ) -> None:
        self._builder = builder
        self._base = base
        self._rekey = SameKeys(base)
        self._excluded = excluded
        self._replaced = replaced if isinstance(replaced, (set, frozenset)) else frozenset(replaced)
        self._sent = sent
        self._links: LinkQueue
        self.replaced_files = 0

    def send(self) -> None:
        """Raises GraftWouldDelete: a record that must stay on the phone cannot be sent to it."""
        expected = sum(row.domain in COMPLETE_DOMAINS for row in self._base.rows(self._on_bad))
        with self._builder.link_blobs_from(self._base.folder, expected, self._on_missing_blob) as self._links:
            for row in self._base.rows(self._on_bad):
                if row.domain not in COMPLETE_DOMAINS:
                    continue
                if self._is_left_out(row):
                    self.replaced_files += row.flags & 7 == Kind.FILE
                else:
                    self._send(row)
            self._links.finish_requests()
            self._builder.flush()
            self._builder.manifest.build_indices()  # while the last links are being made

    def _is_left_out(self, row: Row) -> bool:
        if row.file_id in self._sent or self._builder.has_path(row.domain, row.relative_path):
            return True
        its_database = database_of(row.relative_path) if row.flags & 7 == Kind.FILE else None
        if its_database is not None:  # a companion follows its database
            identity = file_id(row.domain, its_database)
            if identity in self._sent or identity in self._replaced:
                return True
            if self._base.row(row.domain, its_database) is not None:
                return False
        return row.file_id in self._replaced

    def _send(self, row: Row) -> None:
        kind = row.flags & 7
        try:
            inode, key = row.inode_and_key()
            if row.file_id != file_id(row.domain, row.relative_path):
                raise CannotIncludeRecord("its row has another file's id")
            if kind != Kind.FILE:
                self._builder.add_row(row, kind, row.file)
                return
            if row.file_id in self._excluded:
                raise CannotIncludeRecord(self._excluded[row.file_id])
            self._rekey.check(key)
            archive = self._rekey.archive(row, key, self._builder.inodes.claim(inode))
            self._links.link(row.file_id, self._builder.add_row(row, kind, archive))
        except BadRecord as bad:
            self._on_bad(bad)
        except CannotIncludeRecord as reason:
            raise self._incomplete(row.domain, row.relative_path, reason.reason) from reason

    def _on_missing_blob(self, number: int) -> None:
        _, domain, path = self._builder.remove_row(number)
        raise self._incomplete(domain, path, BLOB_MISSING)

    def _on_bad(self, bad: BadRecord) -> None:
        if bad.file_id not in self._replaced and (not bad.domain or bad.domain in COMPLETE_DOMAINS):
            raise self._incomplete(bad.domain, bad.relative_path, f"its row is damaged: {bad.reason}")

    def _incomplete(self, domain: str, path: str, reason: str) -> GraftWouldDelete:
        return GraftWouldDelete(str(self._base.folder.path), domain, path, reason)
