"""Who owns a record. Every record has an owner."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.backup.companions import SUFFIXES, is_database
from migrate.backup.record import Kind
from migrate.categories.apps import AppEntry
from migrate.categories.catalogue import APP_PREFIX, OTHER_SYSTEM, load_catalogue
from migrate.categories.claims import Claims
from migrate.content.kinds import kinds
from migrate.simulator.device.domains import ONLY_ENCRYPTED

GROUP = "AppDomainGroup-group."


def claims(
    apps: Mapping[str, Collection[str]] | None = None,
    *,
    plugins: Mapping[str, tuple[str, ...]] | None = None,
    ios_version: str | None = None,
) -> Claims:
    """Claims of apps with these groups (`group.` is added)."""
    entries = {
        bundle: AppEntry(
            id=bundle,
            title=bundle,
            groups=tuple(f"group.{group}" for group in groups),
            plugins=(plugins or {}).get(bundle, ()),
        )
        for bundle, groups in (apps or {}).items()
    }
    return Claims(load_catalogue(), entries, ios_version=ios_version)


@pytest.mark.parametrize(
    ("domain", "path", "owner"),
    [
        ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb-wal", "contacts"),
        ("HomeDomain", "Library/AddressBook/AddressBookImages.sqlitedb", "contacts"),
        ("HomeDomain", "Library/Recents/Recents-shm", "contacts"),
        ("HomeDomain", "Library/Preferences/com.apple.cmfsyncagent.plist", "contacts"),
        ("HomeDomain", "Library/SMS/sms.db", "messages"),
        ("MediaDomain", "Library/SMS/Attachments/0a/10/x/IMG_1.HEIC", "messages"),
        ("HomeDomain", "Library/Preferences/com.apple.MobileSMS.plist", "messages"),
        ("HomeDomain", "Library/CoreDuet/People/interactionC.db-wal", "messages"),
        ("HomeDomain", "Library/CallHistoryDB/CallHistory.storedata", "calls"),
        ("WirelessDomain", "Library/CallHistory/call_history.db", "calls"),
        ("HomeDomain", "Library/Accessibility/TTY/TTYCallHistory.sqlite-wal", "calls"),
        ("HomeDomain", "Library/Voicemail/12.amr", "voicemail"),
        ("HomeDomain", "Library/Voicemail/OfflineCache/x", "other-system"),
        ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.HEIC", "photos"),
        ("CameraRollDomain", "Media/PhotoData/Photos.sqlite-wal", "photos"),
        ("CameraRollDomain", "Media/PhotoData/CPLAssets/group12/A.HEIC", "photos"),
        ("CameraRollDomain", "Media/PhotoData/changes-shm", "other-system"),
        ("CameraRollDomain", "Media/PhotoData/Caches/x", "other-system"),
        ("HomeDomain", "Library/Photos/Libraries/Syndication.photoslibrary/x", "photos"),
        ("AppDomainGroup-group.com.apple.notes", "NoteStore.sqlite", "notes"),
        ("AppDomainGroup-group.com.apple.notes", "Accounts/A/Media/B/1/x.jpg", "notes"),
        ("HomeDomain", "Library/Notes/notes.sqlite", "notes"),
        ("AppDomainGroup-group.com.apple.reminders", "Container_v1/Stores/Data-local.sqlite", "reminders"),
        ("HomeDomain", "Library/Reminders/Container_v1/Stores/Data-local.sqlite", "reminders"),
        ("HomeDomain", "Library/Calendar/Calendar.sqlitedb", "calendars"),
        ("HomeDomain", "Library/Calendar/Attachments/x", "other-system"),
        ("HomeDomain", "Library/Safari/Bookmarks.db", "safari"),
        ("HomeDomain", "Library/Safari/Profiles/X/History.db-wal", "safari"),
        ("AppDomain-com.apple.mobilesafari", "Library/Safari/History.db", "safari"),
        ("AppDomain-com.apple.mobilesafari", "", "safari"),
        ("HealthDomain", "Health/healthdb_secure.sqlite", "health"),
        ("HealthDomain", "MedicalID/MedicalIDData.archive", "health"),
        ("HealthDomain", "Health/Local/x", "other-system"),
        ("KeychainDomain", "keychain-backup.plist", "passwords"),
        ("SystemPreferencesDomain", "com.apple.wifi.known-networks.plist", "wifi"),
        ("SystemPreferencesDomain", "SystemConfiguration/com.apple.wifi-networks.plist.backup", "wifi"),
        ("SystemPreferencesDomain", "SystemConfiguration/preferences.plist", "vpn"),
        ("HomeDomain", "Library/SpringBoard/IconState.plist", "home-screen"),
        ("HomeDomain", "Library/SpringBoard/PushStore/x", "other-system"),
        ("AppDomainGroup-group.com.apple.VoiceMemos.shared", "Recordings/20250101.m4a", "voice-memos"),
        ("MediaDomain", "Media/Recordings/Recordings.db", "voice-memos"),
        ("HomeDomain", "Library/Preferences/.GlobalPreferences.plist", "settings"),
        ("RootDomain", "Library/Preferences/com.apple.atc.plist", "settings"),
        ("HomeDomain", "Library/Preferences/com.apple.AppleMediaServices.notbackedup.plist", "other-system"),
        ("HomeDomain", "Library/Preferences/com.apple.carrier_1.plist", "other-system"),
        ("HomeDomain", "Library/Preferences/com.apple.MobileBluetooth.devices.plist", "bluetooth"),
        ("HomeDomain", "Library/Passes/passes23.sqlite", "wallet"),
        ("HomeDomain", "", "other-system"),
        ("AppDomain-com.apple.weather", "Library/x", "other-system"),
        ("SysSharedContainerDomain-systemgroup.com.apple.bluetooth", "Library/Database/x.db", "bluetooth"),
        ("DomainOfTomorrow", "a/b", "other-system"),
        ("HomeDomain", "Library/Accounts/Accounts3.sqlite-wal", "mail"),
        ("HomeDomain", "Library/Preferences/com.apple.mobilemail.plist", "mail"),
        ("AppDomain-com.apple.mobilemail", "Library/x", "mail"),
        ("AppDomainPlugin-com.apple.mobilemail.NotificationService", "x", "mail"),
        ("AppDomainGroup-group.com.apple.mail", "Library/x", "mail"),
        ("SystemPreferencesDomain", "com.apple.networkextension.control.plist", "vpn"),
        ("SystemPreferencesDomain", "SystemConfiguration/NetworkInterfaces.plist", "other-system"),
        ("ManagedPreferencesDomain", "mobile/x.plist", "profiles"),
        ("HomeDomain", "Library/SpringBoard/LockBackground.cpbitmap", "wallpaper"),
        ("HomeDomain", "Library/SpringBoard/LockBackgroundThumbnail.jpg", "home-screen"),
        ("AppDomain-com.apple.PosterBoard", "Library/Application Support/x", "wallpaper"),
        ("TonesDomain", "Media/iTunes_Control/iTunes/Ringtones.plist", "ringtones"),
        ("MediaDomain", "Media/Vibrations/UserGeneratedVibrationPatterns.plist", "ringtones"),
        ("MediaDomain", "Media/iTunes_Control/iTunes/MediaLibrary.sqlitedb", "music"),
        ("AppDomainGroup-group.com.apple.iBooks", "Documents/BKLibrary/x.sqlite", "books"),
        ("AppDomainGroup-243LU875E5.groups.com.apple.podcasts", "Documents/MTLibrary.sqlite", "podcasts"),
        ("HomeDomain", "Library/Preferences/com.apple.mobiletimerd.plist", "alarms"),
        ("SysSharedContainerDomain-systemgroup.com.apple.mobiletimerd", "Library/local.sqlite", "alarms"),
        ("HomeDomain", "Library/Preferences/com.apple.mobiletimer.plist", "world-clock"),
        ("AppDomainGroup-group.com.apple.Maps", "Maps/MapsSync_0.0.1-wal", "maps"),
        ("HomeDomain", "Library/Passes/Cards/x.pkpass/pass.json", "wallet"),
        ("HomeDomain", "Library/Passes/Discovery/x", "other-system"),
        ("HomeKitDomain", "Library/homed/datastore3.sqlite", "homekit"),
        ("AppDomainGroup-com.apple.Home.group", "Library/x", "homekit"),
        ("HomeDomain", "Library/DeviceRegistry.state/x", "watch"),
        ("HomeDomain", "Library/Preferences/com.apple.ScreenTimeAgent.plist", "screen-time"),
        ("SysContainerDomain-com.apple.remotemanagementd", "Library/x", "screen-time"),
        ("HomeDomain", "Library/DoNotDisturb/DB/Settings.sqlite-wal", "focus"),
        ("KeyboardDomain", "Library/Keyboard/en-dynamic.lm/x", "keyboard"),
        ("KeyboardDomain", "Library/Keyboard/Typology/x", "other-system"),
        ("HomeDomain", "Library/KeyboardServices/TextReplacements.db", "text-replacements"),
        ("HomeDomain", "Library/Accessibility/x", "accessibility"),
        ("HomeDomain", "Library/Accessibility/TTY/TTYCallHistory.sqlite", "calls"),
        ("HomeDomain", "Library/TCC/TCC.db", "privacy"),
        ("RootDomain", "Library/Caches/locationd/clients.plist", "privacy"),
        ("HomeDomain", "Library/UserNotifications/x/y.plist", "notifications"),
        ("HomeDomain", "Library/Shortcuts/Shortcuts.sqlite", "shortcuts"),
        ("AppDomain-is.workflow.my.app", "x", "shortcuts"),
        ("HomeDomain", "Library/CoreDuet/People/interactionC.db", "messages"),
        ("HomeDomain", "Library/CoreDuet/x", "siri"),
        ("HomeDomain", "Library/Fonts/x.otf", "fonts"),
        ("WirelessDomain", "Library/Databases/DataUsage.sqlite", "cellular"),
        ("WirelessDomain", "Library/CallHistory/call_history.db", "calls"),
        ("WirelessDomain", "Library/Logs/x", "other-system"),
        ("HomeDomain", "Library/Mobile Documents/x", "icloud-drive"),
        ("AppDomainGroup-group.com.apple.FileProvider.LocalStorage", "File Provider Storage/x.pdf", "files"),
        ("AppDomainGroup-group.com.apple.freeform", "Boards/boards.db", "freeform"),
        ("AppDomainGroup-group.com.apple.Journal", "Journal.sqlite", "journal"),
        ("InstallDomain", "Library/MobileInstallation/BackedUpState/SystemAppInstallState.plist", "app-list"),
        ("HomeDomain", "Library/Preferences/com.apple.MobileBackup.DemotedApps.plist", "app-list"),
        ("HomeDomain", "Library/ExposureNotification/x", "exposure-notifications"),
        ("HomeDomain", "Library/Preferences/com.apple.GMM.plist", "other-system"),
    ],
)
def test_each_path_belongs_to_its_category(domain: str, path: str, owner: str) -> None:
    assert claims().owners(domain, path) == {owner}


def test_an_app_s_container_groups_and_extensions_belong_to_it() -> None:
    found = claims({"a.b": ["a.b.shared"]}, plugins={"a.b": ("a.b.widget",)})
    for domain in ("AppDomain-a.b", GROUP + "a.b.shared", "AppDomainPlugin-a.b.widget"):
        assert found.owners(domain, "") == {"app:a.b"}
        assert found.owners(domain, "Documents/x") == {"app:a.b"}


def test_a_group_of_two_apps_has_two_owners() -> None:
    found = claims({"a.b": ["both"], "a.c": ["both"]})
    assert found.owners(GROUP + "both", "shared.db") == {"app:a.b", "app:a.c"}


def test_a_group_without_its_app_moves_with_other_system_and_is_listed() -> None:
    found = claims({"a.b": []})
    assert found.owners(GROUP + "gone.app", "x") == {OTHER_SYSTEM}
    assert found.is_unclaimed(GROUP + "gone.app", "x")
    assert found.is_orphaned(GROUP + "gone.app")
    assert not found.is_orphaned(GROUP + "com.apple.stocks")
    assert not found.is_unclaimed(GROUP + "com.apple.stocks", "x")


def test_unknown_paths_are_unclaimed_and_known_ones_are_not() -> None:
    found = claims()
    assert found.is_unclaimed("DomainOfTomorrow", "a")
    assert found.is_unclaimed("HomeDomain", "Library/NewThing/a.db")
    assert not found.is_unclaimed("HomeDomain", "Library/Passes/passes23.sqlite")
    assert not found.is_unclaimed("HomeDomain", "Library/SMS/sms.db")
    assert not found.is_unclaimed("HomeDomain", "Library/Preferences/com.apple.carrier.plist")


@pytest.mark.parametrize(
    ("ios_version", "owners"),
    [("12.5.7", {"calendars", "reminders"}), ("13.0", {"calendars"}), (None, {"calendars"}), ("x", {"calendars"})],
)
def test_up_to_ios_12_the_calendar_database_also_holds_the_reminders(ios_version: str | None, owners: set[str]) -> None:
    found = claims(ios_version=ios_version)
    for suffix in ("", *SUFFIXES):
        assert found.owners("HomeDomain", "Library/Calendar/Calendar.sqlitedb" + suffix) == owners
    assert found.owners("HomeDomain", "Library/Calendar/Extras.db") == {"calendars"}


def test_categories_missing_from_unencrypted_backups_need_encryption() -> None:
    """The simulated iPhone and the catalogue each read iOS's list. Safari is an exception, because only two of its
    databases need encryption."""
    rules = [rule for category in load_catalogue().categories for rule in category.rules if rule.needs_encryption]
    known_otherwise = {"Library/Safari/BrowserState.db", "Library/Safari/History.db", "Library/Safari/SafariTabs.db"}
    missing = {
        path
        for domain, paths in ONLY_ENCRYPTED.items()
        for path in set(paths) - known_otherwise
        if not any(rule.is_about(domain) and (rule.matches(path) or rule.matches(f"{path}/x")) for rule in rules)
    }
    assert missing == set()


def test_claims_use_the_apps_and_version_of_the_backup(make_backup: Any) -> None:
    contents = {("AppDomain-a.b", ""): Kind.DIRECTORY, ("AppDomainGroup-group.a.b", "x"): b"x"}
    backup = make_backup(contents, ios_version="12.4")
    found = Claims.of(backup)
    assert found.owners("AppDomainGroup-group.a.b", "x") == {"app:a.b"}
    assert found.owners("HomeDomain", "Library/Calendar/Calendar.sqlitedb") == {"calendars", "reminders"}


DOMAINS = st.one_of(
    st.sampled_from(
        [
            "HomeDomain",
            "CameraRollDomain",
            "MediaDomain",
            "RootDomain",
            "HealthDomain",
            "KeychainDomain",
            "WirelessDomain",
            "SystemPreferencesDomain",
            "AppDomain-com.apple.mobilesafari",
            "AppDomainGroup-group.com.apple.notes",
            "AppDomain-a.b",
            "AppDomainGroup-group.both",
            "AppDomain-com.apple.x",
            "AppDomainPlugin-q",
            "SysContainerDomain-x",
        ]
    ),
    st.text(max_size=20),
)
PARTS = st.one_of(
    st.sampled_from(
        [
            "Library",
            "SMS",
            "sms.db",
            "Preferences",
            "Safari",
            "History.db",
            "Calendar",
            "Calendar.sqlitedb",
            "Media",
            "DCIM",
            "PhotoData",
            "Photos.sqlite",
            "Recordings",
            ".Recordings_SUPPORT",
            "Recents",
            "AddressBook",
            "TTY",
            "Accessibility",
            "TTYCallHistory.sqlite",
            "Health",
            "Local",
            "changes",
            "CoreDuet",
            "People",
            "interactionC.db",
            "x.plist",
        ]
    ),
    st.text(max_size=8),
)
PATHS = st.lists(PARTS, max_size=5).map("/".join)
CLAIMS = claims({"a.b": ["both"], "a.c": ["both"]}, ios_version="12.0")
EVERYBODY = {*load_catalogue().ids, "app:a.b", "app:a.c"}


@given(DOMAINS, PATHS)
def test_every_possible_record_has_an_owner(domain: str, path: str) -> None:
    owners = CLAIMS.owners(domain, path)
    assert owners
    assert owners <= EVERYBODY
    categories = owners - {"app:a.b", "app:a.c"}
    assert len(categories) <= 1 or categories == {"calendars", "reminders"}
    assert not (categories and owners - categories)


@given(DOMAINS, PATHS, st.sampled_from(SUFFIXES))
def test_companions_have_the_owner_of_their_database(domain: str, path: str, suffix: str) -> None:
    """A companion moves with its database. Both are excluded for a change log of the photo library."""
    if is_database(path):
        assert CLAIMS.owners(domain, path + suffix) == CLAIMS.owners(domain, path)


def test_every_database_that_is_counted_keeps_its_companions() -> None:
    found = claims(ios_version="12.0")
    for kind in (kind for kind in kinds() if not kind.owner.startswith(APP_PREFIX)):
        for place in kind.places:
            for path in place.globs:
                example = path.replace("*", "X")
                owners = found.owners(place.domain, example)
                assert kind.owner in owners, f"{kind.owner} counts {example} and does not own it"
                for suffix in SUFFIXES:
                    assert found.owners(place.domain, example + suffix) == owners


WHATSAPP = GROUP + "net.whatsapp.WhatsApp.shared"


@pytest.mark.parametrize(
    ("name", "domain", "owner"),
    [
        ("ADDRESS_BOOK", "HomeDomain", "contacts"),
        ("TEXT_MESSAGES", "HomeDomain", "messages"),
        ("CALL_HISTORY", "HomeDomain", "calls"),
        ("NOTES", "HomeDomain", "notes"),
        ("CALENDARS", "HomeDomain", "calendars"),
        ("HEALTH", "HealthDomain", "health"),
        ("HEALTH_SECURE", "HealthDomain", "health"),
        ("SAFARI_HISTORY", "HomeDomain", "safari"),
        ("SAFARI_BOOKMARKS", "HomeDomain", "safari"),
        ("CAMERA_ROLL", "CameraRollDomain", "photos"),
        ("ICLOUD_PHOTOS", "CameraRollDomain", "photos"),
        ("SMS_ATTACHMENTS", "MediaDomain", "messages"),
        ("VOICEMAILS", "HomeDomain", "voicemail"),
        ("VOICE_RECORDINGS", "MediaDomain", "voice-memos"),
        ("ICLOUD_LOCAL_FILES", "HomeDomain", "icloud-drive"),
        ("WHATSAPP_MESSAGES", WHATSAPP, "app:net.whatsapp.WhatsApp"),
        ("WHATSAPP_ATTACHMENTS", WHATSAPP, "app:net.whatsapp.WhatsApp"),
    ],
)
def test_categories_agree_with_another_backup_reader(name: str, domain: str, owner: str) -> None:
    """The paths that iphone_backup_decrypt publishes."""
    utils = pytest.importorskip("iphone_backup_decrypt.utils")
    path = getattr(utils.RelativePath, name, None) or getattr(utils.RelativePathsLike, name)
    found = claims({"net.whatsapp.WhatsApp": ["net.whatsapp.WhatsApp.shared"]})
    assert found.owners(domain, path.replace("%", "1")) == {owner}
