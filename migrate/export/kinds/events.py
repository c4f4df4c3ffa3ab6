"""`Calendars/<name>.ics`: a file for each calendar, and one with the birthdays of the contacts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from migrate.content.readers.contacts import cards
from migrate.content.readers.events import Event, Invited
from migrate.export.folder import NewFile, Place
from migrate.export.kinds import ical
from migrate.export.kinds.ical import Moment, Zones
from migrate.export.kinds.people import LinkedPerson, people
from migrate.export.kinds.sheets import Sheets
from migrate.export.names import iso_time
from migrate.export.task import Task
from migrate.language import _, mark

if TYPE_CHECKING:
    import icalendar

_NO_TIME = mark("its date could not be read, and no calendar has events without one")
_RULE_UNREAD = mark("on which days it repeats could not be read; the calendar has only how often")
HEADER = (
    *("calendar", "title", "start", "end", "all day", "time zone", "location", "notes", "url", "organizer"),
    *("attendees", "repeats", "account", "id"),
)
_FREQUENCIES = {1: "DAILY", 2: "WEEKLY", 3: "MONTHLY", 4: "YEARLY"}
"""Recurrence.frequency. 2 *seen* (a synthetic iOS 18 calendar), the others *guessed* to be beside it."""
_ANSWERS = {1: "ACCEPTED", 2: "DECLINED", 3: "TENTATIVE"}
_STATUSES = {1: "CONFIRMED", 2: "TENTATIVE", 3: "CANCELLED"}
_FREE = 1
"""CalendarItem.status and availability: EventKit's numbers (*guessed* to be those of the database)."""
_LONGEST_ALARM_S = 366 * 86_400
_FAR = 4_000_000_000
"""An alarm in the year 2096 or later stands for none."""
_LEAP_YEAR = 1972
"""Of birthdays without a year: it has a 29 February."""
_DAY = re.compile(r"(\d{4}|-)-(\d\d)-(\d\d)")


def write_events(task: Task) -> None:
    """Write every calendar as a file of its own. A changed occurrence of a series is beside its series."""
    place = task.top.folder("Calendars", key="calendars")
    _Calendars(task, place, "events").write_all()
    if task.choice.is_whole:
        _write_birthdays(task, place)


class _Calendars(Sheets[Event]):
    header = HEADER

    @property
    def untitled(self) -> str:
        return _("Calendar")

    def key(self, item: Event) -> tuple[str, str]:
        return item.calendar or "", str(item.calendar_row)

    def color(self, item: Event) -> str | None:
        return item.color

    def times(self, item: Event) -> Iterable[Moment | None]:
        if item.all_day:
            return ()
        return ical.moment(item.start, item.start_zone), ical.moment(item.end, _end_zone(item))

    def write(self, item: Event, file: NewFile) -> None:
        component = _component(self.task, item)
        if component is None:
            self.task.unreadable(item, _NO_TIME)
        else:
            file.write(component.to_ical())
            self.task.exported(item)

    def row(self, item: Event) -> Sequence[object]:
        return _row(item)

    def more(self, item: Event) -> dict[str, Any]:
        alarms = [{"seconds": before, "at": iso_time(at) or None} for before, at in item.alarms]
        return {"alarms": alarms, "recurrence": item.recurrence}


def _end_zone(event: Event) -> str | None:
    """The zone of its end. If the start floats, so does the end."""
    if event.start_zone == ical.FLOATING or event.end_zone in (None, ical.FLOATING):
        return event.start_zone
    return event.end_zone


def _component(task: Task, event: Event) -> icalendar.Event | None:
    """The event for its file; None if it has no time."""
    import icalendar

    start = _moment(event, event.start)
    if start is None:
        return None
    made = icalendar.Event()
    made.add("uid", ical.clean(event.uid or event.id))
    made.add("dtstamp", _stamp(event))
    made.add("dtstart", start)
    end = _end(event, start)
    if end is not None:
        made.add("dtend", end)
    for name, text in (("summary", event.title), ("description", event.notes), ("location", _location(event))):
        if text:
            made.add(name, ical.clean(text))
    if event.position is not None:
        made.add("geo", event.position)
    if event.url:
        made.add("url", ical.address_text(event.url))
    if event.conference:
        made.add("conference", ical.address_text(event.conference), parameters={"VALUE": "URI"})
    if event.status in _STATUSES:
        made.add("status", _STATUSES[event.status])
    if event.availability == _FREE:
        made.add("transp", "TRANSPARENT")
    for name, when in (("created", event.created), ("last-modified", event.modified)):
        if when is not None and (moment := ical.instant(round(when))) is not None:
            made.add(name, moment)
    for person in event.invited:
        _add_invited(made, person)
    _add_repetition(task, made, event, start)
    for alarm in event.alarms:
        _add_alarm(made, event, *alarm)
    return made


def _moment(event: Event, second: int | str | None) -> Moment | None:
    """A time of the event, of the same kind as its start."""
    if event.all_day:
        return ical.first_day(second, event.start_zone)
    return ical.moment(second, event.start_zone)


def _end(event: Event, start: Moment) -> Moment | None:
    if event.all_day:
        return ical.day_after(event.end, event.start_zone, start)
    end = ical.moment(event.end, _end_zone(event))
    if not isinstance(event.start, int) or not isinstance(event.end, int) or event.end < event.start:
        return None
    return end


def _stamp(event: Event) -> datetime:
    """When it was last changed: the same in every export."""
    known = next((when for when in (event.modified, event.created, event.when) if when is not None), 0.0)
    found = ical.instant(round(known)) or ical.instant(0)
    assert found is not None
    return found


def _location(event: Event) -> str:
    return "\n".join(filter(None, (event.location, event.location_address)))


def _add_invited(made: icalendar.Event, person: Invited) -> None:
    import icalendar

    reached = person.address
    if not reached and not person.name:
        return
    scheme = "mailto" if reached and "@" in reached else "tel"
    line = icalendar.vCalAddress(ical.address_text(f"{scheme}:{reached}") if reached else "invalid:nomail")
    if person.name:
        line.params["CN"] = ical.parameter(person.name)
    if person.is_organizer:
        if "organizer" not in made:
            made.add("organizer", line)
        return
    line.params["PARTSTAT"] = _ANSWERS.get(person.status or 0, "NEEDS-ACTION")
    made.add("attendee", line)


def _add_repetition(task: Task, made: icalendar.Event, event: Event, start: Moment) -> None:
    import icalendar

    if event.original is not None and (original := _moment(event, event.original)) is not None:
        made.add("recurrence-id", original)
        return
    for frequency, interval, count, last, specifier in event.recurrence:
        name = _FREQUENCIES.get(frequency) if isinstance(frequency, int) else None
        if name is None:
            task.gap(_RULE_UNREAD)
            continue
        rule, is_understood = ical.rule(name, interval, count, last, specifier, start)
        made.add("rrule", rule)
        if not is_understood:
            made.add("x-migrate-recurrence", icalendar.vText(ical.clean(str(specifier))))
            task.gap(_RULE_UNREAD)
    changed = frozenset(event.moved)
    left_out = [_moment(event, second) for second in event.left_out if second not in changed]
    for moment in left_out:
        if moment is not None:
            made.add("exdate", moment)


def _add_alarm(made: icalendar.Event, event: Event, before: int | None, at: int | None) -> None:
    import icalendar

    alarm = icalendar.Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", ical.clean(event.title or _("Reminder")))
    if before is not None and abs(before) <= _LONGEST_ALARM_S:
        alarm.add("trigger", timedelta(seconds=before))
    elif at is not None and 0 < at < _FAR and (moment := ical.instant(at)) is not None:
        alarm.add("trigger", moment, parameters={"VALUE": "DATE-TIME"})
    else:
        return
    made.add_component(alarm)


# -- tables ----------------------------------------------------------------------------------------------------------


def _row(event: Event) -> list[object]:
    start = _moment(event, event.start)
    end = None if start is None else _end(event, start)
    if isinstance(end, date) and not isinstance(end, datetime):
        end -= timedelta(days=1)  # the last day, as people say it
    return [
        event.calendar,
        event.title,
        _shown(start) or event.start,
        _shown(end),
        event.all_day,
        None if event.start_zone == ical.FLOATING else event.start_zone,
        _location(event).replace("\n", ", "),
        event.notes,
        event.url,
        "; ".join(_person(one) for one in event.invited if one.is_organizer),
        "; ".join(_person(one) for one in event.invited if not one.is_organizer),
        "; ".join(_FREQUENCIES.get(one[0], "").lower() for one in event.recurrence if isinstance(one[0], int)),
        event.account,
        event.id,
    ]


def _shown(time: Moment | None) -> str | None:
    if isinstance(time, datetime):
        return time.isoformat(timespec="seconds")
    return None if time is None else time.isoformat()


def _person(one: Invited) -> str:
    return f"{one.name} <{one.address}>" if one.name and one.address else one.name or one.address or ""


# -- birthdays -------------------------------------------------------------------------------------------------------


def _write_birthdays(task: Task, place: Place) -> None:
    """The birthdays of the contacts, which iOS shows as a calendar and makes anew. They are no items of a calendar."""
    dated = ((person, born) for person in people(cards(task.source), task.tmp) if (born := _born(person)) is not None)
    first = next(dated, None)
    if first is None:
        return
    title = _("Birthdays")
    with place.new_file(f"{title}.ics", key="birthdays.ics") as file:
        ical.begin(file, title, Zones())
        for person, born in chain((first,), dated):
            file.write(_birthday(person, born).to_ical())
        ical.end(file)


def _born(person: LinkedPerson) -> date | None:
    found = _DAY.fullmatch(person.birthday or "")
    if found is None:
        return None
    try:
        return date(_LEAP_YEAR if found[1] == "-" else int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def _birthday(person: LinkedPerson, born: date) -> icalendar.Event:
    import icalendar

    made = icalendar.Event()
    made.add("uid", ical.clean(f"{person.lead.id} birthday"))
    made.add("dtstamp", ical.instant(0))
    made.add("dtstart", born)
    made.add("summary", ical.clean(_("{name}’s birthday").format(name=person.shown)))
    made.add("rrule", {"FREQ": "YEARLY"})
    made.add("transp", "TRANSPARENT")
    return made
