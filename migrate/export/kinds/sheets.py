"""Calendars and lists of reminders: a file for each, and tables of all items where they are wanted."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, groupby
from typing import Any, Generic, TypeVar

from migrate.content.item import Item
from migrate.content.ordering import ordered
from migrate.export.csv_file import csv_table
from migrate.export.folder import NewFile, Place
from migrate.export.kinds import ical
from migrate.export.kinds.ical import Moment, Zones
from migrate.export.task import Task

_SORTED_AT_ONCE = 5_000

I = TypeVar("I", bound=Item)  # noqa: E741
Key = tuple[str, str]
"""The title of a sheet, and what tells it from others of that title."""


class Sheets(ABC, Generic[I]):
    """How the items of one kind become files.

    Args:
        task: the export of the kind.
        place: the folder of the files.
        name: of the tables, without an extension.
    """

    def __init__(self, task: Task, place: Place, name: str) -> None:
        self.task = task
        self.place = place
        self.name = name
        self._zones: dict[Key, Zones] = {}

    header: Sequence[str]

    @property
    @abstractmethod
    def untitled(self) -> str:
        """What a sheet without a title is called."""

    @abstractmethod
    def key(self, item: I) -> Key:
        """The sheet that an item is on."""

    @abstractmethod
    def times(self, item: I) -> Iterable[Moment | None]:
        """The times in an item, for the time zones that its file needs."""

    @abstractmethod
    def write(self, item: I, file: NewFile) -> None:
        """Write an item, and tell the task what became of it."""

    @abstractmethod
    def row(self, item: I) -> Sequence[object]:
        """The cells of an item, as in `header`."""

    def more(self, item: I) -> dict[str, Any]:
        """What its JSON object has beside the row."""
        return {}

    def color(self, item: I) -> str | None:
        return None

    def write_all(self) -> None:
        """Write every sheet. More items than fit into memory are sorted in files under the task's `tmp`."""
        in_order = ordered(self._items(), self.task.tmp, in_memory=_SORTED_AT_ONCE, key=self._order)
        first = next(in_order, None)
        if first is None:
            return
        with ExitStack() as opened:
            rows = self._tables(opened)
            for key, items in groupby(chain((first,), in_order), self.key):
                with self.place.new_file(f"{key[0] or self.untitled}.ics", key=f"{self.name}/{key[1]}.ics") as file:
                    self._write_sheet(key, items, file, rows)

    def _write_sheet(self, key: Key, items: Iterator[I], file: NewFile, rows: list[Callable[[I], object]]) -> None:
        first = next(items)
        ical.begin(file, key[0] or self.untitled, self._zones.pop(key), self.color(first))
        for item in chain((first,), items):
            self.write(item, file)
            for write in rows:
                write(item)
        ical.end(file)

    def _items(self) -> Iterator[I]:
        item: Any
        for item in self.task.items():
            self._zones.setdefault(self.key(item), Zones()).need(*self.times(item))
            yield item

    def _order(self, item: I) -> tuple[Key, str]:
        return self.key(item), item.id

    def _tables(self, opened: ExitStack) -> list[Callable[[I], object]]:
        formats = self.task.formats("csv", "json", usual=())
        rows: list[Callable[[I], object]] = []
        if "csv" in formats:
            table = opened.enter_context(csv_table(self.place, f"{self.name}.csv", self.header, key=f"{self.name}.csv"))
            rows.append(lambda item: table.row(self.row(item)))
        if "json" in formats:
            name = f"{self.name}.jsonl"
            lines = opened.enter_context(self.place.new_file(name, key=name))
            rows.append(lambda item: lines.write_text(self._json_line(item)))
        return rows

    def _json_line(self, item: I) -> str:
        names = (name.replace(" ", "_").replace("-", "") for name in self.header)
        known = {**dict(zip(names, self.row(item), strict=True)), **self.more(item)}
        shown = {name: value for name, value in known.items() if value not in (None, "", (), [])}
        return json.dumps(shown, ensure_ascii=False) + "\n"
