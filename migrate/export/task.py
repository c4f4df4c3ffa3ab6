"""The export of one kind of items: which of them are written, and what became of each.

A writer takes the items from `Task.items` and says of each what became of it: `exported`, `only_in_icloud` or
`unreadable`. So the numbers add up whatever a writer does:

    items = exported + only_in_icloud + unreadable + filtered          (live items, as `show` counts them)
    deleted are counted apart, and so are those of them that were exported
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from migrate.backup.reader import Backup
from migrate.backup.record import Kind as RecordKind
from migrate.content.item import FileRef, Item, State
from migrate.content.kind import Kind
from migrate.content.source import Source
from migrate.export.choice import ExportChoice
from migrate.export.folder import ExportFolder, Place
from migrate.language import _, mark
from migrate.problems import BadRecord, BlobMissing, BlobUnreadable, ExportFileUnreadable
from migrate.problems.finding import Finding

NOT_ACCOUNTED_FOR = mark("a mistake in migrate: nothing says what became of it")
NOT_IN_BACKUP = mark("its file is not in this backup, and may not be on the phone either")
_NO_FILTERS = ExportChoice().filters()
IN_ICLOUD = mark("it is only in iCloud")


@dataclass
class Numbers:
    """What became of the items of one kind."""

    items: int = 0
    """Live ones."""
    exported: int = 0
    only_in_icloud: int = 0
    unreadable: int = 0
    filtered: int = 0
    deleted: int = 0
    """In Recently Deleted, exported or not."""
    deleted_exported: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Why items were not exported, or not completely -> how many. Translated sentences without a full stop."""
    is_unknown: bool = False
    """A file of this kind could not be read, so the numbers are only of what could."""


@dataclass
class Task:
    """The export of one kind, given to its writer."""

    kind: Kind
    source: Source
    choice: ExportChoice
    export: ExportFolder
    report: Callable[[Finding], object]
    names: Callable[[str], str | None]
    """The name of the contact with an address (`normal_form.address`)."""
    numbers: Numbers = field(default_factory=Numbers)
    _given: Counter[bool] = field(default_factory=Counter)
    """Items given to the writer, by whether they are deleted; less those it has settled."""

    @property
    def backup(self) -> Backup:
        return self.source.backup

    @property
    def top(self) -> Place:
        """The root of the export. A writer makes one folder in it, or writes one file."""
        return self.export.top

    @property
    def tmp(self) -> Path:
        """For scratch files (0700, emptied afterwards)."""
        return self.source.tmp

    def formats(self, *possible: str, usual: Iterable[str]) -> frozenset[str]:
        """Those of the possible formats that were chosen; the usual ones if none of them was."""
        return self.choice.formats & frozenset(possible) or frozenset(usual)

    # -- items -------------------------------------------------------------------------------------------------------

    def items(self) -> Iterator[Item]:
        """The chosen items, ordered by id. Each has to be settled before or after the next is taken."""
        numbers, wants, deleted = self.numbers, self.choice.wants, State.DELETED
        everything = self.choice.filters() == _NO_FILTERS
        for item in self.kind.items(self.source):
            wanted = everything or wants(self.kind.id, item)
            if item.state is deleted:
                numbers.deleted += 1
            else:
                numbers.items += 1
                numbers.filtered += not wanted
            if wanted:
                self._given[item.state is deleted] += 1
                yield item

    def exported(self, item: Item) -> None:
        """The item has been written."""
        self._settle(item)
        if item.state is State.DELETED:
            self.numbers.deleted_exported += 1
        else:
            self.numbers.exported += 1

    def only_in_icloud(self, item: Item, reason: str = IN_ICLOUD) -> None:
        """Its content is not in the backup, and known to be in iCloud. `reason`: marked for translation."""
        self._settle(item)
        self.gap(reason)
        if item.state is not State.DELETED:
            self.numbers.only_in_icloud += 1

    def unreadable(self, item: Item, reason: str) -> None:
        """Its content could not be read, decoded or found. `reason`: marked for translation."""
        self._settle(item)
        self.gap(reason)
        if item.state is not State.DELETED:
            self.numbers.unreadable += 1

    def left_out(self, item: Item) -> None:
        """The person did not ask for it, which only the writer can tell."""
        self._settle(item)
        if item.state is not State.DELETED:
            self.numbers.filtered += 1

    def gap(self, reason: str, count: int = 1) -> None:
        """A part of exported items is missing, such as an attachment. `reason`: marked for translation."""
        if count:
            self.numbers.reasons[_(reason)] += count

    def _settle(self, item: Item) -> None:
        self._given[item.state is State.DELETED] -= 1

    def finish(self) -> None:
        """Name what the writer left open. A writer that works leaves nothing."""
        for is_deleted, left in self._given.items():
            if left:
                self.gap(NOT_ACCOUNTED_FOR, abs(left))
                if not is_deleted:
                    self.numbers.unreadable += left
        self._given.clear()

    # -- files of items ----------------------------------------------------------------------------------------------

    def copy(self, file: FileRef, place: Place, name: str, *, key: str, when: float | None = None) -> str | None:
        """Copy a file of the backup. If it is missing or damaged there, a finding names it.

        Returns:
            its path under the root of the export, with `/`; None if there is none.
        """
        try:
            record = self.backup.record(file.domain, file.relative_path)
        except BadRecord as bad:
            self.report(ExportFileUnreadable.of(bad, reason=f"{bad.reason.capitalize()}.").as_finding())
            return None
        if record is None or record.kind is not RecordKind.FILE:
            return None
        try:
            return place.copy(self.backup, record, name, key=f"{self.kind.id}/{key}", when=when)
        except (BlobMissing, BlobUnreadable) as error:
            self.report(ExportFileUnreadable.of(record, reason=error.why).as_finding())
            return None
