"""What of a backup is exported, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from migrate.content.item import Item, State
from migrate.export.person import Person

Deleted = Literal["with", "only", "without"]
DELETED: tuple[Deleted, ...] = get_args(Deleted)
FORMATS = ("html", "txt", "json", "csv", "md", "pdf", "mbox")
"""What `--as` may name. Files that have a form of their own (vCards, calendars, photos) are written in it whatever it
names."""


@dataclass(frozen=True, kw_only=True)
class ExportChoice:
    """What a person chose. `since` and `until` are unix seconds: from `since` on, before `until`."""

    owners: frozenset[str] | None = None
    """Category ids and `app:<bundle>`; None for everything."""
    person: Person | None = None
    since: float | None = None
    until: float | None = None
    formats: frozenset[str] = frozenset()
    """Empty: every kind's usual ones."""
    deleted: Deleted = "with"
    originals: bool = False
    """Only files as the phone keeps them: no conversions beside them."""
    passwords: bool = False
    notes_password: str | None = field(default=None, repr=False)
    only_ids: Mapping[str, frozenset[str]] | None = None
    """Kind -> the ids of the items that are exported; the others are filtered. None for all."""

    def wants(self, kind_id: str, item: Item) -> bool:
        """Whether an item passes the filters. One without a date passes `since` and `until`: it may be of any time."""
        if self.only_ids is not None and item.id not in self.only_ids.get(kind_id, ()):
            return False
        if item.when is not None:
            if self.since is not None and item.when < self.since:
                return False
            if self.until is not None and item.when >= self.until:
                return False
        if self.deleted == "only" and item.state is not State.DELETED:
            return False
        if self.deleted == "without" and item.state is State.DELETED:
            return False
        return self.person is None or self.person.is_in(item)

    @property
    def is_whole(self) -> bool:
        """Whether nothing chooses between items: not a person, a date, a list of ids, or that they were deleted."""
        filters = (self.person, self.since, self.until, self.only_ids)
        return self.deleted != "only" and all(one is None for one in filters)

    def filters(self) -> dict[str, object]:
        """What decides which items are in a file. An export with other filters may not replace its files."""
        return {
            "with": self.person.wanted if self.person else None,
            "since": self.since,
            "until": self.until,
            "deleted": self.deleted,
            "only": self.only_ids is not None,
        }
