"""A page of the wizard, ready to be shown by widgets.py or plain_widgets.py."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from migrate.language import _
from migrate.plan.interview.observations import Kind
from migrate.problems import Problem
from migrate.talk.console import display_width, format_problem, is_plain, pad, safe, say, truncate, width, wrapped

MARKER_COLUMNS = 8
"""Columns taken by a row's pointer and number."""


class Changed:
    """In place of an answer: what the page shows is out of date."""


CHANGED = Changed()


@dataclass(frozen=True)
class Left:
    """In place of an answer: back, from a page on which these rows were selected."""

    selected: tuple[str, ...]


PageAnswer = str | tuple[str, ...] | Changed | Left
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
    note: str = ""
    """What to know about this row; shown while it is pointed at."""


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
    heads: tuple[str, ...] = ()
    """The titles of the columns of `rows`."""
    selected: tuple[str, ...] = ()
    """The rows of a page of the kind `many` that are selected at first."""
    warning: str = ""
    """What stays on the screen while rows are selected."""
    step: tuple[int, int] | None = None
    """Which step of how many the page belongs to; None if it is outside the count."""
    is_live: bool = False
    """Whether the page is updated when a phone comes or goes."""
    total: Callable[[Sequence[str]], str] = field(default=lambda ticked: "")
    refusal: Callable[[Sequence[str]], str] = field(default=lambda ticked: "")
    """Why the selection cannot be taken; "" if it can."""

    @property
    def is_typed(self) -> bool:
        """Whether its answer is typed, and can be mistyped."""
        return self.kind in ("path", "secret", "new-secret")

    def labels(self, reserved: int = MARKER_COLUMNS) -> dict[str, str]:
        """Each row's text, in columns that leave `reserved` columns of the line free."""
        return self.table(reserved)[1]

    def table(self, reserved: int = MARKER_COLUMNS) -> tuple[str, dict[str, str]]:
        """The titles of the columns, and each row's text below them."""
        clean = {row.value: tuple(safe(cell).replace("\n", " ") for cell in row.cells) for row in self.rows}
        wide = [cells for cells in (self.heads, *clean.values()) if len(cells) > 1]
        widths = [max(map(display_width, column)) for column in zip(*wide, strict=True)]
        spare = width() - reserved - sum(widths) - 2 * (len(widths) - 1)
        if widths and spare < 0:
            widths[0] = max(10, widths[0] + spare)

        def line(cells: tuple[str, ...]) -> str:
            columns = widths if len(cells) > 1 else [min(display_width(cells[0]), width() - reserved)]
            sides = ("left", *["right"] * (len(columns) - 1))
            padded = [
                pad(truncate(cell, size), size, side) for cell, size, side in zip(cells, columns, sides, strict=True)
            ]
            return "  ".join(padded)

        return line(self.heads) if self.heads else "", {value: line(cells) for value, cells in clean.items()}


class Widgets(Protocol):
    """Shows a page and returns its answer, BACK, CHANGED or where it was left. Ctrl-C is a KeyboardInterrupt."""

    async def __call__(self, page: Page, changes: Changes | None = None) -> PageAnswer: ...


def heading(text: str, step: tuple[int, int] | None = None) -> str:
    """The first line of a page, with the step at its end; on a line before it where both do not fit."""
    place = _("Step {number} of {total}").format(number=step[0], total=step[1]) if step else ""
    if is_plain():
        return f"{place}. {text}" if place else text
    spare = width() - display_width(text) - 1 - (display_width(place) + 1 if place else 0)
    if spare < NARROWEST_RULE and place:
        return f"{place}\n{heading(text)}"
    if spare < NARROWEST_RULE:
        return f"{wrapped(text)}\n{'─' * width()}"
    return f"{text} {'─' * spare} {place}".rstrip()


NARROWEST_RULE = 3


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


def refusal_lines(problem: Problem) -> tuple[str, ...]:
    """A problem, as the wizard says it."""
    return tuple(format_problem(*(problem.render(sentence, in_wizard=True) for sentence in ("what", "why", "next"))))


def wrap_paragraphs(*paragraphs: str) -> tuple[str, ...]:
    """Paragraphs, each wrapped into lines that fit."""
    return tuple(wrapped(paragraph) for paragraph in paragraphs if paragraph)
