"""Whether a restore set is on a phone: look for what only the set has.

What the phone's earlier backup has too shows nothing, because it was there before. Items are found by their id and
compared by what a person sees of them, as in the proof; files that belong to no item are compared by their plaintext.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.categories.arrival import never_arrives_reason
from migrate.categories.catalogue import PathClass
from migrate.categories.claims import Claims
from migrate.categories.path_classes import path_class
from migrate.content.file_digest import digest_or_none
from migrate.content.item import FileRef, Item, State, compare
from migrate.content.kind import Kind as ItemKind
from migrate.content.kinds import kinds, source_places
from migrate.content.ordering import merge_by_id
from migrate.content.source import Source
from migrate.progress import Progress, no_progress

COINCIDENCE = 10
"""Less than a tenth of a set is taken for a coincidence (*guessed*; 3 of 111 things on two simulated iPhones)."""


@dataclass(frozen=True)
class Found:
    """How many things only the set has, and how many of them are on the phone."""

    looked_for: int
    present: int
    had_before: int = 0
    """How many things of the set the phone had before, just like that."""
    is_unreadable: bool = False
    """Whether something on the phone could not be read."""

    @property
    def verdict(self) -> Literal["restored", "not restored", "unknown"]:
        """Restored: most of it is there, or all of it was there before, so sending it would change nothing.

        A little of it is on any phone: the cities of a new World Clock, what an account brings to both phones.
        """
        if self.looked_for == 0:
            return "restored" if self.had_before else "unknown"
        if self.present * 2 >= self.looked_for:
            return "restored"
        has_some = self.present * COINCIDENCE >= self.looked_for
        return "unknown" if has_some or self.is_unreadable else "not restored"


@dataclass
class SetOnPhone:
    """Compares a phone's backup with a set that may have been restored to it. Blocking; reads only."""

    now: Backup
    sent: Backup
    earlier: tuple[Backup, ...]
    """The phone's backup from before, if there is one."""
    claims: Claims
    """Who owns what in the set."""
    owners: frozenset[str]
    """The categories and apps that were chosen. A set may hold more of the phone's own data."""
    tmp: Path
    progress: Progress = no_progress
    _counts: Counter[str] = field(default_factory=Counter, init=False)

    def count(self) -> Found:
        of_items: set[FileRef] = set()
        for kind in kinds():
            if kind.owner in self.owners:
                self._count_items(kind, of_items)
        for record in self._files(of_items):
            self._count_file(record)
        counts = self._counts
        return Found(counts["looked for"], counts["present"], counts["had before"], bool(counts["unreadable"]))

    def _count_items(self, kind: ItemKind, of_items: set[FileRef]) -> None:
        places = source_places()
        sources = [Source(one, self.tmp, places) for one in (self.sent, self.now, *self.earlier)]
        has_any = False
        for sent, now, *earlier in merge_by_id(*(kind.items(source) for source in sources)):
            for item in sent:
                has_any = True
                of_items.update(item.files)
                if item.state is State.LIVE:
                    had_before = any(_has_equal(item, others) for others in earlier)
                    self._count(had_before, is_there=_has_equal(item, now))
        if has_any:  # and not what the set cannot show either, such as the keychain of a plain backup
            self._counts["unreadable"] += len(sources[1].failed - sources[0].failed)

    def _count_file(self, record: Record) -> None:
        mine = digest_or_none(self.sent, record)
        earlier = any(self._digest_in(one, record) == mine for one in self.earlier)
        self._count(earlier, is_there=mine is not None and self._digest_in(self.now, record) == mine)
        self.progress.files_moved(self._counts.total())

    def _count(self, had_before: bool, *, is_there: bool) -> None:
        self._counts["had before" if had_before else "looked for"] += 1
        self._counts["present"] += is_there and not had_before

    def _digest_in(self, backup: Backup, record: Record) -> bytes | None:
        twin = backup.record(record.domain, record.relative_path)
        return digest_or_none(backup, twin) if twin is not None and twin.kind is Kind.FILE else None

    def _files(self, of_items: set[FileRef]) -> Iterator[Record]:
        """The chosen files that a phone keeps as they are, and that belong to no item."""
        for record in self.sent.records(lambda bad: None):
            place = (record.domain, record.relative_path)
            owners = self.claims.owners(*place) & self.owners
            if record.kind is not Kind.FILE or not owners or place in of_items or never_arrives_reason(*place):
                continue
            if path_class(*place, owner_ids=owners, kind=record.kind) is PathClass.VERBATIM:
                yield record


def _has_equal(item: Item, others: list[Item]) -> bool:
    return any(compare(item, other).is_equal for other in others)
