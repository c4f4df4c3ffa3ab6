"""What several readers of small tables and property lists share."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from migrate.backup.record import Record
from migrate.content.item import FileRef, Item
from migrate.content.open_database import Database, Table
from migrate.content.source import Place, Source

SMALL_TABLE_ROWS = 500_000
"""More rows of a table that is held in memory (folders, sources, workouts) are not ones a phone wrote."""

I = TypeVar("I", bound=Item)  # noqa: E741


def as_text(value: object) -> str | None:
    """The text in a column, which may hold any type; None if there is none."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


def as_number(value: object) -> float | None:
    """The number in a column or property list, which may hold any type; None if there is none."""
    return value if isinstance(value, int | float) else None


def as_identity(value: object) -> str | None:
    """An id as text; None if there is none. Core Data keeps a UUID as 16 bytes, others keep it as text."""
    if isinstance(value, bytes):
        return str(uuid.UUID(bytes=value)).upper() if len(value) == 16 else value.hex() or None
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value) or None
    return None


def needed_table(database: Database, *names: str) -> Table:
    """The first of these tables that exists.

    Raises:
        ValueError: there is none.
    """
    table = database.table(*names)
    if table is None:
        raise ValueError(f"it has no table {names[0]}")
    return table


def few(rows: Iterator[tuple[object, ...]], what: str) -> Iterator[tuple[object, ...]]:
    """The rows of a small table.

    Raises:
        ValueError: it has too many.
    """
    for number, row in enumerate(rows):
        if number >= SMALL_TABLE_ROWS:
            raise ValueError(f"it has more than {SMALL_TABLE_ROWS:,} {what}")
        yield row


def from_first_place(source: Source, places: Sequence[Place], read: Callable[[Record], Iterator[I]]) -> Iterator[I]:
    """The items of the first place that has some: another iOS version's place may still hold an old copy."""
    tried: set[FileRef] = set()
    for place in places:
        found = False
        for record in source.files(place):
            file = FileRef(record.domain, record.relative_path)
            if file in tried:
                continue
            tried.add(file)
            with source.reading(record):
                for item in read(record):
                    found = True
                    yield item
        if found:
            return
