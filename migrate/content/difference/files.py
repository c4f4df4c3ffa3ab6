"""The files that differ between two backups: both manifests are read, and contents only where these do not tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from migrate.backup.manifest.manifest import OnBad, Row
from migrate.backup.record import Kind, file_id
from migrate.categories.catalogue import PathClass
from migrate.categories.path_classes import path_class
from migrate.content.difference.old_files import (
    FileState,
    IsWanted,
    OldFiles,
    facts_of,
    file_rows,
    known_alike,
    unpacked,
)
from migrate.content.file_digest import digest_of
from migrate.content.side import Side
from migrate.content.source import AtPlaces
from migrate.language import _
from migrate.problems import BadRecord, DiffFileUnreadable, MigrateError
from migrate.problems.finding import Finding
from migrate.progress import Progress

Change = Literal["added", "gone", "changed"]
CHANGES: tuple[Change, ...] = ("added", "gone", "changed")
NAMED = 20
"""Files that are named for each change. The counts are exact."""
MOST_FINDINGS = 100
_REPORT_EVERY = 512
HOUSEKEEPING = PathClass.HOUSEKEEPING


@dataclass
class FilesDifference:
    """How many files and links were added, are gone, or have changed."""

    old: int = 0
    new: int = 0
    unchanged: int = 0
    unreadable: int = 0
    """Their contents would have to be compared and cannot be read."""
    read: int = 0
    """Files of which the contents were compared."""
    changes: Counter[Change] = field(default_factory=Counter)
    housekeeping: Counter[Change] = field(default_factory=Counter)
    """Those of `changes` that a phone keeps for itself: caches, logs, links to the system."""
    by_owner: dict[str, Counter[Change]] = field(default_factory=dict)
    """By category and app. A file that several apps share counts for each of them."""
    named: dict[Change, list[tuple[str, str]]] = field(default_factory=lambda: {change: [] for change in CHANGES})
    """Domain and path of the first of them, without housekeeping."""

    def as_json(self) -> dict[str, Any]:
        return {
            "old": self.old,
            "new": self.new,
            **{change: self.changes[change] for change in CHANGES},
            "unchanged": self.unchanged,
            "unreadable": self.unreadable,
            "housekeeping": {change: self.housekeeping[change] for change in CHANGES},
            "examples": {
                change: [{"domain": domain, "relative_path": path} for domain, path in self.named[change]]
                for change in CHANGES
            },
        }


class FileComparison:
    """Compares the files of two backups; `old_files` then tells what became of each file of OLD.

    Args:
        wanted: categories and apps that are compared; None for everything.
        bad_rows: receive the damaged rows of each manifest, which count nowhere.
        at_places: receive the files of each manifest that readers of items ask for.

    Raises:
        BackupUnreadable: a manifest is damaged.
    """

    def __init__(
        self,
        old: Side,
        new: Side,
        wanted: Collection[str] | None,
        bad_rows: tuple[list[BadRecord], list[BadRecord]],
        at_places: tuple[AtPlaces, AtPlaces],
        progress: Progress,
    ) -> None:
        self.old = old
        self.new = new
        self.difference = FilesDifference()
        self.findings: list[Finding] = []
        self._wanted = wanted
        self._progress = progress
        self._encrypted = new.is_encrypted
        self._bytes_read = 0
        self._has_seals = old.seal is not None and new.seal is not None  # they know more than size and date
        self.old_files = OldFiles(old.backup.manifest, self._filter(old), bad_rows[0].append, at_places[0])
        self._compare(bad_rows[1].append, at_places[1])
        for bad in bad_rows[1]:  # NEW has an entry, and it is not known what is in it
            if (place := self.old_files.place(file_id(bad.domain, bad.relative_path))) >= 0:
                self.old_files.settle(place, FileState.UNREADABLE)
        self._count_unchanged()
        self._find_gone()

    def _filter(self, side: Side) -> IsWanted | None:
        wanted = self._wanted
        if wanted is None:
            return None
        return lambda domain, path: not side.claims.owners(domain, path).isdisjoint(wanted)

    def _compare(self, on_bad: OnBad, at_places: AtPlaces) -> None:
        found, files = self.difference, self.old_files
        rows = file_rows(self.new.backup.manifest, self._filter(self.new), on_bad, at_places)
        for number, row in enumerate(rows):
            if number % _REPORT_EVERY == 0:
                self._progress.bytes_moved(self._bytes_read, None)
            place = files.place(row.file_id)
            if place >= 0 and not self._has_seals and files.has_row(place, row):
                files.settle(place, FileState.SAME)
            else:
                try:
                    self._settle(row, place)
                except BadRecord as bad:
                    on_bad(bad)
                    continue
            found.new += 1

    def _settle(self, row: Row, place: int) -> None:
        """Raises BadRecord."""
        facts = facts_of(row, is_encrypted=self._encrypted)
        if place < 0:
            self._count("added", self.new, row)
            return
        if not self._has_seals and self.old_files.is_plainly_alike(place, facts):
            self.old_files.settle(place, FileState.SAME)
            return
        alike = known_alike(self.old_files.facts(place), unpacked(facts), lambda: self._sealed_alike(row.file_id))
        state = _STATES[alike] if alike is not None else self._state_by_contents(row)
        self.old_files.settle(place, state)
        if state is FileState.CHANGED:
            self._count("changed", self.new, row)

    def _count_unchanged(self) -> None:
        found, files = self.difference, self.old_files
        found.old = len(files)
        found.unchanged = files.count(FileState.SAME)
        found.unreadable = files.count(FileState.UNREADABLE)

    def _sealed_alike(self, name: str) -> bool | None:
        if self.old.seal is None or self.new.seal is None:
            return None
        old, new = self.old.seal.digests.get(name), self.new.seal.digests.get(name)
        return None if old is None or new is None else old == new

    def _state_by_contents(self, row: Row) -> FileState:
        """Raises BadRecord: the row of NEW is damaged."""
        record = row.record()
        self.difference.read += 1
        self._progress.bytes_moved(self._bytes_read, None)
        side = self.old
        try:
            earlier = self.old.backup.record(record.domain, record.relative_path)
            if earlier is None:  # the file id that OLD's manifest gives this path is another's
                raise BadRecord(record.file_id, record.domain, record.relative_path, _("its file id is not its path's"))
            before = digest_of(self.old.backup, earlier, with_log=False)
            side = self.new
            now = digest_of(self.new.backup, record, with_log=False)
        except MigrateError as error:
            if len(self.findings) < MOST_FINDINGS:
                folder = str(side.backup.folder.path)
                self.findings.append(DiffFileUnreadable.of(record, backup=folder, reason=error.why).as_finding())
            return FileState.UNREADABLE
        self._bytes_read += record.size or 0
        return FileState.SAME if before == now else FileState.CHANGED

    def _find_gone(self) -> None:
        if not self.old_files.count(FileState.GONE):
            return
        for row in file_rows(self.old.backup.manifest, self._filter(self.old), lambda bad: None):
            place = self.old_files.place(row.file_id)
            if place >= 0 and self.old_files.is_gone(place):
                self._count("gone", self.old, row)

    def _count(self, change: Change, side: Side, row: Row) -> None:
        """Raises BadRecord: the row is damaged."""
        found, kind = self.difference, Kind(row.flags & 7)
        target = row.stated()[-1] if kind is Kind.SYMLINK else None
        owners = side.claims.owners(row.domain, row.relative_path)
        found.changes[change] += 1
        for owner in owners:
            found.by_owner.setdefault(owner, Counter())[change] += 1
        if path_class(row.domain, row.relative_path, owner_ids=owners, kind=kind, target=target) is HOUSEKEEPING:
            found.housekeeping[change] += 1
        elif len(found.named[change]) < NAMED:
            found.named[change].append((row.domain, row.relative_path))


_STATES = {True: FileState.SAME, False: FileState.CHANGED}
