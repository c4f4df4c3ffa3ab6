"""The keychain as a backup holds it. The items are random bytes, which look like wrapped keys.

Keys of the property list and file modes *seen* on iOS 14.3. Only items of an encrypted backup open on another phone.
"""

from __future__ import annotations

from migrate.simulator.contents.author import WHILE_UNLOCKED, Author
from migrate.simulator.contents.formats.sqlite_file import Database

DOMAIN = "KeychainDomain"
ITEMS = {"genp": 40, "inet": 24, "cert": 2, "keys": 6}
TRUST_SCHEMA = """
CREATE TABLE tsettings (sha256 BLOB NOT NULL DEFAULT '', subj BLOB NOT NULL DEFAULT '', tset BLOB, data BLOB,
 uuid BLOB NOT NULL DEFAULT '', UNIQUE(sha256, uuid));
CREATE TABLE admin (key TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL);
"""


def write(author: Author) -> None:
    share = 8 if author.spec.empty else 1
    items = {
        table: [
            {"v_Data": author.random.randbytes(180), "v_PersistentRef": author.random.randbytes(16)}
            for _ in range(count // share)
        ]
        for table, count in ITEMS.items()
    }
    author.plist(DOMAIN, "keychain-backup.plist", items, protection_class=WHILE_UNLOCKED, mode=0o100400)
    author.file(DOMAIN, "TrustStore.sqlite3", _trust_store(), mode=0o100600)


def _trust_store() -> bytes:
    database = Database(TRUST_SCHEMA)
    database.insert("admin", {"key": "version", "value": 2})
    try:
        return database.to_bytes()
    finally:
        database.close()
