"""Kinds of items that no other program reads: a table with what a person sees of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from migrate.content.field_names import field_name
from migrate.content.item import State
from migrate.export.names import iso_time
from migrate.export.tables import FORMATS, TableColumn, Word, tables
from migrate.export.task import Task
from migrate.language import _, mark

_UNDATED = frozenset({"alarms", "world-clock"})
_DIGESTS = frozenset({"actions"})
"""Fields that stand for something that is too long for a table."""
_DAYS = (mark("Mon"), mark("Tue"), mark("Wed"), mark("Thu"), mark("Fri"), mark("Sat"), mark("Sun"))
_STATES = {State.DELETED: Word(mark("deleted")), State.ONLY_IN_CLOUD: Word(mark("only in iCloud"))}


def write_plain_rows(task: Task) -> None:
    """`<Kind>/<kind>.csv`, the oldest first: the time, the fields of the fingerprint, and the id."""
    items = task.items_by_time()
    first = next(items, None)
    if first is None:
        return
    fields = tuple(name for name in first.fingerprint() if name not in _DIGESTS)
    has_date = task.kind.id not in _UNDATED and "when" not in fields
    columns = (
        *((TableColumn("when", mark("Date")),) if has_date else ()),
        *(TableColumn(name, capitalised(field_name(name))) for name in fields),
        TableColumn("state", mark("State")),
        TableColumn("id", "ID"),
    )
    place = task.top.folder(capitalised(_(task.kind.label)), key=f"rows/{task.kind.id}")
    formats = task.formats(*FORMATS, usual=("csv",))
    with tables(place, task.kind.id, columns, key=f"rows/{task.kind.id}", formats=formats) as table:
        for item in chain((first,), items):
            shown = item.fingerprint()
            cells = [_CELLS.get(name, _as_it_is)(shown.get(name)) for name in fields]
            known_id = None if item.id.startswith("~") else item.id
            table.row(*((iso_time(item.when),) if has_date else ()), *cells, _STATES.get(item.state), known_id)
            task.exported(item)


def capitalised(text: str) -> str:
    """With a capital at its beginning, and otherwise as it is: `books and PDFs`."""
    return text[:1].upper() + text[1:]


def _as_it_is(value: object) -> object:
    return value


def _instant(value: object) -> object:
    return iso_time(value) if isinstance(value, int | float) else value


def _time_of_day(value: Any) -> object:
    hour, minute = value
    return f"{hour:02}:{minute:02}" if isinstance(hour, int) and isinstance(minute, int) else None


def _weekdays(value: object) -> object:
    """Monday is bit 0. Without days an alarm rings once."""
    if not isinstance(value, int):
        return None
    return " ".join(_(day) for bit, day in enumerate(_DAYS) if value >> bit & 1) or Word(mark("once"))


_CELLS: Mapping[str, Callable[[Any], object]] = {
    "when": _instant,
    "start": _instant,
    "end": _instant,
    "taken": _instant,
    "time": _time_of_day,
    "days": _weekdays,
}
