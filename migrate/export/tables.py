"""Tables that spreadsheets read (CSV) and other programs (JSON), whichever was asked for. Nothing is written without a
row."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from migrate.export.csv_file import CsvTable, csv_table
from migrate.export.folder import NewFile, Place
from migrate.language import _

FORMATS = ("csv", "json")


class TableColumn(NamedTuple):
    """A column of a table."""

    name: str
    """In JSON."""
    title: str
    """In CSV, marked for translation."""


class Word(str):
    """A word of ours, marked for translation: in CSV it is in the person's language, in JSON as it is here."""


class Tables:
    """The files of one table; each begins with its first row."""

    def __init__(
        self, place: Place, name: str, columns: Sequence[TableColumn], key: str, formats: Collection[str]
    ) -> None:
        self._place = place
        self._name = name
        self._columns = columns
        self._key = key
        self._formats = formats
        self._open = ExitStack()
        self._csv: CsvTable | None = None
        self._json: NewFile | None = None
        self.rows = 0

    def row(self, *cells: object) -> None:
        """Write one row: text, numbers, yes or no, bytes (as hexadecimal digits), and lists of these."""
        if not self.rows:
            self._begin()
        if self._csv is not None:
            self._csv.row([_csv_cell(cell) for cell in cells])
        if self._json is not None:
            names = (column.name for column in self._columns)
            value = {name: _json_value(cell) for name, cell in zip(names, cells, strict=True)}
            self._json.write_text(("," if self.rows else "") + "\n" + json.dumps(value))
        self.rows += 1

    def _begin(self) -> None:
        if "csv" in self._formats:
            header = [_(column.title) for column in self._columns]
            self._csv = self._open.enter_context(csv_table(self._place, f"{self._name}.csv", header, key=self._key))
        if "json" in self._formats:
            new = self._place.new_file(f"{self._name}.json", key=f"{self._key}.json")
            self._json = self._open.enter_context(new)
            self._json.write_text("[")


@contextmanager
def tables(
    place: Place, name: str, columns: Sequence[TableColumn], *, key: str, formats: Collection[str] = ("csv",)
) -> Iterator[Tables]:
    """`<name>.csv` and `<name>.json`, as far as they were chosen; complete when the block ends."""
    made = Tables(place, name, columns, key, formats)
    with made._open:
        yield made
        if made._json is not None:
            made._json.write_text("\n]\n")


def _csv_cell(cell: object) -> object:
    if isinstance(cell, Word):
        return _(cell)
    if isinstance(cell, bytes):
        return cell.hex()
    if isinstance(cell, tuple | list | frozenset):
        return "; ".join(str(_csv_cell(one)) for one in cell if one is not None)
    return cell


def _json_value(cell: object) -> object:
    if isinstance(cell, bytes):
        return cell.hex()
    if isinstance(cell, tuple | list | frozenset):
        return [_json_value(one) for one in cell]
    if cell is None or isinstance(cell, str | int | float):
        return cell
    return str(cell)
