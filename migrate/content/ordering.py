"""Order items by id without holding them all in memory, and merge two ordered streams.

A reader whose query can order by an index does so (`ORDER BY guid COLLATE BINARY`: Python compares text by code point,
which is the order of UTF-8 bytes). Others pass their items through `ordered`.
"""

from __future__ import annotations

import heapq
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any, TypeVar

from migrate.content.item import Item

IN_MEMORY = 20_000
"""Items sorted at a time. A message takes about 1 KB."""
LARGEST_GROUP = 10_000
"""Items with one id that are compared with each other. A database with more of them is not one a phone wrote."""

I = TypeVar("I", bound=Item)  # noqa: E741


class IdsRepeated(ValueError):
    """So many items have one id that they cannot be told apart."""


def ordered(
    items: Iterable[I], tmp: Path, *, in_memory: int = IN_MEMORY, key: Callable[[I], Any] | None = None
) -> Iterator[I]:
    """The items ordered by id, or by another key. More than `in_memory` of them are sorted in runs that are kept in
    files under `tmp`.

    Raises:
        OSError: a run cannot be written.
    """
    order: Callable[[I], Any] = key or _id
    iterator = iter(items)
    run = sorted(islice(iterator, in_memory), key=order)
    if len(run) < in_memory:
        yield from run
        return
    files: list[IO[bytes]] = []
    try:
        while run:
            file: IO[bytes] = tempfile.TemporaryFile(dir=tmp)  # noqa: SIM115  closed below; it has no name
            files.append(file)
            dump = pickle.Pickler(file, protocol=pickle.HIGHEST_PROTOCOL)
            for item in run:
                dump.dump(item)
                dump.clear_memo()
            run = sorted(islice(iterator, in_memory), key=order)
        streams: list[Iterator[I]] = [_load(file) for file in files]
        yield from heapq.merge(*streams, key=order)
    finally:
        for opened in files:
            opened.close()


def _load(file: IO[bytes]) -> Iterator[I]:
    """Items that `ordered` wrote to an unnamed file a moment ago, so they can be trusted."""
    file.seek(0)
    while True:
        try:
            yield pickle.load(file)  # noqa: S301
        except EOFError:
            return


def _id(item: Item) -> str:
    return item.id


def merge_by_id(*streams: Iterable[Item]) -> Iterator[tuple[list[Item], ...]]:
    """The items with one id in each of several ordered streams, id by id. A list has usually one item, or none.

    Raises:
        ValueError: a stream is not ordered (a bug in its reader), or IdsRepeated.
    """
    groups = [_groups(stream) for stream in streams]
    heads = [next(group, None) for group in groups]
    while True:
        ids = [head[0] for head in heads if head is not None]
        if not ids:
            return
        lowest = min(ids)
        yield tuple(head[1] if head is not None and head[0] == lowest else [] for head in heads)
        for number, head in enumerate(heads):
            if head is not None and head[0] == lowest:
                heads[number] = next(groups[number], None)


def _groups(items: Iterable[Item]) -> Iterator[tuple[str, list[Item]]]:
    previous: str | None = None
    for identity, group in groupby(items, key=_id):
        if previous is not None and identity < previous:
            raise ValueError(f"items are not ordered: {identity!r} after {previous!r}")
        previous = identity
        found = list(islice(group, LARGEST_GROUP + 1))
        if len(found) > LARGEST_GROUP:
            raise IdsRepeated(f"more than {LARGEST_GROUP:,} items have one id")
        yield identity, found
