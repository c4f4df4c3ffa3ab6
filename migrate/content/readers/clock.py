"""Alarms and the cities of the world clock.

Alarms are in a property list up to iOS 26 (*read*: iLEAPP), in a Core Data store on iOS 27 (*reported* once; its
columns are those of macOS, *read*). Sleep alarms belong to the sleep schedule in Health and are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrate.backup.record import Record
from migrate.content.item import Fingerprint, Item, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.normal_form import text
from migrate.content.open_database import Columns
from migrate.content.ordering import ordered
from migrate.content.readers.common import as_identity, as_text, from_first_place, needed_table
from migrate.content.sentence import shortened
from migrate.content.source import Place, Source
from migrate.language import _, mark

ALARM_STORE = Place("SysSharedContainerDomain-systemgroup.com.apple.mobiletimerd", ("Library/local.sqlite",))
ALARM_LIST = Place("HomeDomain", ("Library/Preferences/com.apple.mobiletimerd.plist",))
CITY_LIST = Place("HomeDomain", ("Library/Preferences/com.apple.mobiletimer.plist",))
_ALARMS_KEY, _ALARM_KEY = "MTAlarms", "$MTAlarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm(Item):
    """An alarm. `days` is a set of bits: Monday is 1, Sunday 64 (*read*: iLEAPP)."""

    hour: int | None
    minute: int | None
    days: int | None
    enabled: bool | None
    title: str | None

    def fingerprint(self) -> Fingerprint:
        return {
            "time": (self.hour, self.minute),
            "days": self.days,
            "enabled": self.enabled,
            "title": text(self.title) or None,
        }

    def describe(self) -> str:
        time = f"{self.hour or 0:02}:{self.minute or 0:02}"
        if self.title:
            return _("the alarm {title} at {time}").format(title=shortened(self.title), time=time)
        return _("the alarm at {time}").format(time=time)


@dataclass(frozen=True, slots=True, kw_only=True)
class City(Item):
    """A city of the world clock."""

    name: str | None

    def fingerprint(self) -> Fingerprint:
        return {"name": text(self.name)}

    def describe(self) -> str:
        name = shortened(self.name or "") or _("without a name")
        return _("the city {name} in the world clock").format(name=name)


def alarms(source: Source) -> Iterator[Item]:
    """All alarms, ordered by id. If the store has some, the property list is an old copy."""

    def read(record: Record) -> Iterator[Alarm]:
        return (_alarms_of_list if record.domain == ALARM_LIST.domain else _alarms_of_store)(source, record)

    return ordered(from_first_place(source, (ALARM_STORE, ALARM_LIST), read), source.tmp)


def _alarms_of_store(source: Source, record: Record) -> Iterator[Alarm]:
    with source.database(record) as database:
        table = needed_table(database, "ZMTCDALARM")
        columns = Columns(
            table,
            "",
            id=("ZMTID",),
            hour=("ZHOUR",),
            minute=("ZMINUTE",),
            days=("ZREPEATSCHEDULE",),
            enabled=("ZENABLED",),
            title=("ZTITLE",),
        )
        own = " WHERE ZSLEEPALARM IS NOT 1" if table.has("ZSLEEPALARM") else ""
        lacking = columns.lacking - {"id", "hour", "minute"}
        lacking |= {"time"} if {"hour", "minute"} & columns.lacking else frozenset()
        query = f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED{own}"  # noqa: S608  the schema's names, quoted
        for identity, hour, minute, days, enabled, title in database.rows(query):
            yield _alarm(identity, hour, minute, days, enabled, title, lacking)


def _alarms_of_list(source: Source, record: Record) -> Iterator[Alarm]:
    value = source.plist(record)
    if isinstance(value, dict):
        value = value.get(_ALARMS_KEY, {})  # absent if there has never been an alarm
    if isinstance(value, dict):
        value = value.get(_ALARMS_KEY, [])
    if not isinstance(value, list):
        raise ValueError("its list of alarms has another structure")
    for entry in value:
        alarm = entry.get(_ALARM_KEY, entry) if isinstance(entry, dict) else None
        if not isinstance(alarm, dict):
            raise ValueError("an alarm in it has another structure")
        yield _alarm(
            alarm.get("MTAlarmID"),
            alarm.get("MTAlarmHour"),
            alarm.get("MTAlarmMinute"),
            alarm.get("MTAlarmRepeatSchedule"),
            alarm.get("MTAlarmEnabled"),
            alarm.get("MTAlarmTitle"),
            frozenset(),
        )


def _alarm(
    identity: object,
    hour: object,
    minute: object,
    days: object,
    enabled: object,
    title: object,
    lacking: frozenset[str],
) -> Alarm:
    fields = (_whole(hour), _whole(minute), _whole(days), None if enabled is None else bool(enabled), as_text(title))
    return Alarm(
        id=as_identity(identity) or fingerprint_id(fields),
        hour=fields[0],
        minute=fields[1],
        days=fields[2],
        enabled=fields[3],
        title=fields[4],
        lacking=lacking,
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def cities(source: Source) -> Iterator[Item]:
    """All cities of the world clock, ordered by id."""
    return ordered(_unordered_cities(source), source.tmp)


def _unordered_cities(source: Source) -> Iterator[City]:
    for record in source.files(CITY_LIST):
        with source.reading(record):
            value = source.plist(record)
            value = value.get("cities", []) if isinstance(value, dict) else None  # absent without a city
            if not isinstance(value, list):
                raise ValueError("its list of cities has another structure")
            for entry in value:
                city = entry.get("city", entry) if isinstance(entry, dict) else {}
                values = city if isinstance(city, dict) else {}
                name = as_text(values.get("name")) or as_text(entry)
                identity = as_identity(values.get("identifier")) or name
                yield City(id=identity or fingerprint_id((repr(entry),)), name=name)


ALARMS = Kind(
    id="alarms",
    owner="alarms",
    label=mark("alarms"),
    places=(ALARM_STORE, ALARM_LIST),
    items=alarms,
)
CITIES = Kind(
    id="world-clock",
    owner="world-clock",
    label=mark("cities"),
    places=(CITY_LIST,),
    items=cities,
)
