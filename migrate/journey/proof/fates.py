"""The fates of items and files in a proof, and what they add up to (docs/design.md section 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Fate(StrEnum):
    """What became of an agreed item or file. The first that applies, in this order."""

    NOT_EXPECTED = "not-expected"
    """It never crosses to another phone, or could not be sent; named before the last confirmation."""
    SAME = "same"
    """Its plaintext equals the sealed old plaintext."""
    FOUND = "found"
    """An item with the same lasting id and fingerprint, and its files."""
    UNSEEN = "unseen"
    """The proof's backup could not read it."""
    PRESENT = "present"
    """It is there, iOS rewrites it, and nothing in it can be compared."""
    LATER = "later"
    """It comes in the background, with its app, or after signing in."""
    KEPT_OWN = "kept-own"
    """It equals what the new phone had before, not what was sent."""
    CHANGED_SINCE = "changed-since"
    """It was changed or deleted on the new phone after the restore."""
    DIFFERENT = "different"
    MISSING = "missing"


Column = Literal["proven", "there", "arriving", "changed_since", "wrong"]
COLUMNS: Mapping[Fate, Column] = {
    Fate.SAME: "proven",
    Fate.FOUND: "proven",
    Fate.UNSEEN: "there",
    Fate.PRESENT: "there",
    Fate.LATER: "arriving",
    Fate.CHANGED_SINCE: "changed_since",
    Fate.KEPT_OWN: "wrong",
    Fate.DIFFERENT: "wrong",
    Fate.MISSING: "wrong",
}
"""The receipt's column for each fate. What is not expected was not sent, so it has none."""

LaterReason = Literal["background", "app", "account"]

GONE = "gone"
"""Not a fate: a file of the phone's housekeeping that is not there. iOS makes it again when it needs it."""
GOOD = frozenset({Fate.SAME, Fate.FOUND})
WRONG = frozenset(fate for fate, column in COLUMNS.items() if column == "wrong")


def columns(fates: Mapping[Fate, int] | Mapping[str, int]) -> dict[str, int]:
    """The receipt's columns. `sent` is the sum of the others."""
    shown: dict[str, int] = {"sent": 0, "proven": 0, "there": 0, "arriving": 0, "changed_since": 0, "wrong": 0}
    for fate, count in fates.items():
        column = COLUMNS.get(Fate(fate)) if fate != GONE else None
        if column is not None:
            shown[column] += count
            shown["sent"] += count
    return shown


def move(counted: Counter[Fate], source: Fate, target: Fate) -> None:
    """Give everything of one fate another one."""
    if moved := counted.pop(source, 0):
        counted[target] += moved


@dataclass
class OwnerFates:
    """The fates of one category's or app's items and files."""

    items: dict[str, Counter[Fate]] = field(default_factory=dict)
    """By kind of item."""
    files: Counter[Fate] = field(default_factory=Counter)
    """Files that a person would miss. Databases that are read as items are not among them."""
    housekeeping: Counter[str] = field(default_factory=Counter)
    """Files that the phone keeps for itself, by fate, and those that it has not kept (GONE). They never fail a
    proof."""
    loose: Counter[Fate] = field(default_factory=Counter)
    """Those of `files` that belong to no item and did not simply arrive. Items answer for their own files, so items and
    loose files together are what a person would miss, each thing once."""
    later: Counter[LaterReason] = field(default_factory=Counter)
    """Why items and loose files are still arriving."""
    unknown_kinds: set[str] = field(default_factory=set)
    """Kinds whose items in the old backup could not be read."""

    @property
    def all(self) -> Counter[Fate]:
        return sum(self.items.values(), Counter(self.files))

    def count(self, fates: Iterable[Fate]) -> int:
        counted = self.all
        return sum(counted[fate] for fate in fates)

    @property
    def has_arrived(self) -> bool:
        """Whether anything of it has arrived."""
        return self.count((*GOOD, Fate.PRESENT, Fate.CHANGED_SINCE, Fate.UNSEEN)) > 0


Verdict = Literal["proven", "pending", "not proven"]


def verdict_of(owners: Iterable[OwnerFates]) -> Verdict:
    """What all of it comes to. Housekeeping does not count."""
    total: Counter[Fate] = sum((owner.all for owner in owners), Counter())
    if any(total[fate] for fate in WRONG):
        return "not proven"
    return "pending" if total[Fate.LATER] or total[Fate.UNSEEN] else "proven"
