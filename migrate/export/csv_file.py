"""CSV tables that spreadsheets show as they are: no cell of a stranger becomes a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from migrate.export.folder import NewFile, Place
from migrate.untrusted_text import CONTROL_CHARACTERS

BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel reads UTF-8 as another encoding (GK)."""
_FORMULA = frozenset("=+-@\t\r\n")
_NUMBER = re.compile(r"[+-]?\d[\d ]*(?:\.\d+)?")
_CONTROL = re.compile(f"(?![\t\r\n]){CONTROL_CHARACTERS.pattern}")


class CsvTable:
    """Rows of an open CSV file (RFC 4180, UTF-8 with a byte order mark)."""

    def __init__(self, file: NewFile) -> None:
        self._file = file
        self._line = io.StringIO()
        self._writer = csv.writer(self._line, lineterminator="\r\n")

    def row(self, cells: Sequence[object]) -> None:
        self._writer.writerow([cell_text(cell) for cell in cells])
        self._file.write_text(self._line.getvalue())
        self._line.seek(0)
        self._line.truncate()


@contextmanager
def csv_table(
    place: Place, name: str, header: Sequence[str], *, key: str, byte_order_mark: bool = True
) -> Iterator[CsvTable]:
    """A new CSV file with this header; complete when the block ends."""
    with place.new_file(name, key=key) as file:
        if byte_order_mark:
            file.write_text(BYTE_ORDER_MARK)
        table = CsvTable(file)
        table.row(header)
        yield table


def cell_text(cell: object) -> str:
    """A cell as text. What a spreadsheet would take for a formula gets an apostrophe before it (OWASP, CSV injection);
    numbers, such as +49 170 1234567, do not."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    text = str(cell)
    if not text.isprintable():
        text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    if text[:1] in _FORMULA and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text
