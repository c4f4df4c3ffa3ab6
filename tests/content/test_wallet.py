"""Wallet passes with the files of their folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.content.item import compare
from tests.content.reading import Read, assert_same, read_items

STORE = ("HomeDomain", "Library/Passes/passes23.sqlite")
FOLDER = "Library/Passes/Cards/one=.pkpass"
MakeDatabase = Callable[[str], bytes]

TYPES = (
    "CREATE TABLE pass_type (pid INTEGER PRIMARY KEY, identifier TEXT, team_identifier TEXT);"
    "INSERT INTO pass_type VALUES (4, 'pass.com.example.train', 'TEAM'), (5, 'paymentpass.com.apple', 'TEAM');"
)
SCHEMAS = {
    "read: iLEAPP and others": (
        "CREATE TABLE pass (pid INTEGER PRIMARY KEY, unique_id TEXT UNIQUE, pass_type_pid INTEGER, serial_number TEXT,"
        " organization_name TEXT, localized_description TEXT, ingested_date REAL, delete_pending INTEGER);"
    ),
    "guessed: other order and more columns": (
        "CREATE TABLE pass (delete_pending INTEGER, style INTEGER, localized_description TEXT, ingested_date REAL,"
        " organization_name TEXT, serial_number TEXT, pass_type_pid INTEGER, unique_id TEXT, modified_date REAL);"
    ),
}
PASSES = (
    "INSERT INTO pass (unique_id, pass_type_pid, serial_number, organization_name, localized_description,"
    " ingested_date, delete_pending) VALUES"
    " ('one=', 4, 'S-1', 'Night train', 'Ticket', 700000000, 0), ('card=', 5, 'S-2', 'Bank', 'Credit', 700000000, 0),"
    " ('gone=', 4, 'S-3', 'Old train', 'Ticket', 700000000, 1);"
)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
@pytest.mark.parametrize("path", ["Library/Passes/passes23.sqlite", "Library/Passes/passes31.sqlite"])
def test_a_pass_is_the_same_in_another_schema(read: Read, make_database: MakeDatabase, schema: str, path: str) -> None:
    files = {("HomeDomain", f"{FOLDER}/pass.json"): b"{}", ("HomeDomain", f"{FOLDER}/icon.png"): b"PNG"}
    before = read("wallet", {STORE: make_database(TYPES + SCHEMAS["read: iLEAPP and others"] + PASSES), **files})
    after = read("wallet", {("HomeDomain", path): make_database(TYPES + schema + PASSES), **files})

    assert [item.id for item in before.items] == ["pass.com.example.train S-1"]  # no payment card, nothing deleted
    assert before.items[0].files == (("HomeDomain", f"{FOLDER}/icon.png"), ("HomeDomain", f"{FOLDER}/pass.json"))
    assert before.items[0].absent == 0
    assert before.items[0].describe() == "the Wallet pass Night train"
    assert_same(before.items, after.items)
    assert before.findings == after.findings == []


def test_a_pass_without_its_file_says_so(read: Read, make_database: MakeDatabase) -> None:
    made = make_database(TYPES + SCHEMAS["read: iLEAPP and others"] + PASSES)
    item = read("wallet", {STORE: made, ("HomeDomain", f"{FOLDER}/icon.png"): b"PNG"}).items[0]

    assert item.absent == 1
    assert len(item.files) == 1


def test_a_pass_of_another_organization_is_a_change(read: Read, make_database: MakeDatabase) -> None:
    schema = TYPES + SCHEMAS["read: iLEAPP and others"]
    one = read("wallet", {STORE: make_database(schema + PASSES)}).items[0]
    other = read("wallet", {STORE: make_database(schema + PASSES.replace("Night train", "Day train"))}).items[0]

    assert compare(one, other).differing == ("organization",)


def test_a_store_without_its_table_is_reported_once(read: Read, make_database: MakeDatabase) -> None:
    found = read("wallet", {STORE: make_database(TYPES)})  # the file is at both places

    assert found.items == []
    assert STORE in found.source.failed
    assert len(found.findings) == 1


def test_what_the_simulated_iphone_wrote_is_read(phones_backup: Callable[..., Any], tmp_path: Path) -> None:
    backup, _ = phones_backup("18.5")
    found = read_items(backup, "wallet", tmp_path / "reading")

    assert [(item.id, item.organization) for item in found.items] == [
        ("pass.com.example.1 0001", "Bibliothèque"),
        ("pass.com.example.2 0002", "Night train 🚆"),
    ]
    for item in found.items:
        assert [Path(file.relative_path).name for file in item.files] == ["icon.png", "pass.json"]
    assert found.findings == []
