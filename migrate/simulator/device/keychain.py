"""The keychain of a simulated iPhone: passwords, certificates and keys with their attributes and secrets.

The names of attributes and which of them make an item unique are Apple's (*reported*: the tables of keychain-2.db).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

GENERIC_PASSWORDS, INTERNET_PASSWORDS, CERTIFICATES, KEYS = TABLES = ("genp", "inet", "cert", "keys")

WHEN_UNLOCKED, AFTER_FIRST_UNLOCK, ALWAYS = 6, 7, 8
WHEN_UNLOCKED_THIS_DEVICE, AFTER_FIRST_UNLOCK_THIS_DEVICE, ALWAYS_THIS_DEVICE = 9, 10, 11
"""Protection classes of items (*seen*: 6 to 11 in a real iOS 9 backup)."""
THIS_DEVICE_ONLY: Final = frozenset({9, 10, 11})

ITEMS_LIMIT: Final = 50_000
"""How many items a keychain holds. Real ones have hundreds to a few thousand (*guessed*)."""

_UNIQUE_BY: Final = {
    GENERIC_PASSWORDS: ("acct", "svce", "agrp", "sync"),
    INTERNET_PASSWORDS: ("acct", "sdmn", "srvr", "ptcl", "atyp", "port", "path", "agrp", "sync"),
    CERTIFICATES: ("ctyp", "issr", "slnr", "agrp", "sync"),
    KEYS: ("kcls", "klbl", "atag", "crtr", "type", "agrp", "sync"),
}
SECRET: Final = "v_Data"  # noqa: S105  (the name of the attribute)


@dataclass(frozen=True, slots=True)
class EncodedValue:
    """A value of a type that the simulated phone does not use: its DER element as it was restored."""

    element: bytes = field(repr=False)


Value = str | bytes | int | datetime | EncodedValue
ItemKey = tuple[str, tuple[Value | None, ...]]


@dataclass(frozen=True, slots=True)
class KeychainItem:
    """One item. `reference` is what apps keep to find it again; it is in a backup and comes back with it."""

    table: str
    attributes: Mapping[str, Value] = field(repr=False)
    protection_class: int
    reference: bytes = field(repr=False)

    @property
    def key(self) -> ItemKey:
        """What makes the item unique: another one with this key replaces it."""
        return self.table, tuple(self.attributes.get(name) for name in _UNIQUE_BY[self.table])

    @property
    def stays_on_device(self) -> bool:
        return self.protection_class in THIS_DEVICE_ONLY


class Keychain:
    """A phone's items. Thread-safe."""

    def __init__(self) -> None:
        self._items: dict[ItemKey, KeychainItem] = {}
        self._lock = threading.Lock()
        self.in_use = False
        """Whether there ever was an item or a restored keychain. A phone that was made without any, and one that plays
        another phone's backup, adds no keychain to its backups."""

    def add(self, item: KeychainItem) -> None:
        """Adds an item; one with the same key is replaced. Beyond ITEMS_LIMIT the item is dropped."""
        self.take_over([item])

    def take_over(self, items: Iterable[KeychainItem]) -> None:
        """Adds restored items, which may be none."""
        with self._lock:
            self.in_use = True
            for item in items:
                if item.key in self._items or len(self._items) < ITEMS_LIMIT:
                    self._items[item.key] = item

    def items(self) -> list[KeychainItem]:
        """In the order in which they were added."""
        with self._lock:
            return list(self._items.values())

    def remove_all(self) -> None:
        """Removes every item, as a restore does that replaces the whole phone."""
        with self._lock:
            self._items.clear()

    def reset(self) -> None:
        """Back to a phone that never had a keychain."""
        with self._lock:
            self._items.clear()
            self.in_use = False
