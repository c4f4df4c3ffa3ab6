"""What a proof may expect for a record on the new phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migrate.categories.arrival import arrives_later, is_database_file, never_arrives_reason, rewritten_by_phone
from migrate.categories.catalogue import RestoreEffectName, load_catalogue
from migrate.content.databases import table_digests


@pytest.mark.parametrize(
    ("domain", "path"),
    [
        ("HomeDomain", "Library/DataAccess/DeviceSpecificInfo.plist"),
        ("HomeDomain", "Library/Preferences/com.apple.MobileBluetooth.devices.plist"),
        ("HomeDomain", "Library/WebKit/Form Values"),
        ("DatabaseDomain", "lsd/com.apple.lsdidentifiers.plist"),
        ("WirelessDomain", "Library/Logs/IQAgent/x"),
        ("CameraRollDomain", "Media/PhotoData/CPL/storage.db"),
        ("CameraRollDomain", "Media/PhotoData/Metadata/PhotoData/Sync/x"),
        ("HomeDomain", "Library/MediaStream/x"),
        ("HomeDomain", "Library/Maps/GeoHistory.mapsdata"),
        ("HomeDomain", "Library/Preferences/com.apple.carrier_1.plist"),
        ("HomeDomain", "Library/Calendar/Attachments/1/a.pdf"),
        ("RootDomain", "Library/Caches/locationd/cache_unencrypted.db-wal"),
        ("WirelessDomain", "Library/Preferences/no_backup/x"),
    ],
)
def test_dropped_records_are_not_expected_and_say_why(domain: str, path: str) -> None:
    why = never_arrives_reason(domain, path)
    assert why
    assert "iOS" in why


@pytest.mark.parametrize(
    ("domain", "path"),
    [
        ("HealthDomain", "Health/healthdb.sqlite"),  # on the phone's list of removed files, but restored anyway
        ("HomeDomain", "Library/SMS/sms.db"),
        ("HomeDomain", "Library/Preferences/com.apple.GMM.plist2"),
        ("CameraRollDomain", "Media/PhotoData/CPLAssets/group1/x.HEIC"),
        ("CameraRollDomain", "Media/PhotoData/Metadata/DCIM/100APPLE/x"),
        ("CameraRollDomain", "Media/PhotoData/Metadata/PhotoData/CPLAssets/x"),
        ("AppDomain-x", "Library/WebKit/Form Values"),
    ],
)
def test_records_that_should_arrive_are_expected(domain: str, path: str) -> None:
    assert never_arrives_reason(domain, path) is None


def test_originals_and_apps_may_arrive_later_but_not_the_catalogue() -> None:
    assert arrives_later("CameraRollDomain", "Media/DCIM/100APPLE/IMG_1.HEIC")
    assert arrives_later("CameraRollDomain", "Media/PhotoData/Mutations/x")
    assert arrives_later("AppDomain-x.chat", "Documents/chat.db")
    assert arrives_later("AppDomainGroup-group.x", "")
    assert arrives_later("AppDomainPlugin-x.y", "a")
    assert not arrives_later("CameraRollDomain", "Media/PhotoData/Photos.sqlite")
    assert not arrives_later("HomeDomain", "Library/SMS/sms.db")


@pytest.mark.parametrize(
    ("domain", "path"),
    [
        ("HomeDomain", "Library/SMS/sms.db"),
        ("HomeDomain", "Library/SMS/sms.db-wal"),
        ("HomeDomain", "Library/CallHistoryDB/CallHistory.storedata-journal"),
        ("HomeDomain", "Library/Recents/Recents"),
        ("HomeDomain", "Library/Preferences/.GlobalPreferences.plist"),
        ("HomeDomain", "Library/SpringBoard/IconState.plist"),
        ("SystemPreferencesDomain", "com.apple.wifi.known-networks.plist"),
        ("KeychainDomain", "keychain-backup.plist"),
        ("AppDomain-x", "Library/Preferences/x.plist"),
        ("AppDomainGroup-group.com.apple.notes", "NoteStore.sqlite"),
        ("AppDomain-com.google.chrome.ios", "Library/Application Support/Google/Chrome/Default/Login Data-journal"),
        ("AppDomainGroup-group.net.whatsapp.WhatsApp.shared", "ChatStorage.sqlite-wal"),
        ("SysSharedContainerDomain-systemgroup.com.apple.mobiletimerd", "Library/local.sqlite"),
        ("HomeDomain", "Library/NewThing/store.sqlitedb"),
    ],
)
def test_files_rewritten_by_the_phone_are_not_compared_byte_by_byte(domain: str, path: str) -> None:
    assert rewritten_by_phone(domain, path)


@pytest.mark.parametrize(
    ("domain", "path"),
    [
        ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_1.HEIC"),
        ("CameraRollDomain", "Media/PhotoData/Mutations/DCIM/100APPLE/IMG_1/Adjustments/a.plist"),
        ("MediaDomain", "Library/SMS/Attachments/a/b.heic"),
        ("MediaDomain", "Media/Recordings/1.m4a"),
        ("HomeDomain", "Library/SpringBoard/LockBackground.cpbitmap"),
        ("HomeDomain", "Library/Fonts/a.ttf"),
        ("HomeDomain", "Library/Mobile Documents/com~apple~CloudDocs/letter.pdf"),
        ("HomeDomain", "Library/NanoBackup/1/data"),
        ("HomeDomain", "Library/Wallpapers/a.cpbitmap"),
        ("AppDomain-x.chat", "Documents/letter.pdf"),
        ("AppDomainGroup-group.com.apple.notes", "Accounts/A/Media/B/x.jpg"),
        ("AppDomain-x.chat", "Documents/a.db/letter.pdf"),
        ("DomainOfTomorrow", "letter.pdf"),
    ],
)
def test_personal_files_are_compared_byte_by_byte(domain: str, path: str) -> None:
    assert not rewritten_by_phone(domain, path)


def test_databases_are_recognised_by_name() -> None:
    assert is_database_file("a/Login Data-journal")
    assert is_database_file("a/x.sqlite3")
    assert not is_database_file("Library/homed/transaction-journal")
    assert not is_database_file("a.db/letter.pdf")


def test_every_restore_effect_has_a_reason_and_a_source() -> None:
    names: tuple[RestoreEffectName, ...] = ("never", "later")
    effects = [effect for name in names for effect in load_catalogue().restore_effects(name)]
    assert effects
    assert all(effect.why and effect.source for effect in effects)


def test_items_in_tables_are_counted_by_rows(make_database: Any, tmp_path: Path) -> None:
    database = tmp_path / "copy"
    database.write_bytes(
        make_database(
            "CREATE TABLE message (x); INSERT INTO message VALUES (1), (2);"
            'CREATE TABLE "odd ""name" (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO "odd ""name" DEFAULT VALUES;'
            "CREATE VIEW everything AS SELECT * FROM message;"
            "CREATE VIRTUAL TABLE words USING fts4(body); INSERT INTO words VALUES ('a b c');"
        )
    )
    assert {table: rows.count for table, rows in table_digests(database).items()} == {"message": 2, 'odd "name': 1}
