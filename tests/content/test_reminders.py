"""Reminders in the schema of iOS 18, in guessed earlier and later ones, and against another reader's stores."""

from __future__ import annotations

import sqlite3
import uuid
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

GROUP = "AppDomainGroup-group.com.apple.reminders"
LOCAL = (GROUP, "Container_v1/Stores/Data-local.sqlite")
ICLOUD = (GROUP, "Container_v1/Stores/Data-11111111-0000-4000-8000-000000000000.sqlite")
OLD_ICLOUD = ("HomeDomain", "Library/Reminders/Container_v1/Stores/Data-11111111-0000-4000-8000-000000000000.sqlite")
KEYS = "CREATE TABLE Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR);"
NOW = f"""{KEYS}
CREATE TABLE ZREMCDREMINDER (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZIDENTIFIER BLOB, ZCKIDENTIFIER VARCHAR,
 ZTITLE VARCHAR, ZNOTES VARCHAR, ZCOMPLETED INTEGER, ZCOMPLETIONDATE TIMESTAMP, ZFLAGGED INTEGER, ZPRIORITY INTEGER,
 ZALLDAY INTEGER, ZCREATIONDATE TIMESTAMP, ZLASTMODIFIEDDATE TIMESTAMP, ZDUEDATE TIMESTAMP, ZTIMEZONE VARCHAR,
 ZMARKEDFORDELETION INTEGER, ZLIST INTEGER, ZACCOUNT INTEGER);
CREATE TABLE ZREMCDBASELIST (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZNAME VARCHAR);
CREATE TABLE ZREMCDOBJECT (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZNAME VARCHAR, ZREMINDER VARCHAR,
 ZREMINDER4 INTEGER, ZFREQUENCY INTEGER, ZINTERVAL INTEGER, ZOCCURRENCECOUNT INTEGER, ZENDDATE TIMESTAMP);
"""
BEFORE = f"""{KEYS}
CREATE TABLE ZREMCDOBJECT (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZNAME VARCHAR, ZNAME1 VARCHAR, ZNAME2 VARCHAR,
 ZIDENTIFIER BLOB, ZCKIDENTIFIER VARCHAR, ZTITLE VARCHAR, ZTITLE1 VARCHAR, ZNOTES VARCHAR, ZCOMPLETED INTEGER,
 ZCOMPLETIONDATE TIMESTAMP, ZFLAGGED INTEGER, ZPRIORITY INTEGER, ZALLDAY INTEGER, ZCREATIONDATE TIMESTAMP,
 ZLASTMODIFIEDDATE TIMESTAMP, ZDUEDATE TIMESTAMP, ZTIMEZONE VARCHAR, ZMARKEDFORDELETION INTEGER, ZLIST INTEGER,
 ZACCOUNT1 INTEGER, ZREMINDER2 INTEGER, ZFREQUENCY INTEGER, ZINTERVAL INTEGER, ZOCCURRENCECOUNT INTEGER,
 ZENDDATE TIMESTAMP);
"""
"""A *guessed* schema of iOS 13: all entities in one table."""
ENTITIES = ("REMCDAccount", "REMCDList", "REMCDReminder", "REMCDRecurrenceRule")


def store(shift: int = 0, *, before: bool = False, **changes: Any) -> Rows:
    """Three reminders. All row and entity numbers begin after `shift`; with one, the rows are in another order."""
    account, in_list, reminder, rule = (shift + number for number in range(1, 5))
    names = {
        "title": "ZTITLE1" if before else "ZTITLE",
        "account": "ZACCOUNT1" if before else "ZACCOUNT",
        "list": "ZNAME2" if before else "ZNAME",
        "link": "ZREMINDER2" if before else "ZREMINDER4",
    }
    table = "ZREMCDOBJECT" if before else "ZREMCDREMINDER"
    common = {"Z_ENT": reminder, "ZLIST": shift + 2, names["account"]: shift + 1}
    bread = {
        "Z_PK": shift + 11,
        "ZIDENTIFIER": bytes(range(16)),
        names["title"]: "Brot kaufen",
        "ZNOTES": "Roggen",
        "ZFLAGGED": 1,
        "ZPRIORITY": 5,
        "ZCREATIONDATE": 690000000.0,
        "ZLASTMODIFIEDDATE": 700000500.0,
        "ZDUEDATE": 700000000.0,
        "ZTIMEZONE": "Europe/Berlin",
        **changes,
    }
    gone = {"ZCKIDENTIFIER": "ffffffff-0000-4000-8000-00000000000f", "ZMARKEDFORDELETION": 1, "ZALLDAY": 1}
    done = {names["title"]: "Steuer", "ZCOMPLETED": 1, "ZCOMPLETIONDATE": 700000900.0}
    rows: list[tuple[str, dict[str, Any]]] = [
        *(("Z_PRIMARYKEY", {"Z_ENT": shift + n, "Z_NAME": name}) for n, name in enumerate(ENTITIES, start=1)),
        ("ZREMCDOBJECT", {"Z_PK": shift + 1, "Z_ENT": account, "ZNAME": "iCloud"}),
        (
            "ZREMCDOBJECT" if before else "ZREMCDBASELIST",
            {"Z_PK": shift + 2, "Z_ENT": in_list, names["list"]: "Einkäufe"},
        ),
        (table, {**common, **bread}),
        (table, {**common, "Z_PK": shift + 12, names["title"]: "weg", **gone}),
        (table, {**common, "Z_PK": shift + 13, **done}),
        (
            "ZREMCDOBJECT",
            {"Z_PK": shift + 14, "Z_ENT": rule, names["link"]: shift + 11, "ZFREQUENCY": 1, "ZINTERVAL": 2},
        ),
    ]
    return list(reversed(rows)) if shift else rows


def read(make_backup: MakeBackup, tmp_path: Path, data: bytes, place: tuple[str, str] = ICLOUD) -> Reading:
    return read_made(make_backup, tmp_path, "reminders", {place: data})


def test_reminders_keep_ids_and_fingerprints_in_other_schemas_and_places(
    make_backup: MakeBackup, tmp_path: Path, shared_data: Path
) -> None:
    ios18 = shared_data / "databases" / "ios18-synthetic" / "reminders.1.cloud.sqlite"
    with closing(sqlite3.connect(f"{ios18.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        seen = ";".join(sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))
    readings = [
        read(make_backup, tmp_path, database_of(NOW, store())),
        read(make_backup, tmp_path, database_of(seen, store(shift=50))),
        read(make_backup, tmp_path, database_of(later_schema(NOW), store(shift=30))),
        read(make_backup, tmp_path, database_of(BEFORE, store(before=True)), OLD_ICLOUD),
        read(make_backup, tmp_path, database_of(BEFORE, store(shift=20, before=True)), OLD_ICLOUD),
    ]
    first = readings[0].items
    for number, reading in enumerate(readings):
        assert reading.findings == []
        if number != 1:
            assert_same(first, reading.items)
            assert all(item.lacking == frozenset() for item in reading.items)
    # Its schema has neither ZTIMEZONE nor ZCKIDENTIFIER, so ids can only be compared where they are in ZIDENTIFIER.
    comparison = compare(first[0], readings[1].items[0])
    assert first[0].id == readings[1].items[0].id
    assert (comparison.is_equal, comparison.left_out) == (True, ("time_zone",))


def test_a_reminder_is_read_with_everything_a_person_sees(make_backup: MakeBackup, tmp_path: Path) -> None:
    reading = read(make_backup, tmp_path, database_of(NOW, store()))
    bread, gone, done = reading.items

    assert bread.id == str(uuid.UUID(bytes=bytes(range(16)))).upper()
    assert gone.id == "FFFFFFFF-0000-4000-8000-00000000000F"
    assert done.id.startswith("~")
    assert dict(bread.fingerprint()) == {
        "title": "Brot kaufen",
        "notes": "Roggen",
        "due": 1678307200,
        "time_zone": "Europe/Berlin",
        "all_day": False,
        "completed": False,
        "flagged": True,
        "list": "Einkäufe",
        "recurrence": ((1, 2, None, None),),
    }
    assert (bread.when, bread.modified, bread.account) == (1678307200, 1678307700, "iCloud")
    assert [item.state for item in reading.items] == [State.LIVE, State.DELETED, State.LIVE]
    assert (done.completed, done.completed_at, gone.all_day) == (True, 1678308100, True)
    assert bread.describe() == "the reminder Brot kaufen"


def test_the_store_of_the_phone_belongs_to_no_account(make_backup: MakeBackup, tmp_path: Path) -> None:
    made = database_of(NOW, store())
    reading = read_made(make_backup, tmp_path, "reminders", {LOCAL: made, ICLOUD: made})
    assert sorted(item.account or "" for item in reading.items) == ["", "", "", "iCloud", "iCloud", "iCloud"]


@pytest.mark.parametrize(
    ("script", "fields"),
    [
        ("DELETE FROM ZREMCDOBJECT", ("recurrence",)),
        ("DELETE FROM ZREMCDBASELIST", ("list",)),
        ("UPDATE ZREMCDREMINDER SET ZDUEDATE = NULL, ZNOTES = NULL", ("notes", "due")),
        ("UPDATE ZREMCDREMINDER SET ZCOMPLETED = 1, ZALLDAY = 1, ZFLAGGED = 0", ("all_day", "completed", "flagged")),
    ],
)
def test_a_change_is_seen(make_backup: MakeBackup, tmp_path: Path, script: str, fields: tuple[str, ...]) -> None:
    before = read(make_backup, tmp_path, database_of(NOW, store())).items
    path = tmp_path / "changed.db"
    path.write_bytes(database_of(NOW, store()))
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    after = read(make_backup, tmp_path, path.read_bytes()).items
    assert compare(before[0], after[0]).differing == fields


@pytest.mark.parametrize("schema", [KEYS, NOW.replace("ZTITLE", "ZOTHER")])
def test_a_store_without_its_table_or_column_is_unknown(make_backup: MakeBackup, tmp_path: Path, schema: str) -> None:
    reading = read(make_backup, tmp_path, database_of(schema, ()))
    assert reading.items == []
    assert reading.failed == {ICLOUD}


def test_odd_cells_are_undecoded_or_read(make_backup: MakeBackup, tmp_path: Path) -> None:
    odd = {"ZDUEDATE": "tomorrow", "ZTITLE": "\x07" + "y" * 999, "ZIDENTIFIER": b"short", "ZLIST": b"?"}
    reading = read(make_backup, tmp_path, database_of(NOW, store(**odd)))
    (bread,) = (item for item in reading.items if item.id == b"short".hex())
    assert (bread.due, bread.undecoded, bread.when) == ("tomorrow", {"due"}, 1668307200)
    assert bread.describe().isprintable()
    assert len(bread.describe()) < 100


def test_the_reminders_of_a_synthetic_ios_18_are_read(
    make_backup: MakeBackup, tmp_path: Path, shared_data: Path
) -> None:
    folder = shared_data / "databases" / "ios18-synthetic"
    files = {
        LOCAL: (folder / "reminders.1.local.sqlite").read_bytes(),
        ICLOUD: (folder / "reminders.1.cloud.sqlite").read_bytes(),
    }
    reading = read_made(make_backup, tmp_path, "reminders", files)
    items = {item.title: item for item in reading.items}

    assert reading.findings == []
    assert len(reading.items) == 6
    assert {title: (item.list_name, item.account) for title, item in items.items()} == {
        "Buy milk": ("Groceries", "iCloud"),
        "Submit report": ("Work", "iCloud"),
        "Call plumber": ("Work", "iCloud"),
        "Buy oat milk": ("Groceries", "iCloud"),
        "Corrupt date": ("Groceries", "iCloud"),
        "Water plants": ("Personal", None),
    }
    assert items["Buy milk"].id == "10101010-1010-1010-1010-101010101010"
    assert items["Buy milk"].recurrence == ((2, 1, None, None),)
    assert [title for title, item in items.items() if item.state is State.DELETED] == ["Call plumber"]


@pytest.mark.parametrize("ios", ["15.3", "18.5"])
def test_the_reminders_of_a_simulated_phone_are_those_it_was_filled_with(
    phones_backup: Callable[..., Any], tmp_path: Path, ios: str
) -> None:
    backup, _ = phones_backup(ios, reminders=12, icloud_reminders=5)
    findings: list[Any] = []
    source = Source(backup, tmp_path, source_places(), findings.append)
    items: list[Any] = list(kind("reminders").items(source))
    rows = []
    for record in source.files(*kind("reminders").places):
        path = tmp_path / "witness.db"
        path.write_bytes(b"".join(backup.chunks(record)))
        with closing(sqlite3.connect(path)) as witness:
            rows += witness.execute(
                "SELECT hex(r.ZIDENTIFIER), ZTITLE, ZNOTES, ZCOMPLETED, ZALLDAY, l.ZNAME, CAST(ZDUEDATE AS INTEGER)"
                " FROM ZREMCDREMINDER r JOIN ZREMCDBASELIST l ON l.Z_PK = r.ZLIST"
            ).fetchall()

    assert findings == []
    assert len(items) == 12
    assert sum(item.account == "iCloud" for item in items) == 5
    found = [
        (
            *(item.id.replace("-", ""), item.title, item.notes, item.completed, item.all_day, item.list_name),
            None if item.due is None else item.due - 978_307_200,
        )
        for item in items
    ]
    assert found == sorted(rows)
