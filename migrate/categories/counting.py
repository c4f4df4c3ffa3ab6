"""Count the items of each category: people, messages, photos.

An unreadable database gives no number instead of an error, because the records of its category move anyway. Each
database is copied once, all its counts are read, and the copy is removed.
"""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from migrate.backup.companions import LOG
from migrate.backup.record import Kind, Record
from migrate.categories.account_owned import ACCOUNT_OWNED_COUNTERS
from migrate.categories.apps import printable
from migrate.categories.catalogue import APP_PREFIX, Catalogue, Count, CountSource
from migrate.categories.databases import ReadRecord, copy_database, count_rows, open_database, ordinary_tables
from migrate.categories.only_in_icloud import ICLOUD_CHECKS, PresentFiles
from migrate.language import _
from migrate.plists import NotAPlist, load_plist
from migrate.problems import MigrateError

_PLIST_LIMIT_BYTES = 64 << 20
UNREADABLE = (MigrateError, OSError, sqlite3.Error, ValueError, MemoryError)
"""What reading an untrusted database may raise. SQLite reports some damage as out of memory."""

PlaceKey = tuple[str, int, int]
"""(category id or `app:<bundle>`, index of the count, index of the place in it)"""


@dataclass
class Counted:
    """The counts of one category or app. None: unknown."""

    items: int | None = None
    parts: list[tuple[str, int]] = field(default_factory=list)
    """Label and number of every count, including those that are not part of `items`."""
    only_in_icloud: int | None = None
    """None if no check ran; 0 if one ran and found everything in the backup."""
    account_owned: int | None = None
    """How many belong to an account (iCloud, Exchange …) that the new phone must sign in to."""
    notes: list[str] = field(default_factory=list)


class Countables:
    """Collects the files that counts are read from, in one pass over the records."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._counts: dict[str, tuple[Count, ...]] = {
            **{category.id: category.counts for category in catalogue.categories},
            **{APP_PREFIX + app.bundle: app.counts for app in catalogue.known_apps},
        }
        self._patterns: dict[str, list[tuple[re.Pattern[str], PlaceKey]]] = defaultdict(list)
        for owner, counts in self._counts.items():
            for c, count in enumerate(counts):
                for p, place in enumerate(count.places):
                    self._patterns[place.domain].append((place.path_pattern, (owner, c, p)))
        self._found: dict[PlaceKey, list[Record]] = defaultdict(list)
        self._logs: dict[tuple[str, str], Record] = {}

    def add_record(self, record: Record) -> None:
        patterns = self._patterns.get(record.domain)
        if patterns is None or record.kind is not Kind.FILE:
            return
        if record.relative_path.endswith(LOG):
            self._logs[record.domain, record.relative_path] = record
        for pattern, key in patterns:
            if pattern.fullmatch(record.relative_path):
                self._found[key].append(record)

    def counts(self, owner: str) -> tuple[Count, ...]:
        return self._counts.get(owner, ())

    def of(self, owner: str, count: int, place: int) -> list[Record]:
        return self._found.get((owner, count, place), [])

    def log_of(self, record: Record) -> Record | None:
        return self._logs.get((record.domain, record.relative_path + LOG))


def count_owner(read: ReadRecord, owner: str, countables: Countables, present: PresentFiles, tmp: Path) -> Counted:
    """Count the items of a category or known app, and how many are only in iCloud or belong to an account."""
    counts = countables.counts(owner)
    queries: dict[str, list[tuple[PlaceKey, CountSource, Record]]] = defaultdict(list)
    for c, count in enumerate(counts):
        for p, place in enumerate(count.places):
            for record in countables.of(owner, c, p):
                queries[record.file_id].append(((owner, c, p), place, record))
    results = [_count_file(read, owner, of_file, countables, present, tmp) for of_file in queries.values()]
    counted = Counted(
        only_in_icloud=_sum(result.only_in_icloud for result in results),
        account_owned=_sum(result.account_owned for result in results),
    )
    for c, count in enumerate(counts):
        rows = _first_nonzero(owner, c, count, results, counted)
        if rows is not None:
            counted.parts.append((count.label, rows))
            if not count.extra:
                counted.items = (counted.items or 0) + rows
    return counted


@dataclass
class _FileCounts:
    """The counts from one file: a number for each place, or why the file cannot be read."""

    rows: dict[PlaceKey, int | None] = field(default_factory=dict)
    only_in_icloud: int | None = None
    account_owned: int | None = None
    failed: Mapping[PlaceKey, str] = field(default_factory=dict)


def _count_file(
    read: ReadRecord,
    owner: str,
    queries: list[tuple[PlaceKey, CountSource, Record]],
    countables: Countables,
    present: PresentFiles,
    tmp: Path,
) -> _FileCounts:
    result, record = _FileCounts(), queries[0][2]
    try:
        if queries[0][1].reads != "rows":
            plist = _plist(read, record)
            result.rows = {key: _count_plist(plist, place) for key, place, _ in queries}
            return result
        with copy_database(read, record, countables.log_of(record), tmp) as copy, open_database(copy) as connection:
            result.rows = {key: _count_rows(connection, place) for key, place, _ in queries}
            if owner in ICLOUD_CHECKS:
                result.only_in_icloud = ICLOUD_CHECKS[owner][0](connection, present)
            if owner in ACCOUNT_OWNED_COUNTERS:
                result.account_owned = ACCOUNT_OWNED_COUNTERS[owner](connection, record.relative_path)
    except UNREADABLE as error:
        note = _("{path} could not be counted ({reason})").format(path=record.relative_path, reason=_reason(error))
        note = printable(note)
        return _FileCounts(failed={key: note for key, _, _ in queries})
    return result


def _first_nonzero(owner: str, c: int, count: Count, results: list[_FileCounts], counted: Counted) -> int | None:
    """The number from the first place that is not empty; 0 if all are empty; None if a file could not be read."""
    best: int | None = None
    for p in range(len(count.places)):
        key = (owner, c, p)
        failed = [result.failed[key] for result in results if key in result.failed]
        if failed:
            counted.notes += [note for note in failed if note not in counted.notes]
            return None
        total = _sum(result.rows.get(key) for result in results)
        if total:
            return total
        best = total if best is None else best
    return best


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _count_rows(connection: sqlite3.Connection, place: CountSource) -> int | None:
    """Rows of the first table that exists; None if there is none, or a required column is missing."""
    table = next((table for table in place.tables if table in ordinary_tables(connection)), None)
    return None if table is None else count_rows(connection, table, place.where, needs=place.needs)


def _plist(read: ReadRecord, record: Record) -> object:
    """The value of a property list.

    Raises:
        ValueError: it is too long, or not a property list.
    """
    content = bytearray()
    for chunk in read(record):
        content += chunk
        if len(content) > _PLIST_LIMIT_BYTES:
            raise ValueError(_("longer than {limit:,} bytes").format(limit=_PLIST_LIMIT_BYTES))
    try:
        return load_plist(bytes(content))
    except NotAPlist as error:
        raise ValueError(_("no property list")) from error


def _count_plist(plist: object, place: CountSource) -> int | None:
    """The number of top-level keys, or the length of one list; None if the property list has another structure.

    The clock keeps its alarms in a list inside a dictionary with the same key ([T], [I]).
    """
    if not isinstance(plist, dict):
        return None
    if place.reads == "plist-keys":
        return len(plist)
    value = plist.get(place.key)
    if isinstance(value, dict):
        value = value.get(place.key)
    return len(value) if isinstance(value, list) else None


def _reason(error: BaseException) -> str:
    """A short reason without local paths."""
    if isinstance(error, MigrateError):
        return error.code
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) or type(error).__name__
