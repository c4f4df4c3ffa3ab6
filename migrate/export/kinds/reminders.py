"""`Reminders/<list>.ics`: a file for each list, with its subtasks and what is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from migrate.content.item import State
from migrate.content.readers.reminders import Reminder
from migrate.export.folder import NewFile
from migrate.export.kinds import ical
from migrate.export.kinds.ical import Moment
from migrate.export.kinds.sheets import Sheets
from migrate.export.names import iso_time
from migrate.export.task import Task
from migrate.language import _, mark

if TYPE_CHECKING:
    import icalendar

_NO_DUE = mark("the due date of a reminder could not be read")
_RULE_UNREAD = mark("how often a reminder repeats could not be read")
HEADER = (
    *("list", "title", "due", "all day", "done", "done at", "flagged", "priority", "notes", "repeats", "part of"),
    *("created", "deleted", "account", "id"),
)
_FREQUENCIES = {0: "DAILY", 1: "WEEKLY", 2: "MONTHLY", 3: "YEARLY", 4: "HOURLY"}
"""ZFREQUENCY: REMRecurrenceFrequency of ReminderKit (*read*: its names in iOS; *guessed* to be what is stored)."""
_PRIORITIES = {1: "high", 5: "medium", 9: "low"}
_DAY_S = 86_400


def write_reminders(task: Task) -> None:
    """Write every list as a file of its own."""
    _Lists(task, task.top.folder("Reminders", key="reminders"), "reminders").write_all()


class _Lists(Sheets[Reminder]):
    header = HEADER

    @property
    def untitled(self) -> str:
        return _("Reminders")

    def key(self, item: Reminder) -> tuple[str, str]:
        return item.list_name or "", item.list_key

    def times(self, item: Reminder) -> Iterable[Moment | None]:
        return _moment(item, item.due), _moment(item, item.begins)

    def write(self, item: Reminder, file: NewFile) -> None:
        file.write(_component(self.task, item).to_ical())
        self.task.exported(item)

    def row(self, item: Reminder) -> Sequence[object]:
        due = _moment(item, item.due)
        return (
            item.list_name,
            item.title,
            item.due if due is None else due.isoformat(),
            item.all_day,
            item.completed,
            iso_time(item.completed_at),
            item.flagged,
            _PRIORITIES.get(item.priority or 0),
            item.notes,
            "; ".join(_FREQUENCIES.get(-1 if one[0] is None else one[0], "").lower() for one in item.recurrence),
            item.parent,
            iso_time(item.created),
            item.state is State.DELETED,
            item.account,
            item.id,
        )

    def more(self, item: Reminder) -> dict[str, Any]:
        return {"recurrence": item.recurrence}


def _component(task: Task, reminder: Reminder) -> icalendar.Todo:
    import icalendar

    made = icalendar.Todo()
    made.add("uid", ical.clean(reminder.id))
    known = (when for when in (reminder.modified, reminder.created) if when is not None)
    made.add("dtstamp", ical.instant(round(next(known, 0.0))))
    for name, text in (("summary", reminder.title), ("description", reminder.notes)):
        if text:
            made.add(name, ical.clean(text))
    begins, due = _moment(reminder, reminder.begins), _moment(reminder, reminder.due)
    if due is None and reminder.due is not None:
        task.gap(_NO_DUE)
    if begins is not None and (due is None or begins < due):
        made.add("dtstart", begins)
    if due is not None:
        made.add("due", due)
    for name, when in (("created", reminder.created), ("last-modified", reminder.modified)):
        if when is not None:
            made.add(name, ical.instant(round(when)))
    _add_state(made, reminder)
    if reminder.parent is not None:
        made.add("related-to", ical.clean(reminder.parent))
    _add_repetition(task, made, reminder, due if due is not None else begins)
    return made


def _add_state(made: icalendar.Todo, reminder: Reminder) -> None:
    """Done, deleted, flagged, important. iCalendar has no flag and no Recently Deleted: they are categories."""
    marks = []
    if reminder.state is State.DELETED:
        made.add("status", "CANCELLED")
        marks.append("Deleted")
    elif reminder.completed:
        made.add("status", "COMPLETED")
        made.add("percent-complete", 100)
    else:
        made.add("status", "NEEDS-ACTION")
    if reminder.completed and reminder.completed_at is not None:
        made.add("completed", ical.instant(round(reminder.completed_at)))
    if reminder.flagged:
        marks.append("Flagged")
    if marks:
        made.add("categories", marks)
    if reminder.priority is not None and 1 <= reminder.priority <= 9:
        made.add("priority", reminder.priority)


def _add_repetition(task: Task, made: icalendar.Todo, reminder: Reminder, start: Moment | None) -> None:
    for frequency, interval, count, last in reminder.recurrence:
        name = None if frequency is None else _FREQUENCIES.get(frequency)
        if name is None:
            task.gap(_RULE_UNREAD)
            continue
        rule, _is_understood = ical.rule(name, interval, count, last, None, start or datetime.min.replace(tzinfo=UTC))
        made.add("rrule", rule)
        if "dtstart" not in made and start is not None:
            made.add("dtstart", start)


def _moment(reminder: Reminder, second: int | str | None) -> Moment | None:
    """A time of the reminder. An all-day one is a midnight, in UTC or of a place (*guessed*; a backup that shows it
    is not at hand)."""
    if not reminder.all_day:
        return ical.moment(second, reminder.time_zone)
    if isinstance(second, int) and second % _DAY_S and ical.zone_called(reminder.time_zone) is None:
        return _day_here(second)
    return ical.first_day(second, reminder.time_zone if isinstance(second, int) and second % _DAY_S else None)


def _day_here(second: int) -> date | None:
    found = ical.instant(second)
    try:
        return None if found is None else found.astimezone().date()
    except (OverflowError, OSError, ValueError):
        return None
