"""`Calls/calls.csv`: one line for each call."""

from __future__ import annotations

from migrate.content.normal_form import address
from migrate.content.readers.calls import Call
from migrate.export.csv_file import csv_table
from migrate.export.names import iso_time
from migrate.export.task import Task

HEADER = ("when", "number", "name", "direction", "answered", "seconds")


def write_calls(task: Task) -> None:
    """Write the calls in the order of their ids."""
    place = task.top.folder("Calls", key="calls")
    with csv_table(place, "calls.csv", HEADER, key="calls") as table:
        for item in task.items():
            assert isinstance(item, Call)
            normalised = address(item.number)
            table.row(
                (
                    iso_time(item.when),
                    item.number,
                    task.names(normalised) if normalised else None,
                    _direction(item.outgoing),
                    item.answered,
                    None if item.duration is None else round(item.duration),
                )
            )
            task.exported(item)


def _direction(outgoing: bool | None) -> str | None:
    if outgoing is None:
        return None
    return "outgoing" if outgoing else "incoming"
