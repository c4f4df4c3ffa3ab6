"""Calls as a table."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from migrate.content.kinds import source_places
from migrate.content.source import Source
from tests.export.exporting import Export
from tests.made_backups import MakeBackup

STORE = ("HomeDomain", "Library/CallHistoryDB/CallHistory.storedata")
CALLS = (
    "CREATE TABLE ZCALLRECORD (Z_PK INTEGER PRIMARY KEY, ZDATE REAL, ZADDRESS TEXT, ZORIGINATED INTEGER,"
    " ZANSWERED INTEGER, ZDURATION REAL, ZUNIQUE_ID TEXT, ZCALLTYPE INTEGER, ZSERVICE_PROVIDER TEXT);"
    "CREATE TABLE ZHANDLE (Z_PK INTEGER PRIMARY KEY, ZVALUE TEXT);"
    "CREATE TABLE Z_2REMOTEPARTICIPANTHANDLES (Z_2REMOTEPARTICIPANTCALLS INTEGER, Z_4REMOTEPARTICIPANTHANDLES INTEGER);"
    "INSERT INTO ZCALLRECORD VALUES (1, 720000000, '+491701', 1, 1, 61.2, 'A', 1, 'com.apple.Telephony'),"
    " (2, 700000000, '+491702', 0, 0, 0, 'B', 8, 'com.apple.FaceTime'),"
    " (3, 710000000, 'someone', 0, 1, 5, 'C', 0, 'net.whatsapp.WhatsApp'),"
    " (4, NULL, NULL, NULL, NULL, NULL, 'D', 16, NULL);"
    "INSERT INTO ZHANDLE VALUES (1, '+491701'), (2, '+491702'), (3, 'x@example.com');"
    "INSERT INTO Z_2REMOTEPARTICIPANTHANDLES VALUES (1, 1), (2, 2), (2, 3);"
)


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))[1:]


def test_calls_are_in_the_order_of_their_time_with_facetime_and_all_members(
    make_backup: MakeBackup, make_database: Callable[[str], bytes], export: Export
) -> None:
    found = rows(export(make_backup({STORE: make_database(CALLS)})).text("Calls/calls.csv"))

    assert [row[1:3] + row[6:] for row in found] == [
        ["+491702", "", "FaceTime video", "'+491702; x@example.com"],  # no spreadsheet adds it up
        ["someone", "", "net.whatsapp.WhatsApp", ""],
        ["+491701", "", "phone", ""],
        ["", "", "FaceTime audio", ""],
    ]


def test_calls_as_json(make_backup: MakeBackup, make_database: Callable[[str], bytes], export: Export) -> None:
    exported = export(make_backup({STORE: make_database(CALLS)}), formats=frozenset({"json"}))

    assert exported.paths() == ["Calls/calls.json"]
    first, *_others = found = json.loads(exported.text("Calls/calls.json"))
    assert len(found) == 4
    assert first == {
        "when": first["when"],
        "number": "+491702",
        "name": None,
        "direction": "incoming",
        "answered": False,
        "seconds": 0,
        "service": "FaceTime video",
        "members": ["+491702", "x@example.com"],
    }


def test_a_person_of_a_group_call_is_found(
    make_backup: MakeBackup, make_database: Callable[[str], bytes], export: Export
) -> None:
    exported = export(make_backup({STORE: make_database(CALLS)}), person="x@example.com")

    assert len(rows(exported.text("Calls/calls.csv"))) == 1


def test_a_simulated_iphone_has_group_calls(phones_backup: Callable[..., Any], export: Export) -> None:
    backup, groups = phones_backup("18.5", photos=1, messages=3)
    found = rows(export(backup, groups=groups, owners={"calls"}).text("Calls/calls.csv"))

    in_groups = [row for row in found if row[7]]
    assert in_groups and all(row[6].startswith("FaceTime") for row in in_groups)
    assert all(2 <= len(row[7].split("; ")) <= 3 for row in in_groups)


def test_the_calls_of_another_programs_fixture(
    make_backup: MakeBackup, shared_data: Path, export: Export, tmp_path: Path
) -> None:
    """Five calls on the schema of iOS 18, one of them a FaceTime call with two others, one with a handle that is
    missing."""
    database = shared_data / "databases/ios18-synthetic/calls.1.CallHistory.storedata"
    backup = make_backup({STORE: database.read_bytes()})
    (tmp_path / "reading").mkdir()
    found = rows(export(backup).text("Calls/calls.csv"))

    assert len(found) == 5
    assert [row[0] for row in found] == sorted(row[0] for row in found)
    assert [row[6:] for row in found if row[7]] == [["FaceTime video", "'+1 555 0300; +1 555 0301"]]
    assert Source(backup, tmp_path / "reading", source_places()).failed == set()
