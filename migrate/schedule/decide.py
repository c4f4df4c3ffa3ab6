"""Whether a backup is due now, and if not, when. Nothing here looks at a clock, a phone or a disk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from migrate.schedule.settings import PhoneSchedule
from migrate.schedule.state import State

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Due:
    """Whether to try now."""

    now: bool
    next_try: datetime
    """When to look again; `now` if it is due."""


def decide(schedule: PhoneSchedule, state: State, now: datetime) -> Due:
    """Whether the phone should be backed up at `now` (aware, in the time zone whose hours the window means).

    With a window, an interval of n days means: once in every n-th window. Counting hours instead would begin later
    every evening, until a day is missed.
    """
    window = schedule.hours
    if not window.contains(now):
        return Due(False, window.next_begin(now))
    if state.not_before is not None and now < state.not_before:
        return Due(False, _in_window(schedule, state.not_before.astimezone(now.tzinfo)))
    due_at = _due_at(schedule, state, now)
    return Due(True, now) if due_at <= now else Due(False, _in_window(schedule, due_at))


def _due_at(schedule: PhoneSchedule, state: State, now: datetime) -> datetime:
    """When the next backup is due; in the past if it is."""
    if state.last_good is None:
        return now
    last = state.last_good.astimezone(now.tzinfo)
    window, interval = schedule.hours, schedule.interval
    if window.is_always or interval < _DAY:
        return last + interval
    windows = max(1, round(interval / _DAY))
    return window.begins_before(last) + windows * _DAY


def _in_window(schedule: PhoneSchedule, moment: datetime) -> datetime:
    """The first instant from `moment` on that is in the window."""
    return moment if schedule.hours.contains(moment) else schedule.hours.next_begin(moment)


def overdue_since(schedule: PhoneSchedule, state: State, now: datetime) -> datetime | None:
    """Since when the phone is overdue; None if it is not. Before the first backup it counts from when it was turned
    on."""
    from_ = state.last_good or state.since
    if from_ is None:
        return None
    since = from_ + schedule.overdue_after
    return since if since <= now else None
