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
from migrate.categories import databases
from migrate.categories.catalogue import load_catalogue
from migrate.categories.claims import Claims
from migrate.categories.tally import Tally, tally

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
        "CREATE TABLE ZASSET (Z_PK INTEGER PRIMARY KEY, ZDIRECTORY, ZFILENAME, ZTRASHEDSTATE);"
        "CREATE TABLE ZINTERNALRESOURCE (ZASSET, ZDATASTORESUBTYPE, ZLOCALAVAILABILITY, ZREMOTEAVAILABILITY);"
        "INSERT INTO ZASSET VALUES (1, 'DCIM/100APPLE', 'IMG_0001.HEIC', 0), (2, 'DCIM/100APPLE', 'IMG_0002.HEIC', 0),"
        " (3, 'DCIM/100APPLE', 'IMG_0003.HEIC', 1), (4, 'PhotoData/CPLAssets/group7', 'A.HEIC', 0);"
        "INSERT INTO ZINTERNALRESOURCE VALUES (1, 1, 1, 1), (2, " + remote + "), (3, 1, -1, 1), (4, 1, -1, 1);"
    )


def test_files_bytes_and_items_of_every_category(count: Any, make_database: Any) -> None:
    people = make_database("CREATE TABLE ABPerson (x); INSERT INTO ABPerson VALUES (1), (2), (3);")
    known = plistlib.dumps({"wifi.network.ssid.Home": {}, "wifi.network.ssid.Work": {}})
    found = count(
        {
            ("HomeDomain", "Library/AddressBook"): Kind.DIRECTORY,
            ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb"): people,
            ("HomeDomain", "Library/AddressBook/AddressBookImages.sqlitedb"): b"12345",
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
    assert set(answer["categories"][0]) == {"id", "title", "files", "bytes", "items", "complete", "notes"}
    assert set(answer["apps"][0]) == {
        "id",
        "title",
        "version",
        "files",
        "bytes",
        "groups",
        "shared_with",
        "reinstallable",
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
    assert found.notes == ("1 original is only in iCloud",)


def test_photos_that_are_all_here_are_complete(count: Any, make_database: Any) -> None:
    found = count(
        {
            (CAMERA, "Media/PhotoData/Photos.sqlite"): make_database(photos_script(remote="1, 1, 1")),
            (CAMERA, "Media/DCIM/100APPLE/IMG_0001.HEIC"): b"1",
            (CAMERA, "Media/DCIM/100APPLE/IMG_0002.HEIC"): b"2",
            (CAMERA, "Media/PhotoData/CPLAssets/group7/A.HEIC"): b"3",
        }
    ).category("photos")
    assert (found.items, found.complete, found.notes) == (3, True, ())


def test_an_old_photo_library_without_availability_is_compared_with_its_files(count: Any, make_database: Any) -> None:
    old = make_database(
        "CREATE TABLE ZGENERICASSET (Z_PK INTEGER PRIMARY KEY, ZDIRECTORY, ZFILENAME);"
        "INSERT INTO ZGENERICASSET VALUES (1, 'DCIM/100APPLE', 'IMG_0001.JPG'), (2, 'DCIM/100APPLE', 'IMG_0002.JPG');"
    )
    found = count(
        {(CAMERA, "Media/PhotoData/Photos.sqlite"): old, (CAMERA, "Media/DCIM/100APPLE/IMG_0001.JPG"): b"1"},
        ios_version="9.3.5",
    ).category("photos")
    assert (found.items, found.complete) == (2, False)


def test_attachments_only_in_icloud_are_counted(count: Any, make_database: Any) -> None:
    messages = make_database(
        "CREATE TABLE message (x); INSERT INTO message VALUES (1), (2);"
        "CREATE TABLE attachment (filename);"
        "INSERT INTO attachment VALUES ('~/Library/SMS/Attachments/a/here.heic'), (NULL),"
        " ('~/Library/SMS/Attachments/b/gone.heic'), ('/var/mobile/Library/SMS/Attachments/c/caf\u00e9.heic'),"
        " ('/var/tmp/draft.heic');"
    )
    found = count(
        {
            ("HomeDomain", "Library/SMS/sms.db"): messages,
            ("MediaDomain", "Library/SMS/Attachments/a/here.heic"): b"1",
            ("MediaDomain", "Library/SMS/Attachments/c/cafe\u0301.heic"): b"2",
        }
    ).category("messages")
    assert (found.items, found.complete, found.files) == (2, False, 3)
    assert found.notes == (
        "2 messages, 5 attachments",
        "1 attachment is only in iCloud: its file is not in this backup",
    )


def test_pictures_in_notes_that_are_only_in_icloud_are_counted(count: Any, make_database: Any) -> None:
    store = make_database(
        "CREATE TABLE Z_PRIMARYKEY (Z_ENT, Z_NAME);"
        "INSERT INTO Z_PRIMARYKEY VALUES (11, 'ICMedia'), (5, 'ICAttachment');"
        "CREATE TABLE ZICNOTEDATA (x); INSERT INTO ZICNOTEDATA VALUES (1);"
        "CREATE TABLE ZICCLOUDSYNCINGOBJECT (Z_ENT, ZIDENTIFIER, ZFILENAME, ZMARKEDFORDELETION);"
        "INSERT INTO ZICCLOUDSYNCINGOBJECT VALUES (11, 'HERE', 'a.jpg', 0), (11, 'GONE', 'b.jpg', 0),"
        " (11, 'DELETED', 'c.jpg', 1), (5, 'NOT-MEDIA', 'd', 0), (11, NULL, 'e', 0);"
    )
    found = count(
        {(NOTES, "NoteStore.sqlite"): store, (NOTES, "Accounts/X/Media/HERE/1_gen/a.jpg"): b"picture"}
    ).category("notes")
    assert (found.items, found.complete) == (1, False)
    assert "1 picture" in found.notes[0]


def test_a_damaged_database_gives_a_note_instead_of_a_number(count: Any) -> None:
    found = count({("HomeDomain", "Library/SMS/sms.db"): b"this is no database" * 400})
    messages = found.category("messages")
    assert (messages.files, messages.items, messages.complete) == (1, None, None)
    assert "sms.db could not be counted" in messages.notes[0]


def test_a_database_with_a_missing_blob_gives_no_number(make_backup: Any, tmp_path: Path) -> None:
    backup: Backup = make_backup({("HomeDomain", "Library/SMS/sms.db"): b"x"})
    record = backup.record("HomeDomain", "Library/SMS/sms.db")
    assert record is not None
    backup.stored_path(record).unlink()
    messages = tally(backup, Claims.of(backup), tmp=tmp_path / "t").category("messages")
    assert (messages.files, messages.bytes, messages.items) == (1, 1, None)
    assert "blob-missing" in messages.notes[0]


def test_a_database_of_another_ios_without_the_table_gives_no_number(count: Any, make_database: Any) -> None:
    messages = count({("HomeDomain", "Library/SMS/sms.db"): make_database("CREATE TABLE msg (x);")}).category(
        "messages"
    )
    assert (messages.items, messages.complete, messages.notes) == (None, None, ())


def test_a_view_named_like_the_table_is_not_queried(count: Any, make_database: Any) -> None:
    endless = "CREATE VIEW message AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n;"
    found = count({("HomeDomain", "Library/SMS/sms.db"): make_database(endless)})
    assert found.category("messages").items is None


def test_an_endless_query_is_stopped(make_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_STEPS_PER_CHECK", 1_000)
    monkeypatch.setattr(databases, "_STEP_LIMIT", 5_000)
    database = tmp_path / "copy"
    database.write_bytes(make_database("CREATE TABLE message (x);"))
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n"
    with databases.open_database(database) as connection, pytest.raises(sqlite3.OperationalError, match="interrupted"):
        connection.execute(endless).fetchone()


def test_the_first_place_that_is_not_empty_is_counted(count: Any, make_database: Any) -> None:
    """An iOS 17 phone with an empty store in the new place and its reminders still in the old one."""
    empty = make_database("CREATE TABLE ZREMCDREMINDER (x);")
    three = make_database("CREATE TABLE ZREMCDREMINDER (x); INSERT INTO ZREMCDREMINDER VALUES (1), (2), (3);")
    one = make_database("CREATE TABLE ZREMCDREMINDER (x); INSERT INTO ZREMCDREMINDER VALUES (1);")
    stores = "Library/Reminders/Container_v1/Stores/"
    found = count(
        {
            ("AppDomainGroup-group.com.apple.reminders", "Container_v1/Stores/Data-local.sqlite"): empty,
            ("HomeDomain", stores + "Data-local.sqlite"): one,
            ("HomeDomain", stores + "Data-9C3FDBA9.sqlite"): three,
        }
    )
    assert found.category("reminders").items == 4


def test_safari_lists_the_parts_of_its_number(count: Any, make_database: Any) -> None:
    found = count(
        {
            ("HomeDomain", "Library/Safari/Bookmarks.db"): make_database(
                "CREATE TABLE bookmarks (type); INSERT INTO bookmarks VALUES (0), (0), (1);"
            ),
            ("HomeDomain", "Library/Safari/History.db"): make_database(
                "CREATE TABLE history_items (x); INSERT INTO history_items VALUES (1);"
            ),
            ("HomeDomain", "Library/Safari/Profiles/X/History.db"): make_database(
                "CREATE TABLE history_items (x); INSERT INTO history_items VALUES (1), (2), (3);"
            ),
        }
    ).category("safari")
    assert (found.items, found.notes) == (6, ("2 bookmarks, 4 pages in the history",))


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
    assert "not encrypted" in found.category("passwords").notes[0]
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
            ("HomeDomain", "Library/SMS/sms.db"): make_database("CREATE TABLE message (x);"),
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
