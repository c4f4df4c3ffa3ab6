"""Counts from the databases of various iOS versions."""

from __future__ import annotations

import os
import plistlib
import random
import sqlite3
import stat
import struct
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.categories import databases
from migrate.categories.catalogue import load_catalogue
from migrate.categories.claims import Claims
from migrate.categories.tally import Tally, tally

TIMER = "SysSharedContainerDomain-systemgroup.com.apple.mobiletimerd"
WHATSAPP = "AppDomainGroup-group.net.whatsapp.WhatsApp.shared"
SMALL = {"photos": 3, "videos": 2, "messages": 12, "attachments": 2, "contacts": 5, "health_samples": 5, "memos": 1}


def show(backup: Backup, tmp: Path, groups: Mapping[str, Any] | None = None) -> Tally:
    found = tally(backup, Claims.of(backup, groups), tmp=tmp)
    assert list(tmp.iterdir()) == [], "a copy of a database was left behind"
    return found


@pytest.mark.parametrize("ios_version", ["12.5.7", "14.3", "16.7", "17.5.1", "18.5", "26.1", "27.0"])
def test_a_phone_of_every_version_is_counted(ios_version: str, phones_backup: Any, tmp_path: Path) -> None:
    backup, groups = phones_backup(
        ios_version, **SMALL, notes=4, events=6, reminders=3, bookmarks=7, history=5, calls=9
    )
    found = show(backup, tmp_path / "tmp", groups)
    items = {row.category.id: row.items for row in found.categories if row.items is not None}
    reminders = 0 if ios_version < "13" else 3
    assert items == {
        "contacts": 5,
        "messages": 12,
        "calls": 9,
        "voicemail": 4,
        "photos": 5,
        "notes": 4,
        **({"reminders": 3} if reminders else {}),
        "calendars": 6 if reminders else 9,
        "safari": 7 + 5,
        "health": 5,
        "wifi": 6,
        "voice-memos": 1,
        "alarms": items["alarms"],
        "world-clock": 2,
        "wallet": 2,
        **({"shortcuts": 0} if reminders else {}),
    }
    assert items["alarms"] > 0
    assert "12 messages, 2 attachments" in found.category("messages").notes
    assert "5 photos and videos, 2 videos" in found.category("photos").notes
    assert not any("could not be counted" in note for row in found.categories for note in row.notes)
    assert all(row.complete is not False for row in found.categories if row.files)


def test_notes_tell_what_is_only_in_icloud_or_in_an_account(phones_backup: Any, tmp_path: Path) -> None:
    backup, groups = phones_backup(
        "18.5",
        **SMALL | {"icloud_only_photos": 4, "icloud_only_attachments": 3, "icloud_contacts": 2},
        notes=4,
        icloud_notes=1,
        icloud_only_note_media=2,
        events=6,
        icloud_events=5,
        reminders=3,
        icloud_reminders=1,
    )
    found = show(backup, tmp_path / "tmp", groups)
    sign_in = "belong to an account (iCloud, Google, Exchange …): sign in to it on the new phone to keep them"
    told = {row.category.id: row.cloud_notes for row in found.categories if row.cloud_notes and row.files}
    assert told == {
        "contacts": (f"2 of them {sign_in}",),
        "messages": ("3 attachments are only in iCloud: their files are not in this backup",),
        "photos": ("4 originals are only in iCloud",),
        "notes": ("2 pictures and files in the notes are only in iCloud", f"1 of them {sign_in}"),
        "reminders": (f"1 of them {sign_in}",),
        "calendars": (f"5 of them {sign_in}",),
    }
    for row in found.categories:
        assert (row.complete is False) == (row.category.id in told or row.category.id == "text-replacements")
        assert set(row.cloud_notes) <= set(row.as_json()["notes"])
    assert found.category("photos").items == 3 + 2 + 4


@pytest.mark.parametrize(
    ("where", "alarms"),
    [
        ({("HomeDomain", "Library/Preferences/com.apple.mobiletimerd.plist"): {"MTAlarms": {"MTAlarms": [1, 2]}}}, 2),
        ({("HomeDomain", "Library/Preferences/com.apple.mobiletimerd.plist"): {"MTAlarms": [1, 2, 3]}}, 3),
        ({("HomeDomain", "Library/Preferences/com.apple.mobiletimerd.plist"): {"MTAlarms": {"other": 1}}}, None),
        ({("HomeDomain", "Library/Preferences/com.apple.mobiletimerd.plist"): [1]}, None),
    ],
)
def test_alarms_are_counted_in_the_clocks_own_list(
    make_backup: Any, tmp_path: Path, where: dict[tuple[str, str], object], alarms: int | None
) -> None:
    backup = make_backup({place: plistlib.dumps(value) for place, value in where.items()})
    assert show(backup, tmp_path / "tmp").category("alarms").items == alarms


def test_alarms_are_counted_in_the_first_place_that_has_any(
    make_backup: Any, make_database: Any, tmp_path: Path
) -> None:
    backup = make_backup(
        {
            (TIMER, "Library/local.sqlite"): make_database("CREATE TABLE ZMTCDALARM (Z_PK INTEGER);"),
            ("HomeDomain", "Library/Preferences/com.apple.mobiletimerd.plist"): plistlib.dumps({"MTAlarms": [1]}),
        }
    )
    assert show(backup, tmp_path / "tmp").category("alarms").items == 1


def test_chats_of_a_real_whatsapp_are_counted(shared_data: Path, make_backup: Any, tmp_path: Path) -> None:
    """With an empty -wal and a stale -shm beside it (iOS 15.3.1)."""
    folder = shared_data / "databases" / "ios15-real" / "whatsAppMessages"
    contents = {(WHATSAPP, file.name): file.read_bytes() for file in folder.glob("ChatStorage*")}
    backup = make_backup({("AppDomain-net.whatsapp.WhatsApp", "Documents/x"): b"1", **contents})
    (app,) = show(backup, tmp_path / "tmp", {"net.whatsapp.WhatsApp": (WHATSAPP.removeprefix("AppDomainGroup-"),)}).apps
    assert (app.app.title, app.items, app.has_no_files) == ("WhatsApp", 5, False)
    assert "5 chats, 32 messages" in app.notes
    assert set(app.as_json()) == {
        "id",
        "title",
        "version",
        "files",
        "bytes",
        "groups",
        "shared_with",
        "reinstallable",
    }


def test_people_of_a_real_address_book_belong_to_its_two_accounts(
    shared_data: Path, make_backup: Any, tmp_path: Path
) -> None:
    folder = shared_data / "databases" / "ios15-real" / "addressBook"
    contents = {
        ("HomeDomain", f"Library/AddressBook/{file.name}"): file.read_bytes() for file in folder.glob("AddressBook.*")
    }
    contacts = show(make_backup(contents), tmp_path / "tmp").category("contacts")
    assert (contacts.items, contacts.complete) == (9, False)
    assert contacts.cloud_notes[0].startswith("9 of them belong to an account")


@pytest.mark.parametrize(
    ("category", "domain", "path", "name", "account_owned"),
    [
        ("calendars", "HomeDomain", "Library/Calendar/Calendar.sqlitedb", "calendar.1.Calendar.sqlitedb", 1),
        ("contacts", "HomeDomain", "Library/AddressBook/AddressBook.sqlitedb", "contacts.1.AddressBook.sqlitedb", 1),
        (
            "reminders",
            "AppDomainGroup-group.com.apple.reminders",
            "Container_v1/Stores/Data-local.sqlite",
            "reminders.1.local.sqlite",
            0,
        ),
    ],
)
def test_accounts_on_the_schema_of_ios_18(
    shared_data: Path,
    make_backup: Any,
    tmp_path: Path,
    category: str,
    domain: str,
    path: str,
    name: str,
    account_owned: int,
) -> None:
    database = (shared_data / "databases" / "ios18-synthetic" / name).read_bytes()
    found = show(make_backup({(domain, path): database}), tmp_path / "tmp").category(category)
    assert found.complete is (account_owned == 0)
    assert bool(found.cloud_notes) == bool(account_owned)
    assert not account_owned or found.cloud_notes[0].startswith(f"{account_owned} of them")


def test_rows_in_the_wal_are_counted(make_backup: Any, tmp_path: Path) -> None:
    """A phone's database may be one empty page for days, with all rows in its -wal."""
    source = tmp_path / "sms.db"
    with closing(sqlite3.connect(source, isolation_level=None)) as live:
        live.execute("PRAGMA journal_mode = WAL")
        live.execute("PRAGMA wal_autocheckpoint = 0")
        live.executescript("CREATE TABLE message (x); CREATE TABLE attachment (filename);")
        live.executemany("INSERT INTO message VALUES (?)", [(n,) for n in range(40)])
        contents = {
            ("HomeDomain", "Library/SMS/sms.db" + end): source.with_name("sms.db" + end).read_bytes()
            for end in ("", "-wal")
        }
    assert len(contents["HomeDomain", "Library/SMS/sms.db"]) <= 4096
    backup = make_backup(contents)
    assert show(backup, tmp_path / "tmp").category("messages").items == 40


# -- damaged databases never raise -----------------------------------------------------------------------------------


SMS = ("messages", "HomeDomain", "Library/SMS/sms.db")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"SQLite format 3\0",
        b"this is no database" * 400,
        b"SQLite format 3\0" + b"\xff" * 9000,
        b"bplist00" + bytes(5000),
    ],
    ids=["empty", "one-byte", "only-its-magic", "text", "magic-and-noise", "a-plist"],
)
def test_a_garbage_database_only_loses_its_number(count_one: Any, data: bytes) -> None:
    found = count_one(*SMS, data)
    assert found.items is None
    assert all("sms.db could not be counted" in note for note in found.notes)


def test_truncated_and_corrupted_databases_never_raise(phones_backup: Any, count_one: Any) -> None:
    """Each counted database, damaged in four seeded ways, gives a number or none, but never an error."""
    backup, _ = phones_backup("18.5", **SMALL, icloud_contacts=1, icloud_events=1, icloud_only_photos=1)
    chance = random.Random(1947)
    broken = 0
    for category in load_catalogue().categories:
        for place in (place for count in category.counts for place in count.places):
            for record in backup.records():
                if record.domain != place.domain or not place.path_pattern.fullmatch(record.relative_path):
                    continue
                whole = b"".join(backup.chunks(record))
                for _ in range(4):
                    data = bytearray(whole)
                    if chance.random() < 0.5:
                        del data[chance.randrange(len(data) or 1) :]
                    for _ in range(chance.randrange(1, 60)):
                        if data:
                            data[chance.randrange(len(data))] = chance.randrange(256)
                    found = count_one(category.id, record.domain, record.relative_path, bytes(data))
                    assert found.items is None or found.items >= 0
                    broken += 1
    assert broken > 50


@pytest.mark.parametrize(
    ("script", "items"),
    [
        ("CREATE VIEW message AS SELECT 1;", None),
        ("CREATE TABLE message (x); CREATE TRIGGER t AFTER INSERT ON message BEGIN SELECT 1/0; END;", 0),
        (
            "CREATE TABLE message (x COLLATE NOCASE); INSERT INTO message VALUES (1); CREATE INDEX i ON message(x);",
            1,
        ),
        ("CREATE TABLE MESSAGE (x); INSERT INTO MESSAGE VALUES (1);", None),
        ("CREATE VIRTUAL TABLE message USING fts4(x);", None),
        ("CREATE TABLE message (x PRIMARY KEY) WITHOUT ROWID; INSERT INTO message VALUES (1), (2);", 2),
        ('CREATE TABLE "message" ("a""b", "c d"); INSERT INTO message VALUES (1, 2);', 1),
        ("CREATE TABLE message (x GENERATED ALWAYS AS (1), y); INSERT INTO message (y) VALUES (1);", 1),
    ],
)
def test_foreign_schemas_give_no_number(count_one: Any, make_database: Any, script: str, items: int | None) -> None:
    found = count_one(*SMS, make_database(script))
    assert (found.items, found.notes) == (items, [])


def endless(whole: bytes, page_bytes: int = 512, depth: int = 9) -> bytes:
    """The database `whole` (two pages: schema, and a table of one leaf), its leaf below `depth` pages that each name
    the next one as their child 41 times: 41 to the power of `depth` rows in a few kilobytes."""
    schema, leaf = whole[:page_bytes], whole[page_bytes : 2 * page_bytes]
    pages = bytearray(schema)
    for child in range(3, 3 + depth):
        cells = [struct.pack(">IB", child, number) for number in range(1, 41)]
        first = page_bytes - 5 * len(cells)
        head = struct.pack(">BHHHBI", 5, 0, len(cells), first, 0, child)
        pointers = struct.pack(f">{len(cells)}H", *range(first, page_bytes, 5))
        pages += (head + pointers).ljust(first, b"\0") + b"".join(cells)
    pages += leaf
    pages[28:32] = struct.pack(">I", 2 + depth)
    return bytes(pages)


def test_an_endless_table_is_given_up(count_one: Any, make_database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make_database("PRAGMA page_size = 512; CREATE TABLE message (x); INSERT INTO message VALUES (1);")
    assert count_one(*SMS, endless(whole, depth=2)).items == 41**2, "what is short enough is counted"
    monkeypatch.setattr(databases, "_MIN_TIMEOUT_S", 0.1)
    found = count_one(*SMS, endless(whole))
    assert (found.items, found.notes) == (None, ["Library/SMS/sms.db could not be counted (interrupted)"])


def test_a_schema_without_a_column_that_is_needed_gives_no_number(count_one: Any, make_database: Any) -> None:
    """Photos of iOS 6 do not say whether one is in the bin; a store without ZKIND does not say which are videos."""
    photos = ("photos", "CameraRollDomain", "Media/PhotoData/Photos.sqlite")
    found = count_one(*photos, make_database("CREATE TABLE ZASSET (x); INSERT INTO ZASSET VALUES (1), (2);"))
    assert found.parts == [("photos and videos", 2)]
    assert found.only_in_icloud is None


def test_an_oversized_database_is_not_read(count_one: Any, make_database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_LIMIT_BYTES", 5000)
    found = count_one(*SMS, make_database("CREATE TABLE message (x);") + bytes(9000))
    assert (found.items, len(found.notes)) == (None, 1)
    assert "longer than 5,000 bytes" in found.notes[0]


def test_a_locked_database_is_copied_and_counted(make_backup: Any, make_database: Any, tmp_path: Path) -> None:
    backup = make_backup({SMS[1:]: make_database("CREATE TABLE message (x); INSERT INTO message VALUES (1);")})
    stored = backup.stored_path(backup.record(*SMS[1:]))
    before = stored.read_bytes()
    with closing(sqlite3.connect(stored, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert show(backup, tmp_path / "tmp").category("messages").items == 1
        other.execute("ROLLBACK")
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == [stored.name]


def test_copies_are_private(make_backup: Any, make_database: Any, tmp_path: Path) -> None:
    backup = make_backup({SMS[1:]: make_database("CREATE TABLE message (x);")})
    with databases.database_copy(backup, backup.record(*SMS[1:]), tmp_path) as copy:
        if os.name == "posix":
            assert stat.S_IMODE(copy.stat().st_mode) == 0o600
            assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    assert not copy.exists()
