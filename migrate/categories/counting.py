"""Counting what a person would count: people, messages, photos.

A database that cannot be read gives no number, never an error: the records of its category move all the same. Each is
copied once, asked everything there is to ask, and the copy removed.
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
from migrate.plists import NotAPlist, load_plist
from migrate.problems import MigrateError

_PLIST_LIMIT_BYTES = 64 << 20
UNREADABLE = (MigrateError, OSError, sqlite3.Error, ValueError, MemoryError)
"""What a stranger's database can cost: SQLite answers some damage with out of memory."""

PlaceKey = tuple[str, int, int]
"""Category id or `app:<bundle>`, number of the count, number of the place in it."""


@dataclass
class Counted:
    """What was found out about one category or app. None: nobody can say."""

    items: int | None = None
    parts: list[tuple[str, int]] = field(default_factory=list)
    """Label and number of every count, those that are no part of `items` as well."""
    only_in_icloud: int | None = None
    """None where no check ran; 0 where one ran and found everything here."""
    account_owned: int | None = None
    """How many belong to an account (iCloud, Exchange …) that the new phone must sign in to."""
    notes: list[str] = field(default_factory=list)


class Countables:
    """Picks the countable files out of a manifest, as its records go by."""

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
    """The number of things in a category or known app, and how many of them are only in iCloud or in an account."""
    counts = countables.counts(owner)
    asked: dict[str, list[tuple[PlaceKey, CountSource, Record]]] = defaultdict(list)
    for c, count in enumerate(counts):
        for p, place in enumerate(count.places):
            for record in countables.of(owner, c, p):
                asked[record.file_id].append(((owner, c, p), place, record))
    answers = [_ask(read, owner, questions, countables, present, tmp) for questions in asked.values()]
    counted = Counted(
        only_in_icloud=_sum(answer.only_in_icloud for answer in answers),
        account_owned=_sum(answer.account_owned for answer in answers),
    )
    for c, count in enumerate(counts):
        rows = _first_with_anything(owner, c, count, answers, counted)
        if rows is not None:
            counted.parts.append((count.label, rows))
            if not count.extra:
                counted.items = (counted.items or 0) + rows
    return counted


@dataclass
class _Answers:
    """What one file said: a number for each place that names it, or why it cannot be read."""

    rows: dict[PlaceKey, int | None] = field(default_factory=dict)
    only_in_icloud: int | None = None
    account_owned: int | None = None
    failed: Mapping[PlaceKey, str] = field(default_factory=dict)


def _ask(
    read: ReadRecord,
    owner: str,
    questions: list[tuple[PlaceKey, CountSource, Record]],
    countables: Countables,
    present: PresentFiles,
    tmp: Path,
) -> _Answers:
    answers, record = _Answers(), questions[0][2]
    try:
        if questions[0][1].reads != "rows":
            plist = _plist(read, record)
            answers.rows = {key: _count_plist(plist, place) for key, place, _ in questions}
            return answers
        with copy_database(read, record, countables.log_of(record), tmp) as copy, open_database(copy) as connection:
            answers.rows = {key: _count_rows(connection, place) for key, place, _ in questions}
            if owner in ICLOUD_CHECKS:
                answers.only_in_icloud = ICLOUD_CHECKS[owner][0](connection, present)
            if owner in ACCOUNT_OWNED_COUNTERS:
                answers.account_owned = ACCOUNT_OWNED_COUNTERS[owner](connection, record.relative_path)
    except UNREADABLE as error:
        note = printable(f"{record.relative_path} could not be counted ({_reason(error)})")
        return _Answers(failed={key: note for key, _, _ in questions})
    return answers


def _first_with_anything(owner: str, c: int, count: Count, answers: list[_Answers], counted: Counted) -> int | None:
    """The number of the first place with anything in it; 0 where all are empty; None where nothing could be read."""
    best: int | None = None
    for p in range(len(count.places)):
        key = (owner, c, p)
        failed = [answer.failed[key] for answer in answers if key in answer.failed]
        if failed:
            counted.notes += [note for note in failed if note not in counted.notes]
            return None
        total = _sum(answer.rows.get(key) for answer in answers)
        if total:
            return total
        best = total if best is None else best
    return best


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _count_rows(connection: sqlite3.Connection, place: CountSource) -> int | None:
    """Rows of the first table the database has; None without any, or without a column that is needed."""
    table = next((table for table in place.tables if table in ordinary_tables(connection)), None)
    return None if table is None else count_rows(connection, table, place.where, needs=place.needs)


def _plist(read: ReadRecord, record: Record) -> object:
    """
    Raises:
        ValueError: it is too long, or the bytes are no property list.
    """
    content = bytearray()
    for chunk in read(record):
        content += chunk
        if len(content) > _PLIST_LIMIT_BYTES:
            raise ValueError(f"longer than {_PLIST_LIMIT_BYTES:,} bytes")
    try:
        return load_plist(bytes(content))
    except NotAPlist as error:
        raise ValueError("no property list") from error


def _count_plist(plist: object, place: CountSource) -> int | None:
    """Top-level keys, or the length of one list; None where the property list is built otherwise.

    The clock keeps its alarms in a list of a dictionary that has the same key ([T], [I]).
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
    """Short and without paths of this computer."""
    if isinstance(error, MigrateError):
        return error.code
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) or type(error).__name__
