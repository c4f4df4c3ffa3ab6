"""Counts of items: the same numbers as the proof's, on phones of various iOS versions, and never a wrong one."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import struct
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.categories.catalogue import load_catalogue
from migrate.categories.claims import Claims
from migrate.content import counting, databases, open_database
from migrate.content.counting import Counting
from migrate.content.item import Fingerprint, Item, State
from migrate.content.kind import Kind, Part
from migrate.content.kinds import kinds
from migrate.content.source import Place, Source
from migrate.content.tally import Tally, tally
from migrate.journey.proof.evidence import Evidence, Side
from migrate.journey.proof.prover import prove
from migrate.journey.receipt_data import item_fates
from migrate.journey.steps.prove import as_result
from migrate.plan.strategy import Strategy
from tests.content.made_messages import conversations, schema_16

SMS = ("messages", "HomeDomain", "Library/SMS/sms.db")
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
    old = ios_version < "13"
    visits = items["safari"] - 7
    assert items == {
        "contacts": 5,
        "messages": 12,
        "calls": 9,
        "voicemail": 4,
        "photos": 5,
        "notes": 4,
        **({} if old else {"reminders": 3}),
        "calendars": 6,
        "safari": 7 + visits,
        "health": 5,
        "wifi": 6,
        "voice-memos": 1,
        "alarms": items["alarms"],
        "world-clock": 2,
        "wallet": 2,
        **({} if old else {"shortcuts": 0}),
    }
    assert items["alarms"] > 0 and visits >= 5
    assert "12 messages, 2 attachments" in found.category("messages").notes
    assert "5 photos and videos, 2 videos" in found.category("photos").notes
    assert f"7 bookmarks, {visits} visits" in found.category("safari").notes
    unreadable = {row.category.id for row in found.categories if row.counts.unreadable}
    assert unreadable == {"passwords"}, "the names of passwords are encrypted, and this backup has no keys"
    assert found.category("passwords").items is None and found.category("passwords").complete is None
    assert all(row.complete is not False for row in found.categories if row.files)


@pytest.mark.parametrize("ios_version", ["12.5.7", "18.5", "26.1"])
def test_every_number_is_the_proofs(ios_version: str, phones_backup: Any, tmp_path: Path) -> None:
    """What is sent is what is shown: the fates of a category's items add up to its number."""
    backup, groups = phones_backup(
        ios_version,
        **SMALL | {"icloud_only_photos": 4, "icloud_only_attachments": 3, "icloud_contacts": 2, "notes": 4},
        icloud_notes=1,
        icloud_only_note_media=2,
        events=6,
        icloud_events=5,
        reminders=3,
        icloud_reminders=1,
    )
    found, claims = show(backup, tmp_path / "tmp", groups), Claims.of(backup, groups)
    side = Side(backup=backup, claims=claims)
    owners = [*load_catalogue().ids, *(f"app:{bundle}" for bundle in claims.apps)]
    evidence = Evidence(
        old=side,
        after=side,
        before=None,
        owners=frozenset(owners),
        strategy=Strategy.REPLACE,
        installed=frozenset(claims.apps),
        tmp=tmp_path / "tmp",
    )
    proved = as_result(prove(evidence))
    counted = 0
    for owner in owners:
        row, fates = found.owner(owner), item_fates(proved, owner)
        assert row is not None
        if row.items is not None:
            assert row.items == sum((fates or Counter()).values()), owner
            counted += row.items > 0
        else:
            assert fates is None or owner in proved.unknown or set(fates) == {"not-expected"}, owner
    assert counted >= 13


def test_notes_tell_what_is_only_in_icloud_and_what_is_in_an_account(phones_backup: Any, tmp_path: Path) -> None:
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
    cloud = {row.category.id: row.cloud_notes for row in found.categories if row.cloud_notes and row.files}
    assert cloud == {
        "messages": ("3 attachments are only in iCloud: their files are not in this backup",),
        "photos": ("4 of them are only in iCloud",),
    }
    absent = "2 files that belong to them are not in this backup, and may not be on the phone either"
    assert absent in found.category("notes").notes, "nothing in the store says that they are in iCloud"
    assert found.category("notes").complete is None
    accounts = {row.category.id: row.account_notes for row in found.categories if row.account_notes}
    sign_in = "iCloud: sign in there on the new phone to keep"
    assert accounts == {
        "contacts": ("2 of them belong to an account: sign in there on the new phone to keep them",),
        "notes": (f"1 of them belongs to {sign_in} it",),
        "reminders": (f"1 of them belongs to {sign_in} it",),
        "calendars": (f"5 of them belong to {sign_in} them",),
    }
    for row in found.categories:
        assert (row.complete is False) == (row.category.id in cloud or row.category.id == "text-replacements")
        assert {*row.cloud_notes, *row.account_notes} <= set(row.as_json()["notes"])
    photos = found.category("photos")
    assert (photos.items, photos.here, photos.only_in_icloud, photos.deleted) == (3 + 2 + 4, 3 + 2, 4, 0)


def test_what_is_recently_deleted_is_counted_apart(phones_backup: Any, count_one: Any, tmp_path: Path) -> None:
    backup, _ = phones_backup("18.5", **SMALL)
    record = backup.record("CameraRollDomain", "Media/PhotoData/Photos.sqlite")
    changed = tmp_path / "changed.sqlite"
    changed.write_bytes(backup.read(record, 1 << 30))
    with closing(sqlite3.connect(changed)) as connection:
        connection.execute("UPDATE ZASSET SET ZTRASHEDSTATE = 1 WHERE ZKIND = 1")
        connection.commit()
    found = count_one("photos", record.domain, record.relative_path, changed.read_bytes())
    assert (found.items, found.deleted) == (3, 2)
    assert found.number_notes() == ("3 photos and videos, 0 videos",)


DELETED_FOR_GOOD = (
    "CREATE TABLE IF NOT EXISTS sync_deleted_messages (ROWID INTEGER PRIMARY KEY, guid TEXT NOT NULL, recordID TEXT)",
    "INSERT INTO sync_deleted_messages (guid) VALUES ('X-1'), ('X-1'), ('X-2')",
    "INSERT INTO sync_deleted_messages (guid) SELECT guid FROM message LIMIT 1",
)


def test_messages_deleted_for_good_are_no_items_and_are_told_apart(
    make_backup: Any, count_one: Any, tmp_path: Path
) -> None:
    database = tmp_path / "sms.db"
    database.write_bytes(conversations(tmp_path, schema_16()))
    before = count_one(*SMS, database.read_bytes())
    with closing(sqlite3.connect(database)) as connection:
        for statement in DELETED_FOR_GOOD:
            connection.execute(statement)
        connection.commit()
    found = count_one(*SMS, database.read_bytes())
    assert (found.items, found.deleted) == (before.items, before.deleted) == (9, 1)
    assert (before.trace_notes(), found.trace_notes()) == (
        (),
        ("messages: 2 deletions are noted. What was deleted is not in this backup",),
    )
    shown = show(make_backup({SMS[1:]: database.read_bytes()}), tmp_path / "tmp").category("messages")
    assert found.trace_notes()[0] in shown.notes and shown.as_json()["deleted"] == 1


def test_missing_numbers_of_messages_are_told_apart_from_noted_deletions(count_one: Any, tmp_path: Path) -> None:
    database = tmp_path / "sms.db"
    database.write_bytes(conversations(tmp_path, schema_16()))
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DELETE FROM message WHERE ROWID IN (42, 43)")
        for statement in DELETED_FOR_GOOD:
            connection.execute(statement)
        connection.commit()
    found = count_one(*SMS, database.read_bytes())
    assert (found.kinds[0].traces, found.kinds[0].gaps, found.items + found.deleted) == (2, 2, 8)
    assert found.trace_notes()[1] == (
        "messages: 2 numbers between them are missing: deleted or expired, and perhaps noted too"
    )


def test_deleted_files_of_the_files_app_are_told(make_backup: Any, tmp_path: Path) -> None:
    domain = "AppDomainGroup-group.com.apple.FileProvider.LocalStorage"
    kept, gone = (domain, "File Provider Storage/.Trash.txt"), (domain, "File Provider Storage/.Trash/a.txt")
    before = show(make_backup({kept: b"x"}), tmp_path / "tmp").category("files")
    (tmp_path / "backup").rename(tmp_path / "before")
    after = show(make_backup({kept: b"x", gone: b"x"}), tmp_path / "tmp").category("files")

    assert (before.deleted, before.notes, after.deleted, after.files) == (None, (), 1, 2)
    assert "1 of its files is in Recently Deleted" in after.as_json()["notes"]


def test_a_damaged_list_of_deletions_does_not_make_the_messages_unknown(count_one: Any, tmp_path: Path) -> None:
    database = tmp_path / "sms.db"
    database.write_bytes(conversations(tmp_path, schema_16()))
    with closing(sqlite3.connect(database)) as connection:
        for statement in DELETED_FOR_GOOD:
            connection.execute(statement)
        connection.commit()
        root = "SELECT rootpage FROM sqlite_master WHERE name = 'sync_deleted_messages'"
        ((page,),), ((size,),) = connection.execute(root), connection.execute("PRAGMA page_size")
    data = bytearray(database.read_bytes())
    data[(page - 1) * size : page * size] = b"\xff" * size
    found = count_one(*SMS, bytes(data))
    assert (found.items, found.deleted, found.trace_notes(), found.unreadable) == (9, 1, (), ())


def test_deletions_of_the_history_are_noted_without_what_was_visited(count_one: Any, make_database: Any) -> None:
    made = make_database(
        "CREATE TABLE history_items (id INTEGER PRIMARY KEY, url TEXT);"
        "CREATE TABLE history_visits (history_item INTEGER, visit_time REAL, title TEXT);"
        "INSERT INTO history_items VALUES (1, 'https://example.com/');"
        "INSERT INTO history_visits VALUES (1, 700000000, 'x');"
        "CREATE TABLE history_tombstones (id INTEGER PRIMARY KEY, start_time REAL, end_time REAL, url TEXT);"
        "INSERT INTO history_tombstones VALUES (1, 0, 1, 'https://secret.example/');"
    )
    found = count_one("safari", "HomeDomain", "Library/Safari/History.db", made)
    assert (found.items, found.deleted) == (1, 0)
    assert found.trace_notes() == ("visits: 1 deletion is noted. What was deleted is not in this backup",)


def test_people_of_a_real_address_book_belong_to_its_accounts(
    shared_data: Path, make_backup: Any, tmp_path: Path
) -> None:
    folder = shared_data / "databases" / "ios15-real" / "addressBook"
    contents = {
        ("HomeDomain", f"Library/AddressBook/{file.name}"): file.read_bytes() for file in folder.glob("AddressBook.*")
    }
    contacts = show(make_backup(contents), tmp_path / "tmp").category("contacts")
    assert (contacts.items, contacts.complete) == (9, True), "they are all in the backup"
    assert contacts.account_notes[0].startswith("9 of them belong to thisisdfir@gmail.com, iCloud: sign in there")


# place, file, items with deleted ones, items of accounts. The fifth row of the calendar is a birthday.
IOS_18 = {
    "calendars": (("HomeDomain", "Library/Calendar/Calendar.sqlitedb"), "calendar.1.Calendar.sqlitedb", 4, 1),
    "contacts": (("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb"), "contacts.1.AddressBook.sqlitedb", 4, 1),
    "reminders": (
        ("AppDomainGroup-group.com.apple.reminders", "Container_v1/Stores/Data-local.sqlite"),
        "reminders.1.local.sqlite",
        1,
        0,
    ),
    "calls": (("HomeDomain", "Library/CallHistoryDB/CallHistory.storedata"), "calls.1.CallHistory.storedata", 5, 0),
    "messages": (("HomeDomain", "Library/SMS/sms.db"), "messages.1.sms.db", 10, 0),
}


@pytest.mark.parametrize("category", IOS_18)
def test_items_and_accounts_on_the_schema_of_ios_18(shared_data: Path, count_one: Any, category: str) -> None:
    place, name, items, account_owned = IOS_18[category]
    found = count_one(category, *place, (shared_data / "databases" / "ios18-synthetic" / name).read_bytes())
    live_and_deleted = (found.items or 0) + (found.deleted or 0)
    assert live_and_deleted == items
    assert sum(count.accounts.total() for count in found.kinds) == account_owned
    assert bool(found.account_notes()) == bool(account_owned)


def test_a_real_photo_library(shared_data: Path, make_backup: Any, tmp_path: Path) -> None:
    folder = shared_data / "databases" / "photos-macos" / "macos15.7.2"
    contents = {
        ("CameraRollDomain", f"Media/PhotoData/{file.name}"): file.read_bytes()
        for file in folder.glob("Photos.sqlite*")
    }
    photos = show(make_backup(contents), tmp_path / "tmp").category("photos")
    assert (photos.items, photos.deleted) == (18, 0)
    assert "18 photos and videos, 4 videos" in photos.notes
    assert photos.complete is None, "the originals are absent, and nothing says that they are in iCloud"


def test_rows_in_the_wal_are_counted(make_backup: Any, tmp_path: Path) -> None:
    """A phone's database may be one empty page for days, with all rows in its -wal."""
    source = tmp_path / "sms.db"
    with closing(sqlite3.connect(source, isolation_level=None)) as live:
        live.execute("PRAGMA journal_mode = WAL")
        live.execute("PRAGMA wal_autocheckpoint = 0")
        live.execute("CREATE TABLE message (guid, text)")
        live.executemany("INSERT INTO message VALUES (?, 'x')", [(f"G{n}",) for n in range(40)])
        contents = {
            ("HomeDomain", "Library/SMS/sms.db" + end): source.with_name("sms.db" + end).read_bytes()
            for end in ("", "-wal")
        }
    assert len(contents["HomeDomain", "Library/SMS/sms.db"]) <= 4096
    backup = make_backup(contents)
    assert show(backup, tmp_path / "tmp").category("messages").items == 40


# -- damaged databases never raise -----------------------------------------------------------------------------------


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
    assert (found.items, found.deleted, found.only_in_icloud) == (None, None, None)
    assert found.is_complete is None
    (note,) = found.unreadable
    assert note.startswith("Library/SMS/sms.db could not be read (")


def test_truncated_and_corrupted_databases_never_raise(phones_backup: Any, count_one: Any) -> None:
    """Each counted file, damaged in three seeded ways, gives a number or none, but never an error."""
    backup, _ = phones_backup("18.5", **SMALL, icloud_contacts=1, icloud_events=1, icloud_only_photos=1)
    chance = random.Random(1947)
    broken = 0
    for kind in kinds():
        for record in [record for record in backup.records() if kind.reads(record.domain, record.relative_path)]:
            whole = b"".join(backup.chunks(record))
            for _ in range(3):
                data = bytearray(whole)
                if chance.random() < 0.5:
                    del data[chance.randrange(len(data) or 1) :]
                for _ in range(chance.randrange(1, 60)):
                    if data:
                        data[chance.randrange(len(data))] = chance.randrange(256)
                found = count_one(kind.owner, record.domain, record.relative_path, bytes(data))
                assert found.items is None or found.items >= 0
                assert (found.items is None) >= bool(found.unreadable)
                broken += 1
    assert broken > 50


@pytest.mark.parametrize(
    ("script", "items"),
    [
        ("CREATE VIEW message AS SELECT 1;", None),
        ("CREATE TABLE message (x); CREATE TRIGGER t AFTER INSERT ON message BEGIN SELECT 1/0; END;", 0),
        ("CREATE TABLE message (x COLLATE NOCASE); INSERT INTO message VALUES (1); CREATE INDEX i ON message(x);", 1),
        ("CREATE TABLE MESSAGE (x); INSERT INTO MESSAGE VALUES (1);", None),
        ("CREATE VIRTUAL TABLE message USING fts4(x);", None),
        ('CREATE TABLE "message" ("a""b", "c d"); INSERT INTO message VALUES (1, 2);', 1),
        ("CREATE TABLE message (x GENERATED ALWAYS AS (1), y); INSERT INTO message (y) VALUES (1);", 1),
        ("CREATE TABLE message (x PRIMARY KEY) WITHOUT ROWID; INSERT INTO message VALUES (1), (2);", None),
    ],
)
def test_foreign_schemas_give_no_wrong_number(
    count_one: Any, make_database: Any, script: str, items: int | None
) -> None:
    found = count_one(*SMS, make_database(script))
    assert found.items == items
    assert bool(found.unreadable) == (items is None)


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
    found = count_one(*SMS, endless(whole))
    assert found.items is None
    assert found.unreadable == (
        "Library/SMS/sms.db could not be read (it is damaged: it has more rows than it can hold)",
    )


def test_endless_sorting_is_interrupted(count_one: Any, make_database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an index that fits, SQLite reads the whole table before it gives the first row."""
    monkeypatch.setattr(open_database, "_MIN_TIMEOUT_S", 0.1)
    whole = make_database("PRAGMA page_size = 512; CREATE TABLE message (guid); INSERT INTO message VALUES (1);")
    found = count_one(*SMS, endless(whole))
    assert (found.items, found.unreadable) == (None, ("Library/SMS/sms.db could not be read (interrupted)",))


def test_an_oversized_database_is_not_read(count_one: Any, make_database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_LIMIT_BYTES", 5000)
    found = count_one(*SMS, make_database("CREATE TABLE message (x);") + bytes(9000))
    assert (found.items, len(found.unreadable)) == (None, 1)
    assert "longer than 5,000 bytes" in found.unreadable[0]


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


# -- what an item adds -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing(Item):
    """An item of an invented kind."""

    def fingerprint(self) -> Fingerprint:
        return {}

    def describe(self) -> str:
        return "a thing"


PLACE = Place("HomeDomain", ("Library/Things/*.db",))
RECORDINGS = Place("HomeDomain", ("Library/Recordings/*.db",))


def of_kind(items: Any, **more: Any) -> Kind:
    known = {"id": "things", "owner": "notes", "label": "things", "places": (PLACE,)}
    return Kind(**{**known, "items": items, **more})


@pytest.fixture(name="count_things")
def count_things_fixture(make_backup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`count_things(kind, …)`: what `Counting` makes of invented kinds."""

    def count(*invented: Kind) -> counting.ItemCounts:
        monkeypatch.setattr(counting, "kinds_of", lambda owner: invented)
        places = tuple(place for kind in invented for place in (*kind.places, *kind.beside))
        monkeypatch.setattr(counting, "source_places", lambda: places)
        backup = make_backup(
            {("HomeDomain", "Library/Things/a.db"): b"x", ("HomeDomain", "Library/Recordings/b.db"): b"y"}
        )
        return Counting(backup, tmp_path).count("notes")

    return count


def test_each_state_and_each_file_adds_to_its_own_number(count_things: Any) -> None:
    one = Thing(id="1")
    things = [
        one,
        replace(one, state=State.DELETED, account="Gone", offloaded=7, absent=7),
        replace(one, state=State.ONLY_IN_CLOUD, offloaded=1, account="iCloud"),
        replace(one, account="iCloud", offloaded=2, absent=1),
        replace(one, account="Work\x1b[2J"),
    ]
    parts = (Part(label="ones", count=lambda item: int(item.id == "1")),)
    found = count_things(of_kind(lambda source: iter(things), parts=parts))
    assert (found.items, found.deleted, found.only_in_icloud) == (4, 1, 1)
    assert found.is_complete is False
    assert found.number_notes() == ("4 things, 4 ones",)
    assert found.elsewhere_notes() == (
        "1 of them is only in iCloud",
        "2 attachments are only in iCloud: their files are not in this backup",
    )
    assert found.absent_notes()[0].startswith("1 file that belongs to them is not in this backup")
    assert found.account_notes() == (
        "3 of them belong to iCloud, Work [2J: sign in there on the new phone to keep them",
    )


def test_what_is_absent_without_evidence_is_not_called_elsewhere(count_things: Any) -> None:
    found = count_things(of_kind(lambda source: iter([Thing(id="1", absent=1)])))
    assert (found.is_complete, found.only_in_icloud, found.elsewhere_notes()) == (None, 0, ())


def test_many_accounts_are_counted_and_the_largest_named(count_things: Any) -> None:
    names = ["A", "B", "B", "C", "C", "C", "D", "D", "D", "D", "E"]
    found = count_things(of_kind(lambda source: (Thing(id="1", account=name) for name in names)))
    assert found.account_notes()[0].startswith("11 of them belong to D, C, B, 2 more accounts: sign in")


def test_an_extra_kind_is_shown_and_not_added(count_things: Any) -> None:
    extra = of_kind(lambda source: iter([Thing(id="2")] * 3), id="more", label="others", extra=True)
    found = count_things(of_kind(lambda source: iter([Thing(id="1")] * 2)), extra)
    assert (found.items, found.number_notes()) == (2, ("2 things, 3 others",))


def test_a_file_that_cannot_be_read_makes_its_kind_unknown_and_no_other(count_things: Any) -> None:
    def broken(source: Source) -> Iterator[Item]:
        yield Thing(id="1", account="iCloud", offloaded=1)
        (record,) = source.files(PLACE)
        source.cannot_read(record, "it is damaged")

    recordings = of_kind(
        lambda source: iter([Thing(id="2")]), id="recordings", label="recordings", places=(RECORDINGS,)
    )
    found = count_things(of_kind(broken, extra=True), recordings)
    assert (found.items, found.is_unknown) == (1, True)
    found = count_things(of_kind(broken), recordings)
    assert (found.items, found.is_unknown) == (None, True)
    assert found.number_notes() == ("Library/Things/a.db could not be read (it is damaged)",)
    assert found.account_notes() == found.elsewhere_notes() == ()


def test_a_file_beside_that_cannot_be_read_is_told_and_the_number_known(count_things: Any) -> None:
    def without_recordings(source: Source) -> Iterator[Item]:
        (record,) = source.files(RECORDINGS)
        source.cannot_read(record, "it is damaged")
        yield Thing(id="1")

    found = count_things(of_kind(without_recordings, beside=(RECORDINGS,)))
    assert (found.items, found.is_unknown) == (1, False)
    assert found.unreadable == ("Library/Recordings/b.db could not be read (it is damaged)",)


def test_an_error_while_sorting_makes_the_number_unknown(count_things: Any) -> None:
    def full_disk(source: Source) -> Iterator[Item]:
        yield Thing(id="1")
        raise OSError(28, "No space left on device")

    found = count_things(of_kind(full_disk))
    assert found.items is None
    assert found.unreadable == ("Library/Things/a.db could not be read (No space left on device)",)


def test_counting_many_items_needs_no_memory(count_things: Any) -> None:
    kind = of_kind(lambda source: (Thing(id=str(number)) for number in range(30_000)))
    tracemalloc.start()
    try:
        assert count_things(kind).items == 30_000
        assert tracemalloc.get_traced_memory()[1] < 2_500_000
    finally:
        tracemalloc.stop()
