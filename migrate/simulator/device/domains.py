"""Which paths a phone backs up and restores, and where each domain is: the known rules of iOS's Domains.plist.

A rule is a path in a domain. It covers that path, everything below it, and a database's companion files (`-wal`,
`-shm`, `-journal`), as iOS expands its own lists. Unless marked otherwise the rules are those of iOS 16.4 (facts 3.6,
4.1 and categories 2, 4; CONFIRMED for 16.4, indicative later). Of the allow-lists only HomeDomain's is known well
enough to be listed; `Assumptions.unknown_paths` decides about other paths.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Literal

from migrate.backup.companions import SUFFIXES
from migrate.simulator.device.local_preferences import LOCAL_PREFERENCES

Rules = Mapping[str, tuple[str, ...]]
Container = Literal["Data/Application", "Shared/AppGroup", "Data/PluginKitPlugin"]

EVERY_CONTAINER = "AppDomain*"
"""Stands for the domains of all apps, app groups and plug-ins."""
CONTAINERS: Mapping[str, Container] = {
    "AppDomain": "Data/Application",
    "AppDomainGroup": "Shared/AppGroup",
    "AppDomainPlugin": "Data/PluginKitPlugin",
}

DIGESTED = frozenset(
    {
        "DatabaseDomain",
        "HealthDomain",
        "HomeDomain",
        "HomeKitDomain",
        "InstallDomain",
        "KeyboardDomain",
        "KeychainDomain",
        "ManagedPreferencesDomain",
        "RootDomain",
        "SystemPreferencesDomain",
        "WirelessDomain",
    }
)
"""Domains whose files carry a Digest: *seen* in the 3,721 rows of an iOS 14.3 backup."""

_PREFERENCES = "Library/Preferences"
NEVER_BACKED_UP: Rules = {
    EVERY_CONTAINER: ("Library/Caches", "tmp"),
    "HomeDomain": (
        "Library/Application Support/com.apple.palette.green.bin",
        "Library/Application Support/com.apple.palette.green.plist",
        "Library/Caches",
        "Library/Calendar/Attachments",
        "Library/DuetExpertCenter/Backups",
        "Library/IdentityServices/Persistence/DoNotBackup",
        "Library/Keyboard/Typology",
        "Library/KeyboardServices",
        "Library/Mail/Envelope Index",
        "Library/Mail/Protected Index",
        "Library/Maps",
        "Library/MobileBluetooth/com.apple.MobileBluetooth.ledevices.other.db",
        "Library/MusicLibrary/AccountCache.sqlitedb",
        "Library/Passes/Discovery",
        "Library/Safari/BookmarksSyncMetadata.plist",
        "Library/Safari/SyncedTabsMetadata.plist",
        "Library/SplashBoard",
        "Library/Spotlight/Backup/encrypted_ranking_metadata.dat",
        "Library/SpringBoard/PushStore",
        "Library/SpringBoard/transientSettings.plist",
        "Library/Voicemail/OfflineCache",
        "Library/com.apple.AppleMediaServices.notbackedup",
        "tmp",
        *(f"{_PREFERENCES}/{name}" for name in LOCAL_PREFERENCES),
    ),
    "CameraRollDomain": (
        "Media/PhotoData/Caches",
        "Media/PhotoData/changes*",
        "Media/PhotoData/OutgoingTemp",
        "Media/PhotoData/PhotoCloudSharingData",
        "Media/PhotoData/Sync",
    ),
    "HealthDomain": ("Health/Local",),
    "KeyboardDomain": (
        "Library/Keyboard/*Learning*",
        "Library/Keyboard/CoreDataUbiquitySupport",
        "Library/Keyboard/DynamicPhraseLexicon_*.db",
        "Library/Keyboard/Lexierra_ja_JP-dynamic-text.dat",
        "Library/Keyboard/Typology",
        "Library/Keyboard/app_usage_database.plist",
        "Library/Keyboard/appusagedatabase.plist",
        "Library/Keyboard/completion-learning-dictionary-zh-Han?",
    ),
    "KeychainDomain": ("keychain-ota-backup.plist", "ocspcache.sqlite3"),
    "MediaDomain": ("Media/iTunes_Control/iTunes",),
    "ProtectedDomain": ("trustd/private/caissuercache.sqlite3", "trustd/private/ocspcache.sqlite3"),
    "RootDomain": (
        "Library/Caches/locationd/cache_unencrypted.db",
        f"{_PREFERENCES}/com.apple.MobileAsset.plist",
        f"{_PREFERENCES}/com.apple.cltm.plist",
        f"{_PREFERENCES}/com.apple.coreservices.appleidauthenticationinfo.plist",
        f"{_PREFERENCES}/com.apple.mmcs.plist",
        f"{_PREFERENCES}/com.apple.osanalytics.OTATaskingAgent.plist",
        f"{_PREFERENCES}/com.apple.powerd.bdc.plist",
        f"{_PREFERENCES}/com.apple.rtcreporting.plist",
        f"{_PREFERENCES}/com.apple.wifi.manager.plist",
        f"{_PREFERENCES}/com.apple.xpc.activity2.plist",
    ),
    "SystemPreferencesDomain": ("SystemConfiguration/NetworkInterfaces.plist",),
    "WirelessDomain": (
        f"{_PREFERENCES}/com.apple.awdd.persistent.plist",
        f"{_PREFERENCES}/com.apple.awdd.plist",
        f"{_PREFERENCES}/com.apple.commcenter.attach_apn.plist",
        f"{_PREFERENCES}/com.apple.commcenter.carrier_bundle.plist",
        f"{_PREFERENCES}/com.apple.commcenter.device_specific_nobackup.plist",
        f"{_PREFERENCES}/com.apple.commcenter.omadm_apns.plist",
        f"{_PREFERENCES}/no_backup",
    ),
}
"""`RelativePathsNotToBackup` and `NotToBackupToDrive`: neither backed up to a computer nor restored from one."""

NEVER_RESTORED: Rules = {
    "HomeDomain": (
        "Library/AggregateDictionary/ADDataStore.sqlitedb",
        "Library/BackBoard",
        "Library/Health",
        "Library/Logs/ADDataStore.sqlitedb",
        "Library/Mail/Recents",
        f"{_PREFERENCES}/com.apple.MobileBluetooth.ledevices.plist",
    ),
}
"""`RelativePathsNotToRestore`, without those that no backup holds either."""

CARRIER_LINKS: Rules = {
    "HomeDomain": (f"{_PREFERENCES}/com.apple.carrier*.plist", f"{_PREFERENCES}/com.apple.operator*.plist"),
}
"""Links into the carrier bundles. iOS 14.3 backs them up (*seen*); 16.4's lists neither back them up nor restore them
(*read*). `Assumptions.carrier_links` decides."""

ONLY_ENCRYPTED: Rules = {
    "HomeDomain": (
        "Library/CoreDuet/People/interactionC.db",
        "Library/DoNotDisturb/DB/ModeConfigurations.json",
        "Library/DoNotDisturb/DB/ModeConfigurationsSecure.json",
        "Library/DoNotDisturb/DB/Settings.sqlite",
        "Library/DuetExpertCenter/D2DBackups",
        "Library/PersonalizationPortrait",
        "Library/Preferences/com.apple.speakerrecognition.plist",
        "Library/Safari/SafariTabs.db",
        "Library/VoiceTrigger/SAT",
        "Library/com.apple.geod",
        "Library/com.apple.siri.remembers",
        # not in 16.4's list, but absent from a real unencrypted backup of iOS 27, and Apple says so: REPORTED
        "Library/CallHistoryDB",
        "Library/Safari/BrowserState.db",
        "Library/Safari/History.db",
    ),
    "AppDomainGroup-group.com.apple.Maps": ("Maps",),  # REPORTED likewise
    "HealthDomain": ("Health", "MedicalID", "locationd/user.plist"),
    "HomeKitDomain": ("Library/homed",),
    "SystemPreferencesDomain": (
        "SystemConfiguration/com.apple.wifi-private-mac-networks.plist",
        "SystemConfiguration/com.apple.wifi.plist",
        "com.apple.wifi.known-networks.plist",
    ),
}

ALLOWED: Rules = {
    "HomeDomain": (
        "Demo.mov",
        "Library/Accessibility",
        "Library/Accounts",
        "Library/AddressBook",
        "Library/Application Support/CloudDocs",
        "Library/Application Support/FileProvider",
        "Library/Application Support/com.apple.Home/Wallpapers",
        "Library/Application Support/com.apple.ProtectedCloudStorage/Backup",
        "Library/Avatar",
        "Library/BulletinBoard",
        "Library/Calendar",
        "Library/CallHistory",
        "Library/CallHistoryDB",
        "Library/CallHistoryTransactions",
        "Library/CloudStorage",
        "Library/ConfigurationProfiles",
        "Library/ControlCenter/ModuleConfiguration.plist",
        "Library/Cookies",
        "Library/CoreDuet/People/interactionC.db",
        "Library/DataAccess",
        "Library/DeviceRegistry",
        "Library/DeviceRegistry.state",
        "Library/DoNotDisturb/DB",
        "Library/DuetExpertCenter/D2DBackups",
        "Library/ExposureNotification",
        "Library/Fonts",
        "Library/FrontBoard",
        "Library/Mail",
        "Library/Messages",
        "Library/MessagesMetaData",
        "Library/Mobile Documents",
        "Library/MobileBluetooth",
        "Library/MobileInstallation/ApplicationAttributes.plist",
        "Library/MusicLibrary/AccountCache.sqlitedb",
        "Library/NanoBackup",
        "Library/NickNameCache",
        "Library/Notes",
        "Library/Passes",
        "Library/PersonalizationPortrait",
        "Library/Photos/Libraries",
        "Library/Preferences",
        "Library/Recents",
        "Library/Reminders",
        "Library/RemoteNotification",
        "Library/SMS",
        "Library/Safari",
        "Library/Shortcuts",
        "Library/Spotlight",
        "Library/SpringBoard",
        "Library/TCC",
        "Library/UserConfigurationProfiles",
        "Library/UserNotifications",
        "Library/VoiceShortcuts",
        "Library/VoiceTrigger/SAT",
        "Library/Voicemail",
        "Library/Wallpapers",
        "Library/WebClips",
        "Library/WebKit",
        "Library/YouTube/Bookmarks.plist",
        "Library/com.apple.PrivacyDisclosure",
        "Library/com.apple.geod",
        "Library/com.apple.internal.ck",
        "Library/com.apple.itunesstored",
        "Library/com.apple.siri.remembers",
    ),
}
"""The known part of each domain's allow-list (categories 2 and 4; it covers everything that a real backup of iOS 14.3
has of HomeDomain: *seen*). No list is known for other domains."""

ALWAYS_RESTORED: Rules = {
    "HomeDomain": (
        "Library/MusicLibrary/AccountCache.sqlitedb",
        "Library/Preferences/com.apple.MobileBackup.DemotedApps.plist",
    ),
    "InstallDomain": ("Library/MobileInstallation/BackedUpState",),
    "MediaDomain": ("Media/iTunes_Control/iTunes",),
}
"""Restored even with RestoreSystemFiles=NO, in addition to every `AppDomain*`."""

NEVER_MIGRATED: Rules = {
    "HomeDomain": (
        "Library/DataAccess/DeviceSpecificInfo.plist",
        "Library/Preferences/com.apple.GMM.plist",
        "Library/Preferences/com.apple.MobileBluetooth.devices.plist",
        "Library/Preferences/com.apple.MobileBluetooth.security.plist",
        "Library/Preferences/com.apple.MobileBluetooth.services.plist",
        "Library/WebKit/Form Values",
    ),
    "DatabaseDomain": ("lsd/com.apple.lsdidentifiers.plist",),
    "WirelessDomain": ("Library/Logs/IQAgent",),
}
"""Not restored to a phone other than the backup's."""

REMOVED_BY_RESTORE: Rules = {
    "CameraRollDomain": (
        "Media/PhotoData/CPL",
        "Media/PhotoData/Caches",
        "Media/PhotoData/Metadata/PhotoData/PhotoCloudSharingData",
        "Media/PhotoData/Metadata/PhotoData/Sync",
        "Media/PhotoData/PhotoCloudSharingData",
        "Media/PhotoData/Sync",
        "Media/Photos",
    ),
    "HealthDomain": ("Health",),
    "HomeDomain": ("Library/MediaStream", f"{_PREFERENCES}/com.apple.migration.plist"),
}
"""Removed by a restore that deletes everything it does not bring, although no backup holds these paths
(`ToRemoveOnRestore`, categories 4)."""

STAYS_IF_NOT_RESTORED: Rules = {
    "DatabaseDomain": ("timezone/localtime",),
    "MediaDomain": ("Media/iTunes_Control/iTunes/iTunesPrefs.plist",),
}
"""Kept by a restore that deletes everything else it does not bring (`NotToRemoveIfNotRestored`)."""

RESTORED_IN_BACKGROUND: Rules = {
    "CameraRollDomain": ("Media/DCIM", "Media/Deferred", "Media/PhotoData/CPLAssets", "Media/PhotoData/Mutations"),
}
"""Marked `RelativePathsToBackgroundRestore`, like all app containers (facts 4.8, categories 4)."""

ROOTS: Mapping[str, str] = {
    "BooksDomain": "/var/mobile/Media/Books",
    "DatabaseDomain": "/var/db",
    "HealthDomain": "/var/mobile/Library",
    "InstallDomain": "/var/installd",
    "KeychainDomain": "/var/Keychains",
    "ManagedPreferencesDomain": "/var/Managed Preferences",
    "MobileDeviceDomain": "/var/MobileDevice",
    "NetworkDomain": "/var/networkd",
    "ProtectedDomain": "/var/protected",
    "RootDomain": "/var/root",
    "SystemPreferencesDomain": "/var/preferences",
    "WirelessDomain": "/var/wireless",
}
CONTAINER_ROOTS: Mapping[str, str] = {
    "AppDomain": "/var/mobile/Containers/Data/Application",
    "AppDomainGroup": "/var/mobile/Containers/Shared/AppGroup",
    "AppDomainPlugin": "/var/mobile/Containers/Data/PluginKitPlugin",
    "SysContainerDomain": "/var/containers/Data/System",
    "SysSharedContainerDomain": "/var/containers/Shared/SystemGroup",
}
MOBILE_HOME = "/var/mobile"
"""The root of every domain not listed above: Home, CameraRoll, Media, Keyboard, Tones, HomeKit."""


@dataclass(frozen=True)
class AppContainer:
    """A parsed `AppDomain*` name: `AppDomainGroup-group.com.x` is the Shared/AppGroup `group.com.x`."""

    identifier: str
    content_class: Container


def app_container(domain: str) -> AppContainer | None:
    """The container that an `AppDomain*` name stands for, or None for a system domain."""
    prefix, _, identifier = domain.partition("-")
    content_class = CONTAINERS.get(prefix)
    return AppContainer(identifier, content_class) if content_class and identifier else None


def is_covered(rules: Rules, domain: str, relative_path: str) -> bool:
    """Whether a rule of this domain covers the path."""
    paths = _rules_of(rules, domain)
    return bool(paths) and _matcher(paths).fullmatch(relative_path) is not None


def _rules_of(rules: Rules, domain: str) -> tuple[str, ...]:
    paths = rules.get(domain, ())
    if domain.startswith(EVERY_CONTAINER[:-1]):
        paths += rules.get(EVERY_CONTAINER, ())
    return paths


def is_allowed(domain: str, relative_path: str) -> bool:
    """Whether the path, or a path below it, is on its domain's allow-list. True if no list is known."""
    if domain not in ALLOWED or not relative_path or is_covered(ALLOWED, domain, relative_path):
        return True
    return any(rule.startswith(f"{relative_path}/") for rule in ALLOWED[domain])


def is_backed_up(domain: str, relative_path: str, *, encrypted: bool) -> bool:
    if is_covered(NEVER_BACKED_UP, domain, relative_path):
        return False
    return encrypted or not is_covered(ONLY_ENCRYPTED, domain, relative_path)


def matchers_for(domain: str, *several: Rules) -> tuple[re.Pattern[str], ...]:
    """Expressions of which one matches a path of this domain completely if one of `several` rules covers it. For those
    who ask about every file: looking the rules up takes longer than matching."""
    return tuple(_matcher(paths) for rules in several if (paths := _rules_of(rules, domain)))


def device_path(domain: str, relative_path: str) -> str:
    """The path a backup announces: below the APFS snapshot's mount point, so it looks absolute (facts 2.2)."""
    return f"/.b/6{root_of(domain)}/{relative_path}"


@lru_cache(1024)
def root_of(domain: str) -> str:
    prefix, _, identifier = domain.partition("-")
    if identifier and prefix in CONTAINER_ROOTS:
        return f"{CONTAINER_ROOTS[prefix]}/{str(uuid.uuid5(uuid.NAMESPACE_DNS, domain)).upper()}"
    return ROOTS.get(domain, MOBILE_HOME)


@lru_cache(256)
def _matcher(rules: tuple[str, ...]) -> re.Pattern[str]:
    """One expression for all rules of a domain: a list has more than a hundred, and a backup asks for every file."""
    companions = "|".join(map(re.escape, SUFFIXES))
    plain = "|".join(re.escape(rule) for rule in rules if not _has_wildcard(rule))
    parts = [f"(?:{plain})(?:/.*|{companions})?"] if plain else []
    parts += [f"(?:{translate(rule)}|{translate(f'{rule}/*')})" for rule in rules if _has_wildcard(rule)]
    return re.compile("|".join(parts), re.DOTALL)


def _has_wildcard(rule: str) -> bool:
    return "*" in rule or "?" in rule
