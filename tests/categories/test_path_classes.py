"""Which class every path has, and which keys of preference files are left out."""

from __future__ import annotations

import re
from typing import Any

import pytest

from migrate.backup.companions import is_database
from migrate.backup.reader import Backup
from migrate.backup.record import Kind
from migrate.categories.catalogue import OTHER_SYSTEM, Catalogue, PathClass, PathClassEntry, load_catalogue
from migrate.categories.claims import Claims
from migrate.categories.globs import glob_regex
from migrate.categories.path_classes import path_class, volatile_keys
from migrate.content.kinds import kinds

ITEMS, VERBATIM, SETTINGS, DATABASE, HOUSEKEEPING = PathClass
HOME = "HomeDomain"
MAIL, SAFARI = "AppDomain-com.apple.mobilemail", "AppDomain-com.apple.mobilesafari"
BLUETOOTH = "SysSharedContainerDomain-systemgroup.com.apple.bluetooth"
BOOKS = "SysSharedContainerDomain-systemgroup.com.apple.media.shared.books"
WHATSAPP = "AppDomainGroup-group.net.whatsapp.WhatsApp.shared"
CLAIMS = Claims(load_catalogue(), {})


def class_of(domain: str, path: str, owner: str | None = None) -> PathClass:
    """The class of a file of the owner, or of the category that claims it."""
    owners = CLAIMS.owners(domain, path) if owner is None else frozenset({owner})
    return path_class(domain, path, owner_ids=owners, kind=Kind.FILE)


@pytest.mark.parametrize(
    ("domain", "path"),
    [
        (HOME, "Library/AddressBook/AddressBook.sqlitedb"),
        (HOME, "Library/AddressBook/AddressBookImages.sqlitedb"),
        (HOME, "Library/SMS/sms.db"),
        (HOME, "Library/CallHistoryDB/CallHistory.storedata"),
        ("WirelessDomain", "Library/CallHistory/call_history.db"),
        (HOME, "Library/Voicemail/voicemail.db"),
        ("CameraRollDomain", "Media/PhotoData/Photos.sqlite"),
        ("AppDomainGroup-group.com.apple.notes", "NoteStore.sqlite"),
        (HOME, "Library/Notes/notes.sqlite"),
        ("AppDomainGroup-group.com.apple.reminders", "Container_v1/Stores/Data-local.sqlite"),
        (HOME, "Library/Reminders/Container_v1/Stores/Data-1.sqlite"),
        (HOME, "Library/Calendar/Calendar.sqlitedb"),
        (HOME, "Library/Safari/Bookmarks.db"),
        (HOME, "Library/Safari/History.db"),
        (HOME, "Library/Safari/Profiles/A/History.db"),
        (SAFARI, "Library/Safari/Bookmarks.db"),
        (SAFARI, "Library/Safari/History.db"),
        ("AppDomainGroup-group.com.apple.VoiceMemos.shared", "Recordings/CloudRecordings.db"),
        ("MediaDomain", "Media/Recordings/CloudRecordings.db"),
        ("MediaDomain", "Media/Recordings/Recordings.db"),
        ("HealthDomain", "Health/healthdb.sqlite"),
        ("HealthDomain", "Health/healthdb_secure.sqlite"),
        ("SystemPreferencesDomain", "com.apple.wifi.known-networks.plist"),
        ("SystemPreferencesDomain", "SystemConfiguration/com.apple.wifi.plist"),
        (HOME, "Library/Preferences/com.apple.mobiletimerd.plist"),
        ("SysSharedContainerDomain-systemgroup.com.apple.mobiletimerd", "Library/local.sqlite"),
        (HOME, "Library/Preferences/com.apple.mobiletimer.plist"),
        (HOME, "Library/Passes/passes23.sqlite"),
        ("KeychainDomain", "keychain-backup.plist"),
        (HOME, "Library/Shortcuts/Shortcuts.sqlite"),
    ],
)
def test_what_is_read_as_items_has_no_class_of_its_own(domain: str, path: str) -> None:
    assert class_of(domain, path) is ITEMS
    assert class_of(domain, path + "-wal") is ITEMS


@pytest.mark.parametrize(
    ("domain", "path"),
    [
        (WHATSAPP, "ChatStorage.sqlite"),
        ("AppDomain-net.whatsapp.WhatsApp", "Documents/ChatStorage.sqlite"),
        ("AppDomainGroup-group.net.whatsapp.WhatsAppSMB.shared", "ChatStorage.sqlite"),
        (
            "AppDomainGroup-group.com.linecorp.line",
            "Library/Application Support/PrivateStore/P_u1/Messages/Line.sqlite",
        ),
    ],
)
def test_the_chats_of_known_apps_are_read_as_items(domain: str, path: str) -> None:
    assert class_of(domain, path, "app:x") is ITEMS
    assert class_of(domain, path, OTHER_SYSTEM) is ITEMS  # a group whose app is not in the backup


def test_every_database_that_is_counted_is_read_as_items_or_rows() -> None:
    for owner, place in [(kind.owner, place) for kind in kinds() for place in kind.places]:
        for glob in place.globs:
            found = class_of(place.domain, example(glob), owner)
            assert found in (ITEMS, DATABASE), (owner, place.domain, glob, found)


@pytest.mark.parametrize(
    ("domain", "path", "expected"),
    [
        ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_1.HEIC", VERBATIM),
        ("CameraRollDomain", "Media/PhotoData/Mutations/DCIM/100APPLE/IMG_1/Adjustments/Adjustments.plist", VERBATIM),
        ("CameraRollDomain", "Media/PhotoData/CPLAssets/group1/x.HEIC", VERBATIM),
        ("CameraRollDomain", "Media/PhotoData/Thumbnails/V2/x.THM", HOUSEKEEPING),
        ("CameraRollDomain", "Media/DCIM/.MISC/Info.plist", HOUSEKEEPING),
        ("MediaDomain", "Library/SMS/Attachments/a/b.heic", VERBATIM),
        ("MediaDomain", "Library/SMS/StickerCache/x", HOUSEKEEPING),
        (HOME, "Library/SMS/Drafts/+49/message.plist", VERBATIM),
        (HOME, "Library/Voicemail/12.amr", ITEMS),
        (HOME, "Library/Voicemail/12.transcript", HOUSEKEEPING),
        ("MediaDomain", "Media/Recordings/1.m4a", VERBATIM),
        (HOME, "Library/Passes/Cards/a.pkpass/pass.json", VERBATIM),
        (HOME, "Library/Passes/Cards/a.cache/x", HOUSEKEEPING),
        (HOME, "Library/Fonts/a.ttf", VERBATIM),
        ("TonesDomain", "Media/iTunes_Control/Ringtones/a.m4r", VERBATIM),
        (HOME, "Library/SpringBoard/LockBackground.cpbitmap", VERBATIM),
        (HOME, "Library/SpringBoard/LockBackgroundThumbnail.jpg", HOUSEKEEPING),
        (HOME, "Library/SpringBoard/IconState.plist", HOUSEKEEPING),
        (HOME, "Library/WebClips/a.webclip/Info.plist", VERBATIM),
        ("HealthDomain", "MedicalID/MedicalIDData.archive", VERBATIM),
        ("AppDomainGroup-group.com.apple.FileProvider.LocalStorage", "File Provider Storage/mine.sqlite", VERBATIM),
        ("AppDomainGroup-group.com.apple.notes", "Accounts/A/Media/B/x.jpg", VERBATIM),
        ("AppDomainGroup-group.com.apple.notes", "Accounts/A/Previews/x.png", HOUSEKEEPING),
        ("AppDomainGroup-group.com.apple.freeform", "Boards/boards.db", DATABASE),
        ("AppDomainGroup-group.com.apple.freeform", "Boards/assets/x.png", VERBATIM),
        ("AppDomainGroup-group.com.apple.Journal", "Journal.sqlite", DATABASE),
        ("AppDomainGroup-group.com.apple.iBooks", "Documents/BKLibrary/BKLibrary-1.sqlite", DATABASE),
        ("AppDomain-com.apple.iBooks", "Documents/storeFiles/a.epub", VERBATIM),
        (HOME, "Library/Safari/SafariTabs.db", DATABASE),
        (HOME, "Library/Preferences/.GlobalPreferences.plist", SETTINGS),
        (HOME, "Library/Preferences/com.apple.MobileSMS.plist", SETTINGS),
        (HOME, "Library/Preferences/com.apple.apsd.plist", HOUSEKEEPING),
        (HOME, "Library/Preferences/com.apple.daemonOfTomorrow.plist", HOUSEKEEPING),
        ("WirelessDomain", "Library/Preferences/com.apple.commcenter.plist", HOUSEKEEPING),
        ("AppDomain-com.apple.Pages", "Documents/letter.pages", VERBATIM),
        ("AppDomain-com.apple.Pages", "Library/Application Support/x", HOUSEKEEPING),
        ("AppDomain-com.apple.InCallService", "Library/Preferences/com.apple.imessage.bag.plist", HOUSEKEEPING),
        (HOME, "Library/Tomorrow/a.db", HOUSEKEEPING),
        ("DomainOfTomorrow", "b", HOUSEKEEPING),
    ],
)
def test_what_a_person_would_miss_is_compared(domain: str, path: str, expected: PathClass) -> None:
    assert class_of(domain, path) is expected


@pytest.mark.parametrize("domain", ["AppDomain-x.chat", "AppDomainGroup-group.x.chat", "AppDomainPlugin-x.chat.share"])
@pytest.mark.parametrize("owner", ["app:x.chat", OTHER_SYSTEM, "notes"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Documents/letter.pdf", VERBATIM),
        ("Documents/a.db/letter.pdf", VERBATIM),
        ("Documents/yarn.lock", VERBATIM),
        ("Documents/000003.log", VERBATIM),  # LevelDB keeps its last writes in such a file
        ("Library/Application Support/store.sqlite", DATABASE),
        ("Library/Application Support/store.sqlite-wal", DATABASE),
        ("Library/Application Support/.store_SUPPORT/_EXTERNAL_DATA/A", VERBATIM),
        ("Library/Preferences/x.chat.plist", SETTINGS),
        ("Library/Preferences/x.chat.plist.lockfile", HOUSEKEEPING),
        ("Library/Preferences/folder/x.plist", HOUSEKEEPING),
        ("Library/Preferences/com.google.gmp.measurement.plist", HOUSEKEEPING),
        ("Library/Caches/x.db", HOUSEKEEPING),
        ("Library/Caches", HOUSEKEEPING),
        ("Library/WebKit/WebsiteData/x.db", HOUSEKEEPING),
        ("Library/Cookies/Cookies.binarycookies", HOUSEKEEPING),
        ("Library/SplashBoard/Snapshots/x.ktx", HOUSEKEEPING),
        ("Library/Saved Application State/x", HOUSEKEEPING),
        ("SystemData/x", HOUSEKEEPING),
        ("tmp/x", HOUSEKEEPING),
        ("tmpfiles/x", VERBATIM),
        ("Documents/Library/Caches/x", VERBATIM),
    ],
)
def test_every_container_has_the_same_defaults(domain: str, owner: str, path: str, expected: PathClass) -> None:
    assert class_of(domain, path, owner) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Library/Preferences/x.plist", SETTINGS),
        ("Library/x.sqlite-journal", DATABASE),
        ("Library/x", VERBATIM),
    ],
)
def test_other_categories_have_defaults_too(path: str, expected: PathClass) -> None:
    assert class_of("TonesDomain", path, "ringtones") is expected


def test_large_values_beside_a_store_are_ordinary_files() -> None:
    boards = "AppDomainGroup-group.com.apple.freeform"
    assert class_of(boards, "Boards/.boards_SUPPORT/_EXTERNAL_DATA/A") is VERBATIM
    assert class_of("CameraRollDomain", "Media/PhotoData/.Photos_SUPPORT/_EXTERNAL_DATA/A") is ITEMS
    assert class_of("HomeKitDomain", "Library/homed/.datastore_SUPPORT/_EXTERNAL_DATA/A") is HOUSEKEEPING


def test_what_ios_leaves_out_of_its_backups_cannot_be_compared() -> None:
    assert class_of("KeyboardDomain", "Library/Keyboard/LearningSet_zh_Hans.plist", "ringtones") is HOUSEKEEPING
    assert class_of("KeychainDomain", "ocspcache.sqlite3-wal", "ringtones") is HOUSEKEEPING


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/var/db/timezone/zoneinfo/Europe/London", HOUSEKEEPING),
        ("/var/mobile/Containers/Data/Application/2D4D1445-FCB4-47F6-A789-941C77FBE73B/Library/x", HOUSEKEEPING),
        ("../../../../System/Library/x.plist", HOUSEKEEPING),
        ("device+carrier+iPhone9,3.plist", HOUSEKEEPING),
        ("device+carrier+D101AP+45.plist", HOUSEKEEPING),
        (None, HOUSEKEEPING),
        ("../letter.pdf", VERBATIM),
        ("Photos of my iPhone/1.jpg", VERBATIM),
    ],
)
def test_links_to_the_system_or_its_hardware_are_housekeeping(target: str | None, expected: PathClass) -> None:
    owners = frozenset({"app:x"})
    for path in ("Documents/link", "Documents/link.sqlite", "Library/Preferences/x.plist"):
        assert path_class("AppDomain-x", path, owner_ids=owners, kind=Kind.SYMLINK, target=target) is expected
    caches = path_class("AppDomain-x", "Library/Caches/link", owner_ids=owners, kind=Kind.SYMLINK, target=target)
    assert caches is HOUSEKEEPING


def test_directories_have_nothing_to_compare() -> None:
    owners = frozenset({"app:x"})
    assert path_class("AppDomain-x", "Documents", owner_ids=owners, kind=Kind.DIRECTORY) is HOUSEKEEPING


# -- the entries -----------------------------------------------------------------------------------------------------


def example(glob: str) -> str:
    """A path that the pattern matches, as short as possible."""
    path = re.sub(r"\{([^,}]*),[^}]*\}", r"\1", glob).replace("**", "x/y").replace("*", "1").replace("?", "1")
    assert re.fullmatch(glob_regex(glob), path)
    return path


def entries(catalogue: Catalogue) -> list[tuple[str, PathClassEntry]]:
    """All entries, each with an owner of what it is about."""
    own = [(category.id, entry) for category in catalogue.categories for entry in category.path_classes]
    return own + [("app:x", entry) for entry in catalogue.path_classes]


def test_every_entry_decides_about_what_it_names() -> None:
    """None comes too late behind a wider one."""
    for owner, entry in entries(load_catalogue()):
        for glob in entry.globs:
            found = class_of(example(entry.domain), example(glob), owner)
            assert found is entry.path_class, (owner, entry.domain, glob, found)


def test_every_entry_says_why_and_by_which_source() -> None:
    for _, entry in entries(load_catalogue()):
        assert entry.why
        assert re.match(r"[ABC]\b|guessed|seen by others", entry.source), entry.source
    assert all(entry.why and "guessed" in entry.source for entry in load_catalogue().volatile_keys)


def test_every_category_has_entries() -> None:
    assert [category.id for category in load_catalogue().categories if not category.path_classes] == []


# -- a real manifest -------------------------------------------------------------------------------------------------

READ_AS_ITEMS = {
    ("CameraRollDomain", "Media/PhotoData/Photos.sqlite"),
    ("HealthDomain", "Health/healthdb.sqlite"),
    ("HealthDomain", "Health/healthdb_secure.sqlite"),
    (HOME, "Library/AddressBook/AddressBook.sqlitedb"),
    (HOME, "Library/AddressBook/AddressBookImages.sqlitedb"),
    (HOME, "Library/Calendar/Calendar.sqlitedb"),
    (HOME, "Library/CallHistoryDB/CallHistory.storedata"),
    (HOME, "Library/Notes/notes.sqlite"),
    (HOME, "Library/Reminders/Container_v1/Stores/Data-09A21391-B907-4915-92E7-E320392C0DA5.sqlite"),
    (HOME, "Library/Reminders/Container_v1/Stores/Data-9C3FDBA9-DDC2-420C-B37F-3283F5D18C94.sqlite"),
    (HOME, "Library/Reminders/Container_v1/Stores/Data-local.sqlite"),
    (HOME, "Library/SMS/sms.db"),
    (HOME, "Library/Safari/Bookmarks.db"),
    (HOME, "Library/Safari/History.db"),
    (HOME, "Library/Shortcuts/Shortcuts.sqlite"),
    (HOME, "Library/Voicemail/voicemail.db"),
    ("MediaDomain", "Media/Recordings/CloudRecordings.db"),
    ("MediaDomain", "Media/Recordings/Recordings.db"),
}
COMPARED_BY_ROWS = {(HOME, "Library/Avatar/CoreDataBackend/avatars.db")}  # Memoji
OF_DAEMONS = {
    ("HealthDomain", "Health/Client/HealthApp.sqlite"),
    ("HealthDomain", "Health/NanoSync/com.apple.private.alloy.health.sync.db"),
    (HOME, "Library/Accessibility/AXSSPunctuation/AXSSPunctuation.sqlite"),
    (HOME, "Library/Accessibility/com.apple.personalaudio.sqlite"),
    (HOME, "Library/Accounts/Accounts3.sqlite"),
    (HOME, "Library/Accounts/VerifiedBackup/Accounts3.sqlite"),
    (HOME, "Library/Calendar/Extras.db"),
    (HOME, "Library/CallHistoryDB/CallHistoryTemp.storedata"),
    (HOME, "Library/CoreDuet/People/interactionC.db"),
    (HOME, "Library/FrontBoard/applicationState.db"),
    (HOME, "Library/MessagesMetaData/NickNameCache/handleSharingPreferences.db"),
    (HOME, "Library/MessagesMetaData/NickNameCache/handledNicknamesKeyStore.db"),
    (HOME, "Library/MessagesMetaData/NickNameCache/nickNameKeyStore.db"),
    (HOME, "Library/MessagesMetaData/NickNameCache/pendingNicknamesKeyStore.db"),
    (HOME, "Library/PersonalizationPortrait/PPSQLDatabase.db"),
    (HOME, "Library/Recents/Recents"),
    (HOME, "Library/Safari/BrowserState.db"),
    (HOME, "Library/TCC/TCC.db"),
    (HOME, "Library/com.apple.internal.ck/history.db"),
    (HOME, "Library/com.apple.internal.ck/main.db"),
    (HOME, "Library/com.apple.internal.ck/synched.db"),
    (HOME, "Library/com.apple.itunesstored/itunesstored2.sqlitedb"),
    (HOME, "Library/com.apple.itunesstored/itunesstored_private.sqlitedb"),
    (HOME, "Library/com.apple.itunesstored/kvs.sqlitedb"),
    (HOME, "Library/com.apple.itunesstored/promoted_iaps.sqlitedb"),
    (HOME, "Library/com.apple.itunesstored/purchase_intents.sqlitedb"),
    ("HomeKitDomain", "Library/homed/datastore.sqlite"),
    ("HomeKitDomain", "Library/homed/datastore3.sqlite"),
    ("KeyboardDomain", "Library/Keyboard/user_model_database.sqlite"),
    ("KeychainDomain", "TrustStore.sqlite3"),
    ("RootDomain", "Library/Caches/locationd/consolidated.db"),
    ("RootDomain", "Library/Caches/locationd/gyroCal.db"),
    (BLUETOOTH, "Library/Database/com.apple.MobileBluetooth.ledevices.other.db"),
    (BLUETOOTH, "Library/Database/com.apple.MobileBluetooth.ledevices.paired.db"),
    (BOOKS, "Documents/BLDatabaseManager/BLDatabaseManager.sqlite"),
    ("WirelessDomain", "Library/Databases/CellularUsage.db"),
    ("WirelessDomain", "Library/Databases/DataUsage.sqlite"),
}
OF_APPS = {
    ("AppDomainGroup-group.com.apple.notes", "NoteStore.sqlite"): ITEMS,
    (SAFARI, "Library/Safari/PerSitePreferences.db"): DATABASE,
    ("AppDomainGroup-243LU875E5.groups.com.apple.podcasts", "Documents/MTLibrary.sqlite"): DATABASE,
    ("AppDomainGroup-group.com.apple.Maps", "Maps/MapsSync_0.0.1"): DATABASE,
    (MAIL, "Library/WebKit/WebsiteData/ResourceLoadStatistics/observations.db"): HOUSEKEEPING,
    (SAFARI, "Library/Safari/AutoFillCorrections.db"): HOUSEKEEPING,
    (SAFARI, "Library/WebKit/WebsiteData/ResourceLoadStatistics/observations.db"): HOUSEKEEPING,
    ("AppDomain-com.apple.tv", "Library/Application Support/SidebandLibraryModel.sqlite"): HOUSEKEEPING,
    ("AppDomainGroup-group.com.apple.DocumentManager", "smartfolders.db"): HOUSEKEEPING,
    (WHATSAPP, "ChatStorage.sqlite"): ITEMS,
    (WHATSAPP, "CallHistory.sqlite"): DATABASE,
    (WHATSAPP, "Sticker.sqlite"): DATABASE,
    (WHATSAPP, "ContactsV2.sqlite"): HOUSEKEEPING,
    (WHATSAPP, "emoji.sqlite"): HOUSEKEEPING,
    ("AppDomainGroup-group.org.mozilla.ios.Firefox", "profile.profile/places.db"): DATABASE,
    ("AppDomainGroup-group.org.mozilla.ios.Firefox", "profile.profile/logins.db"): DATABASE,
}


@pytest.fixture
def real_classes(shared_data: Any) -> dict[tuple[str, str], PathClass]:
    """The class of every record of a real iOS 14.3 manifest that is not a directory."""
    with Backup.open(shared_data / "ios14-real-manifest" / "backup") as backup:
        claims = Claims.of(backup)
        return {
            (record.domain, record.relative_path): path_class(
                record.domain,
                record.relative_path,
                owner_ids=claims.owners(record.domain, record.relative_path),
                kind=record.kind,
                target=record.target,
            )
            for record in backup.records()
            if record.kind is not Kind.DIRECTORY
        }


def test_every_system_database_of_a_real_manifest_has_the_expected_class(
    real_classes: dict[tuple[str, str], PathClass],
) -> None:
    system = {key: found for key, found in real_classes.items() if is_database(key[1]) and "AppDomain" not in key[0]}
    expected = dict.fromkeys(OF_DAEMONS, HOUSEKEEPING)
    expected |= dict.fromkeys(READ_AS_ITEMS, ITEMS) | dict.fromkeys(COMPARED_BY_ROWS, DATABASE)
    assert len(system) == 56
    assert system == expected


def test_the_databases_of_apps_in_a_real_manifest_have_the_expected_class(
    real_classes: dict[tuple[str, str], PathClass],
) -> None:
    assert {key: real_classes[key] for key in OF_APPS} == OF_APPS


def test_every_symlink_of_a_real_manifest_names_hardware_or_the_system(shared_data: Any) -> None:
    with Backup.open(shared_data / "ios14-real-manifest" / "backup") as backup:
        links = [record for record in backup.records() if record.kind is Kind.SYMLINK]
    assert len(links) == 14
    for link in links:  # even in a folder of documents
        found = path_class(
            "AppDomain-x", "Documents/x", owner_ids=frozenset({"app:x"}), kind=Kind.SYMLINK, target=link.target
        )
        assert found is HOUSEKEEPING, link.target


def test_companions_in_a_real_manifest_have_the_class_of_their_database(
    real_classes: dict[tuple[str, str], PathClass],
) -> None:
    pairs = [
        (found, real_classes[domain, main])
        for (domain, path), found in real_classes.items()
        for suffix in ("-wal", "-shm", "-journal")
        if path.endswith(suffix) and (domain, main := path.removesuffix(suffix)) in real_classes
    ]
    assert len(pairs) == 4
    assert all(companion is database for companion, database in pairs)


def test_most_of_a_real_manifest_is_housekeeping(real_classes: dict[tuple[str, str], PathClass]) -> None:
    counted = {one: sum(found is one for found in real_classes.values()) for one in PathClass}
    assert sum(counted.values()) == 1089 + 14
    assert counted[VERBATIM] == 99  # photos, stickers, wallpapers, documents
    assert counted[SETTINGS] < 70


# -- keys that iOS writes for itself ---------------------------------------------------------------------------------

GLOBAL = "Library/Preferences/.GlobalPreferences.plist"


@pytest.mark.parametrize(
    "key",
    [
        "lastUpdateDate",
        "LastSyncTime",
        "AppleLanguagesSchemaVersion",
        "lastBuildVersion",
        "SomethingTimestamp",
        "sessionUUID",
        "pushToken",
        "launchCount",
        "imageCache",
        "didMigrateOldStore",
    ],
)
def test_dates_counters_stamps_and_caches_are_volatile_everywhere(key: str) -> None:
    assert volatile_keys(HOME, GLOBAL)(key)
    assert volatile_keys("AppDomain-x.chat", "Library/Preferences/x.chat.plist")(key)


@pytest.mark.parametrize(
    "key",
    [
        "AppleLanguages",
        "AppleLocale",
        "AppleKeyboards",
        "AppleICUForce24HourTime",
        "AppleICUDateFormatStrings",
        "KeyboardAutocorrection",
        "NSUserDictionaryReplacementItems",
        "ReadReceiptsEnabled",
        "ringtone",
        "SBShowBatteryPercentage",
        "Dictation Enabled",
        "textSize",
        "theme",
        "homepage",
        "SignatureKey",
        "AutoLockTime",
        "blockedUntil",
        "blocklist",
    ],
)
def test_what_a_person_chose_is_not_volatile(key: str) -> None:
    for path in (GLOBAL, "Library/Preferences/com.apple.springboard.plist"):
        assert not volatile_keys(HOME, path)(key)
    assert not volatile_keys("AppDomain-x.chat", "Library/Preferences/x.chat.plist")(key)


def test_keys_of_one_file_are_volatile_only_there() -> None:
    assert volatile_keys(HOME, "Library/Preferences/com.apple.springboard.plist")("SBRecentDisplays")
    assert not volatile_keys(HOME, GLOBAL)("SBRecentDisplays")
    assert volatile_keys(HOME, "Library/Preferences/com.apple.messages.pinning.plist")("pT")
    assert not volatile_keys(HOME, "Library/Preferences/com.apple.messages.pinning.plist")("pP")
    assert volatile_keys("AppDomain-x", "Library/Preferences/x.plist")("com.apple.content-rating")
    assert not volatile_keys(HOME, GLOBAL)("com.apple.sound.beep.feedback")
