"""Rows for CSV tables that are sorted when the last one is known, however many there are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from migrate.export.csv_file import csv_table
from migrate.export.folder import Place


class SortedRows:
    """Rows of several tables, kept in a scratch file. Use it as a context manager.

    Args:
        tmp: for the scratch file (0700).
    """

    def __init__(self, tmp: Path) -> None:
        self._path = tmp / "rows.sqlite"
        self._path.unlink(missing_ok=True)
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._count = 0
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2000", "locking_mode = EXCLUSIVE"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(
            "CREATE TABLE rows (name TEXT, sort TEXT, number INTEGER, cells TEXT, PRIMARY KEY (name, sort, number))"
            " WITHOUT ROWID"  # kept in order, so SQLite never sorts in a file elsewhere
        )
        self._connection.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._path.unlink(missing_ok=True)

    def add(self, name: str, sort: Sequence[object], cells: Sequence[object]) -> None:
        """Add a row to the table `name`. `sort`: what it is sorted by, as text."""
        self._count += 1
        key = "\x1f".join(str(one) for one in sort).casefold()
        values = (name, key.encode("utf-8", "replace").decode(), self._count, json.dumps(cells))
        self._connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", values)

    def write(self, place: Place, name: str, header: Sequence[str], *, key: str) -> None:
        """Write a table as a CSV file, unless it has no rows."""
        rows = self._rows(name)
        first = next(rows, None)
        if first is None:
            return
        with csv_table(place, name, header, key=key) as table:
            table.row(first)
            for row in rows:
                table.row(row)

    def _rows(self, name: str) -> Iterator[Sequence[object]]:
        for (cells,) in self._connection.execute(
            "SELECT cells FROM rows WHERE name = ? ORDER BY sort, number", (name,)
        ):
            yield json.loads(cells)
