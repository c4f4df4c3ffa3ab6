"""The people and chats of `sms.db`: small tables, held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from migrate.content.normal_form import address
from migrate.content.open_database import Columns, Database
from migrate.content.readers.messages.message import Chat
from migrate.content.readers.messages.names import Names

_MOST_ROWS = 1_000_000
"""More people, chats or members than that are not held in memory. A phone has a few thousand."""
_LONGEST_TEXT = 1000
_SHOWN_MEMBERS = 3


class Person(NamedTuple):
    """A row of `handle`."""

    address: str
    name: str | None


class People:
    """The rows of `handle` by number."""

    def __init__(self, database: Database, names: Names) -> None:
        self._people: dict[object, Person] = {}
        table = database.table("handle")
        self.known = table is not None and table.has("id")
        if table is not None and self.known:
            for row, stored in limited(database.rows(f"SELECT ROWID, id FROM {table.sql} NOT INDEXED")):  # noqa: S608  quoted
                normalised = address(str(stored)[:_LONGEST_TEXT])
                if normalised:
                    self._people[row] = Person(normalised, names.name_of(normalised))

    def addresses(self) -> Iterable[str]:
        return (person.address for person in self._people.values())

    def get(self, row: object) -> Person | None:
        return self._people.get(row)


class Chats:
    """The rows of `chat` by number."""

    def __init__(self, database: Database, people: People) -> None:
        table, joins = database.table("chat"), database.table("chat_handle_join")
        self.known = table is not None and database.table("chat_message_join") is not None
        self.members_known = self.known and people.known and joins is not None and joins.has("chat_id", "handle_id")
        self._chats: dict[object, Chat] = {}
        self._sets: dict[tuple[object, ...], tuple[Chat, ...]] = {}
        members: dict[object, set[Person]] = {}
        if joins is not None and self.members_known:
            query = f"SELECT chat_id, handle_id FROM {joins.sql} NOT INDEXED"  # noqa: S608  the name is quoted
            for chat, handle in limited(database.rows(query)):
                person = people.get(handle)
                if person is not None:
                    members.setdefault(chat, set()).add(person)
        if table is None:
            return
        columns = Columns(table, "", identifier=("chat_identifier",), guid=("guid",), title=("display_name",))
        query = f"SELECT ROWID, {columns.sql} FROM {table.sql} NOT INDEXED"  # noqa: S608  the names are quoted
        for row, identifier, guid, title in limited(database.rows(query)):
            self._chats[row] = chat_of(identifier, guid, title, members.get(row, ()))

    def all(self) -> Iterable[Chat]:
        return self._chats.values()

    def get(self, rows: tuple[object, ...]) -> tuple[Chat, ...]:
        """The chats with these numbers, sorted."""
        found = self._sets.get(rows)
        if found is None:
            chats = {chat for row in rows if (chat := self._chats.get(row)) is not None}
            found = tuple(sorted(chats, key=lambda chat: (chat.identifier or "", chat.members, repr(chat))))
            if len(self._sets) < _MOST_ROWS:
                self._sets[rows] = found
        return found


def chat_of(identifier: object, guid: object, title: object, members: Iterable[Person]) -> Chat:
    """A chat from its row. `guid` is `iMessage;-;+49…`, and since iOS 26 `any;-;+49…` (*reported*)."""
    people = {person.address: person.name for person in members}
    addresses = tuple(sorted(people))
    stored = identifier or (str(guid).rsplit(";", 1)[-1] if guid else None)
    normalised = address(str(stored)[:_LONGEST_TEXT]) if stored else None
    shown = ", ".join([people[one] or one for one in addresses[:_SHOWN_MEMBERS]])
    if len(addresses) > _SHOWN_MEMBERS:
        shown += ", …"
    return Chat(
        identifier=normalised,
        members=addresses,
        title=str(title)[:_LONGEST_TEXT] if title else None,
        shown=shown or normalised,
    )


def limited(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The rows of a small table.

    Raises:
        ValueError: there are so many that no phone wrote them.
    """
    yield from islice(rows, _MOST_ROWS)
    if next(rows, None) is not None:
        raise ValueError(f"a table of chats or people has more than {_MOST_ROWS:,} rows")
