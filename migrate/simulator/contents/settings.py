"""Settings: preferences of the system and its apps, permissions, accounts, alarms, focus modes, keyboard dictionary.

Paths *seen* on iOS 14.3; keys as used by backup readers (iLEAPP, MVT, facts 6). Some of the files are never restored to
another phone (NEVER_MIGRATED in domains); they are here so that a move has something to leave behind.
"""

from __future__ import annotations

from migrate.simulator.contents.author import HOME, REFERENCE_TIME, Author, apple_seconds, plist_date
from migrate.simulator.contents.formats.core_data import CoreDataStore
from migrate.simulator.contents.formats.sqlite_file import Database, Row
from migrate.simulator.device.hardware_links import TIME_ZONE_LINK, carrier_links, time_zone_target

PREFERENCES = "Library/Preferences"
TIMER_GROUP = "SysSharedContainerDomain-systemgroup.com.apple.mobiletimerd"
BLOCK_LIST = "__kCMFBlockListStoreTopLevelKey"
ALARMS = ((6, 45, 31, "Frühschicht"), (8, 0, 96, "Weekend"), (13, 30, 0, "Pills 💊"))
"""Hour, minute, days (Monday is 1, Sunday 64), label."""

TCC_SCHEMA = """
CREATE TABLE admin (key TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL);
CREATE TABLE access (service TEXT NOT NULL, client TEXT NOT NULL, client_type INTEGER NOT NULL,
 auth_value INTEGER NOT NULL, auth_reason INTEGER NOT NULL, auth_version INTEGER NOT NULL, csreq BLOB,
 policy_id INTEGER, indirect_object_identifier_type INTEGER,
 indirect_object_identifier TEXT NOT NULL DEFAULT 'UNUSED', indirect_object_code_identity BLOB, flags INTEGER,
 last_modified INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (service, client, client_type, indirect_object_identifier));
"""
ACCOUNT_ENTITIES: dict[str, int | tuple[int, int]] = {"Account": 2, "AccountType": 4, "Dataclass": 7}
ACCOUNT_TABLES = {
    "ZACCOUNT": "ZACTIVE INTEGER, ZAUTHENTICATED INTEGER, ZVISIBLE INTEGER, ZACCOUNTTYPE INTEGER, "
    "ZPARENTACCOUNT INTEGER, ZDATE TIMESTAMP, ZACCOUNTDESCRIPTION VARCHAR, ZIDENTIFIER VARCHAR, "
    "ZOWNINGBUNDLEID VARCHAR, ZUSERNAME VARCHAR",
    "ZACCOUNTTYPE": "ZSUPPORTSAUTHENTICATION INTEGER, ZACCOUNTTYPEDESCRIPTION VARCHAR, ZIDENTIFIER VARCHAR",
    "ZDATACLASS": "ZNAME VARCHAR",
}


def write(author: Author) -> None:
    _write_preferences(author)
    _write_accounts(author)
    author.database(HOME, "Library/TCC/TCC.db", _permissions(author))
    _write_alarms(author)
    _write_focus(author)
    _write_keyboard(author)
    _write_links(author)


def _write_preferences(author: Author) -> None:
    language = author.locale.partition("_")[0]
    home: dict[str, object] = {
        ".GlobalPreferences": {
            "AppleLanguages": [author.locale.replace("_", "-"), language],
            "AppleLocale": author.locale,
            "AppleKeyboards": [f"{author.locale}@sw=QWERTY;hw=Automatic", "emoji@sw=Emoji"],
        },
        "com.apple.springboard": {"SBDisableHomeButtonTTR": True, "SBHomeScreenVersion": 3},
        "com.apple.Preferences": {"kPreferencePositionKey": "root=General"},
        "com.apple.purplebuddy": {"SetupDone": True, "SetupState": "SetupUsingAssistant", "Locale": author.locale},
        "com.apple.mobilephone": {"AddressBookLastDialedUid": 1, "ForwardingEnabled": False},
        "com.apple.mobileslideshow": {"PhotoStreamEnabled": False},
        "com.apple.mobile.ldbackup": {
            "CloudBackupEnabled": False,
            "LastCloudBackupDate": int(apple_seconds(REFERENCE_TIME)) - 86_400,
        },
        "com.apple.mobiletimer": {"cities": [{"name": "Kyoto"}, {"name": "Reykjavík"}]},
        "com.apple.cmfsyncagent": {BLOCK_LIST: {"__kCMFBlockListStoreArrayKey": _blocked(author)}},
        "com.apple.Accessibility": {"ReduceMotionEnabled": 0},
        "com.apple.camera": {"CAMUserPreferencePreserveGridMode": True},
        "com.apple.mobilemail": {"NumLines": 2},
        "com.apple.assistant.support": {"Assistant Enabled": True},
        # never migrated to another phone
        "com.apple.MobileBluetooth.devices": {"00:00:5E:00:53:01": {"Name": "Auto 🚗"}},
        "com.apple.GMM": {"Seen": True},
    }
    for name, value in home.items():
        author.plist(HOME, f"{PREFERENCES}/{name}.plist", value, mode=0o100600)
    for name in ("com.apple.MobileBackup", "com.apple.preferences.network"):
        author.plist("RootDomain", f"{PREFERENCES}/{name}.plist", {"Version": 1}, mode=0o100600)
    clients = {"com.apple.Maps": {"Authorization": 4, "BundleId": "com.apple.Maps"}}
    author.plist("RootDomain", "Library/Caches/locationd/clients.plist", clients)
    for name, value in (("com.apple.commcenter", {"OperatorName": "Example"}), ("com.apple.coretelephony", {"v": 3})):
        author.plist("WirelessDomain", f"{PREFERENCES}/{name}.plist", value, mode=0o100600)
    author.plist(HOME, "Library/DataAccess/DeviceSpecificInfo.plist", {"DeviceID": author.uuid()})
    author.plist(HOME, "Library/DataAccess/AccountInformation.plist", {"Version": 1})


def _blocked(author: Author) -> list[dict[str, object]]:
    if author.spec.empty:
        return []
    number = author.people[-1].phone
    return [{"__kCMFItemPhoneNumberUnformattedKey": number, "__kCMFItemTypeKey": 0, "__kCMFItemVersionKey": 1}]


def _write_accounts(author: Author) -> None:
    store = CoreDataStore(ACCOUNT_ENTITIES, ACCOUNT_TABLES, uuid=author.uuid())
    kinds = (("iCloud", "com.apple.account.AppleAccount"), ("IMAP", "com.apple.account.IMAP"))
    for description, identifier in kinds:
        known: Row = {"ZACCOUNTTYPEDESCRIPTION": description, "ZIDENTIFIER": identifier, "ZSUPPORTSAUTHENTICATION": 1}
        row = store.add("AccountType", "ZACCOUNTTYPE", known)
        if not author.spec.empty:
            user = f"someone.{description.casefold()}@example.com"
            account: Row = {"ZUSERNAME": user, "ZACCOUNTDESCRIPTION": description, "ZACCOUNTTYPE": row, "ZACTIVE": 1}
            store.add(
                "Account", "ZACCOUNT", {**account, "ZDATE": apple_seconds(REFERENCE_TIME), "ZIDENTIFIER": author.uuid()}
            )
    author.database(HOME, "Library/Accounts/Accounts3.sqlite", store)


def _permissions(author: Author) -> Database:
    database = Database(TCC_SCHEMA)
    database.insert("admin", {"key": "version", "value": 15})
    for bundle_id, app in author.apps.items():
        for service in () if app.system else ("kTCCServicePhotos", "kTCCServiceMicrophone"):
            asked: Row = {"service": service, "client": bundle_id, "client_type": 0, "last_modified": REFERENCE_TIME}
            database.insert("access", {**asked, "auth_value": 2, "auth_reason": 2, "auth_version": 1, "flags": 0})
    return database


def _write_alarms(author: Author) -> None:
    """Writes alarms: a property list up to iOS 26, a Core Data store from iOS 27 on (REPORTED once; columns
    *guessed*)."""
    alarms = () if author.spec.empty else ALARMS
    if author.ios < (27,):
        known = [
            {
                "$MTAlarm": {
                    "MTAlarmID": author.uuid(),
                    "MTAlarmTitle": title,
                    "MTAlarmHour": hour,
                    "MTAlarmMinute": minute,
                    "MTAlarmRepeatSchedule": days,
                    "MTAlarmEnabled": True,
                    "MTAlarmIsSleep": False,
                    "MTAlarmBedtimeDoNotDisturb": False,
                    "MTAlarmLastModifiedDate": plist_date(REFERENCE_TIME),
                    "MTAlarmSound": {"$MTSound": {"MTSoundToneID": "system:Radar", "MTSoundType": 2}},
                }
            }
            for hour, minute, days, title in alarms
        ]
        value = {"MTAlarms": {"MTAlarms": known, "MTSleepAlarms": []}, "MTTimers": {"MTTimers": []}}
        author.plist(HOME, f"{PREFERENCES}/com.apple.mobiletimerd.plist", value)
        return
    columns = "ZENABLED INTEGER, ZHOUR INTEGER, ZMINUTE INTEGER, ZREPEATSCHEDULE INTEGER, ZTITLE VARCHAR"
    store = CoreDataStore({"MTCDAlarm": 1}, {"ZMTCDALARM": columns}, uuid=author.uuid())
    for hour, minute, days, title in alarms:
        row: Row = {"ZHOUR": hour, "ZMINUTE": minute, "ZREPEATSCHEDULE": days, "ZTITLE": title, "ZENABLED": 1}
        store.add("MTCDAlarm", "ZMTCDALARM", row)
    author.database(TIMER_GROUP, "Library/local.sqlite", store)


def _write_focus(author: Author) -> None:
    folder = "Library/DoNotDisturb/DB"
    author.file(HOME, f"{folder}/Assertions.json", b'{"data": [], "header": {"version": 10}}')
    if not author.spec.empty:
        modes = '{"data": [{"modeConfigurations": {"sleep": {"mode": {"name": "Schlafen 😴"}}}}]}'
        author.file(HOME, f"{folder}/ModeConfigurations.json", modes.encode())  # only in encrypted backups
        database = Database("CREATE TABLE settings (identifier TEXT PRIMARY KEY, value BLOB);")
        author.database(HOME, f"{folder}/Settings.sqlite", database)


def _write_keyboard(author: Author) -> None:
    """Writes learned words: a lexicon with a count for each word. The real format is not known."""
    domain = "KeyboardDomain"
    author.directory(domain, "Library/Keyboard")
    if not author.spec.empty:
        words = "\n".join(f"{author.title().casefold()}\t{author.random.randint(1, 99)}" for _ in range(200))
        language = author.locale.partition("_")[0]
        author.file(domain, f"Library/Keyboard/{language}-dynamic.lm/dynamic-lexicon.dat", words.encode())
        author.file(domain, "Library/Keyboard/textReplacements.cache", b"")
        database = Database("CREATE TABLE usage (key TEXT PRIMARY KEY, value REAL, updated REAL);")
        author.database(domain, "Library/Keyboard/user_model_database.sqlite", database)


def _write_links(author: Author) -> None:
    """Writes seven links into a folder that no backup holds, and the time zone link (*seen*: iOS 14.3)."""
    for name, target in carrier_links(author.model, author.ios).items():
        author.symlink(HOME, f"{PREFERENCES}/{name}", target)
    author.symlink(*TIME_ZONE_LINK, time_zone_target(author.time_zone))
