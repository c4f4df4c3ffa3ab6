"""`keychain-backup.plist`: the items of a keychain, each encrypted with a key of its own.

    plist     genp, inet, cert, keys: lists of {v_Data, v_PersistentRef}               (*seen*: iOS 14.3)
    v_Data    u32 LE version 3, u32 LE protection class, u32 LE length 40,              (*seen*: iOS 9)
              the item's key, wrapped with a class key (RFC 3394),
              AES-256-GCM with an empty nonce over the attributes, tag of 16 bytes

That later iOS versions have the same format is *guessed*.
"""

from __future__ import annotations

import os
import plistlib
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from migrate.backup.crypto.cipher import KEY_BYTES
from migrate.backup.crypto.keybag import WRAPPED_KEY_BYTES, ClassKeys
from migrate.plists import NotAPlist, load_plist
from migrate.problems import KeyUnusable
from migrate.simulator.agent.keychain import der_set, gcm
from migrate.simulator.device.keychain import ITEMS_LIMIT, TABLES, KeychainItem

FILE_LIMIT_BYTES: Final = 16 << 20
"""A file with a thousand items has about half a megabyte."""
ITEM_LIMIT_BYTES: Final = 1 << 20
REFERENCE_LIMIT_BYTES: Final = 64

_HEADER: Final = struct.Struct("<III")
_VERSION: Final = 3
_CLASS_BITS: Final = 0xF
"""The class is in the low bits (*reported*: iphone-dataprotection)."""


class NotAKeychain(ValueError):
    """The file has another structure, or is larger than any real one."""


def write_keychain(items: Iterable[KeychainItem], keys: ClassKeys) -> bytes:
    """The file for these items. Its keys are new every time, so its bytes are too. Items of a class without a key in
    `keys` are left out, as those that no backup may hold (*guessed*)."""
    tables: dict[str, list[dict[str, bytes]]] = {table: [] for table in TABLES}
    for item in items:
        if item.protection_class in keys.classes:
            entry = {"v_Data": _wrapped(item, keys), "v_PersistentRef": item.reference}
            tables[item.table].append(entry)
    return plistlib.dumps(tables, fmt=plistlib.FMT_BINARY)


def read_keychain(data: bytes, keys: ClassKeys) -> list[KeychainItem]:
    """The items that `keys` open. All others are left out: this phone cannot use them.

    Raises:
        NotAKeychain
    """
    if len(data) > FILE_LIMIT_BYTES:
        raise NotAKeychain("it is too large")
    try:
        tables = load_plist(data)
    except NotAPlist as error:
        raise NotAKeychain(error.reason) from error
    if not isinstance(tables, dict) or not any(isinstance(tables.get(table), list) for table in TABLES):
        raise NotAKeychain("it has no lists of items")
    lists = {table: entries for table in TABLES if isinstance(entries := tables.get(table), list)}
    if sum(map(len, lists.values())) > ITEMS_LIMIT:
        raise NotAKeychain("it has too many items")
    return [item for table, entries in lists.items() for item in _opened_items(table, entries, keys)]


def _opened_items(table: str, entries: list[object], keys: ClassKeys) -> Iterator[KeychainItem]:
    for entry in entries:
        if isinstance(entry, dict) and (item := _opened(table, entry, keys)) is not None:
            yield item


def _wrapped(item: KeychainItem, keys: ClassKeys) -> bytes:
    item_key = os.urandom(KEY_BYTES)
    wrapped_key = keys.wrap(item.protection_class, item_key)[-WRAPPED_KEY_BYTES:]
    header = _HEADER.pack(_VERSION, item.protection_class, WRAPPED_KEY_BYTES)
    return header + wrapped_key + gcm.seal(item_key, der_set.encode(item.attributes))


def _opened(table: str, entry: dict[str, object], keys: ClassKeys) -> KeychainItem | None:
    data, reference = entry.get("v_Data"), entry.get("v_PersistentRef", b"")
    if not isinstance(data, bytes) or not _HEADER.size + WRAPPED_KEY_BYTES < len(data) <= ITEM_LIMIT_BYTES:
        return None
    if not isinstance(reference, bytes) or len(reference) > REFERENCE_LIMIT_BYTES:
        return None
    version, stored_class, key_length = _HEADER.unpack_from(data)
    if (version, key_length) != (_VERSION, WRAPPED_KEY_BYTES):
        return None
    protection_class = stored_class & _CLASS_BITS
    wrapped_key = data[_HEADER.size : _HEADER.size + WRAPPED_KEY_BYTES]
    try:
        item_key = keys.unwrap(protection_class.to_bytes(4, "little") + wrapped_key)
        attributes = der_set.decode(gcm.open_sealed(item_key, data[_HEADER.size + WRAPPED_KEY_BYTES :]))
    except (KeyUnusable, gcm.InvalidTag, der_set.NotAnAttributeSet):
        return None
    return KeychainItem(table, attributes, protection_class, reference)
