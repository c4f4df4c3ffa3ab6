"""`--with NAME|NUMBER`: one person's messages, calls and voicemails."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from migrate.content.item import Item
from migrate.content.normal_form import text
from migrate.export.phone_numbers import PhoneNumbers

_MOST_KNOWN = 100_000
"""Names and numbers whose answer is remembered. A phone knows a few thousand."""
_SPACES = re.compile(r"\s+")

People = Callable[[Item], Iterable[str | None]]
"""The addresses (`normal_form.address`), names and titles by which people know whom an item is about."""


@dataclass(frozen=True)
class Person:
    """A person that items are looked for by.

    Args:
        wanted: a name, or a part of one, or a number or e-mail address, as the person typed it.
        addresses: all addresses of the contacts of that name.
        people: how to find the people of an item, by kind of item (its class).
        numbers: which spellings are one number.
        is_exact: a contact has exactly this name, so longer names are other people's.
        cards: the ids of the contacts that are this person.
    """

    wanted: str
    addresses: frozenset[str] = frozenset()
    people: dict[type[Item], People] = field(default_factory=dict, compare=False, repr=False)
    numbers: PhoneNumbers = field(default_factory=PhoneNumbers, compare=False, repr=False)
    is_exact: bool = False
    cards: frozenset[str] = frozenset()
    _known: dict[str, bool] = field(default_factory=dict, init=False, compare=False, repr=False)

    def is_in(self, item: Item) -> bool:
        """Whether the item is about this person. Items that are about nobody are not."""
        if item.id in self.cards:
            return True
        people = self.people.get(type(item))
        return people is not None and any(self.is_called(one) for one in people(item) if one)

    def is_called(self, known: str) -> bool:
        """Whether this is a name or an address of the person."""
        found = self._known.get(known)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[known] = self._is(known)
        return found

    def _is(self, known: str) -> bool:
        if is_address(known):
            return not self._wanted_numbers.isdisjoint(self.numbers.spellings(known))
        return is_name(self.wanted) and fits(self.wanted, known, is_exact=self.is_exact)

    @cached_property
    def _wanted_numbers(self) -> frozenset[str]:
        own = () if is_name(self.wanted) else (self.wanted,)
        return frozenset(form for one in (*self.addresses, *own) for form in self.numbers.spellings(one))


def is_name(wanted: str) -> bool:
    """Whether a text is a name, and no number or e-mail address."""
    return any(letter.isalpha() for letter in wanted) and not is_address(wanted)


def is_address(known: str) -> bool:
    """Whether a text is a number or an e-mail address, and no name."""
    if "@" in known:
        return " " not in known.strip()
    return any(letter.isdigit() for letter in known) and not any(letter.isalpha() for letter in known)


def fits(wanted: str, name: str, *, is_exact: bool) -> bool:
    """Whether a name is the wanted one, or has it in it. Case, accents and spaces do not matter."""
    return folded(wanted) == folded(name) if is_exact else folded(wanted) in folded(name)


def folded(name: str) -> str:
    """A name as people compare names: Jose is José."""
    plain = unicodedata.normalize("NFKD", (text(name) or "").casefold())
    return _SPACES.sub(" ", "".join(letter for letter in plain if not unicodedata.combining(letter))).strip()
