"""Contacts in the schemas of iOS 15 and 18 and a guessed later one, and against other people's databases."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.content.item import compare
from migrate.content.kinds import kind, source_places
from migrate.content.readers.children import MOST_CHILDREN
from migrate.content.readers.contacts import calendar_day
from migrate.content.source import Source
from tests.content.reading import Reading, Rows, assert_same, database_of, later_schema, read_made
from tests.made_backups import MakeBackup

BOOK = ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb")
PICTURES = ("HomeDomain", "Library/AddressBook/AddressBookImages.sqlitedb")
TABLES = (
    *("ABPerson", "ABStore", "ABGroup", "ABGroupMembers", "ABMultiValue"),
    *("ABMultiValueLabel", "ABMultiValueEntry", "ABMultiValueEntryKey"),
)
OLDEST = """
CREATE TABLE ABPerson (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, First TEXT, Last TEXT, Middle TEXT, FirstPhonetic TEXT,
 MiddlePhonetic TEXT, LastPhonetic TEXT, Organization TEXT, Department TEXT, Note TEXT, Kind INTEGER, Birthday TEXT,
 JobTitle TEXT, Nickname TEXT, Prefix TEXT, Suffix TEXT, CreationDate INTEGER, ModificationDate INTEGER,
 StoreID INTEGER, guid TEXT, UNIQUE(guid));
CREATE TABLE ABStore (ROWID INTEGER PRIMARY KEY, Name TEXT, Type INTEGER, AccountID INTEGER DEFAULT -1);
CREATE TABLE ABGroup (ROWID INTEGER PRIMARY KEY, Name TEXT, StoreID INTEGER);
CREATE TABLE ABGroupMembers (UID INTEGER PRIMARY KEY, group_id INTEGER, member_type INTEGER, member_id INTEGER);
CREATE TABLE ABMultiValue (UID INTEGER PRIMARY KEY, record_id INTEGER, property INTEGER, identifier INTEGER,
 label INTEGER, value TEXT);
CREATE TABLE ABMultiValueLabel (value TEXT, UNIQUE(value));
CREATE TABLE ABMultiValueEntry (parent_id INTEGER, key INTEGER, value TEXT, UNIQUE(parent_id, key));
CREATE TABLE ABMultiValueEntryKey (value TEXT, UNIQUE(value));
"""
"""A *guessed* older address book, without the columns that came later."""
PICTURES_SCHEMA = """
CREATE TABLE ABThumbnailImage (ROWID INTEGER PRIMARY KEY, record_id INTEGER, format INTEGER, data BLOB);
CREATE TABLE ABFullSizeImage (ROWID INTEGER PRIMARY KEY, record_id INTEGER, data BLOB);
"""


def book(shift: int = 0, **changes: Any) -> Rows:
    """Three people. All row numbers begin after `shift`; with one, rows and values are in another order."""
    anna = {
        "First": "Anna",
        "Last": "Schmidt",
        "Prefix": "Dr.",
        "LastPhonetic": "Shmit",
        "Organization": "Café",
        "Department": "Backstube",
        "JobTitle": "Chefin",
        "Note": "Nicht vor neun. ",
        "Birthday": "-12517675200.0",
        "guid": "AAAA:ABPerson",
        "CreationDate": 700000000,
        "ModificationDate": 700000100,
        "StoreID": shift + 2,
        **changes,
    }
    label, key = 1 + (shift > 0), 1 + (shift > 0)
    rows: list[tuple[str, dict[str, Any]]] = [
        ("ABPerson", {"ROWID": shift + 1, **anna}),
        ("ABPerson", {"ROWID": shift + 2, "Organization": "Bäckerei", "guid": "CCCC", "StoreID": shift + 1}),
        ("ABPerson", {"ROWID": shift + 3, "First": "Bo", "Last": "", "guid": "BBBB", "StoreID": shift + 1}),
        ("ABStore", {"ROWID": shift + 1, "Name": "Contacts", "Type": 0, "AccountID": -1, "guid": "S1"}),
        ("ABStore", {"ROWID": shift + 2, "Name": "Card", "Type": 4, "AccountID": 1, "guid": "S2"}),
        ("ABGroup", {"ROWID": shift + 1, "Name": "Familie", "StoreID": 1, "guid": "G1"}),
        ("ABGroupMembers", {"UID": shift + 1, "group_id": shift + 1, "member_type": 0, "member_id": shift + 3}),
        ("ABGroupMembers", {"UID": shift + 2, "group_id": shift + 1, "member_type": 1, "member_id": shift + 2}),
        ("ABMultiValueLabel", {"ROWID": label, "value": "_$!<Mobile>!$_"}),
        ("ABMultiValueEntryKey", {"ROWID": key, "value": "Street"}),
        ("ABMultiValueEntryKey", {"ROWID": key + 1, "value": "City"}),
        ("ABMultiValue", value(shift, 1, 1, 3, label, "+49 170 123-45")),
        ("ABMultiValue", value(shift, 2, 1, 4, None, "Anna@Example.org")),
        ("ABMultiValue", value(shift, 3, 1, 5, label, None)),
        ("ABMultiValueEntry", {"parent_id": shift + 3, "key": key, "value": "Hauptstraße 1"}),
        ("ABMultiValueEntry", {"parent_id": shift + 3, "key": key + 1, "value": "Köln"}),
        ("ABMultiValue", value(shift, 4, 1, 12, None, "725846400")),
        ("ABMultiValue", value(shift, 5, 3, 3, 999, "0170")),
    ]
    return list(reversed(rows)) if shift else rows


def value(shift: int, row: int, person: int, kind: int, label: int | None, text: str | None) -> dict[str, Any]:
    """With a shift, values of a person are stored in the opposite order."""
    uid = shift + row if row == 3 or not shift else shift + 100 - row
    return {
        "UID": uid,
        "record_id": shift + person,
        "property": kind,
        "label": label,
        "value": text,
        "guid": f"V{uid}",
    }


@pytest.fixture
def ios15(shared_data: Path, tmp_path: Path) -> dict[Any, bytes]:
    folder = shared_data / "databases" / "ios15-real" / "addressBook"
    return {
        (*place[:1], place[1] + suffix): (folder / (place[1].rpartition("/")[2] + suffix)).read_bytes()
        for place in (BOOK, PICTURES)
        for suffix in ("", "-wal")
    }


def schema_in(files: dict[Any, bytes], place: tuple[str, str], folder: Path) -> str:
    """The schema of a database, with its log applied; without virtual tables."""
    path = folder / "schema.db"
    path.write_bytes(files[place])
    if (log := files.get((place[0], place[1] + "-wal"))) is not None:
        (folder / "schema.db-wal").write_bytes(log)
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL").fetchall()
    return ";\n".join(sql for (sql,) in found if "VIRTUAL" not in sql and "_segdir" not in sql) + ";"


def pictures(shift: int = 0, full: bytes = b"full picture of Anna") -> bytes:
    rows = [
        ("ABThumbnailImage", {"ROWID": shift + 1, "record_id": shift + 1, "format": 0, "data": b"a small one" * 9}),
        ("ABThumbnailImage", {"ROWID": shift + 2, "record_id": shift + 2, "format": 0, "data": b"small"}),
        ("ABThumbnailImage", {"ROWID": shift + 3, "record_id": shift + 2, "format": 5, "data": b"somewhat larger"}),
        ("ABFullSizeImage", {"ROWID": shift + 1, "record_id": shift + 1, "data": full}),
    ]
    return database_of(PICTURES_SCHEMA, reversed(rows) if shift else rows)


def read(make_backup: MakeBackup, tmp_path: Path, book: bytes, pictures: bytes | None = None) -> Reading:
    files = {BOOK: book} if pictures is None else {BOOK: book, PICTURES: pictures}
    return read_made(make_backup, tmp_path, "contacts", files)


def test_contacts_keep_ids_and_fingerprints_in_other_schemas(
    make_backup: MakeBackup, tmp_path: Path, shared_data: Path, ios15: dict[Any, bytes]
) -> None:
    ios18 = shared_data / "databases" / "ios18-synthetic" / "contacts.1.AddressBook.sqlitedb"
    schemas = {
        "oldest": OLDEST,
        "15": schema_in(ios15, BOOK, tmp_path),
        "18": schema_in({BOOK: ios18.read_bytes()}, BOOK, _folder(tmp_path, "18")),
    }
    schemas |= {f"after {name}": later_schema(schema) for name, schema in schemas.items()}
    readings = {}
    for name, schema in schemas.items():
        shift = 40 if name in ("18", "after 15", "after oldest") else 0
        reading = read(make_backup, tmp_path, database_of(schema, book(shift)), pictures(shift))
        assert reading.findings == [], name
        readings[name] = reading.items
    for items in readings.values():
        assert_same(readings["15"], items)
    assert compare(readings["oldest"][0], readings["15"][0]).left_out == (
        *("organization_phonetic", "other_birthday", "previous_name"),
    )


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def test_a_contact_is_read_with_everything_a_person_sees(make_backup: MakeBackup, tmp_path: Path) -> None:
    reading = read(make_backup, tmp_path, database_of(OLDEST, book()), pictures())

    assert [item.id for item in reading.items] == ["AAAA:ABPerson", "BBBB", "CCCC"]
    anna, bo, bakery = reading.items
    assert anna.when == 1_678_307_200
    assert anna.modified == 1_678_307_300
    assert (anna.account, bo.account) == ("an account", None)
    assert (bo.groups, bakery.groups) == (("Familie",), ()), "a group may contain groups"
    seen = anna.fingerprint()
    assert (seen["first"], seen["note"], seen["birthday"]) == ("Anna", "Nicht vor neun.", "--05-01")
    assert seen["values"] == (
        ("12", "", "2024-01-02", ()),
        ("3", "_$!<Mobile>!$_", "+4917012345", ()),
        ("4", "", "anna@example.org", ()),
        ("5", "_$!<Mobile>!$_", "", (("City", "Köln"), ("Street", "Hauptstraße 1"))),
    )
    assert bo.fingerprint()["last"] is None
    assert [item.describe() for item in reading.items] == [
        *("the contact Anna Schmidt", "the contact Bo", "the contact Bäckerei"),
    ]


@pytest.mark.parametrize(
    ("script", "fields"),
    [
        ("DELETE FROM ABMultiValue", ("values",)),
        ("DELETE FROM ABMultiValueEntry", ("values",)),
        ("DELETE FROM ABMultiValueLabel", ("values",)),
        ("UPDATE ABMultiValue SET value = '+4917012346' WHERE property = 3", ("values",)),
        ("UPDATE ABPerson SET First = 'Anne', Birthday = '-12517588800.0'", ("first", "birthday")),
        ("INSERT INTO ABGroupMembers VALUES (9, 1, 0, 1)", ("groups",)),
    ],
)
def test_a_change_is_seen(make_backup: MakeBackup, tmp_path: Path, script: str, fields: tuple[str, ...]) -> None:
    before = read(make_backup, tmp_path, database_of(OLDEST, book())).items
    path = tmp_path / "changed.db"
    path.write_bytes(database_of(OLDEST, book()))
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    after = read(make_backup, tmp_path, path.read_bytes()).items

    assert compare(before[0], after[0]).differing == fields


def test_the_full_picture_counts_and_else_the_largest_thumbnail(make_backup: MakeBackup, tmp_path: Path) -> None:
    made = database_of(OLDEST, book())
    anna, bo, bakery = read(make_backup, tmp_path, made, pictures()).items
    other = read(make_backup, tmp_path, made, pictures(full=b"another")).items
    without = read(make_backup, tmp_path, made).items

    assert compare(anna, other[0]).differing == ("picture",)
    assert compare(anna, without[0]).differing == ("picture",)
    assert (bo.picture, bakery.picture) == (None, other[2].picture)
    assert bakery.picture is not None


@pytest.mark.parametrize("damage", ["no table", "no database", "torn"])
def test_unreadable_pictures_are_unknown_and_not_missing(
    make_backup: MakeBackup, tmp_path: Path, make_database: Callable[[str], bytes], damage: str
) -> None:
    made = database_of(OLDEST, book())
    torn = pictures(full=b"x" * 200_000)
    torn = torn[:20_000] + bytes(len(torn) - 20_000)
    broken = {"no table": make_database("CREATE TABLE t (x)"), "no database": b"nothing" * 999, "torn": torn}[damage]
    reading = read(make_backup, tmp_path, made, broken)

    assert len(reading.findings) == 1
    assert reading.failed == {PICTURES}
    assert [item.id for item in reading.items] == ["AAAA:ABPerson", "BBBB", "CCCC"]
    with_pictures = read(make_backup, tmp_path, made, pictures()).items
    assert compare(with_pictures[0], reading.items[0]).undecided == ("picture",)


@pytest.mark.parametrize("missing", ["ABPerson", "ABMultiValue", "ABMultiValueEntry", "ABMultiValueLabel"])
def test_an_address_book_without_a_table_is_unknown(make_backup: MakeBackup, tmp_path: Path, missing: str) -> None:
    reading = read(make_backup, tmp_path, database_of(OLDEST.replace(f"TABLE {missing} ", "TABLE other "), book()))

    assert reading.items == []
    assert reading.failed == {BOOK}
    assert missing in str(reading.findings[0])


def test_contacts_without_a_guid_have_an_id_made_of_what_is_seen(make_backup: MakeBackup, tmp_path: Path) -> None:
    schema = OLDEST.replace(", guid TEXT, UNIQUE(guid)", "")
    one = read(make_backup, tmp_path, database_of(schema, book())).items
    other = read(make_backup, tmp_path, database_of(schema, book(shift=9))).items

    assert all(item.id.startswith("~") for item in one)
    assert_same(one, other)


def test_hostile_cells_are_read_or_reported(make_backup: MakeBackup, tmp_path: Path) -> None:
    strange = {"First": b"\xff\x00", "Last": 7, "Birthday": 1e308, "CreationDate": "x", "guid": "\x1b[2J" + "a" * 5000}
    rows = [*book(**strange), ("ABMultiValue", {"UID": 500, "record_id": "1", "property": b"\x03", "value": 1e999})]
    reading = read(make_backup, tmp_path, database_of(OLDEST, rows))
    assert reading.findings == []
    anna = reading.items[0]
    assert anna.when is None
    assert anna.describe().isprintable()
    assert len(anna.describe()) < 100

    many = (("ABMultiValue", value(0, 1000 + n, 1, 3, None, str(n))) for n in range(MOST_CHILDREN + 1))
    reading = read(make_backup, tmp_path, database_of(OLDEST, [*book(), *many]))
    assert reading.failed == {BOOK}


@pytest.mark.parametrize(
    ("stored", "day"),
    [
        ("-339336000.0", "1990-04-01"),
        (-339336000, "1990-04-01"),
        ("1990-04-01", "1990-04-01"),
        ("-12517675200.0", "--05-01"),
        ("9e99", "9e99"),
        (None, None),
    ],
)
def test_birthdays_are_days(stored: object, day: str | None) -> None:
    assert calendar_day(stored) == day


def test_the_contacts_of_ios_15_are_those_that_ileapp_found(
    make_backup: MakeBackup, tmp_path: Path, shared_data: Path, ios15: dict[Any, bytes]
) -> None:
    """Nine rows; two of them are linked and stay single. Everything is in the log."""
    answers = json.loads(next((shared_data / "databases/ios15-real/expected").glob("addressBook.*")).read_text())[
        "data"
    ]
    reading = read_made(make_backup, tmp_path, "contacts", ios15)

    def of_ileapp(row: list[Any]) -> tuple[Any, ...]:
        values = [entry.partition(": ")[2] for cell in row[6:8] if cell for entry in cell.split("\r")]
        # what a server calls its collection; its address says whose it is
        account = {"Card": "iCloud", "Address Book": "thisisdfir@gmail.com"}[row[10]]
        return (row[0], *row[3:6], tuple(values), account, row[11], row[2] is not None)

    def of_ours(item: Any) -> tuple[Any, ...]:
        seen = item.fingerprint()
        values = tuple(entry.value for entry in item.values if entry.property in (3, 4))
        names = (seen["first"], seen["last"], seen["organization"])
        return (item.when, *names, values, item.account, item.modified, item.picture is not None)

    assert reading.findings == []
    assert len(answers) == 9
    assert sorted(map(of_ours, reading.items), key=repr) == sorted(
        ((float(row[0]), *row[1:6], float(row[6]), row[7]) for row in map(of_ileapp, answers)), key=repr
    )
    (apple,) = (item for item in reading.items if item.fingerprint()["organization"] == "Apple Inc.")
    address = next(entry for entry in apple.values if entry.property == 5)
    assert " - ".join(part or "" for _, part in address.parts) == answers[1][8].removeprefix("Work: ")


def test_the_contacts_of_a_synthetic_ios_18_are_read(
    make_backup: MakeBackup, tmp_path: Path, shared_data: Path
) -> None:
    made = (shared_data / "databases/ios18-synthetic/contacts.1.AddressBook.sqlitedb").read_bytes()
    reading = read(make_backup, tmp_path, made)

    assert [item.id for item in reading.items] == [f"fx-person-{n}" for n in (1, 2, 3, 4)]
    assert sum(len(item.values) for item in reading.items) == 9
    assert [item.groups for item in reading.items] == [("Fixture Friends",), (), (), ("Fixture Friends",)]
    assert [item.account for item in reading.items] == ["Fixture Store", None, None, None]
    assert reading.items[1].values[0].label is None, "its label does not exist"


@pytest.mark.parametrize("ios", ["15.3", "18.5"])
def test_the_contacts_of_a_simulated_phone_are_those_it_was_filled_with(
    phones_backup: Callable[..., Any], tmp_path: Path, ios: str
) -> None:
    backup, _ = phones_backup(ios, contacts=30, icloud_contacts=4)
    findings: list[Any] = []
    items: list[Any] = list(kind("contacts").items(Source(backup, tmp_path, source_places(), findings.append)))
    folder = _folder(tmp_path, "witness")
    for name, suffix in (("book", ""), ("book", "-wal"), ("images", "")):
        place = BOOK if name == "book" else PICTURES
        record = backup.record(place[0], place[1] + suffix)
        if record is not None:
            (folder / f"{name}{suffix}").write_bytes(b"".join(backup.chunks(record)))
    with closing(sqlite3.connect(folder / "book")) as witness:
        rows = witness.execute(
            "SELECT guid, First, Last, Note,"
            " (SELECT value FROM ABMultiValue WHERE record_id = p.ROWID AND property = 3), StoreID FROM ABPerson p"
        ).fetchall()
    with closing(sqlite3.connect(folder / "images")) as witness:
        (with_picture,) = witness.execute("SELECT COUNT(DISTINCT record_id) FROM ABThumbnailImage").fetchone()

    assert findings == []
    assert len(items) == 30
    assert sum(item.account is not None for item in items) == 4
    assert sum(item.picture is not None for item in items) == with_picture == 10
    assert sum(item.groups == ("Family 👨‍👩‍👧",) for item in items) == 5
    found = [
        (
            item.id,
            item.names[0],
            item.names[2],
            item.fingerprint()["note"],
            item.values[0].value,
            1 + bool(item.account),
        )
        for item in items
    ]
    assert found == sorted(rows)
    shutil.rmtree(folder)
