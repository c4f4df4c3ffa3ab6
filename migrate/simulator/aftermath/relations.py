"""How rows of iOS's databases belong together: for new primary keys, and for what comes and goes with an account.

Tables and columns as in the simulated contents, where their sources are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from migrate.simulator.aftermath.store import Row, Store, quoted


@dataclass(frozen=True)
class Table:
    """`name` and the columns are regular expressions, because Core Data puts entity numbers into names."""

    name: str
    key: str | None = None
    """The column with its primary key, if other tables refer to it."""
    owned_by: Mapping[str, str] = field(default_factory=dict)
    """Column -> table: the row goes where the row it refers to goes."""
    points_to: Mapping[str, str] = field(default_factory=dict)
    """Column -> table: a reference that only has to follow a new primary key."""


CONTACTS = (
    Table("ABPerson", "ROWID"),
    Table("ABGroup", "ROWID"),
    Table("ABMultiValue", "UID", {"record_id": "ABPerson"}),
    Table("ABMultiValueEntry", owned_by={"parent_id": "ABMultiValue"}),
    Table("ABPhoneLastFour", owned_by={"multivalue_id": "ABMultiValue"}),
    Table("ABGroupMembers", "UID", {"member_id": "ABPerson", "group_id": "ABGroup"}),
)
CONTACT_IMAGES = (
    Table("ABThumbnailImage", "ROWID", {"record_id": "ABPerson"}),
    Table("ABFullSizeImage", "ROWID", {"record_id": "ABPerson"}),
)
CALENDARS = (
    Table("Calendar", "ROWID"),
    Table("CalendarItem", "ROWID", {"calendar_id": "Calendar"},
          {"location_id": "Location", "orig_item_id": "CalendarItem"}),
    Table("Location", "ROWID", {"item_owner_id": "CalendarItem"}),
    Table("Participant", "ROWID", {"owner_id": "CalendarItem"}),
    Table("Recurrence", "ROWID", {"owner_id": "CalendarItem"}),
    Table("ExceptionDate", "ROWID", {"owner_id": "CalendarItem"}),
    Table("Alarm", "ROWID", {"calendaritem_owner_id": "CalendarItem", "calendar_owner_id": "Calendar"}),
    Table("Attachment", "ROWID", {"owner_id": "CalendarItem"}),
    Table("OccurrenceCache", owned_by={"event_id": "CalendarItem"}),
)  # fmt: skip
NOTE_OBJECT = "ZICCLOUDSYNCINGOBJECT"
NOTES = (
    Table(NOTE_OBJECT, "Z_PK",
          {r"ZACCOUNT\d*": NOTE_OBJECT, r"ZNOTE\d*": NOTE_OBJECT, r"ZATTACHMENT\d*": NOTE_OBJECT},
          {"ZFOLDER": NOTE_OBJECT, "ZNOTEDATA": "ZICNOTEDATA"}),
    Table("ZICNOTEDATA", "Z_PK", {"ZNOTE": NOTE_OBJECT}),
)  # fmt: skip
CALLS = (
    Table("ZCALLRECORD", "Z_PK"),
    Table("ZHANDLE", "Z_PK"),
    Table(r"Z_\d+REMOTEPARTICIPANTHANDLES",
          owned_by={r"Z_\d+REMOTEPARTICIPANTCALLS": "ZCALLRECORD"},
          points_to={r"Z_\d+REMOTEPARTICIPANTHANDLES": "ZHANDLE"}),
)  # fmt: skip
REMINDERS = (
    Table("ZREMCDBASELIST", "Z_PK"),
    Table("ZREMCDREMINDER", "Z_PK", points_to={"ZLIST": "ZREMCDBASELIST", "ZPARENTREMINDER": "ZREMCDREMINDER"}),
    Table("ZREMCDOBJECT", "Z_PK", points_to={r"ZREMINDER\d*": "ZREMCDREMINDER"}),
)


@dataclass(frozen=True)
class Found:
    """A table as one database has it."""

    name: str
    key: str | None
    owned_by: Mapping[str, str]
    points_to: Mapping[str, str]

    @property
    def references(self) -> Mapping[str, str]:
        return {**self.owned_by, **self.points_to}


def find(store: Store, tables: Iterable[Table]) -> list[Found]:
    """The tables and columns that this database has."""
    found = []
    names = store.tables()
    for table in tables:
        for name in (name for name in names if re.fullmatch(table.name, name)):
            columns = store.columns(name)
            if table.key is None or table.key in columns:
                owned_by, points_to = (_resolved(columns, wanted) for wanted in (table.owned_by, table.points_to))
                found.append(Found(name, table.key, owned_by, points_to))
    return found


def _resolved(columns: Iterable[str], wanted: Mapping[str, str]) -> dict[str, str]:
    return {column: target for column in columns for pattern, target in wanted.items() if re.fullmatch(pattern, column)}


FAR = 1 << 40
"""Larger than any primary key."""
Keys = dict[str, dict[int, int]]
"""Table -> old primary key -> new primary key."""


def take(store: Store, tables: Iterable[Table], roots: Mapping[str, Iterable[int]]) -> dict[str, list[Row]]:
    """Removes the rows with the keys `roots` and everything they own. Returns the removed rows of each table."""
    found = find(store, tables)
    gone: dict[str, set[int]] = {name: set(keys) for name, keys in roots.items()}
    taken: dict[str, dict[int, Row]] = {table.name: {} for table in found}
    left = {table.name: dict(store.dictionaries(table.name)) for table in found}
    while True:
        moved = [
            (table, rowid)
            for table in found
            for rowid, row in left[table.name].items()
            if (table.key is not None and row[table.key] in gone.get(table.name, ()))
            or any(row[column] in gone.get(target, ()) for column, target in table.owned_by.items())
        ]
        if not moved:
            break
        for table, rowid in moved:
            row = taken[table.name][rowid] = left[table.name].pop(rowid)
            if table.key is not None:
                gone.setdefault(table.name, set()).add(row[table.key])
    for name, rows in taken.items():
        for rowid in rows:
            store.run(f"DELETE FROM {quoted(name)} WHERE rowid = ?", rowid)  # noqa: S608 - quoted
    return {name: [rows[rowid] for rowid in sorted(rows)] for name, rows in taken.items() if rows}


def give_back(store: Store, tables: Iterable[Table], taken: Mapping[str, list[Row]], known: Keys | None = None) -> Keys:
    """Adds taken rows again, under new primary keys. `known` are new keys of rows in other databases."""
    found = {table.name: table for table in find(store, tables)}
    new: Keys = dict(known or {})
    for name, rows in taken.items():
        table = found.get(name)
        if table is not None and table.key is not None:
            first = 1 + int(store.value(f"SELECT max({quoted(table.key)}) FROM {quoted(name)}") or 0)  # noqa: S608
            first = max(first, 1 + max(int(row[table.key]) for row in rows))
            new[name] = {row[table.key]: first + place for place, row in enumerate(rows)}
    for name, rows in taken.items():
        if (table := found.get(name)) is None:
            continue
        for row in rows:
            changed = dict(row)
            if table.key is not None:
                changed[table.key] = new[name][row[table.key]]
            for column, target in table.references.items():
                if column in row:
                    changed[column] = new.get(target, {}).get(row[column], row[column])
            store.insert(name, changed, or_ignore=True)
    return new


def renumber(store: Store, tables: Iterable[Table], new_keys: Mapping[str, Mapping[int, int]]) -> None:
    """Gives rows new primary keys and lets every reference follow. `new_keys` must be a permutation or unused keys."""
    for name, keys in new_keys.items():
        store.run(
            "CREATE TEMP TABLE IF NOT EXISTS new_keys (name TEXT, old INTEGER, new INTEGER, PRIMARY KEY (name, old))"
        )
        for old, new in keys.items():
            store.run("INSERT INTO new_keys VALUES (?, ?, ?)", name, old, new)
    for table in find(store, tables):
        columns = {column: target for column, target in table.references.items() if target in new_keys}
        if table.key is not None and table.name in new_keys:
            columns[table.key] = table.name
        for column, target in columns.items():
            place = f"UPDATE {quoted(table.name)} SET {quoted(column)}"  # noqa: S608 - quoted
            here = f"{quoted(table.name)}.{quoted(column)}"  # "ROWID" alone would be that of new_keys
            found = f"(SELECT new FROM new_keys WHERE name = ? AND old = {here})"  # noqa: S608 - quoted
            # far numbers first, so that no two rows ever have the same key
            store.run(f"{place} = coalesce({found} + {FAR}, {here})", target)
            store.run(f"{place} = {quoted(column)} - {FAR} WHERE {quoted(column)} > {FAR}")
    store.run("DROP TABLE IF EXISTS temp.new_keys")
