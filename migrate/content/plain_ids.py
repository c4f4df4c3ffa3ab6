"""Ids that SQLite and Python order alike, and those they do not.

SQLite orders text by its bytes, before which it puts numbers and after which it puts blobs. Python orders decoded text.
The two agree for the ids that phones write, printable ASCII. A stranger's database may have others: a reader orders the
plain ids by an index, the others in Python (`ordered`), and merges the two (`merged`).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from migrate.content.item import Item


def is_plain(column: str) -> str:
    """A condition for rows whose `column` is a text of printable ASCII, not empty and without spaces.

    `length` ends at a NUL and counts a broken UTF-8 sequence as one, so it is compared with the number of bytes.
    """
    return (
        f"(typeof({column}) = 'text' AND {column} <> '' AND {column} NOT GLOB '*[^!-~]*'"
        f" AND length({column}) = length(CAST({column} AS BLOB)))"
    )


def merged(*streams: Iterable[Item]) -> Iterator[Item]:
    """Ordered streams as one."""
    return heapq.merge(*streams, key=lambda item: item.id)
