"""The files of a proof: every agreed file of the old backup against the same file of the new phone's backup.

Both lists of files are read once, row by row. In unencrypted backups equal digests in both seals prove a file: one was
taken when the old phone sent it, the other when the new phone did, and nothing has to be read. Any other old blob is
read once: its stored bytes are held to the seal while its plaintext is compared. Databases and property lists that are
read as items have no fate here; see item_pass.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from migrate.backup.companions import LOG, database_of, is_database, without_suffix
from migrate.backup.manifest.manifest import Row
from migrate.backup.record import Kind, Record, file_id
from migrate.categories.arrival import arrives_later, never_arrives_reason
from migrate.categories.catalogue import PathClass
from migrate.categories.path_classes import path_class, volatile_keys
from migrate.categories.settings_difference import compare_settings
from migrate.content.file_digest import digest_of, digest_or_none, has_log
from migrate.content.kind import Kind as ItemKind
from migrate.content.kinds import is_read_as_items
from migrate.content.sentence import shortened
from migrate.journey.proof.evidence import Evidence, Side
from migrate.journey.proof.fates import GONE, GOOD, Fate, LaterReason, OwnerFates
from migrate.journey.proof.file_store import FileStore, StoredFate
from migrate.journey.proof.rows import Rows, compare_rows
from migrate.journey.proof.rows_ahead import RowsAhead
from migrate.journey.proof.sealed_alike import Arrived, SealedAlike
from migrate.journey.proof.small_files import SmallFiles
from migrate.problems import BadRecord, BlobChanged, MigrateError

Owners = frozenset[str]
Sealed = tuple[bytes, int]
"""SHA-256 and number of the stored bytes."""
NOBODY: Owners = frozenset()
REPORT_EVERY_ROWS = 256
REPORT_EVERY_BYTES = 8 << 20

CHANGED_HERE = "changed-on-this-computer"
"""The old copy no longer fits its seal."""
SUPPORT_FOLDER = "_SUPPORT/"
SETTINGS_LIMIT_BYTES = 16 << 20
SETTINGS_NAMED = 5


@dataclass
class FilePass:
    """Decides the fate of each file and remembers it in `store`.

    Args:
        evidence: the compared backups.
        arrived: what the new phone's list of files has.
        store: receives every fate but SAME and FOUND.
        old: where the files are read from: the old phone's backup, or for `kept` the new phone's earlier backup.
        kept: whether these files were on the new phone before and were not chosen.
    """

    evidence: Evidence
    arrived: Arrived
    store: FileStore
    old: Side
    kept: bool = False

    def __post_init__(self) -> None:
        self._small_files: tuple[SmallFiles, SmallFiles] | None = None
        self._new_rows = RowsAhead(self.evidence.after.backup.manifest)
        self._seals = SealedAlike.of(self.old, self.evidence.after, self.arrived)

    @property
    def total_bytes(self) -> int | None:
        """What `run` passes through, as far as a seal tells."""
        return None if self.old.seal is None else sum(row.size for row in self.old.seal.rows)

    def run(self, owners_fates: dict[str, OwnerFates], done: int, total: int | None) -> int:
        """Count the fates per owner. Returns the bytes that are done."""
        with SmallFiles.of(self.old) as old, SmallFiles.of(self.evidence.after) as new:
            self._small_files = old, new
            return self._run(owners_fates, done, total)

    def _run(self, owners_fates: dict[str, OwnerFates], done: int, total: int | None) -> int:
        progress, seal = self.evidence.progress, self.old.seal
        sealed = None if seal is None else seal.rows.get
        reported = done
        for number, row in enumerate(self.old.backup.manifest.rows(lambda bad: None)):
            if number % REPORT_EVERY_ROWS == 0 or done >= reported + REPORT_EVERY_BYTES:
                progress.bytes_moved(done, total)
                reported = done
            found = None if sealed is None or row.flags & 7 != Kind.FILE else sealed(bytes.fromhex(row.file_id))
            if found is not None:
                done += found[1]
            if (owners := self._owners_of(row)) and (is_class := self._class_of(row, owners)) is not PathClass.ITEMS:
                with suppress(BadRecord):  # a damaged row of the old backup, which verifying it has found
                    self._count(row, owners, is_class, found, owners_fates)
        return done

    def _count(
        self,
        row: Row,
        owners: Owners,
        is_class: PathClass,
        sealed: Sealed | None,
        owners_fates: dict[str, OwnerFates],
    ) -> None:
        fate, reason, why = self._fate(row, is_class, owners, sealed)
        for owner in owners:
            counted = owners_fates.get(owner) or owners_fates.setdefault(owner, OwnerFates())
            if is_class is PathClass.HOUSEKEEPING:
                counted.housekeeping[why if why == GONE else fate] += 1
            else:
                counted.files[fate] += 1
        if fate not in GOOD and is_class is not PathClass.HOUSEKEEPING:
            self._remember(row, owners, fate, reason, why)
        elif fate not in GOOD and fate is not Fate.NOT_EXPECTED:
            self._tell_housekeeping(row, why if why == GONE else fate.value)

    def rows_read_by(self, kind: ItemKind) -> Iterator[tuple[Row, Owners]]:
        """The files that are read as this kind of items, with their owners."""
        for row in self.old.backup.manifest.rows(lambda bad: None):
            if kind.reads(row.domain, row.relative_path) and (owners := self._owners_of(row)):
                yield row, owners

    def _owners_of(self, row: Row) -> Owners:
        """The agreed owners of an agreed file or link; of what was there before, those of what was not chosen. Empty
        for everything else.

        Companions are left out where their database is listed: they are read with it.
        """
        if row.kind is Kind.DIRECTORY:
            return NOBODY
        owners = self.old.claims.owners(row.domain, row.relative_path)
        if self.kept:
            if owners & self.evidence.owners or self._was_sent(row):
                return NOBODY
        elif not (owners := owners & self.evidence.owners):
            return NOBODY
        database = without_suffix(row.relative_path)
        if database is not None and self.old.backup.manifest.row(row.domain, database) is not None:
            return owners if self._stands_alone(row) else NOBODY
        return owners

    def _was_sent(self, row: Row) -> bool:
        """Whether the old phone's backup brought this path, under whichever owner."""
        sent = self.evidence.old
        owners = sent.claims.owners(row.domain, row.relative_path)
        return bool(owners & self.evidence.owners) and sent.backup.manifest.row(*_place(row)) is not None

    def _stands_alone(self, row: Row) -> bool:
        """Whether a -wal has to be compared by itself: a file that is not called like a database is compared with the
        -wal that the seal knows, and this one's hash was lost."""
        return (
            self.old.seal is not None
            and row.relative_path.endswith(LOG)
            and database_of(row.relative_path) is None
            and self.old.seal.rows.get(bytes.fromhex(row.file_id)) is None
        )

    def _has_log(self, row: Row) -> bool:
        seal = self.old.seal
        if seal is not None and not is_database(row.relative_path):
            return seal.rows.get(bytes.fromhex(file_id(row.domain, row.relative_path + LOG))) is not None
        return has_log(self.old.backup, row.domain, row.relative_path)

    def _class_of(self, row: Row, owners: Owners) -> PathClass:
        """Its path class. What no reader reads as items after all is compared as a file."""
        if is_read_as_items(row.domain, row.relative_path):
            return PathClass.ITEMS
        kind, target = row.kind, None
        if kind is Kind.SYMLINK:
            with suppress(BadRecord):
                target = row.record().target
        found = path_class(*_place(row), owner_ids=owners, kind=kind or Kind.FILE, target=target)
        if found is not PathClass.ITEMS:
            return found
        if SUPPORT_FOLDER in row.relative_path:  # what Core Data stores beside a database belongs to its rows
            return PathClass.HOUSEKEEPING
        return PathClass.SETTINGS if row.relative_path.endswith(".plist") else PathClass.DATABASE

    def _tell_housekeeping(self, row: Row, fate: str) -> None:
        self.evidence.details({"housekeeping": True, "domain": row.domain, "path": row.relative_path, "fate": fate})

    def fate_of_unread(self, row: Row, owners: Owners) -> Fate:
        """The fate of a database whose items could not be read: equal bytes prove it, anything else is a doubt."""
        sealed = None if self.old.seal is None else self.old.seal.rows.get(bytes.fromhex(row.file_id))
        fate, _reason, why = self._fate(row, PathClass.VERBATIM, owners, sealed)
        if fate is Fate.DIFFERENT and why != CHANGED_HERE:
            fate = Fate.UNSEEN
        if fate is not Fate.SAME:
            self._remember(row, owners, fate, None, why)
        return fate

    def _remember(self, row: Row, owners: Owners, fate: Fate, reason: LaterReason | None, why: str) -> None:
        place = (row.file_id, row.domain, row.relative_path)
        self.store.add(StoredFate(*place, fate, reason, tuple(sorted(owners)), self.kept, why))

    # -- one file ----------------------------------------------------------------------------------------------------

    def _fate(
        self, row: Row, is_class: PathClass, owners: Owners, sealed: Sealed | None
    ) -> tuple[Fate, LaterReason | None, str]:
        """`sealed`: what the old backup's seal says of the file. Raises BadRecord: its row in the old backup is
        damaged, and its archive had to be read."""
        evidence = self.evidence
        foreign = not self.kept and not evidence.same_phone
        if row.file_id in evidence.unsent_file_ids:
            return Fate.NOT_EXPECTED, None, ""
        if foreign and never_arrives_reason(row.domain, row.relative_path):
            return Fate.NOT_EXPECTED, None, ""
        if sealed is not None and row.kind is Kind.FILE and self._is_alike(row, is_class, sealed):
            return Fate.SAME, None, ""
        record = row.record()
        try:
            arrived = evidence.after.backup.record(record.domain, record.relative_path)
        except MigrateError:  # its row in the new phone's manifest is damaged
            return Fate.UNSEEN, None, ""
        if arrived is None or arrived.kind is not record.kind:
            if arrived is None and is_class is PathClass.HOUSEKEEPING:
                return Fate.PRESENT, None, GONE
            reason = self._later_reason(record, owners) if arrived is None else None
            if reason is not None:
                return Fate.LATER, reason, ""
            return (Fate.MISSING if arrived is None else Fate.DIFFERENT), None, ""
        if record.kind is Kind.SYMLINK:
            if record.target == arrived.target:
                return Fate.SAME, None, ""
            return (Fate.PRESENT if is_class is PathClass.HOUSEKEEPING else Fate.DIFFERENT), None, ""
        fate, reason, why = self._compared(record, arrived, is_class)
        if fate is Fate.KEPT_OWN and (reason := self._later_reason(record, owners)) is not None:
            return Fate.LATER, reason, ""  # until the phone has loaded it, its own file is in that place
        return fate, reason, why

    def _is_alike(self, row: Row, is_class: PathClass, sealed: Sealed) -> bool:
        """Whether it is proven without a look at what is wrong: two seals of unencrypted backups have one digest, or it
        is a small file of encrypted backups whose content both have, the old one as sealed. False if that cannot be
        told by reading each once; then `_compared` tells what is wrong."""
        if self._seals is not None:
            return self._seals.proves(row, is_class, sealed)
        after = self.evidence.after
        if self._small_files is None or is_class is PathClass.DATABASE or row.file_id not in self.arrived.files:
            return False
        if (after.seal is not None and row.file_id in after.seal.unreadable) or self._has_log(row):
            return False
        old, new = self._small_files
        if (sent := old.sealed_content(row, *sealed)) is None:
            return False
        try:
            arrived = self._new_rows.row(row.file_id, row.domain, row.relative_path)
        except BadRecord:
            return False
        return arrived is not None and new.has_content(arrived, sent)

    def _later_reason(self, record: Record, owners: Owners) -> LaterReason | None:
        evidence = self.evidence
        if evidence.is_overdue:
            return None
        if evidence.is_app_missing(owners):
            # otherwise a phone drops the data of an app it does not have (facts 4.5)
            return "app" if evidence.installs_apps else None
        return "background" if arrives_later(record.domain, record.relative_path) else None

    def _compared(self, record: Record, arrived: Record, is_class: PathClass) -> tuple[Fate, LaterReason | None, str]:
        after = self.evidence.after
        if after.could_not_read(arrived):
            return Fate.UNSEEN, None, ""
        with_log = is_class is PathClass.DATABASE or has_log(self.old.backup, record.domain, record.relative_path)
        try:
            now = digest_of(after.backup, arrived, with_log=with_log)
        except MigrateError:
            return Fate.UNSEEN, None, ""
        try:
            old = digest_of(self.old.backup, record, with_log=with_log)
        except BlobChanged:
            return self._fate_of_rotten(record, now), None, CHANGED_HERE
        except MigrateError:
            return Fate.UNSEEN, None, "unreadable-in-the-old-backup"
        if old == now:
            return Fate.SAME, None, ""
        if is_class is PathClass.HOUSEKEEPING:
            return Fate.PRESENT, None, ""
        if is_class is PathClass.SETTINGS and (settled := self._compare_settings(record, arrived)) is not None:
            if settled == "":
                return Fate.SAME, None, ""
            return self._why_different(record, arrived, now), None, settled
        if is_class is PathClass.DATABASE:
            return self._compare_database(record, arrived, now), None, ""
        return self._why_different(record, arrived, now), None, ""

    def _fate_of_rotten(self, record: Record, now: bytes) -> Fate:
        """The old copy was altered on this computer after it was sealed, so only its seal can speak for it, and a seal
        is the digest of the plaintext only in an unencrypted backup."""
        seal = self.old.seal
        if not self.old.is_encrypted and seal is not None and seal.digests.get(record.file_id) == now.hex():
            return Fate.SAME
        return Fate.DIFFERENT

    def _compare_settings(self, record: Record, arrived: Record) -> str | None:
        """Which settings differ; "" if none does; None if one of the files is not a property list, or far too long."""
        try:
            old = self.old.backup.read(record, SETTINGS_LIMIT_BYTES)
            new = self.evidence.after.backup.read(arrived, SETTINGS_LIMIT_BYTES)
        except MigrateError:
            return None
        difference = compare_settings(old, new, volatile_keys(record.domain, record.relative_path))
        if difference is None:
            return None
        differing = [shortened(key) for key in (*difference.lost, *difference.changed)]
        return ", ".join(differing[:SETTINGS_NAMED]) + (", …" if len(differing) > SETTINGS_NAMED else "")

    def _compare_database(self, record: Record, arrived: Record, now: bytes) -> Fate:
        evidence = self.evidence
        try:
            rows = compare_rows(self.old.backup, record, evidence.after.backup, arrived, evidence.tmp)
        except (MigrateError, ValueError):
            return Fate.UNSEEN
        if rows is Rows.ALL_THERE:
            return Fate.FOUND
        fate = self._why_different(record, arrived, now)
        if rows is Rows.REWRITTEN and fate is not Fate.KEPT_OWN and not record.domain.startswith("AppDomain"):
            return Fate.PRESENT
        return fate

    def _why_different(self, record: Record, arrived: Record, now: bytes) -> Fate:
        """KEPT_OWN if the file is the new phone's own, CHANGED_SINCE if it was written after the restore."""
        evidence = self.evidence
        if evidence.before is not None and not self.kept:
            own = evidence.before.backup.record(record.domain, record.relative_path)
            if own is not None and own.kind is Kind.FILE and digest_or_none(evidence.before.backup, own) == now:
                return Fate.KEPT_OWN
        if evidence.restored_at is not None and arrived.modified > evidence.restored_at:
            return Fate.CHANGED_SINCE
        return Fate.DIFFERENT


def _place(row: Row) -> tuple[str, str]:
    return row.domain, row.relative_path
