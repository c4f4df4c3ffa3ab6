"""People: the cards of one person in several accounts as one, as the phone shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path

from migrate.content.item import Item
from migrate.content.ordering import ordered
from migrate.content.readers.contacts import Contact, LabelledValue
from migrate.language import _

_SORTED_AT_ONCE = 5_000
_MOST_LINKED = 50
"""Cards of one person that are held in memory; a phone links a handful."""


@dataclass(frozen=True)
class LinkedPerson:
    """A person, with every card there is for them."""

    cards: tuple[Contact, ...]
    """The one whose name is shown comes first."""

    @property
    def lead(self) -> Contact:
        return self.cards[0]

    @cached_property
    def names(self) -> dict[str, str | None]:
        """The names of the first card; what it lacks is taken from the others. Different notes are kept."""
        found = self.lead.named()
        for card in self.cards[1:]:
            for name, value in card.named().items():
                if name == "note" and value and found[name] and value not in str(found[name]):
                    found[name] = f"{found[name]}\n\n{value}"
                elif not found[name]:
                    found[name] = value
        return found

    @property
    def shown(self) -> str:
        """How lists show this person."""
        reached = (value.value for value in self.values if value.value)
        return next((name for card in self.cards if (name := card.full_name())), None) or next(reached, _("no name"))

    @cached_property
    def values(self) -> tuple[LabelledValue, ...]:
        """Phone numbers, addresses …, each once."""
        found = {value.normalised(): value for card in reversed(self.cards) for value in reversed(card.values)}
        return tuple(reversed(found.values()))

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(group for card in self.cards for group in card.groups))

    @property
    def birthday(self) -> str | None:
        return next((card.birthday for card in self.cards if card.birthday), None)

    @property
    def other_birthday(self) -> str | None:
        return next((card.other_birthday for card in self.cards if card.other_birthday), None)

    @property
    def modified(self) -> float | None:
        return max((card.modified for card in self.cards if card.modified is not None), default=None)


def people(contacts: Iterable[Item], tmp: Path) -> Iterator[LinkedPerson]:
    """The people whose cards these are. More cards than fit into memory are sorted in files under `tmp`."""
    cards = (item for item in contacts if isinstance(item, Contact))
    for _key, group in groupby(ordered(cards, tmp, in_memory=_SORTED_AT_ONCE, key=_order), _link):
        while found := list(islice(group, _MOST_LINKED)):
            yield LinkedPerson(tuple(sorted(found, key=lambda card: (not card.leads, card.id))))


def _link(contact: Contact) -> tuple[str, int]:
    return (contact.id, 0) if contact.link is None else ("", contact.link)


def _order(contact: Contact) -> tuple[str, int, str]:
    return (*_link(contact), contact.id)
