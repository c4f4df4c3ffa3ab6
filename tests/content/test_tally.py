"""What `show` reports about a backup."""

from __future__ import annotations

import plistlib
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.backup.record import Kind
from migrate.categories.catalogue import load_catalogue
from migrate.categories.claims import Claims
from migrate.content import databases, open_database
from migrate.content.tally import Tally, tally

CAMERA = "CameraRollDomain"
NOTES = "AppDomainGroup-group.com.apple.notes"


@pytest.fixture
def count(make_backup: Any, tmp_path: Path) -> Any:
    def counted(contents: Any, groups: Any = None, **plists: Any) -> Tally:
        backup = make_backup(contents, **plists)
        tmp = tmp_path / "home-tmp"
        found = tally(backup, Claims.of(backup, groups), tmp=tmp)
        assert list(tmp.iterdir()) == [], "a decrypted copy was left behind"
        return found

    return counted


def photos_script(*, remote: str = "1, -1, 1") -> str:
    return (
        "CREATE TABLE ZASSET (Z_PK INTEGER PRIMARY KEY, ZUUID, ZDIRECTORY, ZFILENAME, ZTRASHEDSTATE);"
        "CREATE TABLE ZINTERNALRESOURCE (ZASSET, ZDATASTORESUBTYPE, ZLOCALAVAILABILITY, ZREMOTEAVAILABILITY);"
        "INSERT INTO ZASSET VALUES (1, 'A', 'DCIM/100APPLE', 'IMG_0001.HEIC', 0),"
        " (2, 'B', 'DCIM/100APPLE', 'IMG_0002.HEIC', 0), (3, 'C', 'DCIM/100APPLE', 'IMG_0003.HEIC', 1),"
        " (4, 'D', 'PhotoData/CPLAssets/group7', 'A.HEIC', 0);"
        "INSERT INTO ZINTERNALRESOURCE VALUES (1, 1, 1, 1), (2, " + remote + "), (3, 1, -1, 1), (4, 1, -1, 1);"
    )


def messages_script(*texts: str) -> str:
    rows = ", ".join(f"('{name}', 'hello')" for name in texts)
    return "CREATE TABLE message (guid, text);" + (f"INSERT INTO message VALUES {rows};" if texts else "")


PEOPLE = (
    "CREATE TABLE ABPerson (First); INSERT INTO ABPerson VALUES ('A'), ('B'), ('C');"
    "CREATE TABLE ABMultiValue (UID, record_id, property, label, value); CREATE TABLE ABMultiValueLabel (value);"
    "CREATE TABLE ABMultiValueEntry (parent_id, key, value); CREATE TABLE ABMultiValueEntryKey (value);"
)


def test_files_bytes_and_items_of_every_category(count: Any, make_database: Any) -> None:
    people = make_database(PEOPLE)
    known = plistlib.dumps({"wifi.network.ssid.Home": {}, "wifi.network.ssid.Work": {}})
    found = count(
        {
            ("HomeDomain", "Library/AddressBook"): Kind.DIRECTORY,
            ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb"): people,
            ("HomeDomain", "Library/AddressBook/notes.txt"): b"12345",
            ("SystemPreferencesDomain", "com.apple.wifi.known-networks.plist"): known,
            ("AppDomain-a.b", "Documents/x"): b"1234567",
            ("DomainOfTomorrow", "a"): b"123",
        }
    )
    contacts = found.category("contacts")
    assert (contacts.files, contacts.bytes, contacts.items, contacts.complete) == (2, len(people) + 5, 3, True)
    assert found.category("wifi").items == 2
    assert [(a.app.id, a.files, a.bytes) for a in found.apps] == [("a.b", 1, 7)]
    assert [u.as_json() for u in found.unclaimed] == [{"domain": "DomainOfTomorrow", "files": 1, "bytes": 3}]
    assert found.category("other-system").files == 0
    assert found.category("photos").complete is None
    assert found.category("photos").items is None


def test_the_answer_has_the_keys_scripts_rely_on(count: Any) -> None:
    answer = count({("AppDomain-a.b", "x"): b"x"}).as_json()
    assert set(answer) == {"backup", "categories", "apps", "unclaimed"}
    items = {"items", "deleted", "here", "only_in_icloud", "complete", "notes"}
    assert set(answer["categories"][0]) == {"id", "title", "files", "bytes"} | items
    assert set(answer["apps"][0]) == {
        "id",
        "title",
        "version",
        "files",
        "bytes",
        "groups",
        "shared_with",
        "reinstallable",
        *items,
    }
    assert len(answer["categories"]) == len(load_catalogue().ids)


def test_every_file_is_counted_once_and_shared_ones_for_each_app(count: Any) -> None:
    contents = {
        ("HomeDomain", "Library/SMS/sms.db"): b"no database",
        ("HomeDomain", "Library/New/x"): b"1",
        ("AppDomainGroup-group.both", "x"): b"22",
        ("AppDomain-a.b", "x"): b"1",
        ("AppDomain-a.c", "x"): b"1",
        ("AppDomainGroup-group.gone", "x"): b"1",
    }
    found = count(contents, {"a.b": ["group.both"], "a.c": ["group.both"]})
    total = sum(t.files for t in (*found.categories, *found.apps, *found.unclaimed))
    assert total == len(contents) + 1
    assert {u.domain for u in found.unclaimed} == {"HomeDomain", "AppDomainGroup-group.gone"}
    assert any("1 container" in note for note in found.category("other-system").notes)
    assert "a.c" in found.apps[0].notes[0]


def test_guessed_groups_are_shown_as_guessed(count: Any) -> None:
    found = count({("AppDomain-a.b", "x"): b"x", ("AppDomainGroup-group.a.b", "y"): b"y"})
    assert any("guessed" in note for note in found.apps[0].notes)
    assert found.apps[0].files == 2


def test_photos_whose_originals_are_only_in_icloud_are_counted_and_called_incomplete(
    count: Any, make_database: Any
) -> None:
    found = count(
        {
            (CAMERA, "Media/PhotoData/Photos.sqlite"): make_database(photos_script()),
            (CAMERA, "Media/DCIM/100APPLE/IMG_0001.HEIC"): b"picture",
            (CAMERA, "Media/PhotoData/CPLAssets/group7/A.HEIC"): b"kept here although the catalogue says not",
        }
    ).category("photos")
    assert (found.items, found.complete) == (3, False)
    assert (found.here, found.only_in_icloud, found.deleted) == (2, 1, 1)
    assert found.notes == ("3 photos and videos, 0 videos", "1 of them is only in iCloud")


def test_photos_that_are_all_here_are_complete(count: Any, make_database: Any) -> None:
    found = count(
        {
            (CAMERA, "Media/PhotoData/Photos.sqlite"): make_database(photos_script(remote="1, 1, 1")),
            (CAMERA, "Media/DCIM/100APPLE/IMG_0001.HEIC"): b"1",
            (CAMERA, "Media/DCIM/100APPLE/IMG_0002.HEIC"): b"2",
            (CAMERA, "Media/PhotoData/CPLAssets/group7/A.HEIC"): b"3",
        }
    ).category("photos")
    assert (found.items, found.complete, found.only_in_icloud) == (3, True, 0)
    assert found.notes == ("3 photos and videos, 0 videos",)


def test_originals_that_are_absent_are_not_called_elsewhere(count: Any, make_database: Any) -> None:
    """A library of iOS 9 does not say what is in iCloud."""
    old = make_database(
        "CREATE TABLE ZGENERICASSET (Z_PK INTEGER PRIMARY KEY, ZUUID, ZDIRECTORY, ZFILENAME);"
        "INSERT INTO ZGENERICASSET VALUES (1, 'A', 'DCIM/100APPLE', 'IMG_0001.JPG'),"
        " (2, 'B', 'DCIM/100APPLE', 'IMG_0002.JPG');"
    )
    found = count(
        {(CAMERA, "Media/PhotoData/Photos.sqlite"): old, (CAMERA, "Media/DCIM/100APPLE/IMG_0001.JPG"): b"1"},
        ios_version="9.3.5",
    ).category("photos")
    assert (found.items, found.here, found.only_in_icloud, found.complete) == (2, 2, 0, None)
    assert found.notes[1].startswith("1 file that belongs to them is not in this backup")


MADRID = ("HomeDomain", "Library/Preferences/com.apple.madrid.plist")


@pytest.mark.parametrize("messages_in_icloud", [True, False])
def test_attachments_without_a_file_are_in_icloud_only_if_the_phone_says_so(
    count: Any, make_database: Any, messages_in_icloud: bool
) -> None:
    messages = make_database(
        messages_script("M1", "M2") + "CREATE TABLE attachment (filename);"
        "INSERT INTO attachment VALUES ('~/Library/SMS/Attachments/a/here.heic'),"
        " ('~/Library/SMS/Attachments/b/gone.heic'), ('/var/mobile/Library/SMS/Attachments/c/caf\u00e9.heic');"
        "CREATE TABLE message_attachment_join (message_id, attachment_id);"
        "INSERT INTO message_attachment_join VALUES (1, 1), (1, 2), (2, 3);"
    )
    found = count(
        {
            ("HomeDomain", "Library/SMS/sms.db"): messages,
            ("MediaDomain", "Library/SMS/Attachments/a/here.heic"): b"1",
            ("MediaDomain", "Library/SMS/Attachments/c/cafe\u0301.heic"): b"2",
            MADRID: plistlib.dumps({"CloudKitSyncingEnabled": messages_in_icloud}),
        }
    ).category("messages")
    assert (found.items, found.here, found.only_in_icloud) == (2, 2, 0)
    assert found.complete is (False if messages_in_icloud else None)
    numbers, missing = found.notes
    assert numbers == "2 messages, 3 attachments"
    if messages_in_icloud:
        assert missing == "1 attachment is only in iCloud: its file is not in this backup"
    else:
        assert missing.startswith("1 file that belongs to them is not in this backup")


def test_events_of_a_subscribed_calendar_need_no_account(count: Any, make_database: Any) -> None:
    calendar = make_database(
        "CREATE TABLE CalendarItem (summary, start_date, calendar_id, UUID);"
        "CREATE TABLE Calendar (title, store_id); CREATE TABLE Store (name, type);"
        "INSERT INTO Store VALUES ('Default', 0), ('iCloud', 2), ('Holidays', 4);"
        "INSERT INTO Calendar VALUES ('Home', 1), ('Work', 2), ('Holidays', 3);"
        "INSERT INTO CalendarItem VALUES ('a', 1, 1, 'A'), ('b', 2, 2, 'B'), ('c', 3, 3, 'C'), ('d', 4, 3, 'D');"
    )
    found = count({("HomeDomain", "Library/Calendar/Calendar.sqlitedb"): calendar}).category("calendars")
    assert (found.items, found.complete) == (4, True)
    assert found.account_notes == ("1 of them belongs to iCloud: sign in there on the new phone to keep it",)


def test_chats_of_an_app_are_counted(count: Any, make_database: Any) -> None:
    line, group = "jp.naver.line", "group.com.linecorp.line"
    store = f"AppDomainGroup-{group}", "Library/Application Support/PrivateStore/P_1/Messages/Line.sqlite"
    chats = make_database("CREATE TABLE ZCHAT (ZMID); INSERT INTO ZCHAT VALUES ('u1'), ('u2');")
    (app,) = count({(f"AppDomain-{line}", "Documents/x"): b"1", store: chats}, {line: [group]}).apps
    assert (app.app.title, app.items, app.complete) == ("LINE", 2, True)
    assert app.as_json()["items"] == 2


def test_a_damaged_database_gives_a_note_instead_of_a_number(count: Any) -> None:
    found = count({("HomeDomain", "Library/SMS/sms.db"): b"this is no database" * 400})
    messages = found.category("messages")
    assert (messages.files, messages.items, messages.complete) == (1, None, None)
    assert "sms.db could not be read" in messages.notes[0]


def test_a_database_with_a_missing_blob_gives_no_number(make_backup: Any, tmp_path: Path) -> None:
    backup: Backup = make_backup({("HomeDomain", "Library/SMS/sms.db"): b"x"})
    record = backup.record("HomeDomain", "Library/SMS/sms.db")
    assert record is not None
    backup.stored_path(record).unlink()
    messages = tally(backup, Claims.of(backup), tmp=tmp_path / "t").category("messages")
    assert (messages.files, messages.bytes, messages.items) == (1, 1, None)
    assert messages.complete is False
    assert "contents are missing" in messages.notes[0] and "blob-missing" in messages.notes[1]


def test_a_database_of_another_ios_without_the_table_gives_no_number(count: Any, make_database: Any) -> None:
    messages = count({("HomeDomain", "Library/SMS/sms.db"): make_database("CREATE TABLE msg (x);")}).category(
        "messages"
    )
    assert (messages.items, messages.complete) == (None, None)
    assert messages.notes == ("Library/SMS/sms.db could not be read (it has no table message)",)


def test_a_view_named_like_the_table_is_not_queried(count: Any, make_database: Any) -> None:
    endless = "CREATE VIEW message AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n;"
    found = count({("HomeDomain", "Library/SMS/sms.db"): make_database(endless)})
    assert found.category("messages").items is None


def test_an_endless_query_is_stopped(make_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_database, "_MIN_TIMEOUT_S", 0.1)
    database = tmp_path / "copy"
    database.write_bytes(make_database("CREATE TABLE message (x);"))
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n"
    with open_database.open_database(database) as connection:
        for _ in range(2):  # the second query does not get more time
            with pytest.raises(sqlite3.OperationalError, match="interrupted"):
                connection.execute(endless).fetchone()


def test_a_category_is_the_sum_of_its_stores(count: Any, make_database: Any) -> None:
    """An iOS 17 phone with a store in the new place and others still in the old one."""

    def store(*titles: str) -> bytes:
        rows = ", ".join(f"('{title}', '{title}')" for title in titles)
        insert = f"INSERT INTO ZREMCDREMINDER (ZIDENTIFIER, ZTITLE) VALUES {rows};" if titles else ""
        made: bytes = make_database(
            "CREATE TABLE ZREMCDREMINDER (Z_PK INTEGER PRIMARY KEY, ZIDENTIFIER, ZTITLE);" + insert
        )
        return made

    stores = "Library/Reminders/Container_v1/Stores/"
    found = count(
        {
            ("AppDomainGroup-group.com.apple.reminders", "Container_v1/Stores/Data-local.sqlite"): store(),
            ("HomeDomain", stores + "Data-local.sqlite"): store("a"),
            ("HomeDomain", stores + "Data-9C3FDBA9.sqlite"): store("b", "c", "d"),
        }
    )
    assert found.category("reminders").items == 4


def test_the_old_wifi_list_is_counted_if_the_new_one_is_missing(count: Any) -> None:
    old = plistlib.dumps({"List of known networks": [{}, {}, {}], "Version": 1})
    found = count({("SystemPreferencesDomain", "SystemConfiguration/com.apple.wifi.plist"): old})
    assert found.category("wifi").items == 3


@pytest.mark.parametrize("defect", [b"", b"<plist>", plistlib.dumps([1])])
def test_an_invalid_wifi_list_gives_no_number(count: Any, defect: bytes) -> None:
    found = count({("SystemPreferencesDomain", "com.apple.wifi.known-networks.plist"): defect})
    assert found.category("wifi").items is None


def test_data_missing_from_unencrypted_backups_is_mentioned(count: Any) -> None:
    found = count({("KeychainDomain", "keychain-backup.plist"): b"x"})
    assert found.category("passwords").complete is None
    assert any("not encrypted" in note for note in found.category("passwords").notes)
    assert "only an encrypted backup" in found.category("health").notes[0]


def test_a_file_without_a_size_in_the_manifest_is_measured(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup({("HomeDomain", "Library/SMS/Drafts/x"): b"12345"}, sizes_unknown=True)
    (record,) = backup.records()
    assert record.size is None
    found = tally(backup, Claims.of(backup), tmp=tmp_path / "t")
    assert found.category("messages").bytes == 5


def test_the_copy_for_counting_is_private_and_removed_afterwards(
    make_backup: Any, make_database: Any, tmp_path: Path
) -> None:
    backup: Backup = make_backup(
        {
            ("HomeDomain", "Library/SMS/sms.db"): make_database(messages_script()),
            ("HomeDomain", "Library/SMS/sms.db-wal"): b"",
            ("HomeDomain", "Library/SMS/sms.db-shm"): b"stale",
        }
    )
    record = backup.record("HomeDomain", "Library/SMS/sms.db")
    assert record is not None
    with databases.database_copy(backup, record, tmp_path) as copy:
        assert sorted(p.name for p in copy.parent.iterdir()) == ["main", "main-wal"]
        assert stat.S_IMODE(copy.parent.stat().st_mode) & 0o077 == 0
        assert stat.S_IMODE(copy.stat().st_mode) & 0o077 == 0
    assert not copy.parent.exists()


def test_the_backup_itself_is_never_opened_by_sqlite(make_backup: Any, make_database: Any, tmp_path: Path) -> None:
    backup: Backup = make_backup(
        {("HomeDomain", "Library/SMS/sms.db"): make_database("PRAGMA journal_mode=WAL; CREATE TABLE message (x);")}
    )
    before = {p: p.read_bytes() for p in backup.folder.path.rglob("*") if p.is_file()}
    assert tally(backup, Claims.of(backup), tmp=tmp_path / "t").category("messages").items == 0
    assert {p: p.read_bytes() for p in backup.folder.path.rglob("*") if p.is_file()} == before
