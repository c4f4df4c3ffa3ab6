"""The contents of a simulated iPhone: the requested counts, in stores that ordinary programs can open."""

from __future__ import annotations

import hashlib
import plistlib
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath

import pytest
from pydantic import ValidationError

from migrate.simulator.agent.keychain.phone_keychain import add_keychain_to_snapshot
from migrate.simulator.agent.memory import keys_of
from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.device.filesystem import Filesystem, Node, read_content
from migrate.simulator.device.phone import SimulatedPhone

HOME, CAMERA_ROLL, MEDIA = "HomeDomain", "CameraRollDomain", "MediaDomain"
UDID = "00008101-000A1B2C3D4E5F60"
SQLITE = b"SQLite format 3\0"
SMALL = ContentsSpec(contacts=5, messages=12, attachments=3, photos=1, videos=0, memos=1, health_samples=20, apps=1)
ALARMS = f"{HOME}/Library/Preferences/com.apple.mobiletimerd.plist"
ALARMS_OF_27 = "SysSharedContainerDomain-systemgroup.com.apple.mobiletimerd/Library/local.sqlite"
REMINDERS = f"{HOME}/Library/Reminders/Container_v1/Stores/Data-local.sqlite"
REMINDERS_OF_17 = "AppDomainGroup-group.com.apple.reminders/Container_v1/Stores/Data-local.sqlite"
MEMOS = f"{MEDIA}/Media/Recordings/CloudRecordings.db"
MEMOS_OF_17 = "AppDomainGroup-group.com.apple.VoiceMemos.shared/Recordings/CloudRecordings.db"
HISTORY = f"{HOME}/Library/Safari/History.db"
HISTORY_OF_10 = "AppDomain-com.apple.mobilesafari/Library/Safari/History.db"
WALLPAPER_OF_15 = f"{HOME}/Library/SpringBoard/LockBackground.cpbitmap"
TABS_OF_15 = f"{HOME}/Library/Safari/SafariTabs.db"
NETWORKS_OF_14 = "SystemPreferencesDomain/com.apple.wifi.known-networks.plist"
PUBLISHED = {
    "3d0d7e5f": "Library/SMS/sms.db",
    "31bb7ba8": "Library/AddressBook/AddressBook.sqlitedb",
    "5a4935c7": "Library/CallHistoryDB/CallHistory.storedata",
    "992df473": "Library/Voicemail/voicemail.db",
    "12b144c0": "Media/PhotoData/Photos.sqlite",
    "4f98687d": "NoteStore.sqlite",
    "ca3bc056": "Library/Notes/notes.sqlite",
    "2041457d": "Library/Calendar/Calendar.sqlitedb",
    "d1f062e2": "Library/Safari/Bookmarks.db",
    "1a0e7afc": "Library/Safari/History.db",
    "3a47b098": "Library/Safari/BrowserState.db",
    "fabb74fd": "Library/Safari/SafariTabs.db",
    "51a4616e": "keychain-backup.plist",
    "64d0019c": "Library/TCC/TCC.db",
    "0dc926a1": "Library/Preferences/.GlobalPreferences.plist",
    "1f5a5212": "Library/CoreDuet/People/interactionC.db",
    "0d609c54": "Library/Databases/DataUsage.sqlite",
    "a690d776": "Library/Caches/locationd/clients.plist",
    "cd6702ce": "Library/AddressBook/AddressBookImages.sqlitedb",
    "943624fd": "Library/Accounts/Accounts3.sqlite",
    "fa2e5ac3": "Health/healthdb.sqlite",
    "516d7e19": "Health/healthdb_secure.sqlite",
    "0fa75546": "com.apple.wifi.known-networks.plist",
    "ade0340f": "SystemConfiguration/com.apple.wifi.plist",
    "aeacdfd9": "Library/SpringBoard/IconState.plist",
    "cc723e45": "Library/Preferences/com.apple.mobiletimerd.plist",
    "0184f304": "Recordings/CloudRecordings.db",
    "22afb348": "Library/Passes/passes23.sqlite",
    "e485456b": "Container_v1/Stores/Data-local.sqlite",
    "181c97b0": "Maps/MapsSync_0.0.1",
    "674f71d4": "Boards/boards.db",
}
"""The first digits of published file ids, and of those computed in facts/categories.md."""


def a_phone(spec: ContentsSpec = SMALL, *, ios: str = "17.5.1", seed: int = 7) -> SimulatedPhone:
    phone = SimulatedPhone(udid=UDID, ios_version=ios)
    fill(phone, spec, seed)
    return phone


@pytest.fixture(scope="module")
def phone() -> SimulatedPhone:
    return a_phone(ContentsSpec())


@contextmanager
def opened(files: Filesystem, domain: str, path: str, folder: Path) -> Iterator[sqlite3.Connection]:
    """Opens a phone's database as a computer does: with its log, but never with the log's index."""
    copy = folder / f"{hashlib.sha256(f'{domain}-{path}'.encode()).hexdigest()}.db"
    for suffix in ("", "-wal"):
        node = files.get(domain, path + suffix)
        if node is not None:
            copy.with_name(copy.name + suffix).write_bytes(read_content(node.content))
    with closing(sqlite3.connect(copy)) as connection:
        yield connection


def count(phone: SimulatedPhone, domain: str, path: str, question: str, folder: Path) -> int:
    with opened(phone.files, domain, path, folder) as connection:
        return int(connection.execute(f"SELECT COUNT(*) FROM {question}").fetchone()[0])


def databases(files: Filesystem) -> Iterator[Node]:
    for node in files.walk():
        if node.kind == "file" and next(node.content.chunks(), b"").startswith(SQLITE):
            yield node


def pictures(phone: SimulatedPhone) -> list[Node]:
    return [
        node for node in phone.files.walk(CAMERA_ROLL) if node.relative_path.startswith("Media/DCIM/") and node.size
    ]


def test_two_phones_of_one_seed_are_the_same_byte_for_byte() -> None:
    assert a_phone().files.digests() == a_phone().files.digests()


def test_another_seed_gives_other_people() -> None:
    mine, theirs = a_phone(seed=1).files, a_phone(seed=2).files
    for path in ("Library/AddressBook/AddressBook.sqlitedb-wal", "Library/SMS/sms.db"):
        assert mine.digests()[f"{HOME}/{path}"] != theirs.digests()[f"{HOME}/{path}"]
    photo = f"{CAMERA_ROLL}/Media/DCIM/100APPLE/IMG_0001.JPG"
    assert mine.digests()[photo] != theirs.digests()[photo]


def test_more_messages_do_not_change_the_photos() -> None:
    fewer = a_phone().files.digests()
    more = a_phone(SMALL.model_copy(update={"messages": 40})).files.digests()
    differing = {path for path in fewer.keys() | more.keys() if fewer.get(path) != more.get(path)}
    assert differing
    assert all("/Library/SMS/" in path for path in differing)


def test_the_default_phone_is_small(phone: SimulatedPhone) -> None:
    assert 10_000_000 < phone.files.total_bytes < 20_000_000
    assert 500 < len(list(phone.files.walk())) < 900


@pytest.mark.parametrize(
    ("counted", "domain", "path", "question"),
    [
        ("contacts", HOME, "Library/AddressBook/AddressBook.sqlitedb", "ABPerson"),
        ("messages", HOME, "Library/SMS/sms.db", "message"),
        ("attachments", HOME, "Library/SMS/sms.db", "attachment"),
        ("calls", HOME, "Library/CallHistoryDB/CallHistory.storedata", "ZCALLRECORD"),
        ("voicemails", HOME, "Library/Voicemail/voicemail.db", "voicemail"),
        ("photos", CAMERA_ROLL, "Media/PhotoData/Photos.sqlite", "ZASSET WHERE ZTRASHEDSTATE = 0 AND ZKIND = 0"),
        ("videos", CAMERA_ROLL, "Media/PhotoData/Photos.sqlite", "ZASSET WHERE ZTRASHEDSTATE = 0 AND ZKIND = 1"),
        ("notes", "AppDomainGroup-group.com.apple.notes", "NoteStore.sqlite", "ZICNOTEDATA"),
        ("events", HOME, "Library/Calendar/Calendar.sqlitedb", "CalendarItem"),
        ("bookmarks", HOME, "Library/Safari/Bookmarks.db", "bookmarks WHERE type = 0"),
        ("history", HOME, "Library/Safari/History.db", "history_items"),
        (
            "memos",
            "AppDomainGroup-group.com.apple.VoiceMemos.shared",
            "Recordings/CloudRecordings.db",
            "ZCLOUDRECORDING",
        ),
        ("health_samples", "HealthDomain", "Health/healthdb_secure.sqlite", "samples"),
    ],
)
def test_every_store_has_the_requested_count(
    phone: SimulatedPhone, tmp_path: Path, counted: str, domain: str, path: str, question: str
) -> None:
    assert count(phone, domain, path, question, tmp_path) == getattr(ContentsSpec(), counted) > 0


def test_reminders_are_in_stores_with_different_entity_numbers(phone: SimulatedPhone, tmp_path: Path) -> None:
    domain = "AppDomainGroup-group.com.apple.reminders"
    stores = [node.relative_path for node in databases(phone.files) if node.domain == domain]
    assert len(stores) == 2
    assert sum(count(phone, domain, path, "ZREMCDREMINDER", tmp_path) for path in stores) == ContentsSpec().reminders
    numbers = []
    for path in stores:
        with opened(phone.files, domain, path, tmp_path) as store:
            question = "SELECT Z_ENT FROM Z_PRIMARYKEY WHERE Z_NAME = 'REMCDReminder'"
            numbers.append(store.execute(question).fetchone()[0])
    assert len(set(numbers)) == 2


def test_known_networks_are_the_keys_of_their_list(phone: SimulatedPhone) -> None:
    node = phone.files.get("SystemPreferencesDomain", "com.apple.wifi.known-networks.plist")
    assert node is not None
    networks = plistlib.loads(read_content(node.content))
    assert len(networks) == ContentsSpec().wifi_networks
    assert all(name == f"wifi.network.ssid.{known['SSID'].decode()}" for name, known in networks.items())


@pytest.mark.parametrize("ios", ["12.5.7", "14.3", "16.7.2", "18.3", "27.0"])
def test_every_database_is_intact_and_every_property_list_parses(ios: str, tmp_path: Path) -> None:
    phone = a_phone(ios=ios)
    seen = 0
    for node in databases(phone.files):
        with opened(phone.files, node.domain, node.relative_path, tmp_path) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], node.relative_path
            assert database.execute("PRAGMA foreign_key_check").fetchall() == [], node.relative_path
        seen += 1
    assert seen > 25
    for node in phone.files.walk():
        if node.relative_path.endswith(".plist") and node.size:
            plistlib.loads(read_content(node.content))


def test_core_data_stores_know_their_highest_rows(phone: SimulatedPhone, tmp_path: Path) -> None:
    path = "Library/CallHistoryDB/CallHistory.storedata"
    with opened(phone.files, HOME, path, tmp_path) as store:
        highest = dict(store.execute("SELECT Z_NAME, Z_MAX FROM Z_PRIMARYKEY"))
        last = store.execute("SELECT MAX(Z_PK), MIN(Z_ENT), MAX(Z_ENT) FROM ZCALLRECORD").fetchone()
    assert (highest["CallRecord"], 2, 2) == last


def test_the_address_book_is_one_page_and_everything_is_in_its_log(phone: SimulatedPhone, tmp_path: Path) -> None:
    book = phone.files.get(HOME, "Library/AddressBook/AddressBook.sqlitedb")
    assert book is not None
    assert book.size == 4096
    alone = tmp_path / "alone.db"
    alone.write_bytes(read_content(book.content))
    with closing(sqlite3.connect(alone)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone() == (0,)
    assert phone.files.get(HOME, f"{book.relative_path}-shm") is not None


def test_the_newest_messages_are_only_in_the_log(phone: SimulatedPhone, tmp_path: Path) -> None:
    node = phone.files.get(HOME, "Library/SMS/sms.db")
    assert node is not None
    alone = tmp_path / "alone.db"
    alone.write_bytes(read_content(node.content))
    with closing(sqlite3.connect(alone)) as connection:
        settled = connection.execute("SELECT COUNT(*) FROM message").fetchone()[0]
    assert 0 < settled < count(phone, HOME, "Library/SMS/sms.db", "message", tmp_path)


def test_contacts_have_names_of_many_kinds_and_some_have_pictures(phone: SimulatedPhone, tmp_path: Path) -> None:
    with opened(phone.files, HOME, "Library/AddressBook/AddressBook.sqlitedb", tmp_path) as book:
        names = [row[0] for row in book.execute("SELECT First || ' ' || Last FROM ABPerson")]
        numbers = [row[0] for row in book.execute("SELECT value FROM ABMultiValue WHERE property = 3")]
    assert any(not name.isascii() for name in names)
    assert len(set(numbers)) == ContentsSpec().contacts
    path = "Library/AddressBook/AddressBookImages.sqlitedb"
    with opened(phone.files, HOME, path, tmp_path) as images:
        found = images.execute("SELECT record_id, data FROM ABFullSizeImage").fetchall()
    assert len(found) == ContentsSpec().contacts // 3
    assert all(data.startswith(b"\xff\xd8") for _, data in found)


def test_attachments_lie_in_the_media_domain_where_messages_say(tmp_path: Path) -> None:
    phone = a_phone(SMALL.model_copy(update={"messages": 30, "attachments": 5, "icloud_only_attachments": 2}))
    with opened(phone.files, HOME, "Library/SMS/sms.db", tmp_path) as messages:
        rows = messages.execute(
            "SELECT filename, total_bytes, attachment.ck_sync_state FROM attachment JOIN message_attachment_join"
            " ON attachment_id = attachment.ROWID JOIN message ON message_id = message.ROWID"
        ).fetchall()
    assert len(rows) == 7
    nodes = [phone.files.get(MEDIA, name.removeprefix("~/")) for name, _, _ in rows]
    assert [node is not None for node in nodes] == [synced == 0 for _, _, synced in rows]
    assert all(node.size == size for node, (_, size, _) in zip(nodes, rows, strict=True) if node)


def test_the_text_of_newer_messages_is_only_in_the_attributed_body(phone: SimulatedPhone, tmp_path: Path) -> None:
    with opened(phone.files, HOME, "Library/SMS/sms.db", tmp_path) as messages:
        hidden = messages.execute("SELECT attributedBody FROM message WHERE text IS NULL").fetchall()
        both = messages.execute(
            "SELECT text, attributedBody FROM message WHERE text NOTNULL AND attributedBody NOTNULL"
        )
        read = [(text, text_of(body)) for text, body in both]
    assert len(hidden) > ContentsSpec().messages // 2
    assert all(text_of(body) for (body,) in hidden)
    older = tmp_path / "older"
    older.mkdir()
    with opened(a_phone(ios="14.3").files, HOME, "Library/SMS/sms.db", older) as messages:
        read += [
            (text, text_of(body))
            for text, body in messages.execute("SELECT text, attributedBody FROM message WHERE attributedBody NOTNULL")
        ]
    assert read
    assert all(text == body for text, body in read)


def text_of(body: bytes) -> str:
    """Reads the text like iLEAPP: the first string after NSString, its length in one byte, or in two after 0x81."""
    assert body.startswith(b"\x04\x0bstreamtyped\x81\xe8\x03")
    after = body.split(b"NSString\x01\x94\x84\x01+", 1)[1]
    start, length = (3, int.from_bytes(after[1:3], "little")) if after[0] == 0x81 else (1, after[0])
    return after[start : start + length].decode()


def test_every_picture_of_the_library_is_a_file_and_every_file_is_in_the_library(
    phone: SimulatedPhone, tmp_path: Path
) -> None:
    with opened(phone.files, CAMERA_ROLL, "Media/PhotoData/Photos.sqlite", tmp_path) as library:
        rows = library.execute("SELECT ZDIRECTORY, ZFILENAME FROM ZASSET").fetchall()
    listed = {f"Media/{folder}/{name}" for folder, name in rows}
    assert len(listed) == ContentsSpec().assets == len(rows)
    assert all(phone.files.get(CAMERA_ROLL, path) for path in listed)
    assert {node.relative_path for node in pictures(phone)} == {path for path in listed if "/DCIM/" in path}
    assert any("/CPLAssets/" in path for path in listed)


def test_all_pictures_differ(phone: SimulatedPhone) -> None:
    originals = pictures(phone)
    assert len({read_content(node.content) for node in originals}) == len(originals) > 30


def test_pictures_have_the_extended_attributes_of_assetsd(phone: SimulatedPhone) -> None:
    attributes = pictures(phone)[0].extended_attributes
    assert attributes["com.apple.assetsd.originalFilename"] == b"IMG_0001.JPG"
    assert len(attributes["com.apple.assetsd.UUID"]) == 16


def test_pictures_that_are_only_in_icloud_have_a_thumbnail_and_no_file(tmp_path: Path) -> None:
    phone = a_phone(SMALL.model_copy(update={"icloud_only_photos": 3}))
    with opened(phone.files, CAMERA_ROLL, "Media/PhotoData/Photos.sqlite", tmp_path) as library:
        away = library.execute(
            "SELECT ZDIRECTORY, ZFILENAME FROM ZASSET JOIN ZINTERNALRESOURCE ON ZINTERNALRESOURCE.ZASSET = ZASSET.Z_PK"
            " WHERE ZDATASTORESUBTYPE = 1 AND ZLOCALAVAILABILITY = -1 AND ZREMOTEAVAILABILITY = 1"
            " AND ZFINGERPRINT IS NOT NULL"
        ).fetchall()
    assert len(away) == 3
    for folder, name in away:
        assert phone.files.get(CAMERA_ROLL, f"Media/{folder}/{name}") is None
        assert phone.files.get(CAMERA_ROLL, f"Media/PhotoData/Thumbnails/V2/{folder}/{name}/5005.JPG") is not None


def test_a_video_of_any_size_needs_no_memory() -> None:
    phone = a_phone(SMALL.model_copy(update={"extra_bytes": 50_000_000_000}))
    large = phone.files.get(CAMERA_ROLL, "Media/DCIM/100APPLE/IMG_0002.MOV")
    assert large is not None
    assert large.size == 50_000_000_000


def test_a_new_phone_has_every_store_and_all_are_empty(tmp_path: Path) -> None:
    phone = a_phone(ContentsSpec(empty=True))
    used = a_phone()
    assert phone.files.total_bytes < 1_500_000
    assert not pictures(phone)
    assert not [app for app in phone.apps.values() if not app.system]
    for path, table in (
        ("Library/AddressBook/AddressBook.sqlitedb", "ABPerson"),
        ("Library/SMS/sms.db", "message"),
        ("Library/Calendar/Calendar.sqlitedb", "CalendarItem"),
        ("Library/CallHistoryDB/CallHistory.storedata", "ZCALLRECORD"),
        ("Library/Passes/passes23.sqlite", "pass"),
    ):
        assert count(phone, HOME, path, table, tmp_path) == 0
    assert set(phone.files.domains()) < set(used.files.domains())


@pytest.mark.parametrize(
    ("ios", "there", "not_there"),
    [
        ("12.5.7", f"{HOME}/Library/Calendar/Calendar.sqlitedb", REMINDERS),
        ("12.5.7", HISTORY_OF_10, HISTORY),
        ("13.7", HISTORY, HISTORY_OF_10),
        ("13.7", "SystemPreferencesDomain/SystemConfiguration/com.apple.wifi.plist", NETWORKS_OF_14),
        ("14.3", WALLPAPER_OF_15, TABS_OF_15),
        ("16.7.2", REMINDERS, REMINDERS_OF_17),
        ("16.7.2", MEMOS, MEMOS_OF_17),
        ("16.7.2", TABS_OF_15, WALLPAPER_OF_15),
        ("17.0", REMINDERS_OF_17, REMINDERS),
        ("17.0", MEMOS_OF_17, MEMOS),
        ("26.1", ALARMS, ALARMS_OF_27),
        ("27.0", ALARMS_OF_27, ALARMS),
    ],
)
def test_stores_are_where_each_ios_version_has_them(ios: str, there: str, not_there: str) -> None:
    paths = {f"{node.domain}/{node.relative_path}" for node in a_phone(ios=ios).files.walk()}
    assert there in paths
    assert not_there not in paths


def test_reminders_of_ios_12_are_in_the_calendar(tmp_path: Path) -> None:
    phone = a_phone(SMALL.model_copy(update={"events": 4, "reminders": 3}), ios="12.5.7")
    path = "Library/Calendar/Calendar.sqlitedb"
    assert count(phone, HOME, path, "CalendarItem", tmp_path) == 7
    assert count(phone, HOME, path, "CalendarItem WHERE due_date IS NOT NULL", tmp_path) == 3


def test_photos_before_ios_14_are_in_the_older_table(tmp_path: Path) -> None:
    phone = a_phone(ios="13.7")
    assert count(phone, CAMERA_ROLL, "Media/PhotoData/Photos.sqlite", "ZGENERICASSET", tmp_path) == SMALL.assets


def snapshot_of(phone: SimulatedPhone) -> Filesystem:
    """The phone's files and the keychain that the agent adds for a backup."""
    files = phone.files.copy()
    add_keychain_to_snapshot(phone, files, keys_of(phone), earlier=0)
    return files


def test_files_have_the_published_file_ids(phone: SimulatedPhone) -> None:
    ids = {
        hashlib.sha1(f"{node.domain}-{node.relative_path}".encode()).hexdigest()[:8]: node.relative_path
        for node in snapshot_of(phone).walk()
    }
    assert {digits: ids.get(digits) for digits in PUBLISHED} == PUBLISHED


def test_two_apps_share_a_group_and_one_of_them_has_its_own(phone: SimulatedPhone, tmp_path: Path) -> None:
    bought = {bundle_id: app for bundle_id, app in phone.apps.items() if not app.system}
    assert set(bought) == {"com.example.chatter", "com.example.sketchbook"}
    shared = set(bought["com.example.chatter"].group_ids) & set(bought["com.example.sketchbook"].group_ids)
    own = set(bought["com.example.chatter"].group_ids) - shared
    assert len(shared) == len(own) == 1
    domains = phone.files.domains()
    for bundle_id, app in bought.items():
        assert f"AppDomain-{bundle_id}" in domains
        assert all(f"AppDomainGroup-{group}" in domains for group in app.group_ids)
        assert all(f"AppDomainPlugin-{plugin}" in domains for plugin in app.plugin_ids)
        assert app.icon_png.startswith(b"\x89PNG")
    group = f"AppDomainGroup-{own.pop()}"
    assert count(phone, group, "ChatStorage.sqlite", "ZWAMESSAGE", tmp_path) > 0
    with opened(phone.files, group, "ChatStorage.sqlite", tmp_path) as chats:
        media = chats.execute("SELECT ZMEDIALOCALPATH FROM ZWAMEDIAITEM").fetchall()
    assert media
    assert all(phone.files.get(group, f"Message/{path}") for (path,) in media)


def test_apps_can_be_named_and_unknown_ones_get_a_container_too() -> None:
    wanted = ("org.example.fieldnotes", "com.example.never-heard-of")
    phone = a_phone(SMALL.model_copy(update={"apps": wanted}))
    assert tuple(bundle_id for bundle_id, app in phone.apps.items() if not app.system) == wanted
    assert not phone.apps["org.example.fieldnotes"].has_sinf
    assert phone.files.get("AppDomain-com.example.never-heard-of", "Documents/readme.txt") is not None
    many = a_phone(SMALL.model_copy(update={"apps": 5}))
    assert len([app for app in many.apps.values() if not app.system]) == 5


def test_a_phone_has_every_kind_of_node_and_name(phone: SimulatedPhone) -> None:
    nodes = list(phone.files.walk())
    files = [node for node in nodes if node.kind == "file"]
    links = [node for node in nodes if node.kind == "symlink"]
    assert len(links) >= 10
    assert all(node.target and node.target.startswith("/var/") for node in links)
    assert any(node.size == 0 for node in files)
    parents = {f"{node.domain}/{PurePosixPath(node.relative_path).parent}" for node in nodes if node.relative_path}
    assert any(node.kind == "directory" and f"{node.domain}/{node.relative_path}" not in parents for node in nodes)
    assert {1, 2, 3, 4} <= {node.protection_class for node in files}
    names = [node.relative_path for node in files]
    assert any(unicodedata.normalize("NFC", name) != name for name in names)
    assert any(unicodedata.normalize("NFD", name) != name for name in names)
    assert any("'" in name for name in names)
    assert any("🎨" in name for name in names)
    assert any("/ " in name for name in names)


def test_keychain_and_system_files_do_not_belong_to_mobile(phone: SimulatedPhone) -> None:
    keychain = snapshot_of(phone).get("KeychainDomain", "keychain-backup.plist")
    assert keychain is not None
    assert (keychain.protection_class, keychain.mode, keychain.user_id) == (1, 0o100400, 64)
    settings = phone.files.get("SystemPreferencesDomain", "com.apple.wifi.known-networks.plist")
    assert settings is not None
    assert settings.user_id == 0


@pytest.mark.parametrize(
    "nonsense",
    [
        {"contacts": -1},
        {"kontacts": 3},
        {"apps": 51},
        {"apps": ["no dots"]},
        {"apps": ["com.example.a", "com.example.a"]},
        {"messages": 0},
        {"empty": True, "photos": 3},
    ],
)
def test_invalid_contents_are_refused(nonsense: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ContentsSpec.model_validate(nonsense)


def test_every_count_can_be_zero(tmp_path: Path) -> None:
    nothing = {name: 0 for name in ContentsSpec.model_fields if name != "empty"}
    phone = a_phone(ContentsSpec.model_validate(nothing))
    assert count(phone, HOME, "Library/SMS/sms.db", "message", tmp_path) == 0
    for node in databases(phone.files):
        with opened(phone.files, node.domain, node.relative_path, tmp_path) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_items_of_an_icloud_account_are_in_its_stores(tmp_path: Path) -> None:
    more = {"contacts": 5, "icloud_contacts": 2, "notes": 4, "icloud_notes": 3, "events": 6, "icloud_events": 4}
    phone = a_phone(
        SMALL.model_copy(update={**more, "reminders": 7, "icloud_reminders": 5, "icloud_only_note_media": 2})
    )
    local, group = REMINDERS_OF_17.partition("/")[2], REMINDERS_OF_17.partition("/")[0]
    assert count(phone, group, local, "ZREMCDREMINDER", tmp_path) == 2
    with opened(phone.files, HOME, "Library/AddressBook/AddressBook.sqlitedb", tmp_path) as book:
        assert book.execute("SELECT COUNT(*) FROM ABPerson WHERE StoreID = 2").fetchone() == (2,)
    with opened(phone.files, HOME, "Library/Calendar/Calendar.sqlitedb", tmp_path) as calendar:
        remote = "SELECT COUNT(*) FROM CalendarItem i JOIN Calendar c ON c.ROWID = i.calendar_id WHERE c.store_id = 2"
        assert calendar.execute(remote).fetchone() == (4,)
    with opened(phone.files, "AppDomainGroup-group.com.apple.notes", "NoteStore.sqlite", tmp_path) as store:
        account = "SELECT Z_PK FROM ZICCLOUDSYNCINGOBJECT WHERE ZNAME = 'iCloud'"
        notes = f"SELECT COUNT(*) FROM ZICCLOUDSYNCINGOBJECT WHERE ZACCOUNT7 = ({account})"
        assert store.execute(notes).fetchone() == (3,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"contacts": 1, "icloud_contacts": 2},
        {"notes": 0, "icloud_only_note_media": 1},
        {"empty": True, "icloud_events": 1},
    ],
)
def test_a_phone_cannot_have_more_in_icloud_than_it_has(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        ContentsSpec.model_validate(wrong)
