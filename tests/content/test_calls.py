"""Calls, read from the stores of several iOS versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from migrate.content.item import compare
from migrate.content.kinds import kind, source_places
from migrate.content.readers.calls import Call
from migrate.content.source import Source
from tests.content.reading import database_of, later_schema, read_made
from tests.made_backups import MakeBackup

STORE = ("HomeDomain", "Library/CallHistoryDB/CallHistory.storedata")
OLD_STORE = ("WirelessDomain", "Library/CallHistory/call_history.db")


def test_a_call_keeps_its_id_and_fingerprint_in_another_schema(
    make_backup: MakeBackup, make_database: Callable[[str], bytes], tmp_path: Path
) -> None:
    now = make_database(
        "CREATE TABLE ZCALLRECORD (Z_PK INTEGER PRIMARY KEY, ZDATE REAL, ZADDRESS TEXT, ZORIGINATED INTEGER,"
        " ZANSWERED INTEGER, ZDURATION REAL, ZUNIQUE_ID TEXT, ZNEW TEXT);"
        "INSERT INTO ZCALLRECORD VALUES (7, 700000000.4, '+49 170 1234567', 1, 1, 61.2, 'B-2', 'x');"
        "INSERT INTO ZCALLRECORD VALUES (1, 700000100.0, '0170', 0, 0, 0.0, 'A-1', NULL);"
    )
    backup = make_backup({STORE: now})
    findings: list[object] = []
    source = Source(backup, tmp_path, source_places(), findings.append)
    items = list(kind("calls").items(source))

    assert [item.id for item in items] == ["A-1", "B-2"]
    assert findings == []
    old = Call(
        id="B-2",
        when=1_678_307_200.2,
        number="+491701234567",
        outgoing=True,
        answered=None,
        duration=61.0,
        lacking=frozenset({"answered"}),
    )
    comparison = compare(old, items[1])
    assert comparison.is_equal
    assert comparison.left_out == ("answered",)


def test_a_store_without_its_table_is_reported_and_not_called_empty(
    make_backup: MakeBackup, make_database: Callable[[str], bytes], tmp_path: Path
) -> None:
    backup = make_backup({STORE: make_database("CREATE TABLE other (x)")})
    findings: list[object] = []
    source = Source(backup, tmp_path, source_places(), findings.append)

    assert list(kind("calls").items(source)) == []
    assert len(findings) == 1
    assert STORE in source.failed


def test_calls_keep_their_fingerprints_in_the_schemas_of_ios_6_to_11(
    make_backup: MakeBackup, tmp_path: Path, shared_data: Path
) -> None:
    folder = shared_data / "databases" / "schemas" / "calls"
    fields = {"ZADDRESS": b"+49 170 1234567", "ZORIGINATED": 0, "ZANSWERED": 1, "ZDURATION": 61.2, "ZUNIQUE_ID": "B-2"}
    rows = [
        ("ZCALLRECORD", {"Z_PK": 7, "ZDATE": 700_000_000.0, **fields}),
        ("call", {"address": "+49 170 1234567", "date": 1_678_307_200, "duration": 61, "flags": 0, "answered": 1}),
    ]
    readings = {}
    for file in sorted(folder.glob("*.sql")):
        schema = file.read_text()
        place = STORE if "ZCALLRECORD" in schema else OLD_STORE
        for later in (schema, later_schema(schema)):
            reading = read_made(make_backup, tmp_path, "calls", {place: database_of(later, rows)})
            assert reading.findings == [], file.name
            (readings[file.name],) = reading.items

    assert len(readings) == 5
    newest = readings["calls_11.2.sql"]
    assert newest.id == "B-2"
    for name, call in readings.items():
        assert compare(newest, call).is_equal, name
        assert call.lacking == ({"answered"} if name == "calls2_6.1.6.sql" else set()), name


def test_the_calls_of_a_synthetic_ios_18_are_read(make_backup: MakeBackup, tmp_path: Path, shared_data: Path) -> None:
    made = (shared_data / "databases/ios18-synthetic/calls.1.CallHistory.storedata").read_bytes()
    reading = read_made(make_backup, tmp_path, "calls", {STORE: made})

    assert reading.findings == []
    assert sorted((call.when, call.number or "", call.outgoing, call.answered) for call in reading.items) == [
        (1678307200.5, "+1 555 0100", True, True),
        (1678393600.25, "+1 555 0142", False, False),
        (1678480000.0, "", True, True),
        (1678566400.0, "+1 555 0166", False, True),
        (1678652800.0, "+1 555 0199", False, True),
    ]
    assert [call.id for call in reading.items if not call.id.startswith("~")] == ["fixture-uid-1"]


def test_hostile_cells_of_calls_are_read(make_backup: MakeBackup, tmp_path: Path) -> None:
    schema = "CREATE TABLE ZCALLRECORD (ZDATE, ZADDRESS, ZORIGINATED, ZANSWERED, ZDURATION, ZUNIQUE_ID);"
    cells = {"ZDATE": 1e999, "ZADDRESS": "\x1b[2J" + "1" * 500, "ZDURATION": 1e999, "ZORIGINATED": "x"}
    reading = read_made(make_backup, tmp_path, "calls", {STORE: database_of(schema, [("ZCALLRECORD", cells)])})

    (call,) = reading.items
    assert (call.when, call.duration, reading.findings) == (None, None, [])
    assert call.describe().isprintable()
