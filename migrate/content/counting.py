"""Count the items of a category or app, kind by kind, with the readers that the proof uses too.

Items are counted as they stream by, so a million messages need no more memory than one. If a reader cannot read a file,
the number of its kind is unknown: a number that is too small is never given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from migrate.backup.reader import Backup
from migrate.content.item import State
from migrate.content.kind import Kind
from migrate.content.kinds import kinds_of, source_places
from migrate.content.sentence import shortened
from migrate.content.source import UNREADABLE, AtPlaces, Source, reason_of
from migrate.language import _, plural
from migrate.problems.finding import Finding

NAMED_ACCOUNTS = 3


@dataclass
class KindCount:
    """The items of one kind in a backup. If `is_unknown`, the numbers are only of what could be read."""

    kind: Kind
    live: int = 0
    """Without what is in Recently Deleted, and with what is only in iCloud."""
    deleted: int = 0
    only_in_icloud: int = 0
    """Live items whose content is known to be in iCloud and not in the backup."""
    offloaded: int = 0
    """Files of the other live items (attachments) that are known to be only in iCloud."""
    absent: int = 0
    """Files of live items that are neither in the backup nor known to be in iCloud."""
    traces: int = 0
    """Deletions that are noted without what was deleted. They are evidence, no items."""
    gaps: int = 0
    """Numbers of rows that are missing: evidence too, of deletions or of rows that expired. Never added to `traces`."""
    accounts: Counter[str] = field(default_factory=Counter)
    """Account -> live items that belong to it."""
    parts: Counter[str] = field(default_factory=Counter)
    """Label -> number, for each of the kind's parts."""
    is_unknown: bool = False


@dataclass(frozen=True, kw_only=True)
class ItemCounts:
    """The items of one category or app. Numbers are None if unknown, or if it has no items that can be counted."""

    kinds: tuple[KindCount, ...] = ()
    """The kinds of which the backup has files, in the order of `kinds()`."""
    unreadable: tuple[str, ...] = ()
    """Notes about files that could not be read."""

    @property
    def items(self) -> int | None:
        """Live items, as the proof counts them (`item_fates`)."""
        return self._sum(count.live for count in self._added)

    @property
    def deleted(self) -> int | None:
        """Items in Recently Deleted. They are not part of `items`."""
        return self._sum(count.deleted for count in self._added)

    @property
    def only_in_icloud(self) -> int | None:
        return self._sum(count.only_in_icloud for count in self._added)

    @property
    def is_unknown(self) -> bool:
        return any(count.is_unknown for count in self.kinds)

    @property
    def is_complete(self) -> bool | None:
        """False if something is known to be only in iCloud; None if that is unknown, or a file is absent."""
        if any(count.only_in_icloud or count.offloaded for count in self.kinds):
            return False
        return None if self.is_unknown or any(count.absent for count in self.kinds) else True

    @cached_property
    def _added(self) -> tuple[KindCount, ...]:
        return tuple(count for count in self.kinds if not count.kind.extra)

    def _sum(self, numbers: Iterable[int]) -> int | None:
        if not self._added or any(count.is_unknown for count in self._added):
            return None
        return sum(numbers)

    # -- notes -------------------------------------------------------------------------------------------------------

    def number_notes(self) -> tuple[str, ...]:
        """The parts of the number, if there is more than one, and why a number is unknown."""
        part = _("{count:,} {label}")
        shown = []
        for count in self.kinds:
            if not count.is_unknown:
                numbers = {count.kind.label: count.live, **{p.label: count.parts[p.label] for p in count.kind.parts}}
                shown += [part.format(count=number, label=_(label)) for label, number in numbers.items()]
        return (", ".join(shown), *self.unreadable) if len(shown) > 1 else self.unreadable

    def elsewhere_notes(self) -> tuple[str, ...]:
        """What is known to be only in iCloud."""
        notes = []
        if items := sum(count.only_in_icloud for count in self.kinds if not count.is_unknown):
            text = plural("{count:,} of them is only in iCloud", "{count:,} of them are only in iCloud", items)
            notes.append(text.format(count=items))
        if files := sum(count.offloaded for count in self.kinds if not count.is_unknown):
            text = plural(
                "{count:,} attachment is only in iCloud: its file is not in this backup",
                "{count:,} attachments are only in iCloud: their files are not in this backup",
                files,
            )
            notes.append(text.format(count=files))
        return tuple(notes)

    def absent_notes(self) -> tuple[str, ...]:
        """Files that the items name and the backup does not have."""
        files = sum(count.absent for count in self.kinds if not count.is_unknown)
        if not files:
            return ()
        text = plural(
            "{count:,} file that belongs to them is not in this backup, and may not be on the phone either",
            "{count:,} files that belong to them are not in this backup, and may not be on the phone either",
            files,
        )
        return (text.format(count=files),)

    def trace_notes(self) -> tuple[str, ...]:
        """Deletions of which the backup has nothing but the fact."""
        notes = []
        for count in self.kinds:
            if count.traces and not count.is_unknown:
                text = plural(
                    "{label}: {count:,} deletion is noted. What was deleted is not in this backup",
                    "{label}: {count:,} deletions are noted. What was deleted is not in this backup",
                    count.traces,
                )
                notes.append(text.format(label=_(count.kind.label), count=count.traces))
            if count.gaps and not count.is_unknown:
                text = plural(
                    "{label}: {count:,} number between them is missing: deleted or expired, and perhaps noted too",
                    "{label}: {count:,} numbers between them are missing: deleted or expired, and perhaps noted too",
                    count.gaps,
                )
                notes.append(text.format(label=_(count.kind.label), count=count.gaps))
        return tuple(notes)

    def account_notes(self) -> tuple[str, ...]:
        """How many belong to which accounts. They are in the backup, and stay only if the phone signs in to these."""
        accounts: Counter[str] = Counter()
        for count in self.kinds:
            if not count.is_unknown:
                accounts.update(count.accounts)
        items = accounts.total()
        if not items:
            return ()
        text = plural(
            "{count:,} of them belongs to {accounts}: sign in there on the new phone to keep it",
            "{count:,} of them belong to {accounts}: sign in there on the new phone to keep them",
            items,
        )
        return (text.format(count=items, accounts=_listed(accounts)),)


class Counting:
    """Counts the items of one open backup. Its manifest is read once for all kinds.

    Args:
        backup: open for reading; the caller closes it.
        tmp: where copies of databases are kept while they are read (0700).
        at_places: the files at `source_places()`, if they were found while the manifest was read for something else.
    """

    def __init__(self, backup: Backup, tmp: Path, at_places: AtPlaces | None = None) -> None:
        self._findings: list[Finding] = []
        self._source = Source(backup, tmp, source_places(), self._findings.append, at_places)

    def count(self, owner: str) -> ItemCounts:
        """Count the items of a category, or of an app (`app:<bundle>`)."""
        self._findings.clear()
        counts = [self._count_kind(kind) for kind in kinds_of(owner) if self._source.files(*kind.places)]
        return ItemCounts(kinds=tuple(counts), unreadable=tuple(dict.fromkeys(map(_unreadable, self._findings))))

    def _count_kind(self, kind: Kind) -> KindCount:
        count, told_before = KindCount(kind), len(self._findings)
        for evidence in (self._source.traces, self._source.gaps):
            evidence.pop(kind.id, None)
        try:
            self._add_items(kind, count)
        except UNREADABLE as error:  # while sorting, outside of what the reader looks after
            self._source.cannot_read(self._source.files(*kind.places)[0], reason_of(error))
        told = self._findings[told_before:]
        count.traces, count.gaps = self._source.traces[kind.id], self._source.gaps[kind.id]
        count.is_unknown = any(kind.reads(one.domain or "", one.relative_path or "") for one in told)
        return count

    def _add_items(self, kind: Kind, count: KindCount) -> None:
        for item in kind.items(self._source):
            if item.state is State.DELETED:
                count.deleted += 1
                continue
            count.live += 1
            count.absent += item.absent
            if item.state is State.ONLY_IN_CLOUD:
                count.only_in_icloud += 1
            else:
                count.offloaded += item.offloaded
            if item.account is not None:
                count.accounts[item.account] += 1
            for part in kind.parts:
                count.parts[part.label] += part.count(item)


def _unreadable(finding: Finding) -> str:
    """A note about one file. What a reader reports says what is unknown and why."""
    text = _("{path} could not be read ({reason})")
    return text.format(path=shortened(finding.relative_path or ""), reason=shortened(finding.why.rstrip("."), 100))


def _listed(accounts: Counter[str]) -> str:
    """The names of the largest accounts."""
    largest = sorted(accounts.items(), key=lambda entry: (-entry[1], entry[0]))
    names = [shortened(name, 30) or _("an account") for name, _number in largest[:NAMED_ACCOUNTS]]
    if more := len(accounts) - len(names):
        names.append(plural("{count:,} more account", "{count:,} more accounts", more).format(count=more))
    return ", ".join(names)
