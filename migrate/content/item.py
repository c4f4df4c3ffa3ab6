"""An item: one thing that a person would miss, such as a message, a contact or a photo.

Every kind of item has its own frozen class. `id` stays the same for the life of the item, on every phone it moves to.
`fingerprint` is what the person sees of it, normalised so that it does not depend on the iOS version that wrote it
(facts/exports.md section 9). Two items with one id are the same item; with equal fingerprints it is unchanged.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

Fingerprint = Mapping[str, Any]
"""Field -> normalised value. Values are compared with `==`: text, numbers, bytes, None, and tuples of these."""


class State(StrEnum):
    """Where an item is."""

    LIVE = "live"
    DELETED = "deleted"
    """In Recently Deleted, or what the app calls that."""
    ONLY_IN_CLOUD = "only-in-cloud"
    """Its row is here, and positive evidence says that its content is in the cloud and not on the phone."""


class FileRef(NamedTuple):
    """A file of the backup that belongs to an item: the original of a photo, an attachment, a recording."""

    domain: str
    relative_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(ABC):
    """What all kinds of items have in common. Times are unix seconds (UTC)."""

    id: str
    when: float | None = None
    """The instant a person would sort it by: sent, taken, begun, created."""
    modified: float | None = None
    """When it was last changed on the phone, if the phone keeps that."""
    state: State = State.LIVE
    account: str | None = None
    """The account that owns it (iCloud, Exchange …) and brings it back after signing in. None: the phone itself."""
    files: tuple[FileRef, ...] = ()
    """Its files in this backup. Their contents are part of the item."""
    offloaded: int = 0
    """How many of its files are known to be only in the cloud."""
    absent: int = 0
    """How many of its files are neither in this backup nor known to be in the cloud."""
    lacking: frozenset[str] = frozenset()
    """Fields of the fingerprint that this database's schema does not have."""
    undecoded: frozenset[str] = frozenset()
    """Fields of the fingerprint whose stored bytes could not be decoded: the bytes stand in their place."""

    @abstractmethod
    def fingerprint(self) -> Fingerprint:
        """What a person sees of it, without the contents of `files`."""

    @abstractmethod
    def describe(self) -> str:
        """How a person would recognise it, for a sentence: `a message in the chat with Mum, 3 May 2024`."""


class Comparison(NamedTuple):
    """How an item compares with another of the same id."""

    differing: tuple[str, ...]
    """Fields with another value."""
    undecided: tuple[str, ...]
    """Fields that differ in their bytes, where at least one side could not be decoded."""
    left_out: tuple[str, ...]
    """Fields that one of the two schemas does not have."""

    @property
    def is_equal(self) -> bool:
        return not self.differing and not self.undecided


def compare(one: Item, other: Item) -> Comparison:
    """Compare what a person sees of two items of one kind. The contents of their files are not read."""
    left_out = one.lacking | other.lacking
    undecoded = one.undecoded | other.undecoded
    first, second = one.fingerprint(), other.fingerprint()
    differs = [name for name, value in first.items() if name not in left_out and second.get(name) != value]
    return Comparison(
        differing=tuple(name for name in differs if name not in undecoded),
        undecided=tuple(name for name in differs if name in undecoded),
        left_out=tuple(sorted(left_out)),
    )


def fingerprint_id(fields: Iterable[object]) -> str:
    """An id for an item that has none: `~` and a digest of its fields. Equal items get equal ids."""
    return "~" + hashlib.blake2b(repr(tuple(fields)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
