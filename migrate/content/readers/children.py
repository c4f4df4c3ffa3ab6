"""Rows that belong to rows of another table, read beside them without holding a table in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST_CHILDREN = 20_000
"""A row with more of them was not written by a phone."""


class Children:
    """The rows of a child table, grouped by their parent's row number.

    Args:
        rows: ordered by their first column, the parent's number. NULL and other types sort before and after numbers
            and belong to no parent.
        what: the rows' name for an error: `values of a contact`.
    """

    def __init__(self, rows: Iterator[tuple[Any, ...]], what: str) -> None:
        self._rows = rows
        self._what = what
        self._next = next(rows, None)

    def of(self, parent: int) -> list[tuple[Any, ...]]:
        """The rows of this parent, without their first column. Parents must be asked for in ascending order.

        Raises:
            ValueError: there are more than a phone writes.
            sqlite3.Error: the database is damaged.
        """
        found: list[tuple[Any, ...]] = []
        while (row := self._next) is not None:
            owner = row[0]
            if (isinstance(owner, int | float) and owner > parent) or isinstance(owner, str | bytes):
                break
            if owner == parent:
                if len(found) == MOST_CHILDREN:
                    raise ValueError(f"there are more than {MOST_CHILDREN:,} {self._what}")
                found.append(row[1:])
            self._next = next(self._rows, None)
        return found


def no_children() -> Children:
    """For a table that does not exist."""
    return Children(iter(()), "")
