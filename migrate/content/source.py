"""A backup as the readers of items see it: its files by path, its databases as private copies, its property lists."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from migrate.backup.manifest.manifest import Row
from migrate.backup.reader import Backup
from migrate.backup.record import Kind as RecordKind
from migrate.backup.record import Record
from migrate.categories.globs import glob_regex, pattern
from migrate.content.databases import database_copy
from migrate.content.item import FileRef
from migrate.content.open_database import Database, open_copy
from migrate.plists import NotAPlist, load_plist
from migrate.problems import BadRecord, ContentUnreadable, MigrateError
from migrate.problems.finding import Finding

PLIST_LIMIT_BYTES = 64 << 20
UNREADABLE = (MigrateError, OSError, sqlite3.Error, ValueError, MemoryError)
"""What reading an untrusted file may raise. SQLite reports some damage as out of memory."""


class Place(NamedTuple):
    """Where files are: a domain and path patterns (categories/globs.py), without the companions of databases."""

    domain: str
    globs: tuple[str, ...]

    def matches(self, domain: str, relative_path: str) -> bool:
        return domain == self.domain and _compiled(self.globs).fullmatch(relative_path) is not None


def _compiled(globs: tuple[str, ...]) -> Any:
    found = _patterns.get(globs)
    if found is None:
        found = _patterns[globs] = pattern(glob_regex(glob) for glob in globs)
    return found


_patterns: dict[tuple[str, ...], Any] = {}


class AtPlaces:
    """Collects the files at some places while a manifest is read."""

    def __init__(self, places: Iterable[Place]) -> None:
        by_domain: dict[str, set[str]] = {}
        for place in places:
            by_domain.setdefault(place.domain, set()).update(place.globs)
        self._matches = {
            domain: pattern(glob_regex(glob) for glob in sorted(globs)).fullmatch for domain, globs in by_domain.items()
        }
        self._found: dict[str, list[Record]] = {}

    @property
    def domains(self) -> Collection[str]:
        """The domains that these places are in."""
        return self._matches.keys()

    def add(self, row: Row) -> None:
        """Keep the file if it is at one of the places. A damaged row is left out."""
        matches = self._matches.get(row.domain)
        if matches is not None and row.kind is RecordKind.FILE and matches(row.relative_path):
            with suppress(BadRecord):
                self._found.setdefault(row.domain, []).append(row.record())

    def sorted(self) -> Mapping[str, list[Record]]:
        """By domain, sorted by path."""
        for records in self._found.values():
            records.sort(key=lambda record: record.relative_path)
        return self._found


@dataclass
class Source:
    """One open backup for the readers. Readers use it from one thread.

    Args:
        backup: open for reading; the caller closes it.
        tmp: where copies of databases are kept while they are read (0700).
        places: every place that the readers will ask `files` for; the manifest is read once for all of them.
        report: called with each finding. A reader reports what it cannot read, and never raises for it.
    """

    backup: Backup
    tmp: Path
    places: tuple[Place, ...]
    report: Callable[[Finding], object] = lambda finding: None
    at_places: AtPlaces | None = None
    """The files at `places`, if they were found while the manifest was read for something else."""
    traces: Counter[str] = field(default_factory=Counter)
    """Kind -> deletions that its databases note without what was deleted. A reader adds them once it has read all."""
    in_full: bool = False
    """Whether readers also read what only pages and exported files show: the payloads of app messages, effects."""
    failed: set[FileRef] = field(default_factory=set)
    """Files that a reader could not read: nothing is known about the items in them."""

    def files(self, *places: Place) -> list[Record]:
        """The files at these places, in the order of the places, then by path."""
        found = []
        for place in places:
            regex = _compiled(place.globs)
            candidates = self._found.get(place.domain, ())
            found += [record for record in candidates if regex.fullmatch(record.relative_path)]
        return found

    @cached_property
    def _found(self) -> Mapping[str, list[Record]]:
        """The files at all `places`, by domain, sorted by path."""
        if self.at_places is None:
            at_places = AtPlaces(self.places)
            for row in self.backup.manifest.rows_of(at_places.domains, lambda bad: None):
                at_places.add(row)
            return at_places.sorted()
        return self.at_places.sorted()

    def has(self, domain: str, relative_path: str) -> bool:
        """Whether the backup lists this file."""
        row = self.backup.manifest.row(domain, relative_path)
        return row is not None and row.flags & 7 == RecordKind.FILE

    @contextmanager
    def database(self, record: Record) -> Iterator[Database]:
        """A database of the backup, opened through a private copy that is removed afterwards.

        Raises:
            MigrateError, OSError, sqlite3.Error, ValueError: it cannot be read; see `reading`.
        """
        with database_copy(self.backup, record, self.tmp) as copy, open_copy(copy, self.tmp) as database:
            yield database

    def plist(self, record: Record) -> Any:
        """The value of a property list.

        Raises:
            MigrateError: it is missing or damaged, or longer than 64 MB.
            ValueError: it is not a property list.
        """
        try:
            return load_plist(self.backup.read(record, PLIST_LIMIT_BYTES))
        except NotAPlist as error:
            raise ValueError("it is not a property list") from error

    @contextmanager
    def reading(self, record: Record) -> Iterator[None]:
        """Turn every error while reading `record` into a finding, and remember that its items are unknown."""
        try:
            yield
        except UNREADABLE as error:
            self.cannot_read(record, reason_of(error))

    def note_traces(self, kind_id: str, count: Callable[[], int]) -> None:
        """Add deletions that a database notes. If they cannot be counted, the items are none the worse."""
        with suppress(*UNREADABLE):
            self.traces[kind_id] += count()

    def cannot_read(self, record: Record, reason: str) -> None:
        """Report that the items in a file are unknown: a table or column is missing, or the file is damaged."""
        self.failed.add(FileRef(record.domain, record.relative_path))
        self.report(ContentUnreadable.of(record, reason=reason).as_finding())


def reason_of(error: BaseException) -> str:
    """A short reason without local paths."""
    if isinstance(error, MigrateError):
        return error.code
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) or type(error).__name__
