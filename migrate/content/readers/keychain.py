"""The keychain: which passwords, certificates and keys there are; what they are, only through `Secrets`.

An unencrypted backup has the keychain too, encrypted for the phone that wrote it: then only the number is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from migrate.backup.crypto.keybag import ClassKeys
from migrate.backup.record import Record
from migrate.content.item import Fingerprint, Item, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.ordering import ordered
from migrate.content.readers.common import as_text
from migrate.content.readers.keychain_item import Attributes, ItemClosed, attributes, is_device_only
from migrate.content.sentence import shortened
from migrate.content.source import UNREADABLE, Place, Source
from migrate.language import _, mark

KEYCHAIN = Place("KeychainDomain", ("keychain-backup.plist",))
PASSWORDS, LOGINS, CERTIFICATES, KEYS = "genp", "inet", "cert", "keys"
ITEM_CLASSES = (PASSWORDS, LOGINS, CERTIFICATES, KEYS)
WIFI_SERVICE = "AirPort"
"""The service of Wi-Fi passwords, whose account is the network's name (*reported*)."""
_NAMES = ("svce", "srvr", "acct", "agrp", "issr", "slnr", "klbl", "atag", "sync")
"""Service, server, account, access group; issuer and number of a certificate, label and tag of a key; whether iCloud
Keychain has it. The items do not have the secret (`v_Data`); `Secrets` opens it when a person asked for it."""
SECRET = "v_Data"  # noqa: S105  the attribute's name
_SECRET_NAMES = (*_NAMES, SECRET, "labl", "icmt", "ptcl", "port", "path")
"""Label, comment, protocol, port and path (*reported*: Apple's SecItem)."""
_TEMPLATES = {
    PASSWORDS: (mark("a password of {service}"), mark("a password of an app")),
    LOGINS: (mark("the login for {service}"), mark("a login")),
    CERTIFICATES: (mark("a certificate of {service}"), mark("a certificate")),
    KEYS: (mark("a key of {service}"), mark("a key")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeychainItem(Item):
    """An item of the keychain, known by its names."""

    item_class: str
    service: str | None = None
    """The service of an app, or the server of a login."""
    user: str | None = None
    group: str | None = None
    """The access group: the apps that share it."""
    device_only: bool | None = None
    """Whether it stays on the phone that wrote it, so that it is not expected on another. None: unknown."""
    opened: bool = True
    """Whether its names are known. If not, its id is made of the reference that the phone keeps for it."""

    def fingerprint(self) -> Fingerprint:
        return {}  # it is present or not: its content is not read

    def describe(self) -> str:
        if self.service == WIFI_SERVICE and self.user:
            return _("the password of the Wi-Fi network “{name}”").format(name=shortened(self.user))
        with_service, without = _TEMPLATES[self.item_class]
        if self.service:
            return _(with_service).format(service=shortened(self.service))
        return _(without)


def keychain(source: Source) -> Iterator[Item]:
    """All items, ordered by id."""
    return ordered(_unordered(source), source.tmp)


def _unordered(source: Source) -> Iterator[KeychainItem]:
    for record in source.files(KEYCHAIN):
        with source.reading(record):
            yield from _items_of(source, record)


def _items_of(source: Source, record: Record) -> Iterator[KeychainItem]:
    keys = source.backup.manifest.class_keys
    closed = 0
    for item_class, entry in _entries(source, record):
        item = _item(item_class, entry, keys)
        closed += not item.opened and not item.device_only
        yield item
    if closed:
        reason = f"the names of {closed:,} items are encrypted, and the backup's keys do not open them"
        if keys is None:
            reason = f"the backup is not encrypted, so only the old iPhone can open the {closed:,} items"
        source.cannot_read(record, reason)


def _entries(source: Source, record: Record) -> Iterator[tuple[str, object]]:
    value = source.plist(record)
    if not isinstance(value, dict) or not any(name in value for name in ITEM_CLASSES):
        raise ValueError("it has another structure")
    for item_class in ITEM_CLASSES:
        entries = value.get(item_class, [])
        if not isinstance(entries, list):
            raise ValueError("a list in it has another structure")
        for entry in entries:
            yield item_class, entry


class Secrets:
    """What the items keep secret. Each is opened when it is asked for; only the encrypted entries are held."""

    def __init__(self, source: Source) -> None:
        self._keys = source.backup.manifest.class_keys
        self._entries: dict[str, list[object]] = {}
        for record in source.files(KEYCHAIN):
            with suppress(*UNREADABLE):  # the reader of the items reports it
                for item_class, entry in _entries(source, record):
                    self._entries.setdefault(_item(item_class, entry, self._keys).id, []).append(entry)

    def take(self, item: KeychainItem) -> Attributes:
        """The attributes of an item with its secret, where it can be opened. Of several with one id, the next."""
        entries = self._entries.get(item.id)
        entry = entries.pop(0) if entries else None
        if self._keys is None or not isinstance(entry, dict):
            return {}
        try:
            return attributes(entry.get(SECRET), self._keys, _SECRET_NAMES)
        except ItemClosed:
            return {}


def _item(item_class: str, entry: object, keys: ClassKeys | None) -> KeychainItem:
    values = entry if isinstance(entry, dict) else {}
    data = values.get(SECRET)
    device_only = is_device_only(data)
    try:
        names = _plain_names(values) or ({} if keys is None else attributes(data, keys, _NAMES))
    except ItemClosed:
        names = {}
    if not names:
        reference = values.get("v_PersistentRef") or data
        return KeychainItem(
            id=fingerprint_id(
                (item_class, _digest(reference if isinstance(reference, bytes) else repr(entry).encode()))
            ),
            item_class=item_class,
            device_only=device_only,
            opened=False,
        )
    identity = [names.get(name, b"") for name in _NAMES[:-1]]
    return KeychainItem(
        id=f"{item_class} {_digest(repr(identity).encode())}",
        account="iCloud" if names.get("sync", b"") == b"\x01" else None,
        item_class=item_class,
        service=as_text(names.get("svce")) or as_text(names.get("srvr")),
        user=as_text(names.get("acct")),
        group=as_text(names.get("agrp")),
        device_only=device_only,
    )


def _plain_names(values: dict[str, object]) -> Attributes:
    """The names of an item whose attributes are beside its secret, as before iOS 5 (*reported*)."""
    found: Attributes = {}
    for name in _NAMES:
        value = values.get(name)
        if isinstance(value, str):
            found[name] = value.encode("utf-8", "surrogatepass")
        elif isinstance(value, bytes):
            found[name] = value
        elif isinstance(value, int):
            found[name] = bytes([bool(value)])
    return found if set(found) - {"agrp", "sync"} else {}


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


KEYCHAIN_ITEMS = Kind(
    id="keychain",
    owner="passwords",
    label=mark("passwords and keys"),
    places=(KEYCHAIN,),
    items=keychain,
)
