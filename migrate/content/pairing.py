"""Which item of one backup is which item of another. A proof and `migrate diff` compare backups with this.

The readers yield items ordered by their lasting ids, so the streams of several backups are merged: a million messages
need no more memory than one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Generator, Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from migrate.backup.reader import Backup
from migrate.backup.record import Record
from migrate.content.file_digest import digest_or_none
from migrate.content.item import Comparison, FileRef, Item, compare
from migrate.content.kind import Kind
from migrate.content.ordering import merge_by_id
from migrate.content.source import Source


class Pair(NamedTuple):
    """An item and its counterpart. One of the two is None if there is none."""

    old: Item | None
    new: Item | None
    comparison: Comparison | None
    """None where one of the two is missing."""


def merged_items(kind: Kind, *sources: Source | None) -> Generator[tuple[list[Item], ...]]:
    """The items with one id in each source, id by id. Close it, or its databases stay open until it is collected.

    Args:
        sources: None stands for a backup without items.

    Raises:
        ValueError, OSError: while the items of a reader are put in order.
    """
    streams = [kind.items(source) if source is not None else iter(()) for source in sources]
    try:
        yield from merge_by_id(*streams)
    finally:
        for stream in streams:
            if (close := getattr(stream, "close", None)) is not None:
                close()


def pairs(old_items: list[Item], new_items: list[Item]) -> list[Pair]:
    """The items of one id, each once. Those of `old_items` come first, in their order.

    If several items have one id (ids of old databases repeat), equal ones are counterparts in their order, as often as
    they occur. Of the others, those that differ from all on the other side are counterparts in their order.
    """
    if len(old_items) == len(new_items) == 1:
        old, new = old_items[0], new_items[0]
        return [Pair(old, new, compare(old, new))]
    if not old_items or not new_items:
        return [Pair(old, None, None) for old in old_items] + [Pair(None, new, None) for new in new_items]
    return _pairs_of_many(old_items, new_items)


def _pairs_of_many(old_items: list[Item], new_items: list[Item]) -> list[Pair]:
    lacking = frozenset[str]().union(*(item.lacking for item in (*old_items, *new_items)))
    alike: defaultdict[Hashable, list[int]] = defaultdict(list)
    """Items that may be equal: what they have in common is equal in the fields that all of them have."""
    for number, new in enumerate(new_items):
        alike[_common_fields(new, lacking)].append(number)
    of_old: dict[int, int] = {}
    known: defaultdict[Hashable, list[Item]] = defaultdict(list)
    used: set[int] = set()
    for number, old in enumerate(old_items):
        key = _common_fields(old, lacking)
        known[key].append(old)
        found = next((n for n in alike.get(key, ()) if compare(old, new_items[n]).is_equal), None)
        if found is not None:
            of_old[number] = found
            used.add(found)
            alike[key].remove(found)
    left = [number for number in range(len(old_items)) if number not in of_old]
    others = [
        number
        for number, new in enumerate(new_items)
        if number not in used
        and not any(compare(old, new).is_equal for old in known.get(_common_fields(new, lacking), ()))
    ]
    of_old.update(zip(left, others, strict=False))
    used.update(of_old.values())
    made = []
    for number, old in enumerate(old_items):
        match = new_items[of_old[number]] if number in of_old else None
        made.append(Pair(old, match, None if match is None else compare(old, match)))
    return made + [Pair(None, new, None) for number, new in enumerate(new_items) if number not in used]


def _common_fields(item: Item, lacking: frozenset[str]) -> Hashable:
    return tuple(value for name, value in item.fingerprint().items() if name not in lacking)


def failed(source: Source, records: Collection[Record]) -> bool:
    """Whether one of these files could not be read, so that the items in it are unknown."""
    return any((record.domain, record.relative_path) in source.failed for record in records)


def is_elsewhere(file: FileRef, item: Item, match: Item, old: Backup, new: Backup) -> bool:
    """Whether the item's counterpart has the same file at another path: iOS 17 moved the recordings."""
    others = [one for one in match.files if one not in item.files]
    record = old.record(*file) if others else None
    if record is None:
        return False
    sent = digest_or_none(old, record)
    there = [new.record(*one) for one in others]
    return sent is not None and any(one and digest_or_none(new, one) == sent for one in there)


@dataclass
class Examples:
    """What is told about items of one kind that have something in common."""

    most: int
    """How many of them are named."""
    count: int = 0
    named: list[str] = field(default_factory=list)
    fields: Counter[str] = field(default_factory=Counter)
    """Which fields differ, and on how many of them."""

    def add(self, item: Item, comparison: Comparison | None) -> None:
        self.count += 1
        if len(self.named) < self.most:
            self.named.append(item.describe())
        if comparison is not None:
            self.fields.update(comparison.differing or comparison.undecided)

    def absorb(self, other: Examples) -> None:
        self.count += other.count
        self.named = [*self.named, *other.named][: self.most]
        self.fields.update(other.fields)
