"""How the items of one kind look on pages: how they are grouped, ordered and named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from migrate.content.field_names import field_name
from migrate.content.item import Item, State
from migrate.content.normal_form import MONTHS
from migrate.export.names import local_time
from migrate.language import _

Look = Literal["rows", "thread", "grid", "chart"]
NO_DATE = "~"
"""Sorts after every year."""


class Group(NamedTuple):
    """Where an item belongs: a chat, a month, a folder."""

    key: str
    title: str
    sort: Any = None


@dataclass
class Place:
    """A part of a kind's items that is shown together: a chat, a month, a list."""

    number: int
    key: str
    title: str
    items: int = 0
    last: float | None = None
    snippet: str = ""
    """What its last item says."""
    sort: Any = None
    """Its Group's."""


Details = list[tuple[str, str]]
"""Names and values."""


def _no_groups(item: Item) -> Iterable[Group]:
    return ()


def _by_date(item: Item) -> Any:
    return item.when if item.when is not None else 0.0


def _no_value(item: Item) -> float | None:
    return None


def _described(item: Item) -> str:
    text = item.describe()
    return text[:1].upper() + text[1:]


def _nothing(item: Item) -> str:
    return ""


def fields_of(item: Item) -> Details:
    """What a person sees of any item: the fields of its fingerprint."""
    return [(field_name(name), shown) for name, value in item.fingerprint().items() if (shown := as_text(value))]


def as_text(value: object) -> str:
    """A value of a fingerprint as text; nothing for what it does not have."""
    if value is None or value == () or value == "":
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(filter(None, map(as_text, value)))
    return str(value)


@dataclass(frozen=True, kw_only=True)
class Face:
    """The looks of a kind. All texts that it gives are a stranger's and get escaped."""

    kind_id: str
    title_of_kind: str
    """Marked for translation."""
    look: Look = "rows"
    groups: Callable[[Item], Iterable[Group]] = _no_groups
    groups_title: str = ""
    """What the groups are called (`Chats`), marked for translation."""
    shows_groups_first: bool = False
    """Whether the page of the kind lists its groups: nobody reads the messages of all chats mixed."""
    place_order: Callable[[Place], Any] = lambda place: place.title.casefold()
    has_snippets: bool = False
    sort: Callable[[Item], Any] = _by_date
    newest_first: bool = True
    title: Callable[[Item], str] = _described
    line: Callable[[Item], str] = _nothing
    """A second line."""
    details: Callable[[Item], Details] = fields_of
    text: Callable[[Item], str] = _nothing
    """A long text, with its line breaks."""
    search: Callable[[Item], str] = _described
    value: Callable[[Item], float | None] = _no_value
    """A number for charts."""
    shows_when: bool = True
    keeps_items: bool = True
    """Whether single items are shown. A phone may have five million Health samples."""
    lists_all: bool = True
    is_looked_up: bool = False
    """Whether other items refer to these by their ids."""
    about: Callable[[Item], str | None] = lambda item: None
    """The id of the item that this one is only a remark on: a reaction."""
    is_taken_whole: bool = True
    """Whether one of them is given as `migrate export` writes it; reading all of a large kind for one message takes
    too long."""


def newest_place_first(place: Place) -> Any:
    return -(place.last or 0.0)


def key_descending(place: Place) -> Any:
    return tuple(-ord(letter) for letter in place.key)


def month_of(item: Item, prefix: str = "") -> Iterator[Group]:
    """The month of an item, in the time zone of this computer."""
    moment = local_time(item.when)
    if moment is None:
        yield Group(prefix + NO_DATE, _("Without a date"))
        return
    yield Group(f"{prefix}{moment:%Y-%m}", month_title(moment.year, moment.month))


def month_title(year: int, month: int) -> str:
    return f"{_(MONTHS[month - 1])} {year}"


def is_deleted(item: Item) -> bool:
    return item.state is State.DELETED
