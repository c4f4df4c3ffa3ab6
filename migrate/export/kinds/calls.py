"""`Calls/calls.csv`: one line for each call, the oldest first."""

from __future__ import annotations

from migrate.content.normal_form import address
from migrate.content.readers.calls import SERVICES, Call
from migrate.export.names import iso_time
from migrate.export.tables import FORMATS, TableColumn, Word, tables
from migrate.export.task import Task
from migrate.language import mark

COLUMNS = (
    TableColumn("when", mark("Date")),
    TableColumn("number", mark("Number")),
    TableColumn("name", mark("Name")),
    TableColumn("direction", mark("Direction")),
    TableColumn("answered", mark("Answered")),
    TableColumn("seconds", mark("Seconds")),
    TableColumn("service", mark("Service")),
    TableColumn("members", mark("In the call")),
)
_OUTGOING, _INCOMING = Word(mark("outgoing")), Word(mark("incoming"))


def write_calls(task: Task) -> None:
    place = task.top.folder("Calls", key="calls")
    formats = task.formats(*FORMATS, usual=("csv",))
    with tables(place, "calls", COLUMNS, key="calls", formats=formats) as table:
        for item in task.items_by_time():
            assert isinstance(item, Call)
            table.row(
                iso_time(item.when),
                item.number,
                _name(task, item.number),
                None if item.outgoing is None else _OUTGOING if item.outgoing else _INCOMING,
                item.answered,
                None if item.duration is None else round(item.duration),
                _service(item.service),
                [_with_name(task, number) for number in item.members],
            )
            task.exported(item)


def _service(service: int | str | None) -> str | None:
    return Word(SERVICES[service]) if isinstance(service, int) else service


def _name(task: Task, number: str | None) -> str | None:
    normalised = address(number)
    return task.names(normalised) if normalised else None


def _with_name(task: Task, number: str) -> str:
    name = _name(task, number)
    return f"{name} ({number})" if name else number
