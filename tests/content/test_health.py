"""Health samples, read from the stores of several iOS versions."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.content.item import compare
from tests.content.reading import Read, assert_same, read_items

SECURE = ("HealthDomain", "Health/healthdb_secure.sqlite")
SOURCES = ("HealthDomain", "Health/healthdb.sqlite")
MakeDatabase = Callable[[str], bytes]

ROWS = (
    "INSERT INTO objects (data_id, uuid, provenance, type, creation_date) VALUES ({a}, x'{u}01', 1, 1, 700000600),"
    " ({b}, x'{u}FF', 1, 1, 700000600), ({c}, x'{u}80', 1, 1, 700000600);"
    "INSERT INTO samples (data_id, start_date, end_date, data_type) VALUES ({a}, 700000000, 700000060, 7),"
    " ({b}, 700000000, 700003600, 63), ({c}, 700000000, 700003600, 79);"
    "INSERT INTO quantity_samples (data_id, quantity) VALUES ({a}, 120.5);"
    "INSERT INTO category_samples (data_id, value) VALUES ({b}, 3);"
)
U = "0102030405060708090A0B0C0D0E0F"
TABLES = (
    "CREATE TABLE objects (data_id INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB UNIQUE, provenance INTEGER NOT NULL,"
    " type INTEGER, creation_date REAL);"
    "CREATE TABLE samples (data_id INTEGER PRIMARY KEY, start_date REAL, end_date REAL, data_type INTEGER);"
    "CREATE TABLE quantity_samples (data_id INTEGER PRIMARY KEY, quantity REAL, original_quantity REAL,"
    " original_unit INTEGER);"
    "CREATE TABLE category_samples (data_id INTEGER PRIMARY KEY, value INTEGER);"
)
OLD = TABLES + (
    "CREATE TABLE workouts (data_id INTEGER PRIMARY KEY, duration REAL, total_distance REAL, activity_type INTEGER);"
    "INSERT INTO workouts VALUES ({c}, 3600, 5.5, 37);"
)
NEW = TABLES + (
    "CREATE TABLE workouts (data_id INTEGER PRIMARY KEY, total_distance REAL, goal REAL);"
    "CREATE TABLE workout_activities (ROWID INTEGER PRIMARY KEY, uuid BLOB UNIQUE, owner_id INTEGER NOT NULL,"
    " is_primary_activity INTEGER NOT NULL, activity_type INTEGER NOT NULL);"
    "INSERT INTO workouts VALUES ({c}, 5.5, NULL);"
    "INSERT INTO workout_activities VALUES (1, x'00', {c}, 1, 37), (2, x'01', {c}, 0, 52);"
)
GUESSED = (
    "CREATE TABLE quantity_samples (quantity REAL, canonical_unit TEXT, data_id INTEGER);"
    "CREATE TABLE category_samples (reserved TEXT, value INTEGER, data_id INTEGER);"
    "CREATE TABLE samples (data_type INTEGER, end_date REAL, start_date REAL, shard INTEGER, data_id INTEGER);"
    "CREATE TABLE objects (type INTEGER, creation_date REAL, provenance INTEGER, uuid BLOB, data_id INTEGER);"
    "CREATE TABLE workouts (total_distance REAL, activity_type INTEGER, data_id INTEGER);"
    "INSERT INTO workouts VALUES (5.5, 37, {c});"
)
SCHEMAS = {"up to iOS 15": OLD, "iOS 16 and later": NEW, "guessed: renamed order and keys": GUESSED}


def made(schema: str, a: int = 1, b: int = 2, c: int = 3) -> str:
    return (schema + ROWS).format(a=a, b=b, c=c, u=U)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_a_sample_is_the_same_in_another_schema(read: Read, make_database: MakeDatabase, schema: str) -> None:
    before = read("health", {SECURE: make_database(made(NEW))})
    after = read("health", {SECURE: make_database(made(schema, a=900, b=17, c=4))})

    assert [item.id for item in after.items] == [f"{U}01".lower(), f"{U}80".lower(), f"{U}ff".lower()]
    assert [(item.type, item.value, item.activity) for item in after.items] == [
        (7, 120.5, None),
        (79, 5.5, 37),
        (63, 3, None),
    ]
    assert_same(before.items, after.items)
    assert after.findings == []


def test_a_changed_value_is_seen(read: Read, make_database: MakeDatabase) -> None:
    before = read("health", {SECURE: make_database(made(NEW))}).items
    changed = made(NEW) + "UPDATE quantity_samples SET quantity = 121;"
    after = read("health", {SECURE: make_database(changed)}).items

    assert [compare(one, other).differing for one, other in zip(before, after, strict=True)] == [("value",), (), ()]


def test_a_sample_names_its_source(read: Read, make_database: MakeDatabase) -> None:
    secure = made(NEW) + (
        "CREATE TABLE data_provenances (ROWID INTEGER PRIMARY KEY, source_id INTEGER);"
        "INSERT INTO data_provenances VALUES (1, 42);"
    )
    sources = "CREATE TABLE sources (ROWID INTEGER PRIMARY KEY, name TEXT); INSERT INTO sources VALUES (42, 'Watch');"
    found = read("health", {SECURE: make_database(secure), SOURCES: make_database(sources)})

    assert [item.source for item in found.items] == ["Watch"] * 3
    assert found.items[0].describe() == "a Health record (steps), 8 March 2023"


def test_binary_data_is_compared_by_its_digest(read: Read, make_database: MakeDatabase) -> None:
    binary = (
        "CREATE TABLE binary_samples (data_id INTEGER PRIMARY KEY, payload BLOB);"
        "INSERT INTO objects VALUES (8, x'" + "AB" * 16 + "', 1, 1, 1); INSERT INTO samples VALUES (8, 1, 1, 119);"
        "INSERT INTO binary_samples VALUES (8, {payload});"
    )
    before, after = (
        read("health", {SECURE: make_database(made(NEW) + binary.format(payload=payload))}).items
        for payload in ("zeroblob(2000000)", "zeroblob(2000001)")
    )
    assert [compare(one, other).differing for one, other in zip(before, after, strict=True)].count(("value",)) == 1


def test_samples_without_a_uuid_are_read_in_their_order(read: Read, make_database: MakeDatabase) -> None:
    odd = (
        "INSERT INTO objects VALUES (10, NULL, 1, 1, 1), (11, 'text', 1, 1, 1), (12, x'', 1, 1, 1),"
        " (13, x'01', 1, 1, 1);"
        "INSERT INTO samples VALUES (10, 1, 1, 7), (11, 2, 2, 7), (12, 3, 3, 7), (13, 4, 4, 7), (14, 5, 5, 7);"
    )
    found = read("health", {SECURE: make_database(made(NEW) + odd)})

    assert len(found.items) == 8
    assert sum(item.id.startswith("~") for item in found.items) == 5
    assert found.findings == []


@pytest.mark.parametrize(
    "script",
    ["CREATE TABLE objects (data_id INTEGER PRIMARY KEY, uuid BLOB)", "CREATE VIEW samples AS SELECT 1 AS data_id"],
)
def test_a_store_without_its_tables_is_unknown(read: Read, make_database: MakeDatabase, script: str) -> None:
    found = read("health", {SECURE: make_database(script)})

    assert found.items == []
    assert SECURE in found.source.failed
    assert len(found.findings) == 1


def test_more_samples_than_fit_in_memory_stream_in_order(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "many.sqlite"
    bytes_of = random.Random(3)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES)
        count = 120_000  # SQLite may hold 8 MB, and sorts about 100 bytes for each
        connection.executemany(
            "INSERT INTO objects VALUES (?, ?, 1, 1, 0)", ((row, bytes_of.randbytes(16)) for row in range(count))
        )
        connection.executemany("INSERT INTO samples VALUES (?, ?, ?, 7)", ((row, row, row) for row in range(count)))
        connection.commit()
    found = read("health", {SECURE: path.read_bytes()})

    assert len({item.id for item in found.items}) == count


def test_what_the_simulated_iphone_wrote_is_read(phones_backup: Callable[..., Any], tmp_path: Path) -> None:
    backup, _ = phones_backup("18.5", health_samples=200)
    found = read_items(backup, "health", tmp_path / "reading")

    assert len(found.items) == 200
    assert {item.source for item in found.items} == {"iPhone", "Watch"}
    assert [item.activity for item in found.items if item.type == 79] == [37, 37]
    assert all(item.value is not None for item in found.items)
    assert found.findings == []
