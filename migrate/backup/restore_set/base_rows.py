"""The new phone's own backup in a restore set that also has chosen records of an old one.

    a rebuild   everything in it: the set is a whole backup of the new phone, in which chosen records replace their
                counterparts
    a graft     three domains of it (GRAFT_DOMAINS): from iOS 27 on, files absent from HomeDomain and CameraRollDomain
                of a restore set are deleted from the phone, and what the keyboard has learned is lost if KeyboardDomain
                is absent (facts 4.2, REPORTED). Every other domain holds only chosen records, as in an overlay

[1] the chosen records are in the set already, their keys wrapped for the new phone's keybag, all with fresh inode
    numbers: the set has the numbers of two phones, and the base keeps its own
[2] here: the base's rows as the phone wrote them, except those that chosen records claim, those with the path of a
    chosen record, and the companions of a database that is left out. If a row that must stay cannot be sent, or the
    phone could not read a file into this backup, the restore would delete it: no set is made then (INFERRED: facts 4.2)

INFERRED as a whole: each rule has its source, but no restore of such a set onto a real phone is known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from typing import Final

from migrate.backup.companions import without_suffix
from migrate.backup.manifest.manifest import Manifest, Row
from migrate.backup.record import Kind, file_id
from migrate.backup.restore_set.another_phone import KEYCHAIN, is_bound_to_phone
from migrate.backup.restore_set.builder import SetBuilder
from migrate.backup.restore_set.rekey import CannotIncludeRecord, SameKeys
from migrate.backup.restore_set.rows import BLOB_MISSING
from migrate.backup.restore_set.stored_files import LinkQueue
from migrate.backup.seal import Seal
from migrate.problems import BadRecord, RestoreWouldDelete

GRAFT_DOMAINS: Final = frozenset({"HomeDomain", "CameraRollDomain", "KeyboardDomain"})

NOT_NEEDED: Final = ("HomeDomain", "Library/Application Support/FileProvider/backup/backup_manifest.db")
"""No phone since iOS 17 can read it into its backup, and their backups are restored all the same (facts 2.2)."""

PHOTO_CATALOGUE: Final = ("CameraRollDomain", "Media/PhotoData/Photos.sqlite")
_PHOTO_FOLDERS: Final = ("Media/DCIM", "Media/PhotoData", "Media/Deferred")
"""What a catalogue of photos describes. Beside another phone's catalogue, these files are those of no photo, or of the
wrong one: the numbers of both phones begin at IMG_0001 (categories 2)."""


class BaseRows:
    """Adds the rows of the new phone's own backup to a set that has the chosen records already.

    `seal` is that of the backup. `domains` are the domains to add, None for all. `unreadable` are file ids that the
    phone could not read, each with the reason. `replaced` are file ids to leave out, `sent` those of files already in
    the set. `replaced_files` counts the files left out.
    """

    def __init__(
        self,
        builder: SetBuilder,
        base: Manifest,
        *,
        seal: Seal | None,
        domains: Collection[str] | None,
        unreadable: Mapping[str, str],
        replaced: Collection[str],
        sent: Collection[str],
    ) -> None:
        self._builder = builder
        self._base = base
        self._rekey = SameKeys(base)
        self._seal = seal
        self._domains = domains
        self._unreadable = unreadable
        self._unread_without_row = set(unreadable) - {file_id(*NOT_NEEDED)}
        self._replaced = replaced if isinstance(replaced, Set) else frozenset(replaced)
        self._sent = sent
        self._brings_photos = file_id(*PHOTO_CATALOGUE) in sent
        self._links: LinkQueue
        self.replaced_files = 0

    def send(self) -> None:
        """Raises RestoreWouldDelete: a record that must stay on the phone cannot be sent to it."""
        folder, count = self._base.folder, self._base.count
        with self._builder.link_blobs_from(folder, self._seal, count, self._on_missing_blob) as self._links:
            for row in self._base.rows(self._on_bad):
                self._unread_without_row.discard(row.file_id)
                if self._domains is not None and row.domain not in self._domains:
                    continue
                if self._is_left_out(row):
                    self.replaced_files += row.flags & 7 == Kind.FILE
                else:
                    self._send(row)
            self._refuse_unread_without_row()
            self._links.finish_requests()
            self._builder.flush()
            self._builder.manifest.build_indices()  # while the last links are being made

    def _is_left_out(self, row: Row) -> bool:
        """Whether the set is to be without this row. The keychain stays exactly as backed up."""
        domain, path = row.domain, row.relative_path
        if row.file_id in self._sent or self._builder.has_path(domain, path):
            return True
        if domain == KEYCHAIN or is_bound_to_phone(domain, path):
            return False
        its_database = without_suffix(path) if row.flags & 7 == Kind.FILE else None
        if its_database is not None:  # a companion follows its database
            if (identity := file_id(domain, its_database)) in self._sent:
                return True
            database = self._base.row(domain, its_database)
            if database is not None and database.flags & 7 == Kind.FILE:
                return self._is_replaced(domain, its_database, identity)
        return self._is_replaced(domain, path, row.file_id)

    def _is_replaced(self, domain: str, path: str, identity: str) -> bool:
        if identity in self._replaced or ((domain, path) == NOT_NEEDED and identity in self._unreadable):
            return True
        return self._brings_photos and domain == PHOTO_CATALOGUE[0] and _is_below(path, _PHOTO_FOLDERS)

    def _send(self, row: Row) -> None:
        kind = row.flags & 7
        try:
            inode, key, _ = row.copied()
            if row.file_id != file_id(row.domain, row.relative_path):
                raise CannotIncludeRecord("its row has another file's id")
            if kind != Kind.FILE:
                self._builder.add_row(row, kind, row.file)
                return
            if row.file_id in self._unreadable:
                raise CannotIncludeRecord(self._unreadable[row.file_id])
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
        self._unread_without_row.discard(bad.file_id)
        concerns_set = self._domains is None or not bad.domain or bad.domain in self._domains
        if bad.file_id not in self._replaced and concerns_set:
            raise self._incomplete(bad.domain, bad.relative_path, f"its row is damaged: {bad.reason}")

    def _refuse_unread_without_row(self) -> None:
        """A phone may leave a file that it could not read out of the manifest; its seal still names it."""
        for name in sorted(self._unread_without_row - self._replaced):
            if name not in self._sent:
                raise self._incomplete("", name, self._unreadable[name])

    def _incomplete(self, domain: str, path: str, reason: str) -> RestoreWouldDelete:
        return RestoreWouldDelete(str(self._base.folder.path), domain, path, reason)


def _is_below(path: str, folders: Collection[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)
