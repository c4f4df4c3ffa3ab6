"""Each rule of the aftermath, seen in what a backup of the phone would hold after the restore."""

from __future__ import annotations

import plistlib
import sqlite3
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.simulator.aftermath.settings import RULES, only

PREFERENCES = "HomeDomain/Library/Preferences"
SMS = "HomeDomain/Library/SMS/sms.db"
CALLS = "HomeDomain/Library/CallHistoryDB/CallHistory.storedata"
CALENDAR = "HomeDomain/Library/Calendar/Calendar.sqlitedb"
CONTACTS = "HomeDomain/Library/AddressBook/AddressBook.sqlitedb"
NOTES = "AppDomainGroup-group.com.apple.notes/NoteStore.sqlite"
PHOTOS = "CameraRollDomain/Media/PhotoData/Photos.sqlite"
HEALTH = "HealthDomain/Health/healthdb_secure.sqlite"
THUMBNAILS = "CameraRollDomain/Media/PhotoData/Thumbnails/"
CHAT_APP = "AppDomainGroup-group.com.example.chatter.shared/ChatStorage.sqlite"
NEVER_MIGRATED = {
    f"{PREFERENCES}/com.apple.GMM.plist", f"{PREFERENCES}/com.apple.MobileBluetooth.devices.plist",
    "HomeDomain/Library/DataAccess/DeviceSpecificInfo.plist", "DatabaseDomain/lsd/com.apple.lsdidentifiers.plist",
}  # fmt: skip
CONTAINER = "/var/mobile/Containers/Data/Application"


@pytest.fixture(scope="session")
def with_only(lab: Any) -> Callable[..., Any]:
    """`with_only("caches")`: the backup of a phone on iOS 26 that follows this rule and no other."""
    looks: dict[tuple[str, ...], Any] = {}

    def look(*rules: Any) -> Any:
        if rules not in looks:
            skip = only(*rules).skip
            looks[rules] = lab.peek(lab.moved(aftermath={"seed": 3, "skip": skip, "arrives_in_s": "when-ordered"}))
        return looks[rules]

    return look


def changed(before: Any, after: Any) -> set[str]:
    """The files of both backups that differ."""
    found = {path for path, data in before.files.items() if after.files.get(path, data) != data}
    return found - NEVER_MIGRATED


def test_without_an_aftermath_the_phone_keeps_what_it_was_sent(lab: Any, before: Any) -> None:
    look = lab.look(lab.moved(aftermath={"on": False}))
    assert before.files.keys() <= look.files.keys() and look.links == before.links
    assert set(changed(before, look)) == {"KeychainDomain/keychain-backup.plist"}, "written anew for every backup"


def test_ios_rewrites_its_databases_and_leaves_those_of_apps(with_only: Any, before: Any) -> None:
    look = with_only("databases")
    for path in (CALLS, PHOTOS, NOTES, HEALTH, f"{PREFERENCES[:10]}/Library/TCC/TCC.db"):
        assert look.files[path] != before.files[path], path
        assert look.tables(path) == before.tables(path)
    metadata = "SELECT Z_UUID, Z_PLIST FROM Z_METADATA"
    ((uuid, old),), ((same, new),) = before.rows(CALLS, metadata), look.rows(CALLS, metadata)
    assert uuid == same and plistlib.loads(old) != plistlib.loads(new)
    version = "SELECT value FROM _SqliteDatabaseProperties WHERE key = 'ClientVersion'"
    assert look.rows(CONTACTS, version) != before.rows(CONTACTS, version)
    assert look.files[CHAT_APP] == before.files[CHAT_APP]
    assert all(path.endswith((".db", ".sqlite", ".sqlitedb", ".storedata", "-wal", "-shm", "Recents"))
               for path in changed(before, look))  # fmt: skip


def test_databases_come_with_other_logs_than_before(after: Any, before: Any) -> None:
    def logs(look: Any) -> set[str]:
        return {path for path in look.files if path.endswith("-wal")}

    assert logs(after) - logs(before) and logs(before) - logs(after)


def test_an_update_changes_the_schema(with_only: Any, before: Any) -> None:
    look = with_only("schema")
    assert look.columns(SMS, "message") - before.columns(SMS, "message") >= {"schedule_type", "is_kt_verified"}
    assert "chat_service" in look.tables(SMS) and "chat_service" not in before.tables(SMS)
    assert "OccurrenceCacheDays" in before.tables(CALENDAR) - look.tables(CALENDAR)
    entities = "SELECT Z_NAME, Z_ENT FROM Z_PRIMARYKEY"
    old, new = (dict(found.rows(PHOTOS, entities)) for found in (before, look))
    assert old.keys() < new.keys() and any(new[name] != old[name] for name in old)
    assert not any(name in look.tables(PHOTOS) for name in before.tables(PHOTOS) if name.endswith("ASSETS"))
    assert {ent for (ent,) in look.rows(PHOTOS, "SELECT Z_ENT FROM ZASSET")} == {new["Asset"]}
    keys = "SELECT Z_PK FROM ZASSET"
    assert look.rows(PHOTOS, keys) == before.rows(PHOTOS, keys)


def test_the_same_version_keeps_the_schema(lab: Any, before: Any) -> None:
    aftermath = {"skip": only("schema", "renumbering").skip, "arrives_in_s": "when-ordered"}
    look = lab.peek(lab.moved("17.5.1", aftermath=aftermath))
    for path in (SMS, PHOTOS, CALLS):
        assert look.rows(path, "SELECT sql FROM sqlite_schema") == before.rows(path, "SELECT sql FROM sqlite_schema")
    keys = "SELECT Z_PK, ZUNIQUE_ID FROM ZCALLRECORD"
    assert look.rows(CALLS, keys) == before.rows(CALLS, keys)


@pytest.mark.soak
def test_notes_of_an_old_ios_move_to_the_columns_of_a_new_one(lab: Any) -> None:
    old = lab.peek(lab.old_phone("15.8.2"))
    look = lab.peek(lab.moved(old="15.8.2", aftermath={"skip": only("schema").skip, "arrives_in_s": "when-ordered"}))
    query = "SELECT ZIDENTIFIER, {} FROM ZICCLOUDSYNCINGOBJECT WHERE ZTITLE1 IS NOT NULL"
    was = old.rows(NOTES, query.format("ZCREATIONDATE1, ZACCOUNT3"))
    assert was and look.rows(NOTES, query.format("ZCREATIONDATE3, ZACCOUNT7")) == was
    assert {row[1:] for row in look.rows(NOTES, query.format("ZCREATIONDATE1, ZACCOUNT3"))} == {(None, None)}


def test_an_update_moves_stores_to_their_new_places(lab: Any) -> None:
    """iOS 17 keeps reminders and voice memos in group containers."""
    old = lab.peek(lab.old_phone("15.8.2"))
    look = lab.peek(lab.moved(old="15.8.2", aftermath={"arrives_in_s": "when-ordered"}))
    reminders = "SELECT ZIDENTIFIER, ZTITLE FROM ZREMCDREMINDER"
    was = old.rows("HomeDomain/Library/Reminders/Container_v1/Stores/Data-local.sqlite", reminders)
    group = "AppDomainGroup-group.com.apple.reminders/Container_v1/Stores/Data-local.sqlite"
    assert was and look.rows(group, reminders) == was
    assert not look.below("HomeDomain/Library/Reminders/")
    memos = {path.rpartition("/")[2]: old.files[path] for path in old.below("MediaDomain/Media/Recordings/2")}
    folder = "AppDomainGroup-group.com.apple.VoiceMemos.shared/Recordings/"
    assert len(memos) == 2 and all(look.files[folder + name] == data for name, data in memos.items())
    titles = "SELECT ZUNIQUEID, ZPATH FROM ZCLOUDRECORDING"
    recordings = old.rows("MediaDomain/Media/Recordings/CloudRecordings.db", titles)
    assert look.rows(f"{folder}CloudRecordings.db", titles) == recordings


def test_an_update_renumbers_rows_and_their_lasting_ids_stay(with_only: Any, before: Any) -> None:
    look = with_only("renumbering")
    for path, query in (
        (CALLS, "SELECT ZUNIQUE_ID, Z_PK FROM ZCALLRECORD"), (CALENDAR, "SELECT UUID, ROWID FROM CalendarItem"),
    ):  # fmt: skip
        old, new = dict(before.rows(path, query)), dict(look.rows(path, query))
        assert old.keys() == new.keys() and old != new
    maximum = "SELECT Z_MAX >= (SELECT max(Z_PK) FROM ZCALLRECORD) FROM Z_PRIMARYKEY WHERE Z_NAME = 'CallRecord'"
    assert look.rows(CALLS, maximum) == [(1,)]


def test_preferences_get_keys_of_the_phone_and_another_format(with_only: Any, before: Any, new_phone: Any) -> None:
    look = with_only("preferences")
    settings = look.plist(f"{PREFERENCES}/.GlobalPreferences.plist")
    assert settings["AppleLanguagesDidMigrate"] == new_phone.build and settings["AppleLocale"] == "en_US"
    assert look.plist(f"{PREFERENCES}/com.apple.purplebuddy.plist")["SetupState"] == "RestoredFromiTunesBackup"
    formats = {look.files[path][:6] for path in look.below(PREFERENCES) if path.endswith(".plist")}
    assert {b"bplist", b"<?xml "} <= formats
    networks = "SystemPreferencesDomain/com.apple.wifi.known-networks.plist"
    assert (
        look.plist(networks).keys() == before.plist(networks).keys() and look.files[networks] != before.files[networks]
    )
    icons = "HomeDomain/Library/SpringBoard/IconState.plist"
    assert look.plist(icons) == before.plist(icons)
    assert all(path.endswith(".plist") for path in changed(before, look))


def test_caches_get_other_bytes_or_are_gone(with_only: Any, before: Any) -> None:
    look = with_only("caches")
    assert look.below(THUMBNAILS) < before.below(THUMBNAILS)
    assert all(look.files[path] != before.files[path] for path in look.below(THUMBNAILS))
    same = before.files.keys() & look.files.keys()
    assert all(look.files[path] == before.files[path] for path in same if path.startswith("HomeDomain/Library/SMS"))


def test_the_phone_adds_rows_of_its_own(with_only: Any, before: Any) -> None:
    look = with_only("new-rows")
    for path, query in (
        (SMS, "SELECT guid, text FROM message"), (CALLS, "SELECT ZUNIQUE_ID FROM ZCALLRECORD"),
        (HEALTH, "SELECT uuid FROM objects"), (PHOTOS, "SELECT Z_PK, ZASSET FROM ZINTERNALRESOURCE"),
        ("HomeDomain/Library/TCC/TCC.db", "SELECT service, client FROM access"),
    ):  # fmt: skip
        assert set(look.rows(path, query)) > set(before.rows(path, query)), path
    joined = (
        "SELECT count(*) FROM message JOIN chat_message_join ON message_id = message.ROWID WHERE text LIKE 'Welcome%'"
    )
    assert look.rows(SMS, joined) == [(1,)]


def test_the_phone_adds_files_of_its_own(with_only: Any, before: Any) -> None:
    look = with_only("new-files")
    added = set(look.files.keys() - before.files.keys())
    assert len(added) >= 3 and any(path.startswith(THUMBNAILS) for path in added)


# --- links


@pytest.mark.parametrize(("model", "board"), [("iPhone17,3", "D47"), ("iPhone14,6", "D49"), ("iPhone13,2", "D53g")])
def test_links_name_the_hardware_they_are_on(lab: Any, before: Any, model: str, board: str) -> None:
    phone = lab.moved("18.5", model=model, time_zone="Asia/Tokyo", aftermath={"arrives_in_s": "when-ordered"})
    phone.finish_background_restore()
    links = lab.peek(phone).links
    assert links.keys() >= before.links.keys() and len(before.links) >= 12
    carrier = {path: target for path, target in links.items() if path.startswith(PREFERENCES)}
    assert len(carrier) == 7 and all(target.endswith(f"+{board}+49.0.plist") for target in carrier.values())
    assert links["DatabaseDomain/timezone/localtime"] == "/var/db/timezone/zoneinfo/Asia/Tokyo"
    inside = {path: target for path, target in links.items() if path.startswith("AppDomain-")}
    assert all(target.startswith(f"{CONTAINER}/") and target != before.links[path] for path, target in inside.items())
    assert len(set(inside.values())) == len(inside) >= 4


def test_the_links_have_the_shape_of_those_of_a_real_phone(before: Any) -> None:
    """The text that a backup of an iPhone 7 on iOS 14.3 has for one of its links, with our board and our iOS."""
    link = f"{PREFERENCES}/com.apple.carrier_1.merged.plist"
    overlay = "/var/mobile/Library/Carrier Bundles/Overlay"
    name = "default+device+carrier+Unknown.bundle+Default.bundle:D53g:48.0+D53g+48.0.plist"
    assert before.links[link] == f"{overlay}/{name}"


@pytest.mark.soak
def test_a_phone_can_leave_the_carriers_links_out_of_backups_and_restores(lab: Any) -> None:
    phone = lab.moved(assume={"carrier_links": "left-out"})
    assert not [path for path in lab.look(phone).links if path.startswith(PREFERENCES)]
    own = phone.files.get("HomeDomain", "Library/Preferences/com.apple.carrier_1.plist")
    assert own is None, "what is not restored is not there, and a replace removed the phone's own"


# --- determinism, switches and strangers


def test_the_same_seed_gives_the_same_bytes(lab: Any) -> None:
    def digests(seed: int) -> dict[str, str]:
        phone = lab.moved(aftermath={"seed": seed, "arrives_in_s": "when-ordered"})
        at_first = phone.files.digests()
        phone.finish_background_restore()
        phone.sign_in()
        return {**{f"first {path}": digest for path, digest in at_first.items()}, **phone.files.digests()}

    once, again, other = digests(41), digests(41), digests(42)
    assert once == again
    assert {path.removeprefix("first ") for path in once.items() ^ other.items() for path in path[:1]} > {SMS, PHOTOS}


def test_every_rule_is_documented_and_none_reads_the_categories() -> None:
    root = Path(__file__).resolve().parents[3]
    page = (root / "docs" / "simulator.md").read_text(encoding="utf-8")
    assert all(f"| `{rule}` |" in page for rule in RULES)
    for module in (root / "migrate" / "simulator" / "aftermath").glob("*.py"):
        text = module.read_text(encoding="utf-8")
        assert "migrate.categories" not in text and "migrate.content." not in text
    assert tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.soak
def test_a_strangers_database_stays_as_it_is(lab: Any, make_phone: Any) -> None:
    """Of three files one is no database, one has a trigger that would fill it, and one is no property list."""
    old = make_phone(seed=8, ios_version="17.5.1", contents={"empty": True})
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript("""
            CREATE TABLE access (service, client, client_type, auth_value, auth_reason, auth_version);
            INSERT INTO access (service) VALUES ('kept');
            CREATE TRIGGER many AFTER INSERT ON access BEGIN
              INSERT INTO access SELECT a.service, randomblob(99), 0, 0, 0, 0 FROM access a, access b; END;
        """)
        old.files.add_file("HomeDomain", "Library/TCC/TCC.db", database.serialize())
    old.files.add_file("HomeDomain", "Library/SMS/sms.db", b"SQLite format 3\0" + b"no database" * 700)
    old.files.add_file("HomeDomain", "Library/Preferences/com.apple.springboard.plist", b"bplist00 not one")
    lab.backups["stranger"] = lab.back_up(old), old
    new = make_phone(seed=9, ios_version="26.1", contents={"empty": True})
    look = lab.look(lab.restore(new, old))
    for path in (SMS, f"{PREFERENCES}/com.apple.springboard.plist"):
        assert look.files[path] == old_bytes(old, path)
    services = look.rows("HomeDomain/Library/TCC/TCC.db", "SELECT service FROM access WHERE client IS NULL")
    assert services == [("kept",)], "the trigger would have multiplied it"
    assert look.rows("HomeDomain/Library/TCC/TCC.db", "SELECT count(*) FROM access WHERE client IS NOT NULL") == [(1,)]


def old_bytes(phone: Any, path: str) -> bytes:
    domain, _, inside = path.partition("/")
    return b"".join(phone.files.get(domain, inside).content.chunks())
