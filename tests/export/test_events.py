"""Calendars as iCalendar files, judged by the parser of icalendar and by the recurrences of dateutil."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from dateutil.rrule import rrulestr

from migrate.backup.reader import Backup
from tests.content.reading import database_of
from tests.content.test_contacts import BOOK, OLDEST, book
from tests.content.test_events import SCHEMA, STORE, calendar
from tests.export.exporting import Export, Exported
from tests.made_backups import MakeBackup

BERLIN = ZoneInfo("Europe/Berlin")
START = 700_000_000.0
"""8 March 2023, 20:26:40 UTC; 21:26:40 in Berlin."""


def parsed(exported: Exported, name: str) -> icalendar.Calendar:
    found = icalendar.Calendar.from_ical((exported.root / f"Calendars/{name}.ics").read_bytes())
    assert isinstance(found, icalendar.Calendar)
    assert found.errors == []
    assert all(component.errors == [] for component in found.walk())
    return found


def made(*events: dict[str, Any], **others: list[dict[str, Any]]) -> bytes:
    """A calendar database with these events in one calendar, numbered from 1."""
    common = {"entity_type": 2, "calendar_id": 1, "start_date": START, "end_date": START + 3600, "all_day": 0}
    return database_of(
        SCHEMA,
        [
            ("Store", {"ROWID": 1, "name": "Default", "type": 0}),
            ("Calendar", {"ROWID": 1, "store_id": 1, "title": "Home"}),
            *(("CalendarItem", {"ROWID": n, "UUID": f"E{n}", **common, **event}) for n, event in enumerate(events, 1)),
            *((table, row) for table, rows in others.items() for row in rows),
        ],
    )


def only_event(exported: Exported) -> icalendar.Event:
    (event,) = parsed(exported, "Home").events
    return event


def test_a_meeting_with_everything(make_backup: MakeBackup, export: Export) -> None:
    exported = export(make_backup({STORE: database_of(SCHEMA, calendar())}))
    work = parsed(exported, "Arbeit")
    meeting, changed = sorted(work.events, key=lambda event: "recurrence-id" in event)

    assert (str(meeting["summary"]), str(meeting["description"])) == ("Café mit Anna", "Kuchen mitbringen")
    assert meeting["location"] == "Bäckerei\nHauptstraße 1"
    assert meeting.start == datetime(2023, 3, 8, 21, 26, 40, tzinfo=BERLIN)
    assert meeting["dtstart"].params["TZID"] == "Europe/Berlin"
    assert [str(zone["tzid"]) for zone in work.timezones] == ["Europe/Berlin"]
    assert work.get_missing_tzids() == set()
    assert str(meeting["organizer"]) == "mailto:bo@example.org"
    assert (str(meeting["attendee"]), meeting["attendee"].params["CN"]) == ("mailto:anna@example.org", "Anna")
    assert [part["trigger"].dt for part in meeting.walk("VALARM")] == [timedelta(minutes=-15)]
    assert changed["uid"] == meeting["uid"], "a changed occurrence belongs to its series"
    assert changed["recurrence-id"].dt == datetime(2023, 3, 15, 20, 26, 40, tzinfo=UTC)
    assert exported.paths() == ["Calendars/Arbeit.ics", "Calendars/Feiertage.ics", "Calendars/Zu Hause.ics"]


def test_a_weekly_series_takes_place_when_the_phone_shows_it(make_backup: MakeBackup, export: Export) -> None:
    """Also across the change to summer time, without the occurrence that was deleted and the one that was moved."""
    week = 7 * 86_400
    summer = 3600
    series = {"start_tz": "Europe/Berlin", "end_tz": "Europe/Berlin", "unique_identifier": "series"}
    moved = {
        "orig_item_id": 1,
        "orig_date": START + week,
        "start_date": START + week + 7200,
        "start_tz": "Europe/Berlin",
    }
    exported = export(
        make_backup(
            {
                STORE: made(
                    series,
                    moved,
                    Recurrence=[{"frequency": 2, "interval": 1, "count": 5, "specifier": "D=0WE", "owner_id": 1}],
                    ExceptionDate=[
                        {"owner_id": 1, "date": START + 4 * week - summer},
                        {"owner_id": 1, "date": START + week},
                    ],
                )
            }
        )
    )
    event, changed = sorted(parsed(exported, "Home").events, key=lambda event: "recurrence-id" in event)
    rule = rrulestr(event["rrule"].to_ical().decode(), dtstart=event.start.replace(tzinfo=None))

    assert [moment.replace(tzinfo=BERLIN).timestamp() for moment in rule] == [
        *(978_307_200 + START + number * week - (summer if number > 2 else 0) for number in range(5)),
    ]
    assert event["rrule"].to_ical() == b"FREQ=WEEKLY;COUNT=5;BYDAY=WE"
    assert [one.dt.timestamp() for one in event["exdate"].dts] == [978_307_200 + START + 4 * week - summer]
    assert (changed["uid"], changed["recurrence-id"].dt.timestamp()) == ("series", 978_307_200 + START + week)


def test_a_flight_ends_in_another_zone(make_backup: MakeBackup, export: Export) -> None:
    zones = {"start_tz": "Europe/Berlin", "end_tz": "America/New_York"}
    exported = export(make_backup({STORE: made({**zones, "end_date": START + 9 * 3600})}))
    flight = only_event(exported)

    assert flight["dtend"].dt == datetime(2023, 3, 9, 0, 26, 40, tzinfo=ZoneInfo("America/New_York"))
    assert flight["dtend"].params["TZID"] == "America/New_York"
    assert sorted(str(zone["tzid"]) for zone in parsed(exported, "Home").timezones) == sorted(zones.values())


def test_days_floating_times_and_unknown_zones(make_backup: MakeBackup, export: Export) -> None:
    midnight = 700_012_800.0  # 9 March 2023, 00:00
    all_day = {"all_day": 1, "start_tz": "_float", "start_date": midnight}
    exported = export(
        make_backup(
            {
                STORE: made(
                    {**all_day, "summary": "one day, to its last second", "end_date": midnight + 86_399},
                    {**all_day, "summary": "two days, to the midnight", "end_date": midnight + 2 * 86_400},
                    {**all_day, "summary": "of no length", "end_date": midnight},
                    {"summary": "floating", "start_tz": "_float", "end_tz": "_float"},
                    {"summary": "nowhere", "start_tz": "../../etc/passwd", "end_tz": "../../etc/passwd"},
                    {"summary": "Exchange", "start_tz": "Pacific Standard Time"},
                    {"summary": "ends before it begins", "end_date": 0, "start_tz": "Europe/Berlin"},
                    {"summary": "long ago", "start_date": -9e9, "end_date": -9e9, "start_tz": "Europe/Berlin"},
                )
            }
        ),
        formats=frozenset({"csv"}),
    )
    events = {str(event["summary"]): event for event in parsed(exported, "Home").events}

    def days(name: str) -> tuple[date, date]:
        return events[name]["dtstart"].dt, events[name]["dtend"].dt

    assert days("one day, to its last second") == (date(2023, 3, 9), date(2023, 3, 10))
    assert days("two days, to the midnight") == (date(2023, 3, 9), date(2023, 3, 11))
    assert days("of no length") == (date(2023, 3, 9), date(2023, 3, 10))
    rows = {row["title"]: row for row in csv.DictReader(io.StringIO(exported.text("Calendars/events.csv")))}
    two_days = rows["two days, to the midnight"]
    assert (two_days["start"], two_days["end"]) == ("2023-03-09", "2023-03-10"), "as people say it"
    assert rows["floating"]["start"] == "2023-03-08T20:26:40"
    assert events["floating"].start == datetime(2023, 3, 8, 20, 26, 40)
    assert events["nowhere"].start == datetime(2023, 3, 8, 20, 26, 40, tzinfo=UTC)
    assert events["Exchange"].start == datetime(2023, 3, 8, 12, 26, 40, tzinfo=ZoneInfo("America/Los_Angeles"))
    assert "dtend" not in events["ends before it begins"]
    assert events["long ago"].start.year == 1715


@pytest.mark.parametrize(
    ("rule", "written"),
    [
        ((1, 3, 0, None, None), "FREQ=DAILY;INTERVAL=3"),
        ((2, 2, 0, None, "D=0MO,0WE"), "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE"),
        ((3, 1, 0, None, "D=2WE"), "FREQ=MONTHLY;BYDAY=2WE"),
        ((3, 1, 0, None, "M=8,-1"), "FREQ=MONTHLY;BYMONTHDAY=8,-1"),
        ((4, 1, 0, START + 5e8, "O=3"), "FREQ=YEARLY;UNTIL=20390110T212000Z;BYMONTH=3"),
        ((2, 1, 10, START + 5e8, "FREQ=WEEKLY"), "FREQ=WEEKLY;COUNT=10"),
    ],
)
def test_how_often(make_backup: MakeBackup, export: Export, rule: tuple[Any, ...], written: str) -> None:
    names = ("frequency", "interval", "count", "end_date", "specifier")
    recurrence = {**dict(zip(names, rule, strict=True)), "owner_id": 1}
    exported = export(make_backup({STORE: made({"start_tz": "Europe/Berlin"}, Recurrence=[recurrence])}))
    parts = dict(part.split("=") for part in written.split(";"))

    found = only_event(exported)["rrule"].to_ical().decode()
    assert dict(part.split("=") for part in found.split(";")) == parts
    assert not exported.category("calendars").reasons


@pytest.mark.parametrize("specifier", ["Q=7", "D=0XX", "M=1", "D=MO\r\nEND:VEVENT", "BYDAY"])
def test_a_rule_that_is_not_understood_is_named_and_kept(
    make_backup: MakeBackup, export: Export, specifier: str
) -> None:
    """Also one whose first occurrence would not be the event itself: then it means something else."""
    recurrence = {"frequency": 3, "interval": 1, "specifier": specifier, "owner_id": 1}
    exported = export(make_backup({STORE: made({}, Recurrence=[recurrence])}))
    event = only_event(exported)

    assert event["rrule"].to_ical() == b"FREQ=MONTHLY"
    assert str(event["x-migrate-recurrence"]).replace("\\n", "\n").split() == specifier.split()
    assert any("on which days it repeats" in reason for reason in exported.category("calendars").reasons)


def test_an_event_whose_date_is_no_date_is_named(make_backup: MakeBackup, export: Export, shared_data: Path) -> None:
    """The synthetic iOS 18 calendar: five rows, of which one is a birthday and one has no date."""
    store = (shared_data / "databases/ios18-synthetic/calendar.1.Calendar.sqlitedb").read_bytes()
    exported = export(make_backup({STORE: store}), formats=frozenset({"csv", "json"}))
    numbers = exported.category("calendars")

    assert [numbers.count(name) for name in ("items", "exported", "unreadable")] == [4, 3, 1]
    (sync,) = parsed(exported, "Work").events
    assert sync["rrule"].to_ical() == b"FREQ=WEEKLY;COUNT=10"
    assert sync.start == datetime(2023, 3, 8, 12, 26, 40, tzinfo=ZoneInfo("America/Los_Angeles"))
    assert [str(one) for one in sync["attendee"]] == ["mailto:blair@example.invalid", "mailto:casey@example.invalid"]
    assert [one.params["PARTSTAT"] for one in sync["attendee"]] == ["ACCEPTED", "DECLINED"]
    assert str(sync["conference"]) == "https://meet.example.invalid/abc"
    assert sync["geo"].to_ical() == "37.33;-122.03"
    triggers = [part["trigger"].dt for part in sync.walk("VALARM")]
    assert triggers == [timedelta(minutes=-15), datetime(2023, 3, 8, 20, 11, 40, tzinfo=UTC)]
    assert str(parsed(exported, "Work")["x-apple-calendar-color"]) == "#FF0000"
    rows = list(csv.DictReader(io.StringIO(exported.text("Calendars/events.csv"))))
    assert [row["title"] for row in rows if row["start"] == "not-a-date"] == ["Corrupt"], "its title is not lost"
    lines = [json.loads(line) for line in exported.text("Calendars/events.jsonl").splitlines()]
    assert [line["title"] for line in lines if line.get("recurrence")] == ["Team Sync"]
    assert len(rows) == len(lines) == 4


def test_two_calendars_of_one_name_and_a_name_that_is_a_path(make_backup: MakeBackup, export: Export) -> None:
    calendars = [
        {"ROWID": n, "store_id": 1, "title": title} for n, title in ((2, "Home"), (3, "../../evil"), (4, None))
    ]
    exported = export(make_backup({STORE: made(*({"calendar_id": n} for n in (1, 2, 3, 4)), Calendar=calendars)}))

    assert exported.paths() == [
        *("Calendars/Calendar.ics", "Calendars/Home (2).ics", "Calendars/Home.ics", "Calendars/_._.._evil.ics"),
    ]


def test_no_text_of_a_stranger_becomes_a_line_of_its_own(make_backup: MakeBackup, export: Export) -> None:
    evil = 'x\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nATTACH:file:///etc/passwd";:,\\\x00\u2028\x85'
    names = ("summary", "description", "start_tz", "end_tz", "url", "UUID", "unique_identifier", "external_id")
    person = {"email": evil, "owner_id": 1, "identity_id": 1, "entity_type": 7}
    exported = export(
        make_backup(
            {
                STORE: made(
                    {**dict.fromkeys(names, evil), "location_id": 1, "calendar_id": 2},
                    Location=[{"ROWID": 1, "title": evil, "address": evil}],
                    Participant=[person, {**person, "entity_type": 8}],
                    Identity=[{"ROWID": 1, "display_name": evil, "address": evil}],
                    Recurrence=[{"frequency": 2, "interval": 1, "specifier": evil, "owner_id": 1}],
                    Alarm=[{"trigger_interval": -60, "calendaritem_owner_id": 1}],
                    Calendar=[{"ROWID": 2, "store_id": 1, "title": evil}],
                )
            }
        ),
        formats=frozenset({"csv", "json"}),
    )
    (path,) = (exported.root / "Calendars").glob("*.ics")
    found = icalendar.Calendar.from_ical(path.read_bytes())

    (event,) = found.events
    assert [component.errors for component in found.walk()] == [[]] * len(found.walk())
    assert "attach" not in event
    assert str(event["summary"]).startswith("x\nEND:VEVENT\nBEGIN:VEVENT\nATTACH:")
    assert path.read_bytes().count(b"\r\nBEGIN:VEVENT") == 1


def test_birthdays_are_a_calendar_made_of_the_contacts(make_backup: MakeBackup, export: Export) -> None:
    """They are no items of the calendar, and are not counted."""
    files = {STORE: made({"summary": "tea"}), BOOK: database_of(OLDEST, book(Birthday="-12522859200.0"))}
    exported = export(make_backup(files), owners={"calendars"})
    (event,) = parsed(exported, "Birthdays").events

    assert (str(event["summary"]), event["dtstart"].dt) == ("Dr. Anna Schmidt’s birthday", date(1972, 3, 2))
    assert event["rrule"].to_ical() == b"FREQ=YEARLY"
    assert exported.category("calendars").count("items") == 1
    assert "Calendars/Birthdays.ics" not in export(make_backup(files), since=1.0, to="filtered").paths()


def test_events_exported_twice_are_the_same_files(
    phones_backup: Callable[..., tuple[Backup, dict[str, tuple[str, ...]]]], export: Export
) -> None:
    backup, groups = phones_backup("18.5", events=12, icloud_events=3, subscribed_events=2)
    first = export(backup, groups=groups, owners={"calendars"})
    before = {path: (first.root / path).stat().st_ino for path in first.paths()}
    second = export(backup, groups=groups, owners={"calendars"})

    assert {path: (second.root / path).stat().st_ino for path in second.paths()} == before
    names = [Path(path).stem for path in second.paths()]
    assert sum(len(parsed(second, name).events) for name in names if name != "Birthdays") == 12
    assert "Birthdays" in names
