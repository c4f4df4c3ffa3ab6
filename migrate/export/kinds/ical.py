"""What the files of calendars and of lists of reminders have in common (RFC 5545): times, time zones, repetition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from migrate.export.folder import NewFile
from migrate.untrusted_text import CONTROL_CHARACTERS

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

FLOATING = "_float"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 1970, 2038
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2100
"""Rules of time zones before and after are not written, however old or far away an event is."""
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DAYS = re.compile(r"([+-]?\d{0,2})(SU|MO|TU|WE|TH|FR|SA)")
_NUMBERS = re.compile(r"[+-]?\d{1,3}(?:,[+-]?\d{1,3})*")
_PARTS = {"M": "BYMONTHDAY", "O": "BYMONTH", "W": "BYWEEKNO", "Y": "BYYEARDAY", "S": "BYSETPOS"}
_OF_RRULE = frozenset({*_PARTS.values(), "BYDAY"})

Moment = date | datetime


def instant(second: int | float) -> datetime | None:
    """An instant in UTC; None if no calendar has it."""
    try:
        return _EPOCH + timedelta(seconds=second)
    except OverflowError:
        return None


@lru_cache(maxsize=1000)
def zone_called(name: str | None) -> ZoneInfo | None:
    """A time zone by its name in the database of zones, or in Windows (Exchange writes those); None if unknown."""
    import zoneinfo

    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    if not name or name == FLOATING:
        return None
    try:
        return zoneinfo.ZoneInfo(WINDOWS_TO_OLSON.get(name, name))
    except (ValueError, OSError, KeyError):  # not found is a KeyError; a path or a folder, one of the others
        return None


def moment(second: int | str | None, zone: str | None) -> datetime | None:
    """A time as calendars show it: in its zone, floating, or in UTC if its zone is not known. None if it is none."""
    found = instant(second) if isinstance(second, int) else None
    if found is None:
        return None
    if zone == FLOATING:
        return found.replace(tzinfo=None)
    known = zone_called(zone)
    try:
        return found if known is None else found.astimezone(known)
    except OverflowError:
        return None


def first_day(second: int | str | None, zone: str | None) -> date | None:
    """The day on which something that lasts all day begins."""
    found = moment(second, zone)
    return None if found is None else found.date()


def day_after(second: int | str | None, zone: str | None, first: date) -> date:
    """The day after the last one, as iCalendar wants it. iOS may keep the last second or the midnight after it."""
    found = moment(second, zone)
    following = first + timedelta(days=1)
    if found is None:
        return following
    last = found.date() if found.time() == datetime.min.time() else found.date() + timedelta(days=1)
    return max(last, following)


class Zones:
    """The time zones that a file needs, and from when on. They are known before the first event is written."""

    def __init__(self) -> None:
        self._years: dict[str, tuple[int, int]] = {}

    def need(self, *times: Moment | None) -> None:
        from zoneinfo import ZoneInfo

        for time in times:
            if isinstance(time, datetime) and isinstance(time.tzinfo, ZoneInfo):
                first, last = self._years.get(time.tzinfo.key, (_FIRST_YEAR, _LAST_YEAR))
                years = min(first, max(time.year, _EARLIEST_YEAR)), max(last, min(time.year, _LATEST_YEAR))
                self._years[time.tzinfo.key] = years

    def components(self) -> Iterator[bytes]:
        """A VTIMEZONE for each."""
        for name, (first, last) in sorted(self._years.items()):
            yield _timezone(name, first, last)


@cache
def _timezone(name: str, first: int, last: int) -> bytes:
    """As `Calendar.add_missing_timezones` makes it; that needs all events in memory."""
    from icalendar import Timezone

    try:
        return bytes(Timezone.from_tzid(name, first_date=date(first, 1, 1), last_date=date(last, 1, 1)).to_ical())
    except ValueError:  # a name that this system has and the library does not
        return b""


def begin(file: NewFile, title: str, zones: Zones, color: str | None = None) -> None:
    """The head of a calendar."""
    from icalendar import Calendar, vText

    head = Calendar()
    head.add("prodid", "-//migrate//migrate export//EN")
    head.add("version", "2.0")
    head.add("x-wr-calname", vText(clean(title)))
    if color:
        head.add("x-apple-calendar-color", vText(clean(color)))
    file.write(head.to_ical().removesuffix(_END))
    for component in zones.components():
        file.write(component)


_END = b"END:VCALENDAR\r\n"


def end(file: NewFile) -> None:
    file.write(_END)


def clean(text: str) -> str:
    """A text without what no calendar program can read."""
    return CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\t", " "))


def address_text(text: str) -> str:
    """A web or mail address without spaces and line breaks: iCalendar does not escape it."""
    return CONTROL_CHARACTERS.sub("", _BREAKS.sub("%20", text.strip()))


def parameter(text: str) -> str:
    """A text that may stand before the colon of a line."""
    return clean(text).replace('"', "'").replace("\n", " ")


def rule(
    frequency: str, interval: object, count: object, last: object, specifier: object, start: Moment
) -> tuple[dict[str, Any], bool]:
    """An RRULE; and whether all of it was understood.

    Args:
        frequency: WEEKLY …
        last: the second of the last occurrence.
        specifier: on which days, as iOS keeps it.
        start: the first occurrence.
    """
    parts: dict[str, Any] = {"FREQ": frequency}
    if isinstance(interval, int) and 1 < interval < 10_000:
        parts["INTERVAL"] = interval
    until = instant(last) if isinstance(last, int | float) else None
    if isinstance(count, int) and 0 < count < 1_000_000:
        parts["COUNT"] = count
    elif until is not None and until.year < 9999:  # far in the future stands for "never"
        if not isinstance(start, datetime):
            parts["UNTIL"] = until.date()
        else:
            parts["UNTIL"] = until if start.tzinfo is not None else until.replace(tzinfo=None)
    by = {} if specifier is None else _specified(str(specifier), frequency)
    is_understood = by is not None and _fits(by, start)
    if by is not None and is_understood:
        parts.update(by)
    return parts, is_understood


def _specified(specifier: str, frequency: str) -> dict[str, list[Any]] | None:
    """`D=0MO,0WE` (Mondays and Wednesdays) as parts of an RRULE, or parts of an RRULE as they are; None for anything
    else. The letters are *guessed*, but for `FREQ=` (*seen*: a synthetic iOS 18 calendar)."""
    found: dict[str, list[Any]] = {}
    for part in filter(None, specifier.upper().split(";")):
        name, _equals, value = part.partition("=")
        if name == "FREQ" and value == frequency:
            continue
        name = "BYDAY" if name == "D" else _PARTS.get(name, name)
        if name == "BYDAY":
            days = [_DAYS.fullmatch(day) for day in value.split(",")]
            found[name] = [_day(day, frequency) for day in days if day is not None]
            is_valid = None not in days
        else:
            is_valid = name in _OF_RRULE and _NUMBERS.fullmatch(value) is not None
            found[name] = [int(number) for number in value.split(",")] if is_valid else []
        if not is_valid:
            return None
    return found


def _day(found: re.Match[str], frequency: str) -> str:
    """`MO`, or the second Monday: `2MO`, which exists in months and years only."""
    number = int(found[1]) if found[1].strip("+-") and frequency in ("MONTHLY", "YEARLY") else 0
    return f"{number or ''}{found[2]}"


def _fits(by: dict[str, list[Any]], start: Moment) -> bool:
    """Whether the first occurrence is on a day that the rule names. If not, the rule is read in a wrong way."""
    return all(
        number in by[name] or any(value < 0 for value in by[name])
        for name, number in (("BYMONTHDAY", start.day), ("BYMONTH", start.month))
        if name in by
    )
