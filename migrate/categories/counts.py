"""Counting what a person would count: people, messages, photos.

A database that cannot be read gives no number, never an error: the records of its category move all the same.
"""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from migrate.backup.plists import NotAPlist, plist_value
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.categories.apps import printable
from migrate.categories.catalogue import Catalogue, Category, Count, Place
from migrate.categories.databases import database_copy, opened, rows_in, tables_of
from migrate.categories.only_in_icloud import CHECKS, Present
from migrate.errors import MigrateError

_PLIST_LIMIT_BYTES = 64 << 20

PlaceKey = tuple[str, int, int]
"""Category id, number of the count, number of the place in it."""


@dataclass
class Counted:
    """What was found out about one category."""

    items: int | None = None
    parts: list[tuple[str, int]] = field(default_factory=list)
    only_in_icloud: int | None = None
    """None where no check ran; 0 where one ran and found everything here."""
    notes: list[str] = field(default_factory=list)


class Countables:
    """Picks the countable files out of a manifest, as its records go by."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._patterns: dict[str, list[tuple[re.Pattern[str], PlaceKey]]] = defaultdict(list)
        for category in catalogue.categories:
            for c, count in enumerate(category.counts):
                for p, place in enumerate(count.places):
                    self._patterns[place.domain].append((place.path_pattern, (category.id, c, p)))
        self._found: dict[PlaceKey, list[Record]] = defaultdict(list)

    def saw(self, record: Record) -> None:
        if record.kind is not Kind.FILE:
            return
        for pattern, key in self._patterns.get(record.domain, ()):
            if pattern.fullmatch(record.relative_path):
                self._found[key].append(record)

    def of(self, category: str, count: int, place: int) -> list[Record]:
        return self._found.get((category, count, place), [])


def count_category(backup: Backup, category: Category, countables: Countables, present: Present, tmp: Path) -> Counted:
    """The number of things in a category, and how many of them are only in iCloud."""
    counted = Counted()
    for number, count in enumerate(category.counts):
        files = [countables.of(category.id, number, place) for place in range(len(count.places))]
        rows = _count(backup, category, count, files, counted, present, tmp)
        if rows is not None:
            counted.parts.append((count.label, rows))
    if counted.parts:
        counted.items = sum(rows for _, rows in counted.parts)
    return counted


def _count(
    backup: Backup,
    category: Category,
    count: Count,
    files: list[list[Record]],
    counted: Counted,
    present: Present,
    tmp: Path,
) -> int | None:
    """The number of the first place with anything in it; 0 where all are empty; None where nothing could be read."""
    best: int | None = None
    for place, records in zip(count.places, files, strict=True):
        total: int | None = None
        for record in records:
            try:
                rows = _read(backup, category, place, record, counted, present, tmp)
            except (MigrateError, OSError, sqlite3.Error, ValueError) as error:
                counted.notes.append(printable(f"{record.relative_path} could not be counted ({_reason(error)})"))
                return None
            if rows is not None:
                total = (total or 0) + rows
        if total:
            return total
        best = total if best is None else best
    return best


def _read(
    backup: Backup, category: Category, place: Place, record: Record, counted: Counted, present: Present, tmp: Path
) -> int | None:
    if place.reads != "rows":
        return _count_plist(backup.read(record, _PLIST_LIMIT_BYTES), place)
    with database_copy(backup, record, tmp) as copy, opened(copy) as connection:
        if category.id in CHECKS:
            check, _ = CHECKS[category.id]
            missing = check(connection, present)
            if missing is not None:
                counted.only_in_icloud = (counted.only_in_icloud or 0) + missing
        table = next((table for table in place.tables if table in tables_of(connection)), None)
        return None if table is None else rows_in(connection, table, place.where)


def _count_plist(data: bytes, place: Place) -> int | None:
    """Top-level keys, or the length of one list; None where the property list is built otherwise.

    Raises:
        ValueError: the bytes are no property list.
    """
    try:
        plist = plist_value(data)
    except NotAPlist as error:
        raise ValueError("no property list") from error
    if place.reads == "plist-list" and isinstance(plist, dict):
        plist = plist.get(place.key)
        return len(plist) if isinstance(plist, list) else None
    return len(plist) if isinstance(plist, dict) else None


def _reason(error: Exception) -> str:
    """Short and without paths of this computer."""
    if isinstance(error, MigrateError):
        return error.code
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) or type(error).__name__
