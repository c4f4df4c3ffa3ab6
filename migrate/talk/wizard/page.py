"""A page of the wizard, ready to be shown by widgets.py or plain_widgets.py."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from migrate.language import _
from migrate.plan.interview.observations import Kind
from migrate.problems import MigrateError
from migrate.talk.console import display_width, format_problem, is_plain, pad, safe, say, truncate, width, wrapped

MARKER_COLUMNS = 8
"""Columns taken by a row's pointer and number."""


class Changed:
    """In place of an answer: what the page shows is out of date."""


CHANGED = Changed()
PageAnswer = str | tuple[str, ...] | Changed
Changes = Callable[[], Awaitable[None]]
"""Returns when what a page shows is out of date."""


@dataclass(frozen=True)
class Row:
    """One line to choose or select. `cells` are aligned in columns; the first is cut if the line is too long."""

    value: str
    cells: tuple[str, ...]
    refused: str = ""
    """Why it cannot be chosen, in a few words; "" if it can."""
    group: str = ""


@dataclass(frozen=True)
class Page:
    name: str
    title: str
    kind: Kind = "one"
    lines: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    back_label: str | None = field(default_factory=lambda: _("Back"))
    """The label of the way back; None if there is no page before."""
    preferred: str | None = None
    is_live: bool = False
    """Whether the page is updated when a phone comes or goes."""
    total: Callable[[Sequence[str]], str] = field(default=lambda ticked: "")
    refusal: Callable[[Sequence[str]], str] = field(default=lambda ticked: "")
    """Why the selection cannot be taken; "" if it can."""

    def labels(self, reserved: int = MARKER_COLUMNS) -> dict[str, str]:
        """Each row's text, in columns that leave `reserved` columns of the line free."""
        clean = {row.value: tuple(safe(cell).replace("\n", " ") for cell in row.cells) for row in self.rows}
        wide = [cells for cells in clean.values() if len(cells) > 1]
        widths = [max(map(display_width, column)) for column in zip(*wide, strict=True)]
        spare = width() - reserved - sum(widths) - 2 * (len(widths) - 1)
        if widths and spare < 0:
            widths[0] = max(10, widths[0] + spare)
        labels = {}
        for value, cells in clean.items():
            columns = widths if len(cells) > 1 else [min(display_width(cells[0]), width() - reserved)]
            sides = ("left", *["right"] * (len(columns) - 1))
            padded = [
                pad(truncate(cell, size), size, side) for cell, size, side in zip(cells, columns, sides, strict=True)
            ]
            labels[value] = "  ".join(padded)
        return labels


class Widgets(Protocol):
    """Shows a page and returns its answer, BACK or CHANGED. Ctrl-C is a KeyboardInterrupt."""

    async def __call__(self, page: Page, changes: Changes | None = None) -> PageAnswer: ...


def heading(text: str) -> str:
    """The first line of a page."""
    return text if is_plain() else f"{text} {'─' * max(3, width() - display_width(text) - 1)}"


def print_lines(lines: Sequence[str]) -> int:
    """Print a page's lines and return how many rows of the screen they take."""
    for line in lines:
        say(line)
    columns = shutil.get_terminal_size((80, 24)).columns
    return sum(max(1, -(-display_width(row) // columns)) for line in lines for row in line.split("\n"))


def erase_rows(rows: int) -> None:
    """Remove the last rows from the screen."""
    if rows:
        sys.stderr.write(f"\x1b[{rows}F\x1b[J")
        sys.stderr.flush()


def refusal_lines(error: MigrateError) -> tuple[str, ...]:
    return tuple(format_problem(error.what, error.why, error.next))


def wrap_paragraphs(*paragraphs: str) -> tuple[str, ...]:
    """Paragraphs, each wrapped into lines that fit."""
    return tuple(wrapped(paragraph) for paragraph in paragraphs if paragraph)
