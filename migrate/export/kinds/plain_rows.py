"""Kinds of items that no other program reads: a CSV with what a person sees of each."""

from __future__ import annotations

from itertools import chain

from migrate.content.field_names import field_name
from migrate.content.item import Item
from migrate.export.csv_file import csv_table
from migrate.export.names import iso_time
from migrate.export.task import Task
from migrate.language import _


def write_plain_rows(task: Task) -> None:
    """`<Kind>/<kind>.csv`: the id, the time and the fields of the fingerprint."""
    title = _(task.kind.label).capitalize()
    items = task.items()
    first = next(items, None)
    if first is None:
        return
    fields = tuple(first.fingerprint())
    place = task.top.folder(title, key=f"rows/{task.kind.id}")
    header = ("id", _("when"), *(field_name(name) for name in fields))
    with csv_table(place, f"{task.kind.id}.csv", header, key=f"rows/{task.kind.id}") as table:
        for item in chain((first,), items):
            table.row((item.id, iso_time(item.when), *_cells(item, fields)))
            task.exported(item)


def _cells(item: Item, fields: tuple[str, ...]) -> list[object]:
    shown = item.fingerprint()
    return [_cell(shown.get(name)) for name in fields]


def _cell(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list | frozenset):
        return "; ".join(str(_cell(one)) for one in value if one is not None)
    return value
