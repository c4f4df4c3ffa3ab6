"""What Core Data does to a store that it opens: bookkeeping, and new entity numbers with a newer model.

Entity numbers differ between iOS versions, and with them the names of join tables: `Z_26ASSETS` became `Z_28ASSETS`
(*read*: iLEAPP has a query for every version). Which number an update inserts is *guessed*.
"""

from __future__ import annotations

import plistlib
import random
import re
from typing import Any

from migrate.simulator.aftermath.store import Store, quoted

ENTITY_NAME = re.compile(r"(Z_(?:FOK_)?)(\d+)([A-Z]\w*)")


def is_core_data(store: Store) -> bool:
    return store.has("Z_PRIMARYKEY", "Z_ENT", "Z_NAME", "Z_SUPER", "Z_MAX")


def touch_metadata(store: Store, chance: random.Random) -> None:
    """The framework writes its version and the model's hash; the store keeps its UUID."""
    if not store.has("Z_METADATA", "Z_PLIST"):
        return
    for rowid, data in store.rows("SELECT rowid, Z_PLIST FROM Z_METADATA"):
        about = _dictionary(data)
        about["NSPersistenceFrameworkVersion"] = 1400 + chance.randrange(100)
        about["NSPersistenceMaximumFrameworkVersion"] = 1526
        about["NSStoreModelVersionHashesDigest"] = chance.randbytes(48).hex()
        store.run("UPDATE Z_METADATA SET Z_PLIST = ? WHERE rowid = ?", _binary(about), rowid)


def insert_entities(store: Store, chance: random.Random) -> None:
    """A newer model has one or two entities more: later entities get other numbers, in rows and in names."""
    numbers = sorted(number for (number,) in store.rows("SELECT Z_ENT FROM Z_PRIMARYKEY"))
    if not numbers:
        return
    first, more = chance.choice(numbers), chance.randint(1, 2)
    for column in ("Z_ENT", "Z_SUPER"):
        store.run(f"UPDATE Z_PRIMARYKEY SET {column} = -({column} + ?) WHERE {column} >= ?", more, first)  # noqa: S608
        store.run(f"UPDATE Z_PRIMARYKEY SET {column} = -{column} WHERE {column} < 0")  # noqa: S608
    for added in range(more):
        known = {"Z_ENT": first + added, "Z_NAME": f"AddedEntity{first + added}", "Z_SUPER": 0, "Z_MAX": 0}
        store.insert("Z_PRIMARYKEY", known)
    for table in store.tables():
        if "Z_ENT" in store.columns(table) and table != "Z_PRIMARYKEY":
            store.run(f"UPDATE {quoted(table)} SET Z_ENT = Z_ENT + ? WHERE Z_ENT >= ?", more, first)  # noqa: S608
    _rename_numbered(store, first, more)
    if store.has("Z_MODELCACHE", "Z_CONTENT"):
        store.run("DELETE FROM Z_MODELCACHE")
        store.run("INSERT INTO Z_MODELCACHE (Z_CONTENT) VALUES (?)", chance.randbytes(256))


def raise_maxima(store: Store) -> None:
    """Z_MAX is the highest primary key that an entity has given out."""
    if not is_core_data(store):
        return
    for table in store.tables():
        if {"Z_PK", "Z_ENT"} <= set(store.columns(table)):
            for entity, highest in store.rows(f"SELECT Z_ENT, max(Z_PK) FROM {quoted(table)} GROUP BY Z_ENT"):  # noqa: S608
                store.run(
                    "UPDATE Z_PRIMARYKEY SET Z_MAX = max(Z_MAX, ?) WHERE Z_ENT = ?"
                    " OR Z_ENT = (SELECT Z_SUPER FROM Z_PRIMARYKEY WHERE Z_ENT = ?)",
                    highest,
                    entity,
                    entity,
                )


def entity_number(store: Store, name: str) -> int | None:
    return store.value("SELECT Z_ENT FROM Z_PRIMARYKEY WHERE Z_NAME = ?", name) if is_core_data(store) else None


def _rename_numbered(store: Store, first: int, more: int) -> None:
    """Renames join tables and their columns, the highest numbers first, so that no new name is still taken."""

    def renamed(name: str) -> str:
        found = ENTITY_NAME.fullmatch(name)
        return name if found is None or int(found[2]) < first else f"{found[1]}{int(found[2]) + more}{found[3]}"

    def number(name: str) -> int:
        found = ENTITY_NAME.fullmatch(name)
        return int(found[2]) if found else 0

    for table in sorted(store.tables(), key=number, reverse=True):
        if not ENTITY_NAME.fullmatch(table):
            continue
        for column in sorted(store.columns(table), key=number, reverse=True):
            if (new := renamed(column)) != column:
                store.run(f"ALTER TABLE {quoted(table)} RENAME COLUMN {quoted(column)} TO {quoted(new)}")
        if (new := renamed(table)) != table:
            store.run(f"ALTER TABLE {quoted(table)} RENAME TO {quoted(new)}")


def _dictionary(data: Any) -> dict[str, Any]:
    try:
        value = plistlib.loads(data) if isinstance(data, bytes) else {}
    except Exception:  # plistlib raises many kinds for a stranger's bytes
        return {}
    return value if isinstance(value, dict) else {}


def _binary(value: dict[str, Any]) -> bytes:
    return plistlib.dumps(value, fmt=plistlib.FMT_BINARY, sort_keys=True)
