"""Spans of time and windows of the day, as people write them in the settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

_SPAN = re.compile(r"(\d{1,4})\s*(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_WINDOW = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
ALWAYS = "any"


def parse_span(text: str) -> timedelta:
    """`30m`, `12h`, `1d`, `2w`.

    Raises:
        ValueError: it is none, or no time at all.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise ValueError(f"{text!r} is no span of time such as 12h, 1d or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@dataclass(frozen=True)
class Window:
    """The hours of the day in which backups may be made; over midnight if it ends before it begins."""

    begin: time
    end: time

    @property
    def is_always(self) -> bool:
        return self.begin == self.end

    def begins_before(self, now: datetime) -> datetime:
        """When the window that `now` is in began, or the last one before `now`. In the time zone of `now`."""
        today = now.replace(hour=self.begin.hour, minute=self.begin.minute, second=0, microsecond=0)
        return today if today <= now else today - timedelta(days=1)

    def ends_after(self, begun: datetime) -> datetime:
        """When the window that began then ends."""
        ends = begun.replace(hour=self.end.hour, minute=self.end.minute)
        return ends if ends > begun else ends + timedelta(days=1)

    def contains(self, now: datetime) -> bool:
        return self.is_always or now < self.ends_after(self.begins_before(now))

    def next_begin(self, now: datetime) -> datetime:
        """When the next window begins after `now`."""
        return self.begins_before(now) + timedelta(days=1)


def parse_window(text: str) -> Window:
    """`18:00-23:00`, `22:00-06:00`, `any`.

    Raises:
        ValueError
    """
    if text.strip() == ALWAYS:
        return Window(time(0), time(0))
    found = _WINDOW.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no window of the day such as 18:00-23:00")
    try:
        begin, end = time(int(found[1]), int(found[2])), time(int(found[3]) % 24, int(found[4]))
    except ValueError as error:
        raise ValueError(f"{text!r} is no window of the day such as 18:00-23:00") from error
    if begin == end:
        raise ValueError(f"{text!r} begins when it ends; for the whole day write {ALWAYS}")
    return Window(begin, end)
