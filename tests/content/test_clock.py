"""Alarms and the world clock."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.content.item import compare
from migrate.simulator.contents.settings import ALARMS
from tests.content.reading import Read, assert_same, read_items

LIST = ("HomeDomain", "Library/Preferences/com.apple.mobiletimerd.plist")
STORE = ("SysSharedContainerDomain-systemgroup.com.apple.mobiletimerd", "Library/local.sqlite")
CITIES = ("HomeDomain", "Library/Preferences/com.apple.mobiletimer.plist")
FIRST, SECOND = "00112233-4455-6677-8899-AABBCCDDEEFF", "FFEEDDCC-BBAA-9988-7766-554433221100"
MakeDatabase = Callable[[str], bytes]


def alarm(identity: str | None, hour: int, **changed: Any) -> dict[str, Any]:
    values = {
        "MTAlarmID": identity,
        "MTAlarmHour": hour,
        "MTAlarmMinute": 5,
        "MTAlarmRepeatSchedule": 31,
        "MTAlarmEnabled": True,
        "MTAlarmTitle": "Pills 💊",
        **changed,
    }
    return {"$MTAlarm": {key: value for key, value in values.items() if value is not None}}


def alarm_list(*alarms: dict[str, Any]) -> bytes:
    return plistlib.dumps({"MTAlarms": {"MTAlarms": list(alarms), "MTSleepAlarms": [alarm("SLEEP", 7)]}})


def store(rows: str = "") -> str:
    return (
        "CREATE TABLE ZMTCDALARM (Z_PK INTEGER PRIMARY KEY, ZENABLED INTEGER, ZHOUR INTEGER, ZMINUTE INTEGER,"
        " ZREPEATSCHEDULE INTEGER, ZSLEEPALARM INTEGER, ZTITLE VARCHAR, ZMTID BLOB, ZNEW INTEGER);" + rows
    )


ROWS = (
    "INSERT INTO ZMTCDALARM VALUES (9, 1, 6, 5, 31, 0, 'Pills 💊', x'00112233445566778899AABBCCDDEEFF', 1),"
    " (4, 1, 7, 5, 31, 0, 'Pills 💊', x'FFEEDDCCBBAA99887766554433221100', 1),"
    " (5, 1, 7, 0, 127, 1, 'Sleep', x'AAEEDDCCBBAA99887766554433221100', 1);"
)


def test_an_alarm_is_the_same_in_the_store_of_a_newer_ios(read: Read, make_database: MakeDatabase) -> None:
    before = read("alarms", {LIST: alarm_list(alarm(SECOND, 7), alarm(FIRST, 6))})
    after = read("alarms", {STORE: make_database(store(ROWS))})

    assert [item.id for item in before.items] == [FIRST, SECOND]
    assert before.items[0].describe() == "the alarm Pills 💊 at 06:05"
    assert_same(before.items, after.items)
    assert before.findings == after.findings == []


def test_an_old_list_beside_a_store_with_alarms_is_not_read(read: Read, make_database: MakeDatabase) -> None:
    stale = alarm_list(alarm("STALE", 1))
    assert [item.id for item in read("alarms", {STORE: make_database(store(ROWS)), LIST: stale}).items] == [
        FIRST,
        SECOND,
    ]
    assert [item.id for item in read("alarms", {STORE: make_database(store()), LIST: stale}).items] == ["STALE"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"MTAlarmMinute": 6}, "time"),
        ({"MTAlarmRepeatSchedule": 0}, "days"),
        ({"MTAlarmEnabled": False}, "enabled"),
        ({"MTAlarmTitle": "Work"}, "title"),
    ],
)
def test_a_changed_alarm_is_seen(read: Read, changed: dict[str, Any], field: str) -> None:
    one = read("alarms", {LIST: alarm_list(alarm(FIRST, 6))}).items[0]
    other = read("alarms", {LIST: alarm_list(alarm(FIRST, 6, **changed))}).items[0]

    assert compare(one, other).differing == (field,)


def test_an_alarm_without_an_id_gets_one_from_its_contents(read: Read) -> None:
    found = read("alarms", {LIST: alarm_list(alarm(None, 6), alarm(None, 6), alarm(None, 7, MTAlarmTitle=None))})

    assert len({item.id for item in found.items}) == 2
    assert len(found.items) == 3
    assert "the alarm at 07:05" in [item.describe() for item in found.items]


@pytest.mark.parametrize("value", [{"MTAlarms": {"MTAlarms": "many"}}, {"MTAlarms": ["many"]}, ["many", "alarms"]])
def test_a_list_with_another_structure_is_unknown(read: Read, value: object) -> None:
    found = read("alarms", {LIST: plistlib.dumps(value)})

    assert found.items == []
    assert LIST in found.source.failed


def test_a_phone_without_alarms_has_none(read: Read) -> None:
    found = read("alarms", {LIST: plistlib.dumps({"MTTimers": {}})})

    assert found.items == []
    assert found.findings == []


def test_cities_of_the_world_clock_are_read(read: Read) -> None:
    entries = [{"name": "Kyoto"}, {"city": {"name": "Reykjavík", "identifier": 7}}, "odd", {"x": 1}]
    found = read("world-clock", {CITIES: plistlib.dumps({"cities": entries})})

    assert [item.name for item in found.items] == ["Reykjavík", "Kyoto", "odd", None]
    assert found.items[1].describe() == "the city Kyoto in the world clock"


@pytest.mark.parametrize("ios_version", ["18.5", "27.0"])
def test_what_the_simulated_iphone_wrote_is_read(
    phones_backup: Callable[..., Any], tmp_path: Path, ios_version: str
) -> None:
    backup, _ = phones_backup(ios_version)
    alarms = read_items(backup, "alarms", tmp_path / "reading")
    cities = read_items(backup, "world-clock", tmp_path / "reading")

    assert {(item.hour, item.minute, item.days, item.title) for item in alarms.items} == set(ALARMS)
    assert [item.name for item in cities.items] == ["Kyoto", "Reykjavík"]
    assert alarms.findings == cities.findings == []
