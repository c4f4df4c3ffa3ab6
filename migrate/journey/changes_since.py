"""Count what arrived on a phone after a run: what is neither in its safety backup nor in what the run sent.

    items     count if their id is in neither, or if they differ from both
    files     count if they are in neither, or differ from both. Files that belong to an item count with it

What iOS writes on any running phone (housekeeping, settings, other-system) does not belong to a person and is not
counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from migrate.backup.companions import without_suffix
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.categories.arrival import never_arrives_reason
from migrate.categories.catalogue import OTHER_SYSTEM, PathClass
from migrate.categories.claims import Claims
from migrate.categories.path_classes import path_class
from migrate.content.file_digest import digest_or_none
from migrate.content.item import FileRef, Item, State, compare
from migrate.content.kind import Kind as ItemKind
from migrate.content.kinds import kinds, source_places
from migrate.content.ordering import merge_by_id
from migrate.content.source import Source
from migrate.journey.proof.rows import Rows, compare_rows
from migrate.problems import MigrateError
from migrate.progress import Progress, no_progress


@dataclass
class ChangesSince:
    """Compares a phone's backup with its earlier one and with what was sent to it. Blocking; reads only."""

    now: Backup
    claims: Claims
    earlier: tuple[Backup, ...]
    """The safety backup, and what was sent."""
    tmp: Path
    progress: Progress = no_progress

    def counted(self) -> dict[str, int]:
        """How many new things there are, per category or app that has any."""
        found: Counter[str] = Counter()
        of_items: set[FileRef] = set()
        for kind in kinds():
            found[kind.owner] += self._new_items(kind, of_items)
        files = list(self._files(of_items))
        done, total = 0, sum(record.size or 0 for record, _owners in files)
        for record, owners in files:
            done += record.size or 0
            self.progress.bytes_moved(done, total)
            if self._is_new(record, owners):
                found.update(owners)
        return {owner: count for owner, count in found.items() if count}

    def _new_items(self, kind: ItemKind, of_items: set[FileRef]) -> int:
        """The items of a kind that none of the earlier backups has like this; their files are added to `of_items`."""
        places = source_places()
        streams = [kind.items(Source(backup, self.tmp, places)) for backup in (self.now, *self.earlier)]
        new = 0
        for now, *earlier in merge_by_id(*streams):
            for item in now:
                of_items.update(item.files)
                if item.state is State.LIVE and not any(_has_equal(item, others) for others in earlier):
                    new += 1
        return new

    def _files(self, of_items: set[FileRef]) -> Iterator[tuple[Record, frozenset[str]]]:
        """The files of the phone that a person would miss and that belong to no item."""
        for record in self.now.records(lambda bad: None):
            place = (record.domain, record.relative_path)
            owners = self.claims.owners(*place) - {OTHER_SYSTEM}
            if record.kind is not Kind.FILE or not owners or place in of_items or never_arrives_reason(*place):
                continue
            if without_suffix(record.relative_path) is None:
                is_class = path_class(*place, owner_ids=owners, kind=record.kind)
                if is_class in (PathClass.VERBATIM, PathClass.DATABASE):
                    yield record, owners

    def _is_new(self, record: Record, owners: frozenset[str]) -> bool:
        mine = digest_or_none(self.now, record)
        for backup in self.earlier:
            twin = backup.record(record.domain, record.relative_path)
            if twin is None or twin.kind is not Kind.FILE:
                continue
            if mine == digest_or_none(backup, twin) or self._has_all_rows_of(record, backup, twin, owners):
                return False
        return True

    def _has_all_rows_of(self, record: Record, backup: Backup, twin: Record, owners: frozenset[str]) -> bool:
        """Whether it is a database with the same rows as the earlier one, on other pages."""
        if (
            path_class(record.domain, record.relative_path, owner_ids=owners, kind=record.kind)
            is not PathClass.DATABASE
        ):
            return False
        try:
            return compare_rows(self.now, record, backup, twin, self.tmp) is Rows.ALL_THERE
        except (MigrateError, OSError, ValueError):
            return False


def _has_equal(item: Item, others: list[Item]) -> bool:
    return any(compare(other, item).is_equal for other in others)
