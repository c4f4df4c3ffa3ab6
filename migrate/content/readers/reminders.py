"""Reminders: one Core Data store per account, `Data-local.sqlite` for the phone's own and `Data-<UUID>.sqlite`.

Tables *read* in an iOS 18 schema (ZREMCDREMINDER, ZREMCDBASELIST). Stores of iOS 13 to 16 may keep reminders and lists
among the other objects in ZREMCDOBJECT, with numbered columns (*reported*: iLEAPP reads ZTITLE1 there). iOS 12 and
older keep reminders in the calendar database. They are not read: no source says how they are told from events.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from migrate.backup.record import Record
from migrate.content.item import Fingerprint, Item, State, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.normal_form import from_cocoa
from migrate.content.open_database import Columns, Database, Table
from migrate.content.ordering import ordered
from migrate.content.readers.cells import cocoa_second, filled, row_number, shown, uuid_text, whole
from migrate.content.readers.children import Children
from migrate.content.source import Place, Source
from migrate.language import _, mark

STORES = Place("AppDomainGroup-group.com.apple.reminders", ("Container_v1/Stores/Data-*.sqlite",))
OLD_STORES = Place("HomeDomain", ("Library/Reminders/Container_v1/Stores/Data-*.sqlite",))
LOCAL_STORE = "Data-local.sqlite"
_OBJECTS = "ZREMCDOBJECT"
_FIELDS = ("title", "notes", "due", "time_zone", "all_day", "completed", "flagged", "list")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder(Item):
    """One reminder. `due` is in unix seconds."""

    title: str | None
    notes: str | None
    due: int | str | None
    """As stored if it is no number."""
    time_zone: str | None
    all_day: bool
    completed: bool
    completed_at: float | None
    flagged: bool
    priority: int | None
    """1 high, 5 medium, 9 low, 0 none (*read*)."""
    list_name: str | None
    recurrence: tuple[tuple[int | None, ...], ...]
    """(frequency, interval, number of occurrences, last second), as stored. Days of the week are not read: they are
    archived objects."""
    created: float | None = None
    begins: int | None = None
    parent: str | None = None
    """The id of the reminder that it is a part of."""
    list_key: str = ""
    """Tells lists of one name apart."""

    def fingerprint(self) -> Fingerprint:
        return {
            "title": self.title,
            "notes": self.notes,
            "due": self.due,
            "time_zone": self.time_zone,
            "all_day": self.all_day,
            "completed": self.completed,
            "flagged": self.flagged,
            "list": self.list_name,
            "recurrence": self.recurrence,
        }

    def describe(self) -> str:
        title = shown(self.title, self.notes)
        return _("a reminder without a title") if title is None else _("the reminder {title}").format(title=title)


def reminders(source: Source) -> Iterator[Item]:
    """All reminders, ordered by id."""
    return ordered(_unordered(source), source.tmp)


def _unordered(source: Source) -> Iterator[Reminder]:
    for record in source.files(STORES, OLD_STORES):
        with source.reading(record), source.database(record) as database:
            yield from _reminders_of(record, database)


def _reminders_of(record: Record, database: Database) -> Iterator[Reminder]:
    table = database.table("ZREMCDREMINDER")
    condition = ""
    if table is None:
        table, condition = _among_objects(database, "REMCDReminder", "r.")
    columns = Columns(
        table,
        "r",
        id=("ZIDENTIFIER",),
        cloud_id=("ZCKIDENTIFIER",),
        created=("ZCREATIONDATE",),
        modified=("ZLASTMODIFIEDDATE",),
        deleted=("ZMARKEDFORDELETION",),
        account=("ZACCOUNT", *_numbered(table, "ZACCOUNT")),
        completed_at=("ZCOMPLETIONDATE",),
        priority=("ZPRIORITY",),
        title=("ZTITLE", *_numbered(table, "ZTITLE")),
        notes=("ZNOTES",),
        due=("ZDUEDATE",),
        time_zone=("ZTIMEZONE",),
        all_day=("ZALLDAY",),
        completed=("ZCOMPLETED",),
        flagged=("ZFLAGGED",),
        list=("ZLIST", *_numbered(table, "ZLIST")),
        begins=("ZSTARTDATE",),
    )
    parent = Columns(table, "q", parent=("ZIDENTIFIER", "ZCKIDENTIFIER"))
    of_parent = table.first("ZPARENTREMINDER")
    join = "" if of_parent is None else f" LEFT JOIN {table.sql} q ON q.Z_PK = r.{of_parent}"
    if "title" in columns.lacking:
        raise ValueError(f"its table {table.name} has no column ZTITLE")
    lists, rules = _lists(database), _rules(database)
    lacking = columns.lacking.intersection(_FIELDS)
    lacking |= {"list"} if lists is None else frozenset()
    lacking |= {"recurrence"} if rules is None else frozenset()
    is_local = record.relative_path.endswith(f"/{LOCAL_STORE}")
    accounts = {} if is_local else _names(database, "REMCDAccount")
    known = parent.sql if join else "NULL AS parent"
    for row, *values in database.rows(
        f"SELECT r.Z_PK, {columns.sql}, {known} FROM {table.sql} r NOT INDEXED{join}{condition} ORDER BY r.Z_PK"  # noqa: S608  names are the schema's own, quoted
    ):
        number = row_number(row)
        stored = dict(zip((*columns.names, "parent"), values, strict=True))
        rows = [] if rules is None or number is None else rules.of(number)
        name = None if lists is None else lists.get(stored["list"])
        account = None if is_local else accounts.get(stored["account"]) or _("an account")
        list_key = f"{record.relative_path}#{row_number(stored['list'])}"
        yield _reminder(stored, rows, name, account, lacking, list_key)


def _reminder(
    stored: dict[str, Any],
    rules: list[tuple[Any, ...]],
    list_name: str | None,
    account: str | None,
    lacking: frozenset[str],
    list_key: str,
) -> Reminder:
    due = cocoa_second(stored["due"])
    is_odd = due is None and stored["due"] is not None
    fields: dict[str, Any] = {
        "title": filled(stored["title"]),
        "notes": filled(stored["notes"]),
        "due": filled(stored["due"]) if is_odd else due,
        "time_zone": filled(stored["time_zone"]),
        "all_day": bool(stored["all_day"]),
        "completed": bool(stored["completed"]),
        "flagged": bool(stored["flagged"]),
        "list_name": list_name,
        "recurrence": tuple(sorted((_rule(rule) for rule in rules), key=repr)),
    }
    identity = uuid_text(stored["id"]) or uuid_text(stored["cloud_id"])
    return Reminder(
        id=identity or fingerprint_id(fields.values()),
        when=from_cocoa(stored["due"]) or from_cocoa(stored["created"]),
        modified=from_cocoa(stored["modified"]),
        state=State.DELETED if stored["deleted"] else State.LIVE,
        account=account,
        completed_at=from_cocoa(stored["completed_at"]),
        priority=whole(stored["priority"]),
        created=from_cocoa(stored["created"]),
        begins=cocoa_second(stored["begins"]),
        parent=uuid_text(stored["parent"]),
        list_key=list_key,
        lacking=lacking,
        undecoded=frozenset({"due"}) if is_odd else frozenset(),
        **fields,
    )


def _rule(rule: tuple[Any, ...]) -> tuple[int | None, ...]:
    frequency, interval, occurrences, end = rule
    return whole(frequency), whole(interval), whole(occurrences) or None, cocoa_second(end)


def _rules(database: Database) -> Children | None:
    """(reminder, frequency, interval, occurrences, end). None if the schema has no rules that can be read."""
    table, condition = database.table("ZREMCDRECURRENCERULE"), ""
    if table is None:
        try:
            table, condition = _among_objects(database, "REMCDRecurrenceRule")
        except ValueError:
            return None
    columns = Columns(
        table,
        "",
        reminder=("ZREMINDER", *_numbered(table, "ZREMINDER")),
        frequency=("ZFREQUENCY",),
        interval=("ZINTERVAL",),
        occurrences=("ZOCCURRENCECOUNT",),
        end=("ZENDDATE",),
    )
    if columns.lacking & {"reminder", "frequency"}:
        return None
    query = f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED{condition} ORDER BY 1"  # noqa: S608  names are the schema's own, quoted
    return Children(database.rows(query), "recurrence rules of one reminder")


def _lists(database: Database) -> dict[int, str | None] | None:
    """The names of the lists by Z_PK. None if the schema has no lists that can be read."""
    for name in ("ZREMCDBASELIST", "ZREMCDLIST"):
        table = database.table(name)
        if table is not None:
            return _names_in(database, table, "")
    return _names(database, "REMCDList") or None


def _names(database: Database, entity: str) -> dict[int, str | None]:
    """The names of an entity's objects in ZREMCDOBJECT, by Z_PK."""
    try:
        table, condition = _among_objects(database, entity)
    except ValueError:
        return {}
    return _names_in(database, table, condition)


def _names_in(database: Database, table: Table, condition: str) -> dict[int, str | None]:
    columns = Columns(table, "", name=("ZNAME", *_numbered(table, "ZNAME")))
    query = f"SELECT Z_PK, {columns.sql} FROM {table.sql} NOT INDEXED{condition}"  # noqa: S608  names are the schema's own, quoted
    return {row: filled(name) for row, name in database.rows(query)}


def _among_objects(database: Database, entity: str, alias: str = "") -> tuple[Table, str]:
    """The table of several entities, and the condition for one of them. Their numbers differ between stores (*read*).

    Raises:
        ValueError: the schema does not have it.
    """
    table, number = database.table(_OBJECTS), database.entities().get(entity)
    if table is None or not isinstance(number, int) or not table.has("Z_PK", "Z_ENT"):
        raise ValueError(f"it has no table of {entity}")
    return table, f" WHERE {alias}Z_ENT = {number}"


def _numbered(table: Table, name: str) -> list[str]:
    """The columns `<name>1`, `<name>2` … In the rows of one entity at most one of them is filled."""
    pattern = re.compile(rf"{name}\d+")
    return sorted(column for column in table.columns if pattern.fullmatch(column))


REMINDERS = Kind(
    id="reminders",
    owner="reminders",
    label=mark("reminders"),
    places=(STORES, OLD_STORES),
    items=reminders,
)
