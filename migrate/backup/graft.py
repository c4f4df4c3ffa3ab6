"""Graft: the chosen records of an old backup among the complete domains that a phone in use takes as exact sets.

From iOS 27 on, what is absent from HomeDomain and CameraRollDomain of a restore set is deleted from the phone, and what
the keyboard has learned is lost with an absent KeyboardDomain (facts 4.2, REPORTED). So these three come whole from the
new phone's own backup, made just before, and only what was chosen takes the place of its counterpart. Every other
domain holds what was chosen and nothing else, as in an overlay.

[1] the old backup's chosen records, their keys wrapped with the new phone's, their inode numbers all fresh (graft has
    two phones' numbers, and the base keeps its own)
[2] the base's rows, but for those that leave: what was chosen claims them, or has their path, or they are companions of
    a database that leaves. One that stays and cannot be sent would be deleted on the phone: then there is no set.

INFERRED as a whole: each rule has its source, but nobody is known to have restored such a set onto a phone of iOS 27.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from migrate.backup.carriage import NotCarried, Unchanged
from migrate.backup.companions import database_of
from migrate.backup.manifest import Manifest, Row
from migrate.backup.record import Kind, Record, file_id
from migrate.backup.set_draft import Placed, SetDraft
from migrate.backup.set_rows import ABSENT
from migrate.backup.stored_files import LinkQueue
from migrate.errors import BadRecord, CannotCompose

COMPLETE_DOMAINS: Final = frozenset({"HomeDomain", "CameraRollDomain", "KeyboardDomain"})

KEYCHAIN: Final = "KeychainDomain"
BARRED_DOMAINS: Final = {
    KEYCHAIN: "passwords and keys of another phone cannot be put among those of a phone in use",
}


class BaseRows:
    """The complete domains of the new phone's own backup, sent into a set that has the chosen records already.

    `replaced` are file ids that leave, `sent` those of the files that are in the set. `left` counts files that left.
    """

    def __init__(
        self,
        draft: SetDraft,
        base: Manifest,
        *,
        barred: Mapping[str, str],
        replaced: Collection[str],
        sent: Collection[str],
    ) -> None:
        self._draft = draft
        self._base = base
        self._carriage = Unchanged(base)
        self._barred = barred
        self._replaced = replaced if isinstance(replaced, (set, frozenset)) else frozenset(replaced)
        self._sent = sent
        self._links: LinkQueue[Placed]
        self.left = 0

    def send(self) -> None:
        """Raises CannotCompose: a record that must stay on the phone cannot be sent back to it."""
        expected = sum(row.domain in COMPLETE_DOMAINS for row in self._base.rows(self._on_bad))
        with self._draft.links_from(self._base.folder, expected, self._linked, self._absent) as self._links:
            for row in self._base.rows(self._on_bad):
                if row.domain not in COMPLETE_DOMAINS:
                    continue
                if self._leaves(row):
                    self.left += row.flags & 7 == Kind.FILE
                else:
                    self._send(row)
            self._links.ask_for_the_rest()
        self._draft.flush()

    def _leaves(self, row: Row) -> bool:
        if row.file_id in self._sent or self._draft.has(row.domain, row.relative_path):
            return True
        its_database = database_of(row.relative_path) if row.flags & 7 == Kind.FILE else None
        if its_database is not None:  # it stays and goes with that
            identity = file_id(row.domain, its_database)
            if identity in self._sent or identity in self._replaced:
                return True
            if self._base.row(row.domain, its_database) is not None:
                return False
        return row.file_id in self._replaced

    def _send(self, row: Row) -> None:
        try:
            record = row.record()
            if record.file_id != file_id(record.domain, record.relative_path):
                raise NotCarried("its row has another file's id")
            if record.kind is not Kind.FILE:
                self._draft.add_row(record, row.file)
                self._draft.keep(record)
                return
            if record.file_id in self._barred:
                raise NotCarried(self._barred[record.file_id])
            self._carriage.check(record)
            archive = self._carriage.archive(row, record, self._draft.inodes.own(record.inode))
            self._links.link(record.file_id, Placed(self._draft.add_row(record, archive), record))
        except BadRecord as bad:
            self._on_bad(bad)
        except NotCarried as reason:
            raise self._incomplete(record, reason.reason) from reason

    def _linked(self, placed: Placed) -> None:
        self._draft.keep(placed.record)

    def _absent(self, placed: Placed) -> None:
        raise self._incomplete(placed.record, ABSENT)

    def _on_bad(self, bad: BadRecord) -> None:
        if bad.file_id not in self._replaced and (not bad.domain or bad.domain in COMPLETE_DOMAINS):
            raise self._incomplete(bad, f"its row is damaged: {bad.reason}")

    def _incomplete(self, what: Record | BadRecord, reason: str) -> CannotCompose:
        return CannotCompose(
            str(self._base.folder.path),
            f"{what.domain} {what.relative_path} would be deleted from the phone that it was saved from: {reason}",
        )
