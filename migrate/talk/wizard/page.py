"""A page of the wizard, ready to be shown: words and rows. What shows it is in wizard.py and wizard_plain.py."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from migrate.plan.interview.observations import Kind
from migrate.problems import MigrateError
from migrate.talk.console import display_width, format_problem, is_plain, pad, safe, say, truncate, width, wrapped

ROOM_BESIDE = 8
"""Columns that a row's pointer and number take."""


class Changed:
    """In place of an answer: what the page shows is no longer so."""


CHANGED = Changed()
PageAnswer = str | tuple[str, ...] | Changed
Changes = Callable[[], Awaitable[None]]
"""Comes to its end when what a page shows is no longer so."""


@dataclass(frozen=True)
class Row:
    """One line to choose or tick. `cells` are put in columns below each other; the first one is cut where it must."""

    value: str
    cells: tuple[str, ...]
    refused: str = ""
    """Why it cannot be chosen, in a word or two."""
    group: str = ""


@dataclass(frozen=True)
class Page:
    name: str
    title: str
    kind: Kind = "one"
    lines: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    back_label: str | None = "Back"
    """What the way back is called; None: there is no page before."""
    preferred: str | None = None
    is_live: bool = False
    """Whether the page changes by itself when a phone comes or goes."""
    total: Callable[[Sequence[str]], str] = field(default=lambda ticked: "")
    refusal: Callable[[Sequence[str]], str] = field(default=lambda ticked: "")
    """Why what is ticked cannot be taken; "" where it can."""

    def labels(self, room: int = ROOM_BESIDE) -> dict[str, str]:
        """What each row says, in columns that fit beside `room` others."""
        clean = {row.value: tuple(safe(cell).replace("\n", " ") for cell in row.cells) for row in self.rows}
        wide = [cells for cells in clean.values() if len(cells) > 1]
        widths = [max(map(display_width, column)) for column in zip(*wide, strict=True)]
        spare = width() - room - sum(widths) - 2 * (len(widths) - 1)
        if widths and spare < 0:
            widths[0] = max(10, widths[0] + spare)
        labels = {}
        for value, cells in clean.items():
            columns = widths if len(cells) > 1 else [min(display_width(cells[0]), width() - room)]
            sides = ("left", *["right"] * (len(columns) - 1))
            padded = [
                pad(truncate(cell, size), size, side) for cell, size, side in zip(cells, columns, sides, strict=True)
            ]
            labels[value] = "  ".join(padded)
        return labels


class Widgets(Protocol):
    """Shows a page and comes back with its answer, BACK, or CHANGED. Ctrl-C is a KeyboardInterrupt."""

    async def __call__(self, page: Page, changes: Changes | None = None) -> PageAnswer: ...


def heading(text: str) -> str:
    """How a page begins."""
    return text if is_plain() else f"{text} {'─' * max(3, width() - display_width(text) - 1)}"


def print_lines(lines: Sequence[str]) -> int:
    """Say a page's words, and come back with how many rows of the screen they take."""
    for line in lines:
        say(line)
    columns = shutil.get_terminal_size((80, 24)).columns
    return sum(max(1, -(-display_width(row) // columns)) for line in lines for row in line.split("\n"))


def erase_rows(rows: int) -> None:
    """Take the last rows off the screen."""
    if rows:
        sys.stderr.write(f"\x1b[{rows}F\x1b[J")
        sys.stderr.flush()


def refusal_lines(error: MigrateError) -> tuple[str, ...]:
    return tuple(format_problem(error.what, error.why, error.next))


def wrap_paragraphs(*paragraphs: str) -> tuple[str, ...]:
    """Paragraphs, each wrapped into lines that fit."""
    return tuple(wrapped(paragraph) for paragraph in paragraphs if paragraph)
