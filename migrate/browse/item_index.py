"""The items of one kind in a scratch database, so that a page can show any of them without reading all.

Readers give items in the order of their ids. The index keeps each of them as it was read, and the places where pages
show it: in the list of all, in a chat, in a month.

    items    n, the item                        in the order of their ids
    texts    n, at, folded                      what a search looks through
    places   place, sort, n, value              the order in which a page shows them
    abouts   id, n, place, sort                 reactions, by the id of the message that they are about
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from migrate.browse.face import Face, Group, Place
from migrate.browse.scratch import Scratch
from migrate.content.item import Item, State

ALL = 0
"""The place that has every item of a kind."""
MOST_GROUPS = 20_000
"""Further ones are shown together: no phone has so many chats."""
OTHERS = "others"
_ROWS_AT_ONCE = 500
_LONGEST_TEXT = 20_000
"""Characters of an item that a search looks through."""
_LONGEST_SNIPPET = 120
_HIGHEST = 2**63 - 1
"""SQLite's largest number."""


class Entry(NamedTuple):
    """An item with its number in the index."""

    number: int
    item: Item


class ItemIndex:
    """Filled once by `fill`, then read by any thread. Close it."""

    def __init__(self, face: Face, tmp: Path) -> None:
        self.face = face
        self.places: dict[int, Place] = {}
        self.items = self.deleted = self.only_in_icloud = 0
        """Live ones, those in Recently Deleted, and live ones whose content is only in iCloud."""
        self.read_so_far = 0
        self._by_key: dict[str, Place] = {}
        self._lock = threading.Lock()
        self._scratch = Scratch(tmp)
        self._connection = self._scratch.connection
        self._connection.executescript(
            """
            CREATE TABLE items(n INTEGER PRIMARY KEY, item BLOB);
            CREATE TABLE texts(n INTEGER PRIMARY KEY, at REAL, folded TEXT);
            CREATE TABLE places(place INT, sort, n INT, value REAL, PRIMARY KEY(place, sort, n)) WITHOUT ROWID;
            CREATE TABLE ids(id TEXT, n INT, PRIMARY KEY(id, n)) WITHOUT ROWID;
            CREATE TABLE abouts(id TEXT, n INT, place INT, sort, PRIMARY KEY(id, n, place)) WITHOUT ROWID;
            CREATE TABLE deleted(n INTEGER PRIMARY KEY);
            """
        )

    def close(self) -> None:
        with self._lock:
            self._scratch.close()

    # -- filling -----------------------------------------------------------------------------------------------------

    def fill(self, items: Iterable[Item]) -> None:
        """Take all items of the kind."""
        run: list[tuple[int, Item]] = []
        for number, item in enumerate(items):
            run.append((number, item))
            if len(run) >= _ROWS_AT_ONCE:
                self._add(run)
                run.clear()
        self._add(run)
        self._place_those_about_nothing()

    def _place_those_about_nothing(self) -> None:
        """A reaction is shown with its message. If that is not there, it is shown in its own place."""
        lonely = "FROM abouts a WHERE NOT EXISTS (SELECT 1 FROM ids i WHERE i.id = a.id)"
        with self._lock:
            found = self._connection.execute(f"SELECT place, COUNT(*) {lonely} GROUP BY place").fetchall()
            self._connection.execute(f"INSERT OR IGNORE INTO places SELECT place, sort, n, NULL {lonely}")
        for place, count in found:
            self.places[place].items += count

    def _add(self, run: list[tuple[int, Item]]) -> None:
        face = self.face
        stored, texts, places, ids, deleted, abouts = [], [], [], [], [], []
        for number, item in run:
            if item.state is State.DELETED:
                self.deleted += 1
                deleted.append((number,))
            else:
                self.items += 1
                self.only_in_icloud += item.state is State.ONLY_IN_CLOUD
            sort, value = face.sort(item), face.value(item)
            about = face.about(item)
            if about is None:
                places += [(place, sort, number, value) for place in self._places_of(item)]
            else:
                abouts += [(about, number, self._place(group).number, sort) for group in face.groups(item)]
            if face.keeps_items:
                stored.append((number, pickle.dumps(item, pickle.HIGHEST_PROTOCOL)))
                texts.append((number, item.when or 0.0, folded(face.search(item)[:_LONGEST_TEXT])))
            if face.is_looked_up:
                ids.append((item.id, number))
        with self._lock:
            self._connection.executemany("INSERT INTO items VALUES (?, ?)", stored)
            self._connection.executemany("INSERT INTO texts VALUES (?, ?, ?)", texts)
            self._connection.executemany("INSERT INTO places VALUES (?, ?, ?, ?)", places)
            self._connection.executemany("INSERT INTO ids VALUES (?, ?)", ids)
            self._connection.executemany("INSERT INTO deleted VALUES (?)", deleted)
            self._connection.executemany("INSERT OR IGNORE INTO abouts VALUES (?, ?, ?, ?)", abouts)
        self.read_so_far += len(run)

    def _places_of(self, item: Item) -> Iterator[int]:
        if self.face.lists_all:
            yield ALL
        for group in self.face.groups(item):
            place = self._place(group)
            place.items += 1
            if item.when is not None and (place.last is None or item.when > place.last):
                place.last = item.when
                if self.face.has_snippets:
                    place.snippet = self.face.title(item)[:_LONGEST_SNIPPET]
            yield place.number

    def _place(self, group: Group) -> Place:
        found = self._by_key.get(group.key)
        if found is None:
            if len(self._by_key) >= MOST_GROUPS:
                group = Group(OTHERS, "…")
            found = self._by_key.get(group.key)
        if found is None:
            number = len(self._by_key) + 1
            found = Place(number, group.key, group.title, sort=group.sort)
            self._by_key[group.key] = self.places[number] = found
        return found

    # -- reading -----------------------------------------------------------------------------------------------------

    def place_called(self, key: str) -> Place | None:
        return self._by_key.get(key)

    def ordered_places(self, prefix: str = "") -> list[Place]:
        """The places whose key begins like this, as the face orders them."""
        found = [place for place in self.places.values() if place.key.startswith(prefix)]
        return sorted(found, key=self.face.place_order)

    def count(self, place: int = ALL) -> int:
        return self.items + self.deleted if place == ALL else self.places[place].items

    def page(self, place: int, offset: int, limit: int) -> list[Entry]:
        """Entries of a place, in the order of the face."""
        order = "DESC" if self.face.newest_first else "ASC"
        return self._entries(
            "SELECT i.n, i.item FROM (SELECT n FROM places WHERE place = ?"  # noqa: S608  one of two words
            f" ORDER BY sort {order}, n {order} LIMIT ? OFFSET ?) p CROSS JOIN items i ON i.n = p.n",
            (place, limit, offset),
        )

    def found(self, wanted: str, offset: int, limit: int, place: int | None = None) -> list[Entry]:
        """Entries with this text in them, the newest first."""
        inside = "" if place is None else " AND n IN (SELECT n FROM places WHERE place = ?)"
        values: tuple[object, ...] = (folded(wanted), *(() if place is None else (place,)), limit, offset)
        return self._entries(
            "SELECT i.n, i.item FROM (SELECT n FROM texts WHERE instr(folded, ?) > 0"  # noqa: S608  no text of others
            f"{inside} ORDER BY at DESC LIMIT ? OFFSET ?) t CROSS JOIN items i ON i.n = t.n",
            values,
        )

    def count_found(self, wanted: str, most: int, place: int | None = None) -> int:
        """How many entries have this text in them, at most `most`."""
        inside = "" if place is None else " AND n IN (SELECT n FROM places WHERE place = ?)"
        values: tuple[object, ...] = (folded(wanted), *(() if place is None else (place,)), most)
        query = f"SELECT COUNT(*) FROM (SELECT 1 FROM texts WHERE instr(folded, ?) > 0{inside} LIMIT ?)"  # noqa: S608
        return int(self._rows(query, values)[0][0])

    def deleted_entries(self, offset: int, limit: int) -> list[Entry]:
        return self._entries(
            "SELECT i.n, i.item FROM deleted d CROSS JOIN items i ON i.n = d.n ORDER BY d.n LIMIT ? OFFSET ?",
            (limit, offset),
        )

    def entry(self, number: int) -> Entry | None:
        if not 0 <= number <= _HIGHEST:
            return None
        return next(iter(self._entries("SELECT n, item FROM items WHERE n = ?", (number,))), None)

    def with_id(self, identity: str) -> Entry | None:
        return next(
            iter(
                self._entries(
                    "SELECT i.n, i.item FROM ids d CROSS JOIN items i ON i.n = d.n WHERE d.id = ? LIMIT 1", (identity,)
                )
            ),
            None,
        )

    def about(self, identity: str, limit: int) -> list[Entry]:
        """What is about the item with this id: reactions to a message."""
        query = "SELECT i.n, i.item FROM abouts a CROSS JOIN items i ON i.n = a.n WHERE a.id = ? GROUP BY i.n LIMIT ?"
        return self._entries(query, (identity, limit))

    def position(self, place: int, number: int) -> int | None:
        """At which offset of `page` an item is; None if it is not in the place."""
        entry = self.entry(number)
        if entry is None:
            return None
        sort, order = self.face.sort(entry.item), ">" if self.face.newest_first else "<"
        if not self._rows("SELECT 1 FROM places WHERE place = ? AND sort = ? AND n = ?", (place, sort, number)):
            return None
        query = f"SELECT COUNT(*) FROM places WHERE place = ? AND (sort, n) {order} (?, ?)"  # noqa: S608  one of two signs
        return int(self._rows(query, (place, sort, number))[0][0])

    def sums(self, place: int, form: str, since: float, until: float) -> list[tuple[str, int, float, float, float]]:
        """(day or month, number, sum, lowest, highest) of a place's values. `form`: of strftime, in local time."""
        return self._rows(
            "SELECT strftime(?, sort, 'unixepoch', 'localtime') AS day,"
            " COUNT(value), SUM(value), MIN(value), MAX(value)"
            " FROM places WHERE place = ? AND sort >= ? AND sort < ? AND value IS NOT NULL AND day IS NOT NULL"
            " GROUP BY day ORDER BY day",
            (form, place, since, until),
        )

    def _entries(self, query: str, values: tuple[object, ...]) -> list[Entry]:
        """Items that this process wrote to a file without a name, so they can be trusted."""
        return [Entry(n, pickle.loads(item)) for n, item in self._rows(query, values)]  # noqa: S301

    def _rows(self, query: str, values: tuple[object, ...]) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def folded(text: str) -> str:
    """A text as a search compares it: without regard to case. Halves of characters cannot be stored."""
    return text.casefold().encode("utf-8", "replace").decode()
