"""What a kind of item is: a category's or app's items, where they are, and the reader that reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from migrate.content.item import Item
from migrate.content.source import Place, Source


@dataclass(frozen=True, kw_only=True)
class Part:
    """A number shown beside a kind's own: videos among photos, attachments of messages."""

    label: str
    """Marked for translation."""
    count: Callable[[Item], int]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of item."""

    id: str
    owner: str
    """The category's id, or `app:<bundle>`."""
    label: str
    """What the items are called after a number of any size (`messages`), marked for translation."""
    places: tuple[Place, ...]
    """The databases and property lists that are read as these items. They have no fate of their own in a proof."""
    items: Callable[[Source], Iterator[Item]]
    """All items of a backup, ordered by id. What cannot be read is reported to the source, never raised."""
    within: tuple[Place, ...] = ()
    """Files whose contents are part of the items' fingerprints, so they have no fate of their own either."""
    beside: tuple[Place, ...] = ()
    """Further files the reader looks for: recordings, pictures. They are compared as files."""
    parts: tuple[Part, ...] = ()
    extra: bool = False
    """Whether its number is shown beside the category's number and not added to it."""

    def reads(self, domain: str, relative_path: str) -> bool:
        """Whether this file is read as these items."""
        return any(place.matches(domain, relative_path) for place in (*self.places, *self.within))
