"""Preference files after a restore: iOS writes them anew with its own bookkeeping, and the person's settings stay.

Which keys are bookkeeping is *guessed*, except where marked; that iOS keeps some beside settings is *seen* in the
preference files of every phone.
"""

from __future__ import annotations

import plistlib
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from migrate.simulator.aftermath.chance import RESTORED_UNIX_S, chance_of
from migrate.simulator.aftermath.store import replace_content
from migrate.simulator.device.domains import app_container
from migrate.simulator.device.filesystem import DigestOnly, Node, read_content
from migrate.simulator.device.phone import SimulatedPhone
from migrate.units import APPLE_EPOCH_UNIX_SECONDS

PREFERENCES = "Library/Preferences/"
SYSTEM_DOMAINS = (
    "HomeDomain", "RootDomain", "WirelessDomain", "SystemPreferencesDomain", "DatabaseDomain",
    "InstallDomain",
)  # fmt: skip
OTHERS = (
    ("HomeDomain", "Library/SpringBoard/IconState.plist"),
    ("HomeDomain", "Library/SpringBoard/DesiredIconState.plist"),
    ("HomeDomain", "Library/SpringBoard/TodayViewArchive.plist"),
    ("HomeDomain", "Library/ControlCenter/ModuleConfiguration.plist"),
    ("HomeDomain", "Library/CallHistoryDB/com.apple.callhistory.databaseInfo.plist"),
    ("HomeDomain", "Library/DataAccess/AccountInformation.plist"),
    ("HomeDomain", "Library/Mail/MailboxCollections.plist"),
    ("DatabaseDomain", "com.apple.xpc.launchd/disabled.plist"),
    ("InstallDomain", "Library/MobileInstallation/BackedUpState/BackupSystemAppInstallState.plist"),
    ("InstallDomain", "Library/MobileInstallation/BackedUpState/SystemAppInstallState.plist"),
    ("RootDomain", "Library/Caches/locationd/clients.plist"),
    ("SystemPreferencesDomain", "com.apple.wifi.known-networks.plist"),
    ("SystemPreferencesDomain", "SystemConfiguration/com.apple.wifi.plist"),
)
"""Property lists of the system outside Library/Preferences."""
LIMIT_BYTES = 4 << 20

Values = dict[str, Any]
Change = Callable[[Values, SimulatedPhone, random.Random], Mapping[str, Any]]
NOW = datetime.fromtimestamp(RESTORED_UNIX_S, UTC).replace(tzinfo=None)


def rewrite_preferences(phone: SimulatedPhone, was_restored: Callable[[str, str], bool]) -> None:
    """Rewrites the preferences of the system and of Apple's apps. An app's own wait until somebody opens it."""
    for node in _files(phone):
        if isinstance(node.content, DigestOnly) or not 0 < node.size <= LIMIT_BYTES:
            continue
        try:
            value = plistlib.loads(read_content(node.content))
        except Exception:  # noqa: S112 - plistlib raises many kinds; such a file stays as it is
            continue
        if not isinstance(value, dict):
            continue
        chance = chance_of(phone, "preferences", node.domain, node.relative_path)
        name = node.relative_path.rpartition("/")[2].removesuffix(".plist")
        changed = {**value, **_bookkeeping(name, value, phone, chance)}
        if was_restored(node.domain, node.relative_path):
            changed |= _after_migration(node, phone)
        replace_content(phone.files, node, _serialised(changed, chance))


def _files(phone: SimulatedPhone) -> list[Node]:
    domains = [
        domain
        for domain in phone.files.domains()
        if domain in SYSTEM_DOMAINS
        or ((found := app_container(domain)) is not None and ".apple." in f".{found.identifier}")
    ]
    return [
        node
        for domain in domains
        for node in phone.files.walk(domain)
        if node.kind == "file" and node.relative_path.endswith(".plist") and _is_ours(node)
    ]


def _is_ours(node: Node) -> bool:
    return node.relative_path.startswith(PREFERENCES) or (node.domain, node.relative_path) in OTHERS


def _bookkeeping(name: str, value: Values, phone: SimulatedPhone, chance: random.Random) -> Mapping[str, Any]:
    return _CHANGES[name](value, phone, chance) if name in _CHANGES else {}


def _after_migration(node: Node, phone: SimulatedPhone) -> Values:
    """What a data migrator leaves in preferences that it looked at. Elsewhere every key may be an item."""
    if not node.relative_path.startswith(PREFERENCES):
        return {}
    return {"LastMigratedBuild": phone.build, "LastMigrationDate": NOW}


def _serialised(value: Values, chance: random.Random) -> bytes:
    """As XML or binary. A value that XML cannot hold stays binary."""
    if chance.random() < 0.5:
        try:
            return plistlib.dumps(value, fmt=plistlib.FMT_XML)
        except (TypeError, ValueError, OverflowError):
            pass
    return plistlib.dumps(value, fmt=plistlib.FMT_BINARY, sort_keys=False)


def _global(value: Values, phone: SimulatedPhone, chance: random.Random) -> Values:
    return {"AppleLanguagesDidMigrate": phone.build, "AppleLanguagesSchemaVersion": 3000 + chance.randrange(900)}


def _springboard(value: Values, phone: SimulatedPhone, chance: random.Random) -> Values:
    version = value.get("SBHomeScreenVersion")
    return {
        "SBHomeScreenVersion": version + 1 if isinstance(version, int) else 4,
        "SBLastBootBuild": phone.build,
        "SBRecentLaunchCount": chance.randrange(5, 50),
    }


def _setup(value: Values, phone: SimulatedPhone, chance: random.Random) -> Values:
    """SetupState is REPORTED (facts 4.8)."""
    return {
        "SetupState": "RestoredFromiTunesBackup",
        "SetupLastExit": NOW,
        "SetupVersion": 11,
        "RestoredDeviceBackupBuildVersion": phone.build,
    }


def _settings_app(value: Values, phone: SimulatedPhone, chance: random.Random) -> Values:
    """The page of Settings that was open last."""
    return {"kPreferencePositionKey": chance.choice(("root", "root=APPLE_ACCOUNT", "root=General&path=About"))}


def _backups(value: Values, phone: SimulatedPhone, chance: random.Random) -> Values:
    """The dates of this phone's own backups (keys *read*: facts 6.1)."""
    seconds = RESTORED_UNIX_S - APPLE_EPOCH_UNIX_SECONDS
    return {
        "LastCloudBackupDate": 0,
        "RestoreDate": seconds,
        "CloudBackupEnabled": value.get("CloudBackupEnabled", False),
    }


def _phone_app(value: Values, phone: SimulatedPhone, chance: random.Random) -> Values:
    return {"AddressBookLastDialedUid": chance.randrange(1, 90), "CallHistoryMigrationVersion": 31}


def _calls(value: Values, phone: SimulatedPhone, chance: random.Random) -> Values:
    return {"kCallDBVersion": 40 + phone.ios[0]}


def _networks(value: Values, phone: SimulatedPhone, chance: random.Random) -> Values:
    """A known network keeps its name and how it was added; the phone writes when it last looked at it."""
    return {
        name: {**network, "UpdatedAt": NOW} if isinstance(network, dict) and "UpdatedAt" in network else network
        for name, network in value.items()
    }


def _location_clients(value: Values, phone: SimulatedPhone, chance: random.Random) -> Values:
    return {"com.apple.migrationd": {"Authorization": 0, "BundleId": "com.apple.migrationd"}}


_CHANGES: Mapping[str, Change] = {
    ".GlobalPreferences": _global,
    "com.apple.springboard": _springboard,
    "com.apple.purplebuddy": _setup,
    "com.apple.Preferences": _settings_app,
    "com.apple.mobile.ldbackup": _backups,
    "com.apple.mobilephone": _phone_app,
    "com.apple.callhistory.databaseInfo": _calls,
    "com.apple.wifi.known-networks": _networks,
    "clients": _location_clients,
}
