"""The keychain: passwords of Wi-Fi networks, accounts and apps, logins of websites, certificates and keys.

Names of attributes are Apple's (*reported*: the tables of keychain-2.db); which access groups and services real phones
have is *reported* for Wi-Fi and Safari and *guessed* for the rest. About one item in four stays on its phone; in a real
iOS 9 backup most did (*seen*). The backup agent writes the items into its backups (`agent/keychain`); on the disk is
only the trust store (mode *seen* on iOS 14.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, cycle, islice

from migrate.simulator.contents.author import Author
from migrate.simulator.contents.formats.sqlite_file import Database
from migrate.simulator.contents.wifi import network_names
from migrate.simulator.device.keychain import (
    AFTER_FIRST_UNLOCK,
    AFTER_FIRST_UNLOCK_THIS_DEVICE,
    ALWAYS,
    ALWAYS_THIS_DEVICE,
    CERTIFICATES,
    GENERIC_PASSWORDS,
    INTERNET_PASSWORDS,
    KEYS,
    SECRET,
    WHEN_UNLOCKED,
    WHEN_UNLOCKED_THIS_DEVICE,
    KeychainItem,
    Value,
)

DOMAIN = "KeychainDomain"
ITEMS = {GENERIC_PASSWORDS: 40, INTERNET_PASSWORDS: 24, CERTIFICATES: 2, KEYS: 6}
WEBSITES = (
    "example.com",
    "shop.example.org",
    "bücher.example",
    "mail.example.net",
    "forum.example.com",
    "bank.example",
)
ACCESSIBLE = {
    WHEN_UNLOCKED: "ak",
    AFTER_FIRST_UNLOCK: "ck",
    ALWAYS: "dk",
    WHEN_UNLOCKED_THIS_DEVICE: "aku",
    AFTER_FIRST_UNLOCK_THIS_DEVICE: "cku",
    ALWAYS_THIS_DEVICE: "dku",
}
"""Protection class -> the attribute `pdmn` (*reported*: Apple's SecItemPriv.h)."""
TRUST_SCHEMA = """
CREATE TABLE tsettings (sha256 BLOB NOT NULL DEFAULT '', subj BLOB NOT NULL DEFAULT '', tset BLOB, data BLOB,
 uuid BLOB NOT NULL DEFAULT '', UNIQUE(sha256, uuid));
CREATE TABLE admin (key TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL);
"""

Described = tuple[int, dict[str, Value]]
"""The protection class and the attributes that are an item's own."""


def write(author: Author) -> None:
    share = 8 if author.spec.empty else 1
    kinds = {
        GENERIC_PASSWORDS: _passwords(author),
        INTERNET_PASSWORDS: _logins(author),
        CERTIFICATES: _certificates(author),
        KEYS: _keys(author),
    }
    for table, described in kinds.items():
        for protection_class, attributes in islice(described, ITEMS[table] // share):
            author.keychain.add(_item(author, table, protection_class, attributes))
    author.file(DOMAIN, "TrustStore.sqlite3", _trust_store(), mode=0o100600)


def _item(author: Author, table: str, protection_class: int, attributes: dict[str, Value]) -> KeychainItem:
    created, modified = sorted((author.moment(), author.moment()))
    common: dict[str, Value] = {
        "pdmn": ACCESSIBLE[protection_class],
        "cdat": datetime.fromtimestamp(created, UTC),
        "mdat": datetime.fromtimestamp(modified, UTC),
        "sync": 0,
        "tomb": 0,
        "UUID": author.uuid(),
    }
    reference = author.random.randbytes(16)
    return KeychainItem(table, {**common, **attributes}, protection_class, reference)


def _secret(author: Author) -> bytes:
    """A password as people choose them, now and then with letters outside ASCII."""
    return f"{author.title().lower().replace(' ', '-')}-{author.random.randrange(10_000)}".encode()


def _passwords(author: Author) -> Iterator[Described]:
    """First the Wi-Fi networks, then accounts and apps in turn. The service `AirPort` is *reported*."""
    for name in network_names(author.spec.wifi_networks)[: ITEMS[GENERIC_PASSWORDS] // 4]:
        network: dict[str, Value] = {"svce": "AirPort", "acct": name, "agrp": "apple", "labl": name}
        yield AFTER_FIRST_UNLOCK, {**network, "desc": "AirPort network password", SECRET: _secret(author)}
    apps = [app.bundle_id for app in author.apps.values()] or ["com.example.app"]
    for number, bundle_id in enumerate(cycle(apps)):
        person = author.person()
        user = f"{person.name} {number}"
        app: dict[str, Value] = {"svce": bundle_id, "acct": user, "agrp": f"ABCDE12345.{bundle_id}"}
        yield WHEN_UNLOCKED, {**app, "labl": bundle_id, SECRET: _secret(author)}
        yield (
            AFTER_FIRST_UNLOCK_THIS_DEVICE,
            {**app, "svce": f"{bundle_id}.push-token", "labl": "push token", SECRET: author.random.randbytes(32)},
        )
        account: dict[str, Value] = {"svce": "com.apple.account.IMAP.password", "agrp": "com.apple.accounts"}
        yield AFTER_FIRST_UNLOCK, {**account, "acct": author.uuid(), "labl": user, SECRET: _secret(author)}
        state: dict[str, Value] = {"svce": "com.apple.icloud.searchpartyd", "agrp": "com.apple.icloud.searchpartyd"}
        yield ALWAYS, {**state, "acct": f"record {number}", SECRET: author.random.randbytes(48)}


def _logins(author: Author) -> Iterator[Described]:
    """Logins that Safari saved; every sixth stays on this phone, as the logins that some apps save."""
    for number, server in enumerate(cycle(WEBSITES)):
        login: dict[str, Value] = {
            "srvr": server,
            "acct": f"{author.person().name.replace(' ', '.').lower()}{number}@example.com",
            "agrp": "com.apple.cfnetwork",
            "ptcl": "htps",
            "atyp": "form",
            "port": 443,
            "path": "",
            "sdmn": b"",
            "labl": f"{server} (account {number})",
            "desc": "Web form password",
            SECRET: _secret(author),
        }
        yield (WHEN_UNLOCKED_THIS_DEVICE if number % 6 == 5 else WHEN_UNLOCKED), login


def _certificates(author: Author) -> Iterator[Described]:
    """Certificates of configuration profiles. Their contents are random bytes, not X.509."""
    for number in count():
        public_key = author.random.randbytes(20)
        yield (
            ALWAYS,
            {
                "ctyp": 1,
                "cenc": 3,
                "issr": f"CN=Example Authority {number}".encode(),
                "subj": f"CN=Example User {number}".encode(),
                "slnr": author.random.randbytes(8),
                "pkhh": public_key,
                "agrp": "com.apple.identities",
                "labl": f"Example User {number}",
                SECRET: author.random.randbytes(900),
            },
        )


def _keys(author: Author) -> Iterator[Described]:
    """Private keys; every third was made in this phone and stays there."""
    for number in count():
        secret = author.random.randbytes(121)
        yield (
            ALWAYS_THIS_DEVICE if number % 3 == 2 else AFTER_FIRST_UNLOCK,
            {
                "kcls": 1,
                "type": "73",
                "bsiz": 256,
                "esiz": 256,
                "klbl": hashlib.sha1(secret, usedforsecurity=False).digest(),
                "atag": f"com.example.signing-key.{number}".encode(),
                "agrp": "ABCDE12345.com.example.keys",
                "labl": f"signing key {number}",
                SECRET: secret,
            },
        )


def _trust_store() -> bytes:
    database = Database(TRUST_SCHEMA)
    database.insert("admin", {"key": "version", "value": 2})
    try:
        return database.to_bytes()
    finally:
        database.close()
