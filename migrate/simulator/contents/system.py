"""Apple's own apps with their containers, and system files that belong to no app.

Paths as in categories/categories.toml. Each database has one or two tables, with their real names where known (iLEAPP,
MVT), else *guessed*.
"""

from __future__ import annotations

import functools
import json
import unicodedata

from migrate.simulator.contents.apps import add_webkit
from migrate.simulator.contents.author import HOME, REFERENCE_TIME, SAFARI_APP, Author, apple_seconds
from migrate.simulator.contents.formats.core_data import CoreDataStore
from migrate.simulator.contents.formats.png import draw_icon
from migrate.simulator.contents.formats.sqlite_file import Database, Row
from migrate.simulator.device.app import App

LOCAL_FILES = "AppDomainGroup-group.com.apple.FileProvider.LocalStorage"
BLUETOOTH = "SysSharedContainerDomain-systemgroup.com.apple.bluetooth"
PROFILES = "SysSharedContainerDomain-systemgroup.com.apple.configurationprofiles"

SYSTEM_APPS: tuple[tuple[str, str, tuple[str, ...], int], ...] = (
    ("com.apple.mobilesafari", "Safari", ("group.com.apple.safari",), 0),
    ("com.apple.mobilemail", "Mail", ("group.com.apple.mail",), 0),
    ("com.apple.mobilenotes", "Notes", ("group.com.apple.notes",), 0),
    ("com.apple.reminders", "Reminders", ("group.com.apple.reminders",), 13),
    ("com.apple.VoiceMemos", "Voice Memos", ("group.com.apple.VoiceMemos.shared",), 0),
    ("com.apple.DocumentsApp", "Files", ("group.com.apple.FileProvider.LocalStorage",), 11),
    ("com.apple.Maps", "Maps", ("group.com.apple.Maps",), 0),
    ("com.apple.PosterBoard", "PosterBoard", (), 16),
    ("com.apple.freeform", "Freeform", ("group.com.apple.freeform",), 16),
)
"""Bundle id, name, groups, first iOS version."""
ICON_APPS = (
    ("com.apple.mobilephone", "Phone"),
    ("com.apple.MobileSMS", "Messages"),
    ("com.apple.Music", "Music"),
    ("com.apple.weather", "Weather"),
)
"""Bundle id and name of apps that every home screen shows, and which keep nothing in a domain of their own here."""

WALLET_SCHEMA = """
CREATE TABLE pass_type (pid INTEGER PRIMARY KEY, identifier TEXT, team_identifier TEXT);
CREATE TABLE pass (pid INTEGER PRIMARY KEY, unique_id TEXT UNIQUE, type_id INTEGER, pass_type_pid INTEGER,
 serial_number TEXT, organization_name TEXT, localized_description TEXT, ingested_date REAL, delete_pending INTEGER);
"""
INTERACTION_SCHEMA = """
CREATE TABLE ZINTERACTIONS (Z_PK INTEGER PRIMARY KEY, ZSENDER INTEGER, ZSTARTDATE REAL, ZENDDATE REAL,
 ZCREATIONDATE REAL, ZBUNDLEID TEXT, ZACCOUNT TEXT, ZTARGETBUNDLEID TEXT, ZDIRECTION INTEGER, ZRECIPIENTCOUNT INTEGER,
 ZDOMAINIDENTIFIER TEXT, ZISRESPONSE INTEGER, ZCONTENTURL TEXT, ZLOCATIONUUID TEXT, ZGROUPNAME TEXT,
 ZDERIVEDINTENTIDENTIFIER TEXT, ZMECHANISM INTEGER);
CREATE TABLE ZCONTACTS (Z_PK INTEGER PRIMARY KEY, ZDISPLAYNAME TEXT, ZIDENTIFIER TEXT, ZPERSONID TEXT,
 ZCUSTOMIDENTIFIER TEXT, ZINCOMINGRECIPIENTCOUNT INTEGER, ZINCOMINGSENDERCOUNT INTEGER,
 ZOUTGOINGRECIPIENTCOUNT INTEGER, ZCREATIONDATE REAL, ZFIRSTINCOMINGRECIPIENTDATE REAL,
 ZFIRSTINCOMINGSENDERDATE REAL, ZFIRSTOUTGOINGRECIPIENTDATE REAL, ZLASTINCOMINGSENDERDATE REAL,
 ZLASTINCOMINGRECIPIENTDATE REAL, ZLASTOUTGOINGRECIPIENTDATE REAL);
CREATE TABLE ZATTACHMENT (Z_PK INTEGER PRIMARY KEY, ZCONTENTTEXT TEXT, ZUTI TEXT, ZCONTENTURL TEXT,
 ZSIZEINBYTES INTEGER, ZPHOTOLOCALIDENTIFIER TEXT, ZIDENTIFIER BLOB, ZCLOUDIDENTIFIER TEXT);
CREATE TABLE Z_1INTERACTIONS (Z_1ATTACHMENTS INTEGER, Z_3INTERACTIONS INTEGER);
CREATE TABLE Z_2INTERACTIONRECIPIENT (Z_2RECIPIENTS INTEGER, Z_3INTERACTIONRECIPIENT INTEGER);
"""
SHORTCUTS_SCHEMA = """
CREATE TABLE ZSHORTCUT (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZACTIONCOUNT INTEGER,
 ZCREATIONDATE TIMESTAMP, ZMODIFICATIONDATE TIMESTAMP, ZNAME VARCHAR, ZWORKFLOWID VARCHAR);
CREATE TABLE ZSHORTCUTACTIONS (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZSHORTCUT INTEGER, ZDATA BLOB);
"""
DATA_USAGE_TABLES = {
    "ZPROCESS": "ZFIRSTTIMESTAMP TIMESTAMP, ZTIMESTAMP TIMESTAMP, ZBUNDLENAME VARCHAR, ZPROCNAME VARCHAR",
    "ZLIVEUSAGE": "ZKIND INTEGER, ZHASPROCESS INTEGER, ZBILLCYCLEEND TIMESTAMP, ZTIMESTAMP TIMESTAMP, ZWIFIIN FLOAT, "
    "ZWIFIOUT FLOAT, ZWWANIN FLOAT, ZWWANOUT FLOAT",
}
SMALL_STORES = (
    (HOME, "Library/Recents/Recents", "CREATE TABLE recents (ROWID INTEGER PRIMARY KEY, display_name TEXT);", 0),
    (HOME, "Library/Avatar/CoreDataBackend/avatars.db", "CREATE TABLE ZAVATAR (Z_PK INTEGER PRIMARY KEY);", 13),
    (HOME, "Library/FrontBoard/applicationState.db", "CREATE TABLE kvs (id INTEGER PRIMARY KEY, value BLOB);", 0),
    (HOME, "Library/Shortcuts/Shortcuts.sqlite", SHORTCUTS_SCHEMA, 13),
    ("HomeKitDomain", "Library/homed/datastore.sqlite", "CREATE TABLE ZMKFHOME (Z_PK INTEGER PRIMARY KEY);", 13),
    ("WirelessDomain", "Library/Databases/CellularUsage.db", "CREATE TABLE subscriber_info (ROWID INTEGER);", 0),
    (BLUETOOTH, "Library/Database/com.apple.MobileBluetooth.ledevices.paired.db",
     "CREATE TABLE PairedDevices (Uuid TEXT, Name TEXT);", 0),
)  # fmt: skip
"""Domain, path, schema and first iOS version of empty databases that every phone has."""
MAPS_SCHEMA = """
CREATE TABLE ZFAVORITEITEM (Z_PK INTEGER PRIMARY KEY, ZCUSTOMNAME VARCHAR, ZORIGINATINGADDRESSSTRING VARCHAR,
 ZLATITUDE FLOAT, ZLONGITUDE FLOAT, ZCREATETIME TIMESTAMP);
CREATE TABLE ZCOLLECTION (Z_PK INTEGER PRIMARY KEY, ZTITLE VARCHAR);
CREATE TABLE ZCOLLECTIONITEM (Z_PK INTEGER PRIMARY KEY, ZCUSTOMNAME VARCHAR, ZLATITUDE FLOAT, ZLONGITUDE FLOAT,
 ZCREATETIME TIMESTAMP);
CREATE TABLE Z_5PLACES (Z_5COLLECTIONS INTEGER, Z_6PLACES INTEGER);
CREATE TABLE ZHISTORYITEM (Z_PK INTEGER PRIMARY KEY, ZQUERY VARCHAR, ZLOCATIONDISPLAY VARCHAR, ZLATITUDE FLOAT,
 ZLONGITUDE FLOAT, ZCREATETIME TIMESTAMP);
INSERT INTO ZFAVORITEITEM VALUES (1, 'Home', 'Example Street 1', 52.5163, 13.3777, 700000000);
INSERT INTO ZCOLLECTION VALUES (1, 'Kyoto 🗺️'); INSERT INTO Z_5PLACES VALUES (1, 1);
INSERT INTO ZCOLLECTIONITEM VALUES (1, 'Teahouse', 35.0036, 135.7785, 700100000);
INSERT INTO ZHISTORYITEM VALUES (1, 'bakery', 'Berlin', 52.52, 13.41, 700200000);
"""
"""Tables and columns *read*: iLEAPP and other readers of MapsSync."""
IN_USE_STORES = (
    ("AppDomainGroup-group.com.apple.Maps", "Maps/MapsSync_0.0.1", MAPS_SCHEMA, 14),
    ("AppDomainGroup-group.com.apple.freeform", "Boards/boards.db", "CREATE TABLE boards (id TEXT PRIMARY KEY);", 16),
)


def write(author: Author) -> None:
    _write_system_apps(author)
    stores = SMALL_STORES if author.spec.empty else (*SMALL_STORES, *IN_USE_STORES)
    for domain, path, schema, since in stores:
        if author.ios >= (since,):
            author.database(domain, path, Database(schema))
    state = {"InstallState": {"com.apple.stocks": False}, "Version": 1}
    for name in ("SystemAppInstallState", "BackupSystemAppInstallState"):
        author.plist("InstallDomain", f"Library/MobileInstallation/BackedUpState/{name}.plist", state)
    author.file("DatabaseDomain", "com.apple.xpc.launchd/disabled.migrated", b"")
    author.plist("DatabaseDomain", "com.apple.xpc.launchd/disabled.plist", {"com.apple.CommCenterMobileHelper": False})
    author.plist("DatabaseDomain", "lsd/com.apple.lsdidentifiers.plist", {"LSVendors": {}})  # never migrated
    author.directory("DatabaseDomain", "com.apple.xpc.launchd/config")
    author.plist(PROFILES, "Library/ConfigurationProfiles/PayloadManifest.plist", {"OrderedProfiles": []})
    author.directory("ManagedPreferencesDomain", "mobile")
    author.directory("MobileDeviceDomain", "ProvisioningProfiles")
    author.directory("TonesDomain", "Media/iTunes_Control/iTunes")
    author.directory(HOME, "Library/Mobile Documents")
    _write_wallet(author)
    author.database(HOME, "Library/CoreDuet/People/interactionC.db", _interactions(author))
    author.database("WirelessDomain", "Library/Databases/DataUsage.sqlite", _data_usage(author))
    if not author.spec.empty:
        _write_files_on_my_iphone(author)
        tones = {"Ringtones": {"import.m4r": {"Name": "Glöckchen 🔔", "Total Time": 5000}}}
        author.plist("TonesDomain", "Media/iTunes_Control/iTunes/Ringtones.plist", tones)
        author.file(HOME, "Library/Mail/Envelope Index", b"\x00" * 256)  # never in a backup
        author.plist(HOME, "Library/Mail/MailboxCollections.plist", {"favourites": ["inbox"]})


def _system_app(author: Author, bundle_id: str, name: str, groups: tuple[str, ...] = ()) -> App:
    version = ".".join(map(str, author.ios[:2]))
    return App(
        bundle_id=bundle_id,
        name=name,
        version=version,
        short_version=version,
        group_ids=groups,
        has_sinf=False,
        icon_png=_system_icon(),
        system=True,
    )


@functools.cache
def _system_icon() -> bytes:
    """One icon for all of them: drawing it takes longer than all the rest of a small phone."""
    return draw_icon(60, (255, 255, 255), (30, 120, 240))


def _write_system_apps(author: Author) -> None:
    for bundle_id, name in ICON_APPS:
        author.apps[bundle_id] = _system_app(author, bundle_id, name)
    for bundle_id, name, groups, since in SYSTEM_APPS:
        if author.ios < (since,):
            continue
        author.apps[bundle_id] = _system_app(author, bundle_id, name, groups)
        for folder in ("Documents", "Library/Preferences"):
            author.directory(f"AppDomain-{bundle_id}", folder)
        for group in groups:
            author.directory(f"AppDomainGroup-{group}", "Library")
    author.plist(SAFARI_APP, "Library/Preferences/com.apple.mobilesafari.plist", {"SearchEngineStringSetting": "None"})
    for domain in (SAFARI_APP, "AppDomain-com.apple.mobilemail"):
        add_webkit(author, domain)
    author.directory("AppDomainPlugin-com.apple.mobilenotes.WidgetExtension", "Library/Preferences")


def _write_wallet(author: Author) -> None:
    database = Database(WALLET_SCHEMA)
    for row, title in enumerate(() if author.spec.empty else ("Bibliothèque", "Night train 🚆"), start=1):
        identifier = f"pass.com.example.{row}"
        digest = author.random.randbytes(15).hex()
        database.insert("pass_type", {"pid": row, "identifier": identifier, "team_identifier": "ABCDE12345"})
        known: Row = {
            "unique_id": digest,
            "pass_type_pid": row,
            "organization_name": title,
            "serial_number": f"{row:04d}",
        }
        database.insert("pass", {**known, "ingested_date": apple_seconds(author.moment()), "delete_pending": 0})
        card = {"formatVersion": 1, "passTypeIdentifier": identifier, "organizationName": title, "description": title}
        folder = f"Library/Passes/Cards/{digest}.pkpass"
        author.file(HOME, f"{folder}/pass.json", json.dumps(card, ensure_ascii=False, sort_keys=True).encode())
        author.file(HOME, f"{folder}/icon.png", draw_icon(58, (240, 240, 240), (40, 90, 60)))
    author.database(HOME, "Library/Passes/passes23.sqlite", database)


def _interactions(author: Author) -> Database:
    database = Database(INTERACTION_SCHEMA)
    for moment in () if author.spec.empty else author.moments(20):
        person = author.person()
        row = database.insert("ZCONTACTS", {"ZDISPLAYNAME": person.name, "ZIDENTIFIER": person.phone})
        when: Row = {
            "ZSTARTDATE": apple_seconds(moment),
            "ZENDDATE": apple_seconds(moment),
            "ZCREATIONDATE": apple_seconds(moment),
        }
        interaction = database.insert("ZINTERACTIONS", {**when, "ZSENDER": row, "ZBUNDLEID": "com.apple.MobileSMS"})
        database.insert("Z_2INTERACTIONRECIPIENT", {"Z_2RECIPIENTS": row, "Z_3INTERACTIONRECIPIENT": interaction})
    return database


def _data_usage(author: Author) -> CoreDataStore:
    store = CoreDataStore({"LiveUsage": 5, "Process": 8}, DATA_USAGE_TABLES, uuid=author.uuid())
    for bundle_id, app in author.apps.items():
        if not app.system:
            seen: Row = {"ZFIRSTTIMESTAMP": apple_seconds(author.moment()), "ZTIMESTAMP": apple_seconds(REFERENCE_TIME)}
            process = store.add("Process", "ZPROCESS", {**seen, "ZBUNDLENAME": bundle_id, "ZPROCNAME": app.name})
            usage: Row = {
                "ZHASPROCESS": process,
                "ZTIMESTAMP": apple_seconds(REFERENCE_TIME),
                "ZWIFIIN": 0.0,
                "ZWWANIN": 4096.0,
            }
            store.add("LiveUsage", "ZLIVEUSAGE", usage)
    return store


def _write_files_on_my_iphone(author: Author) -> None:
    for name in ("Steuer 2025.pdf", unicodedata.normalize("NFD", "Förderantrag – Entwurf.txt"), "empty.txt"):
        text = b"" if name.startswith("empty") else author.sentence(300).encode()
        used = {"com.apple.lastuseddate#PS": (REFERENCE_TIME.to_bytes(8, "little") + bytes(8))}
        author.file(LOCAL_FILES, f"File Provider Storage/{name}", text, attributes=used)
    author.directory(LOCAL_FILES, "File Provider Storage/Downloads")
