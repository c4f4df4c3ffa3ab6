"""iOS opens its databases after a restore: the rules `databases`, `schema`, `renumbering` and `new-rows`."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from migrate.simulator.aftermath import relations
from migrate.simulator.aftermath.chance import chance_of
from migrate.simulator.aftermath.core_data import (
    ENTITY_NAME,
    insert_entities,
    is_core_data,
    raise_maxima,
    touch_metadata,
)
from migrate.simulator.aftermath.new_rows import add_rows
from migrate.simulator.aftermath.own_stores import (
    CALENDARS,
    CALLS,
    EVERY_UPDATE,
    OWN_STORES,
    REMINDERS,
    Change,
    OwnStore,
)
from migrate.simulator.aftermath.store import (
    WAL,
    Store,
    Unusable,
    open_store,
    paths_matching,
    quoted,
    write_store,
    write_store_with_log,
)
from migrate.simulator.device.phone import SimulatedPhone

RENUMBERED: Mapping[OwnStore, tuple[relations.Table, ...]] = {
    CALLS: relations.CALLS,
    CALENDARS: relations.CALENDARS,
    **dict.fromkeys(REMINDERS, relations.REMINDERS),
}
"""Databases whose rows get new primary keys with an update, as after a heavyweight migration. *guessed*: which do;
photos, messages and contacts keep theirs, because other databases refer to them."""
KEYED = {
    CALLS: ("ZCALLRECORD", "ZHANDLE"),
    CALENDARS: ("CalendarItem",),
    **dict.fromkeys(REMINDERS, ("ZREMCDREMINDER", "ZREMCDBASELIST")),
}
UNORDERED = (
    "ABMultiValueEntry", "access", "chat_handle_join", "chat_message_join", "message_attachment_join",
)  # fmt: skip
"""Tables in which the order of rows means nothing and no other row refers to a rowid."""
ORDERED_UP_TO_ROWS = 5_000


@dataclass(frozen=True)
class Update:
    """A restore to a newer iOS: from which version to which, both major."""

    before: int
    after: int

    def brings(self, change: Change) -> bool:
        return change.since == EVERY_UPDATE or self.before < change.since <= self.after


def rewrite_databases(phone: SimulatedPhone, was_restored: Callable[[str, str], bool], update: Update | None) -> None:
    """Lets iOS open each of its databases. The schema and the keys change only in databases that were restored."""
    for own in OWN_STORES:
        for path in paths_matching(phone.files, own.domain, own.path):
            try:
                _rewrite(phone, own, path, update if was_restored(own.domain, path) else None)
            except Unusable:
                continue


def _rewrite(phone: SimulatedPhone, own: OwnStore, path: str, update: Update | None) -> None:
    follows = phone.aftermath.follows
    chance = chance_of(phone, "databases", own.domain, path)
    with open_store(phone.files, own.domain, path) as store:
        if update is not None and follows("renumbering") and own in RENUMBERED:
            _renumber(store, RENUMBERED[own], KEYED[own], chance_of(phone, "renumbering", path))
        if update is not None and follows("schema"):
            _migrate(store, own, update, chance_of(phone, "schema", own.domain, path))
        if follows("databases"):
            touch_metadata(store, chance)
            _touch_properties(store, phone.build)
            _shuffle(store, chance)
            store.vacuum()
        before = store.image()
        if follows("new-rows"):
            add_rows(store, own, phone, chance_of(phone, "new-rows", own.domain, path))
            raise_maxima(store)
        after = store.image()
        keeps_log = follows("databases") and store.journal == WAL and chance.random() < 0.5
    if not keeps_log:
        write_store(phone.files, own.domain, path, after)
        return
    if len(after) < len(before):
        before = after
    salt = (chance.getrandbits(32), chance.getrandbits(32))
    write_store_with_log(phone.files, own.domain, path, before, after, salt)


def _touch_properties(store: Store, build: str) -> None:
    """Bumps the versions in the table of properties that many of Apple's databases have (*seen*: iOS 9.3 to 15.3)."""
    if store.has("_SqliteDatabaseProperties", "key", "value"):
        for key, value in store.rows("SELECT key, value FROM _SqliteDatabaseProperties WHERE key LIKE '%ersion'"):
            if isinstance(value, str) and value.isascii() and value.isdigit():
                statement = "UPDATE _SqliteDatabaseProperties SET value = ? WHERE key = ?"
                store.run(statement, str(int(value) + 1), key)
        store.run("INSERT OR REPLACE INTO _SqliteDatabaseProperties VALUES ('lastMigrationBuild', ?)", build)


def _shuffle(store: Store, chance: random.Random) -> None:
    """Writes the rows of unordered tables in another order."""
    for table in store.tables():
        is_join = ENTITY_NAME.fullmatch(table) is not None
        if (table not in UNORDERED and not is_join) or _has_rowid_key(store, table):
            continue
        rows = [row for _, row in store.dictionaries(table)]
        if 1 < len(rows) <= ORDERED_UP_TO_ROWS:
            chance.shuffle(rows)
            store.run(f"DELETE FROM {quoted(table)}")  # noqa: S608 - quoted
            for row in rows:
                store.insert(table, row)


def _has_rowid_key(store: Store, table: str) -> bool:
    """Whether the rowid is a column: the only primary key, and an integer."""
    keys = [row for row in store.rows(f"PRAGMA table_info({quoted(table)})") if row[5]]
    return len(keys) == 1 and keys[0][2].upper() == "INTEGER"


def _renumber(store: Store, tables: tuple[relations.Table, ...], keyed: tuple[str, ...], chance: random.Random) -> None:
    keys: dict[str, dict[int, int]] = {}
    for table in relations.find(store, tables):
        if table.name in keyed and table.key is not None:
            query = f"SELECT {quoted(table.key)} FROM {quoted(table.name)} ORDER BY 1"  # noqa: S608 - quoted
            old = [key for (key,) in store.rows(query)]
            new = [key + 1 for key in old]
            chance.shuffle(new)
            keys[table.name] = dict(zip(old, new, strict=True))
    relations.renumber(store, tables, keys)
    raise_maxima(store)


def _migrate(store: Store, own: OwnStore, update: Update, chance: random.Random) -> None:
    """Changes the schema as an update of iOS does."""
    for change in filter(update.brings, own.changes):
        for old, new in change.renamed.items():
            if store.has(old) and not store.has(new):
                store.run(f"ALTER TABLE {quoted(old)} RENAME TO {quoted(new)}")
        for table, columns in change.columns.items():
            there = store.columns(table)
            for column in columns.split(", ") if there else ():
                if column.split()[0] not in there:
                    store.run(f"ALTER TABLE {quoted(table)} ADD COLUMN {column}")
        for statement in change.tables:
            store.run(statement.replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1))
        for table in change.dropped:
            store.run(f"DROP TABLE IF EXISTS {quoted(table)}")
        for table, moved in change.moved_columns.items():
            for before, after in moved.items():
                if store.has(table, before, after):
                    where = f"WHERE {after} IS NULL AND {before} IS NOT NULL"
                    store.run(f"UPDATE {table} SET {after} = {before}, {before} = NULL {where}")  # noqa: S608 - constants
    if is_core_data(store):
        insert_entities(store, chance)
