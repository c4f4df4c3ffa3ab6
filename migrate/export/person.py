"""`--with NAME|NUMBER`: one person's messages, calls and voicemails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from migrate.content.item import Item
from migrate.content.normal_form import address, text

LAST_DIGITS, FEWEST_DIGITS = 9, 7
"""+49 170 1234567 and 0170 1234567 are one number: their last nine digits are equal."""

People = Callable[[Item], Iterable[str | None]]
"""The addresses (`normal_form.address`), names and titles by which people know whom an item is about."""


@dataclass(frozen=True)
class Person:
    """A person that items are looked for by.

    Args:
        wanted: a name, or a part of one, or a number or e-mail address, as the person typed it.
        addresses: all addresses of the contacts of that name.
        people: how to find the people of an item, by kind of item (its class).
    """

    wanted: str
    addresses: frozenset[str] = frozenset()
    people: dict[type[Item], People] = field(default_factory=dict, compare=False, repr=False)

    def is_in(self, item: Item) -> bool:
        """Whether the item is about this person. Items that are about nobody are not."""
        people = self.people.get(type(item))
        return people is not None and any(self._is(one) for one in people(item) if one)

    def _is(self, known: str) -> bool:
        endings = self._endings
        if ending(known) in endings:
            return True
        return any(letter.isalpha() for letter in self.wanted) and folded(self.wanted) in folded(known)

    @property
    def _endings(self) -> frozenset[str]:
        own = address(self.wanted)
        return frozenset(ending(one) for one in (*self.addresses, own or "") if one)


def ending(known: str) -> str:
    """What two spellings of one number have in common; other addresses as they are, in lower case."""
    normalised = address(known) or ""
    digits = normalised.lstrip("+")
    if not digits.isdigit() or len(digits) < FEWEST_DIGITS:
        return normalised
    return digits[-LAST_DIGITS:]


def folded(name: str) -> str:
    """A name as people compare names: without regard to case."""
    return (text(name) or "").casefold()
