"""Health: the secure store with samples, the store with their sources, and Medical ID. Only in encrypted backups.

Tables and the numbers of sample types as in HealthKit readers (iLEAPP, plaso, MIT and Apache-2.0 projects).
"""

from __future__ import annotations

from migrate.simulator.contents.author import UNLESS_OPEN, WHILE_UNLOCKED, Author, apple_seconds
from migrate.simulator.contents.formats.sqlite_file import Database, Row

DOMAIN = "HealthDomain"
HEART_RATE, STEPS, DISTANCE, SLEEP, WORKOUT = 5, 7, 8, 63, 79
IPHONE, WATCH = 1, 2
RUNNING = 37
SOURCES = (("com.apple.health.phone", "iPhone", "iPhone13,2"), ("com.apple.health.watch", "Watch", "Watch6,2"))

SECURE_SCHEMA = """
CREATE TABLE objects (data_id INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB UNIQUE, provenance INTEGER NOT NULL,
 type INTEGER, creation_date REAL);
CREATE TABLE samples (data_id INTEGER PRIMARY KEY, start_date REAL, end_date REAL, data_type INTEGER);
CREATE TABLE unit_strings (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, unit_string TEXT UNIQUE);
CREATE TABLE quantity_samples (data_id INTEGER PRIMARY KEY, quantity REAL, original_quantity REAL,
 original_unit INTEGER);
CREATE TABLE category_samples (data_id INTEGER PRIMARY KEY, value INTEGER);
CREATE TABLE binary_samples (data_id INTEGER PRIMARY KEY, payload BLOB);
CREATE TABLE workouts (data_id INTEGER PRIMARY KEY, total_distance REAL, goal_type INTEGER, goal REAL);
CREATE TABLE workout_activities (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB UNIQUE, owner_id INTEGER NOT NULL,
 is_primary_activity INTEGER NOT NULL, activity_type INTEGER NOT NULL, start_date REAL, end_date REAL, duration REAL);
CREATE TABLE data_provenances (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, sync_provenance INTEGER NOT NULL,
 origin_product_type TEXT NOT NULL, origin_build TEXT NOT NULL, local_product_type TEXT NOT NULL,
 local_build TEXT NOT NULL, source_id INTEGER NOT NULL, device_id INTEGER NOT NULL, source_version TEXT NOT NULL,
 tz_name TEXT NOT NULL);
CREATE TABLE metadata_keys (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE);
CREATE TABLE metadata_values (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, key_id INTEGER, object_id INTEGER,
 value_type INTEGER NOT NULL DEFAULT 0, string_value TEXT, numerical_value REAL, date_value REAL, data_value BLOB);
CREATE TABLE key_value_secure (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, category INTEGER NOT NULL, domain TEXT NOT NULL,
 key TEXT NOT NULL, value ANY, mod_date REAL NOT NULL);
CREATE INDEX samples_type_end ON samples (data_type, end_date, start_date);
"""
SCHEMA = """
CREATE TABLE sources (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB UNIQUE, bundle_id TEXT NOT NULL,
 name TEXT NOT NULL, source_options INTEGER NOT NULL, local_device INTEGER NOT NULL, product_type TEXT NOT NULL,
 deleted INTEGER NOT NULL, mod_date REAL NOT NULL);
CREATE TABLE source_devices (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, manufacturer TEXT NOT NULL,
 model TEXT NOT NULL, hardware TEXT NOT NULL, firmware TEXT NOT NULL, software TEXT NOT NULL,
 localIdentifier TEXT NOT NULL);
CREATE TABLE key_value (category INTEGER NOT NULL, domain TEXT NOT NULL, key TEXT NOT NULL, value ANY,
 mod_date REAL NOT NULL);
"""
DEVICE_CONTEXT = """
CREATE TABLE device_context (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, product_type_name TEXT, os_version_name TEXT);
"""


def write(author: Author) -> None:
    secure = Database(SECURE_SCHEMA)
    secure.insert_all("unit_strings", ({"unit_string": unit} for unit in ("count/min", "count", "m")))
    if author.spec.health_samples:
        _add_provenances(author, secure)
    for number, start in enumerate(author.moments(author.spec.health_samples)):
        _add_sample(author, secure, number, start)
    author.database(DOMAIN, "Health/healthdb_secure.sqlite", secure)
    author.file(DOMAIN, "Health/healthdb_secure.hfd", bytes(4096), protection_class=UNLESS_OPEN, mode=0o100600)
    author.database(DOMAIN, "Health/healthdb.sqlite", _sources(author))
    user = {"UserWeight": 70.0, "UserHeight": 1.7}
    author.plist(DOMAIN, "locationd/user.plist", user, protection_class=WHILE_UNLOCKED)
    if not author.spec.empty:
        contact = {"Name": author.people[0].name, "PhoneNumber": author.people[0].phone, "Relationship": "friend"}
        card = {"BloodType": 3, "Allergies": "Nüsse", "EmergencyContacts": [contact], "isOrganDonor": True}
        author.plist(DOMAIN, "MedicalID/MedicalIDData.archive", card)
        author.file(DOMAIN, "Health/Local/never-in-a-backup.db", b"\x00" * 64)


def _sources(author: Author) -> Database:
    database = Database(SCHEMA + (DEVICE_CONTEXT if author.ios >= (17,) else ""))
    for bundle_id, name, product in SOURCES if author.spec.health_samples else ():
        known: Row = {
            "uuid": author.random.randbytes(16),
            "bundle_id": bundle_id,
            "name": name,
            "product_type": product,
        }
        rest: Row = {"source_options": 5, "local_device": int(name == "iPhone"), "deleted": 0, "mod_date": 0.0}
        database.insert("sources", {**known, **rest})
        maker: Row = {"name": name, "manufacturer": "Apple Inc.", "model": name, "hardware": product}
        database.insert("source_devices", {**maker, "firmware": "", "software": "", "localIdentifier": ""})
    return database


def _add_provenances(author: Author, secure: Database) -> None:
    for source, product in ((IPHONE, "iPhone13,2"), (WATCH, "Watch6,2")):
        builds: Row = {"origin_build": "", "local_build": "", "source_version": "", "tz_name": author.time_zone}
        products: Row = {"origin_product_type": product, "local_product_type": "iPhone13,2"}
        whose: Row = {"sync_provenance": 0, "source_id": source, "device_id": source}
        secure.insert("data_provenances", {**builds, **products, **whose})


def _add_sample(author: Author, secure: Database, number: int, start: int) -> None:
    kind = WORKOUT if number % 97 == 96 else (STEPS, HEART_RATE, DISTANCE, STEPS, SLEEP)[number % 5]
    source = WATCH if kind in (HEART_RATE, SLEEP, WORKOUT) else IPHONE
    row = secure.insert(
        "objects",
        {
            "uuid": author.random.randbytes(16),
            "provenance": source,
            "type": 1,
            "creation_date": apple_seconds(start + 600),
        },
    )
    span: Row = {"start_date": apple_seconds(start), "end_date": apple_seconds(start + 600)}
    secure.insert("samples", {"data_id": row, **span, "data_type": kind})
    if kind == SLEEP:
        secure.insert("category_samples", {"data_id": row, "value": author.random.randint(0, 5)})
    elif kind == WORKOUT:
        secure.insert("workouts", {"data_id": row, "total_distance": 5.0})
        activity: Row = {"owner_id": row, "is_primary_activity": 1, "activity_type": RUNNING, "duration": 600.0}
        secure.insert("workout_activities", {**activity, **span, "uuid": author.random.randbytes(16)})
    else:
        quantity = {HEART_RATE: 1.0 + number % 3 / 4, STEPS: 40.0 + number % 900, DISTANCE: 30.0 + number % 700}[kind]
        secure.insert("quantity_samples", {"data_id": row, "quantity": quantity})
