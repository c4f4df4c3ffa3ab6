"""The items of one kind that differ between two backups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum

from migrate.backup.record import Record
from migrate.content.difference.old_files import FileState, OldFiles
from migrate.content.field_names import field_name
from migrate.content.file_digest import digest_of
from migrate.content.item import Comparison, FileRef, Item, State
from migrate.content.kind import Kind
from migrate.content.pairing import Examples, Pair, failed, is_elsewhere, merged_items, pairs
from migrate.content.side import Side
from migrate.content.source import UNREADABLE, Source, reason_of
from migrate.language import _
from migrate.problems import (
    BadRecord,
    DiffFieldsLeftOut,
    DiffNeedsEncryption,
    DiffUndecided,
    DiffUnreadable,
    MigrateError,
)
from migrate.problems.finding import Finding

NAMED = 20
"""Items that are named for each kind and fate. The counts are exact."""


class ItemFate(StrEnum):
    """What became of an item. Without the last three, OLD's items + added - gone - deleted are NEW's, as `show` counts
    them."""

    UNCHANGED = "unchanged"
    ADDED = "added"
    """Only NEW has it; or it is no longer in Recently Deleted."""
    GONE = "gone"
    CHANGED = "changed"
    DELETED = "deleted"
    """It is in Recently Deleted now."""
    ONLY_IN_ICLOUD = "only_in_icloud"
    """It, or a file of it, is now known to be in iCloud and no longer here."""
    UNDECIDED = "undecided"
    """Its stored bytes differ and cannot be decoded, or a file of it cannot be read."""
    STILL_DELETED = "still_deleted"
    DELETED_ADDED = "deleted_added"
    """In NEW's Recently Deleted, and not in OLD at all."""
    DELETED_GONE = "deleted_gone"
    """It was in Recently Deleted and is gone."""


ONLY_IN_OLD = frozenset({ItemFate.GONE, ItemFate.DELETED_GONE})
TOLD = tuple(fate for fate in ItemFate if fate not in (ItemFate.UNCHANGED, ItemFate.STILL_DELETED))


@dataclass
class KindDifference:
    """The items of one kind. If `is_unknown`, nothing was compared: the counts mean nothing."""

    kind: Kind
    counts: Counter[ItemFate] = field(default_factory=Counter)
    examples: dict[ItemFate, Examples] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    """Fields that one of the two iOS versions does not have."""
    is_unknown: bool = False
    only_in_old: set[str] | None = None
    """The ids of the items that only OLD has; None if they were not asked for."""


class ItemComparison:
    """Compares the items of two backups, kind by kind.

    Args:
        sources: of the two; they report to nobody yet.
        old_files: what became of the files of OLD.
        bad_rows: the damaged rows of each manifest.
        lists_gone: whether the ids of what only OLD has are kept.
    """

    def __init__(
        self,
        sides: tuple[Side, Side],
        sources: tuple[Source, Source],
        old_files: OldFiles,
        bad_rows: tuple[list[BadRecord], list[BadRecord]],
        *,
        lists_gone: bool = False,
    ) -> None:
        self._lists_gone = lists_gone
        self.sides = sides
        self.sources = sources
        self.findings: list[Finding] = []
        self._old_files = old_files
        self._bad_rows = bad_rows
        self._told: tuple[list[Finding], list[Finding]] = ([], [])
        for source, told in zip(sources, self._told, strict=True):
            source.report = told.append

    def run(self, kind: Kind) -> KindDifference | None:
        """The difference of one kind; None if neither backup has files of it."""
        records = tuple(source.files(*kind.places) for source in self.sources)
        damaged = [self._damaged_rows(kind, number, bool(records[number])) for number in (0, 1)]
        if not any(records) and not any(damaged):
            return None
        found = KindDifference(kind, only_in_old=set() if self._lists_gone else None)
        if self._is_not_comparable(kind, records, damaged):
            found.is_unknown = True
            return found
        begun = tuple(map(len, self._told))
        try:
            with closing(merged_items(kind, *self.sources)) as groups:
                for old_items, new_items in groups:
                    for pair in pairs(old_items, new_items):
                        self._settle(pair, found)
        except UNREADABLE as error:  # while the items are put in order, which is nobody's fault but their ids'
            for source, own in zip(self.sources, records, strict=True):
                if own:
                    source.cannot_read(own[0], reason_of(error))
        found.is_unknown = any(map(failed, self.sources, records)) or any(
            kind.reads(one.domain or "", one.relative_path or "")
            for told, before in zip(self._told, begun, strict=True)
            for one in told[before:]
        )
        self._tell(found, begun)
        return found

    # -- what cannot be compared -------------------------------------------------------------------------------------

    def _damaged_rows(self, kind: Kind, number: int, has_files: bool) -> list[BadRecord]:
        """The damaged rows that may be of this kind."""
        return [
            bad
            for bad in self._bad_rows[number]
            if kind.reads(bad.domain, bad.relative_path) or (not bad.domain and not has_files)
        ]

    def _is_not_comparable(self, kind: Kind, records: tuple[list[Record], ...], damaged: list[list[BadRecord]]) -> bool:
        """Whether one of the backups cannot tell about the kind at all. Says why."""
        reported = len(self.findings)
        for number, side in enumerate(self.sides):
            other = self.sides[1 - number]
            folder = str(side.backup.folder.path)
            for bad in damaged[number][:1]:
                self.findings.append(DiffUnreadable.of(bad, reason=bad.reason, backup=folder).as_finding())
            if records[number] or damaged[number]:
                continue
            if other.is_encrypted and not side.is_encrypted:
                self.findings.append(DiffNeedsEncryption(_(kind.label), folder, (kind.owner,)).as_finding())
            for record in filter(side.could_not_read, records[1 - number][:1]):
                reason = _("the iPhone could not read it")
                self.findings.append(DiffUnreadable.of(record, reason=reason, backup=folder).as_finding())
        return len(self.findings) > reported

    def _tell(self, found: KindDifference, begun: Collection[int]) -> None:
        owner = (found.kind.owner,)
        for side, told, before in zip(self.sides, self._told, begun, strict=True):
            folder = str(side.backup.folder.path)
            for one in dict.fromkeys(told[before:]):
                self.findings.append(
                    DiffUnreadable(
                        one.domain or "",
                        one.relative_path or "",
                        one.file_id or "",
                        reason=one.why.rstrip("."),
                        backup=folder,
                    ).as_finding()
                )
        if found.is_unknown:
            return
        label = _(found.kind.label)
        if undecided := found.counts[ItemFate.UNDECIDED]:
            self.findings.append(DiffUndecided(undecided, label, owner).as_finding())
        if found.left_out:
            names = tuple(field_name(name) for name in sorted(found.left_out))
            self.findings.append(DiffFieldsLeftOut(label, names, owner).as_finding())

    # -- one item ----------------------------------------------------------------------------------------------------

    def _settle(self, pair: Pair, found: KindDifference) -> None:
        fate = self._fate(pair)
        found.counts[fate] += 1
        if fate in ONLY_IN_OLD and found.only_in_old is not None and pair.old is not None:
            found.only_in_old.add(pair.old.id)
        if pair.old is not None and pair.new is not None:
            found.left_out.update(pair.old.lacking ^ pair.new.lacking)
        if fate in TOLD:
            item = pair.old if fate in (ItemFate.GONE, ItemFate.DELETED, ItemFate.DELETED_GONE) else pair.new
            assert item is not None
            is_told = fate in (ItemFate.CHANGED, ItemFate.UNDECIDED)
            found.examples.setdefault(fate, Examples(NAMED)).add(item, pair.comparison if is_told else None)

    def _fate(self, pair: Pair) -> ItemFate:
        old, new, comparison = pair
        if old is None:
            assert new is not None
            return ItemFate.DELETED_ADDED if new.state is State.DELETED else ItemFate.ADDED
        was_deleted = old.state is State.DELETED
        if new is None or comparison is None:
            return ItemFate.DELETED_GONE if was_deleted else ItemFate.GONE
        if new.state is State.DELETED:
            return ItemFate.STILL_DELETED if was_deleted else ItemFate.DELETED
        if was_deleted:
            return ItemFate.ADDED
        if new.state is State.ONLY_IN_CLOUD and old.state is State.LIVE:
            return ItemFate.ONLY_IN_ICLOUD
        return self._fate_of_live(old, new, comparison)

    def _fate_of_live(self, old: Item, new: Item, comparison: Comparison) -> ItemFate:
        files = self._fate_of_files(old, new)
        if files is ItemFate.ONLY_IN_ICLOUD:
            return files
        if comparison.differing:
            return ItemFate.CHANGED
        return ItemFate.UNDECIDED if comparison.undecided else files

    def _fate_of_files(self, old: Item, new: Item) -> ItemFate:
        """Whether the item's files are the same, here or at another path."""
        worst = ItemFate.UNCHANGED
        for file in old.files:
            state = self._state_of(file)
            if state is FileState.SAME or self._is_elsewhere(file, old, new):
                continue
            if state is FileState.GONE and new.offloaded > old.offloaded:
                return ItemFate.ONLY_IN_ICLOUD
            if state is not FileState.UNREADABLE:
                worst = ItemFate.CHANGED
            elif worst is ItemFate.UNCHANGED:
                worst = ItemFate.UNDECIDED
        return worst

    def _is_elsewhere(self, file: FileRef, old: Item, new: Item) -> bool:
        try:
            return is_elsewhere(file, old, new, *(side.backup for side in self.sides))
        except BadRecord:
            return False

    def _state_of(self, file: FileRef) -> FileState:
        state = self._old_files.state_of(file)
        if state is not None:
            return state
        old, new = (side.backup for side in self.sides)  # its row is damaged, or its category is not compared
        try:
            before, now = old.record(*file), new.record(*file)
            if before is None or now is None:
                return FileState.GONE
            alike = digest_of(old, before, with_log=False) == digest_of(new, now, with_log=False)
        except MigrateError:
            return FileState.UNREADABLE
        return FileState.SAME if alike else FileState.CHANGED
