"""Events in the schemas of iOS 6 to 11, 18 and a guessed later one, and against other people's databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.content.item import State, compare
from migrate.content.kinds import kind, source_places
from migrate.content.source import Source
from tests.content.reading import Reading, Rows, assert_same, database_of, later_schema, read_made
from tests.made_backups import MakeBackup

STORE = ("HomeDomain", "Library/Calendar/Calendar.sqlitedb")
SCHEMA = """
CREATE TABLE Store (ROWID INTEGER PRIMARY KEY, name TEXT, type INTEGER);
CREATE TABLE Calendar (ROWID INTEGER PRIMARY KEY, store_id INTEGER, title TEXT);
CREATE TABLE CalendarItem (ROWID INTEGER PRIMARY KEY, summary TEXT, location_id INTEGER, description TEXT,
 start_date REAL, start_tz TEXT, end_date REAL, end_tz TEXT, all_day INTEGER, calendar_id INTEGER,
 orig_item_id INTEGER, orig_date REAL, url TEXT, last_modified REAL, external_id TEXT, unique_identifier TEXT,
 UUID TEXT, entity_type INTEGER, calendar_scale TEXT, creation_date REAL);
CREATE TABLE Location (ROWID INTEGER PRIMARY KEY, title TEXT, address TEXT);
CREATE TABLE Participant (ROWID INTEGER PRIMARY KEY, entity_type INTEGER, identity_id INTEGER, owner_id INTEGER,
 email TEXT, phone_number TEXT);
CREATE TABLE Identity (display_name TEXT, address TEXT);
CREATE TABLE Recurrence (ROWID INTEGER PRIMARY KEY, frequency INTEGER, interval INTEGER, count INTEGER, end_date REAL,
 specifier TEXT, owner_id INTEGER);
CREATE TABLE ExceptionDate (ROWID INTEGER PRIMARY KEY, owner_id INTEGER, date REAL);
CREATE TABLE Alarm (ROWID INTEGER PRIMARY KEY, trigger_date REAL, trigger_interval INTEGER,
 calendaritem_owner_id INTEGER);
"""


def calendar(shift: int = 0, **changes: Any) -> Rows:
    """All row numbers begin after `shift`; with one, the rows are in another order."""
    meeting = {
        "ROWID": shift + 1,
        "summary": "Café mit Anna",
        "description": "Kuchen mitbringen",
        "start_date": 700000000.2,
        "start_tz": "Europe/Berlin",
        "end_date": 700003600.0,
        "end_tz": "Europe/Berlin",
        "all_day": 0,
        "calendar_id": shift + 2,
        "location_id": shift + 1,
        "url": "https://example.org",
        "last_modified": 700000500.0,
        "UUID": "0F0F0F0F-0000-4000-8000-000000000001",
        "unique_identifier": "u-1",
        "entity_type": 2,
        **changes,
    }
    times = {"start_date": 700100000.0, "end_date": 700103600.0, "entity_type": 2}
    changed = {"orig_item_id": shift + 1, "orig_date": 700604800.0, "UUID": meeting["UUID"]}
    event = {"calendar_id": shift + 1, **times}
    rows: list[tuple[str, dict[str, Any]]] = [
        ("Store", {"ROWID": shift + 1, "name": "Default", "type": 0}),
        ("Store", {"ROWID": shift + 2, "name": "iCloud", "type": 2}),
        ("Store", {"ROWID": shift + 3, "name": "Feiertage", "type": 4}),
        ("Store", {"ROWID": shift + 4, "name": "Other", "type": 5}),
        ("Calendar", {"ROWID": shift + 1, "store_id": shift + 1, "title": "Zu Hause"}),
        ("Calendar", {"ROWID": shift + 2, "store_id": shift + 2, "title": "Arbeit"}),
        ("Calendar", {"ROWID": shift + 3, "store_id": shift + 3, "title": "Feiertage"}),
        ("Calendar", {"ROWID": shift + 4, "store_id": shift + 4, "title": "Birthdays"}),
        ("CalendarItem", meeting),
        ("CalendarItem", {**event, "ROWID": shift + 2, "summary": "moved", "calendar_id": shift + 2, **changed}),
        ("CalendarItem", {**event, "ROWID": shift + 3, "summary": "Ostern", "calendar_id": shift + 3, "UUID": "E"}),
        ("CalendarItem", {**event, "ROWID": shift + 4, "summary": "Annas", "calendar_id": shift + 4, "UUID": "B"}),
        ("CalendarItem", {**event, "ROWID": shift + 5, "summary": "a reminder", "UUID": "R", "entity_type": 3}),
        ("CalendarItem", {**event, "ROWID": shift + 6, "summary": "by its external id", "external_id": "X"}),
        ("CalendarItem", {**event, "ROWID": shift + 7, "summary": "without an id"}),
        ("Location", {"ROWID": shift + 1, "title": "Bäckerei", "address": "Hauptstraße 1"}),
        ("Participant", {"ROWID": shift + 1, "entity_type": 8, "owner_id": shift + 1, "email": "Bo@Example.org"}),
        ("Participant", {"ROWID": shift + 2, "entity_type": 7, "owner_id": shift + 1, "identity_id": shift + 1}),
        ("Identity", {"ROWID": shift + 1, "display_name": "Anna", "address": "mailto:anna@example.org"}),
        ("Recurrence", {"frequency": 2, "interval": 1, "count": 0, "specifier": "D=1MO", "owner_id": shift + 1}),
        ("ExceptionDate", {"owner_id": shift + 1, "date": 701209600.0}),
        ("Alarm", {"trigger_interval": -900, "calendaritem_owner_id": shift + 1}),
    ]
    return list(reversed(rows)) if shift else rows


def read(make_backup: MakeBackup, tmp_path: Path, data: bytes) -> Reading:
    return read_made(make_backup, tmp_path, "events", {STORE: data})


def test_events_keep_ids_and_fingerprints_in_other_schemas(
    make_backup: MakeBackup, tmp_path: Path, shared_data: Path
) -> None:
    folder = shared_data / "databases" / "schemas" / "calendars"
    schemas = {name: (folder / f"calendars_{name}.sql").read_text() for name in ("6.1.6", "9.3.5", "10.3.3", "11.2")}
    schemas["ours"] = SCHEMA
    schemas |= {f"after {name}": later_schema(schema) for name, schema in schemas.items()}
    readings = {}
    for number, (name, schema) in enumerate(schemas.items()):
        reading = read(make_backup, tmp_path, database_of(schema, calendar(shift=number * 10)))
        assert reading.findings == [], name
        assert len(reading.items) == 5, name
        readings[name] = reading.items
    for items in readings.values():
        assert_same(readings["ours"], items)
    assert compare(readings["6.1.6"][0], readings["ours"][0]).left_out == ("end_zone", "location_address")
    assert compare(readings["11.2"][0], readings["ours"][0]).left_out == ()


def test_an_event_is_read_with_everything_a_person_sees(make_backup: MakeBackup, tmp_path: Path) -> None:
    reading = read(make_backup, tmp_path, database_of(SCHEMA, calendar()))
    items = {item.title: item for item in reading.items}
    uuid = "0F0F0F0F-0000-4000-8000-000000000001"

    assert set(items) == {"Café mit Anna", "moved", "Ostern", "by its external id", "without an id"}, (
        "birthdays are made from contacts, reminders are not events"
    )
    meeting = items["Café mit Anna"]
    assert (meeting.id, items["moved"].id, items["by its external id"].id) == (uuid, f"{uuid} 1678912000", "X")
    assert items["without an id"].id.startswith("~")
    assert dict(meeting.fingerprint()) == {
        "title": "Café mit Anna",
        "start": 1678307200,
        "end": 1678310800,
        "all_day": False,
        "start_zone": "Europe/Berlin",
        "end_zone": "Europe/Berlin",
        "calendar": "Arbeit",
        "location": "Bäckerei",
        "location_address": "Hauptstraße 1",
        "notes": "Kuchen mitbringen",
        "url": "https://example.org",
        "attendees": ("anna@example.org", "bo@example.org"),
        "recurrence": ((2, 1, None, None, "D=1MO"),),
        "left_out": (1679516800,),
    }
    assert meeting.alarms == ((-900, None),)
    assert (meeting.when, meeting.modified) == (1678307200.2, 1678307700.0)
    assert (meeting.account, meeting.is_subscribed) == ("iCloud", False)
    assert (items["Ostern"].account, items["Ostern"].is_subscribed) == (None, True)
    assert (items["without an id"].account, items["without an id"].state) == (None, State.LIVE)
    assert meeting.describe().startswith("the event Café mit Anna, ")


@pytest.mark.parametrize(
    ("script", "fields"),
    [
        ("DELETE FROM Participant", ("attendees",)),
        ("DELETE FROM Recurrence", ("recurrence",)),
        ("DELETE FROM ExceptionDate", ("left_out",)),
        ("DELETE FROM Location", ("location", "location_address")),
        ("UPDATE Calendar SET title = 'Büro'", ("calendar",)),
        ("UPDATE CalendarItem SET start_date = start_date + 3600, start_tz = 'UTC'", ("start", "start_zone")),
    ],
)
def test_a_change_is_seen(make_backup: MakeBackup, tmp_path: Path, script: str, fields: tuple[str, ...]) -> None:
    before = read(make_backup, tmp_path, database_of(SCHEMA, calendar())).items
    path = tmp_path / "changed.db"
    path.write_bytes(database_of(SCHEMA, calendar()))
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    after = read(make_backup, tmp_path, path.read_bytes()).items
    assert compare(before[0], after[0]).differing == fields


def test_without_a_column_of_the_entity_all_rows_are_events(make_backup: MakeBackup, tmp_path: Path) -> None:
    schema = SCHEMA.replace("entity_type INTEGER, calendar_scale", "calendar_scale")
    reading = read(make_backup, tmp_path, database_of(schema, calendar()))
    assert "a reminder" in {item.title for item in reading.items}


@pytest.mark.parametrize("missing", ["CalendarItem", "summary"])
def test_a_calendar_without_a_table_or_column_is_unknown(make_backup: MakeBackup, tmp_path: Path, missing: str) -> None:
    reading = read(make_backup, tmp_path, database_of(SCHEMA.replace(missing, "renamed"), calendar()))
    assert reading.items == []
    assert reading.failed == {STORE}


def test_odd_dates_are_undecoded_and_far_ones_are_kept(make_backup: MakeBackup, tmp_path: Path) -> None:
    far = {"start_date": -63114076800.0, "end_date": "not-a-date", "summary": "\x1b[31m" + "x" * 900}
    (meeting, *_) = read(make_backup, tmp_path, database_of(SCHEMA, calendar(**far))).items
    assert (meeting.start, meeting.end, meeting.when) == (-62135769600, "not-a-date", None)
    assert meeting.undecoded == {"end"}
    assert meeting.describe().isprintable()
    assert len(meeting.describe()) < 100


def test_the_events_of_a_synthetic_ios_18_are_read(make_backup: MakeBackup, tmp_path: Path, shared_data: Path) -> None:
    """Five rows, of which one is a birthday."""
    made = (shared_data / "databases/ios18-synthetic/calendar.1.Calendar.sqlitedb").read_bytes()
    reading = read(make_backup, tmp_path, made)
    items = {item.title: item for item in reading.items}

    assert reading.findings == []
    assert set(items) == {"Team Sync", "Holiday", "Corrupt", "Quick note"}
    sync = items["Team Sync"]
    assert sync.attendees == ("alex@example.invalid", "blair@example.invalid", "casey@example.invalid")
    assert (sync.account, sync.calendar, sync.location) == ("iCloud", "Work", "HQ")
    assert sync.recurrence == ((2, 1, 10, None, "FREQ=WEEKLY"),)
    assert sync.alarms == ((-900, None), (None, 1678306300))
    assert items["Holiday"].start_zone == "_float"
    assert items["Corrupt"].undecoded == {"start"}
    assert items["Quick note"].calendar is None


@pytest.mark.parametrize("ios", ["12.4", "18.5"])
def test_the_events_of_a_simulated_phone_are_those_it_was_filled_with(
    phones_backup: Callable[..., Any], tmp_path: Path, ios: str
) -> None:
    backup, _ = phones_backup(ios, events=30, icloud_events=7, reminders=9)
    findings: list[Any] = []
    items: list[Any] = list(kind("events").items(Source(backup, tmp_path, source_places(), findings.append)))
    path = tmp_path / "witness.db"
    record = backup.record(*STORE)
    assert record is not None
    path.write_bytes(b"".join(backup.chunks(record)))
    with closing(sqlite3.connect(path)) as witness:
        rows = witness.execute(
            "SELECT i.UUID, summary, start_tz, c.title, (SELECT COUNT(*) FROM Participant WHERE owner_id = i.ROWID),"
            " (SELECT COUNT(*) FROM Recurrence WHERE owner_id = i.ROWID), (SELECT title FROM Location"
            " WHERE item_owner_id = i.ROWID) FROM CalendarItem i JOIN Calendar c ON c.ROWID = i.calendar_id"
            " WHERE entity_type = 2 ORDER BY i.UUID"
        ).fetchall()

    assert findings == []
    assert len(items) == 30
    assert sum(item.account == "iCloud" for item in items) == 7
    assert rows == [
        (
            *(item.id, item.title, item.start_zone, item.calendar),
            *(len(item.attendees), len(item.recurrence), item.location),
        )
        for item in items
    ]
