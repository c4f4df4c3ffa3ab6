"""The list on which a person selects what moves.

It takes at most half of the screen's height, keeps its column titles, and scrolls. What is pointed at is explained
below it, and what is only in iCloud stays named there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.styles import Style

from migrate.language import _, mark
from migrate.talk.console import safe, wrapped
from migrate.talk.wizard.page import Left, Page, Row

KEYS = (
    mark("(space selects, a: all, Enter: next, b: back)"),
    mark("(arrows, PgUp, PgDn, Home and End move)"),
)
FEWEST_ROWS = 4
STYLE = Style.from_dict({"pointed": "bold", "head": "underline"})


@dataclass
class Selection:
    """Which rows are selected, which one is pointed at, and which part of the list is shown."""

    rows: tuple[Row, ...]
    selected: set[str]
    pointed: int = 0
    first: int = 0
    """The first line that is shown. Lines are rows, and a title before the first row of a group."""

    @property
    def row(self) -> Row | None:
        """The row that is pointed at; None in an empty list."""
        return self.rows[self.pointed] if self.rows else None

    @property
    def lines(self) -> list[Row | str]:
        """The rows, and the title of each group before its first row."""
        lines: list[Row | str] = []
        group = ""
        for row in self.rows:
            if row.group != group:
                lines.append(row.group)
            group = row.group
            lines.append(row)
        return lines

    def move(self, by: int) -> None:
        """Point to another row; at an end, the list goes on at the other one."""
        self.pointed = (self.pointed + by) % max(1, len(self.rows))

    def jump(self, by: int) -> None:
        """Point to another row, at most to the first or the last."""
        self.pointed = max(0, min(self.pointed + by, len(self.rows) - 1))

    def toggle(self) -> None:
        self.selected ^= {self.row.value} if self.row else set()

    def toggle_all(self) -> None:
        every = {row.value for row in self.rows}
        self.selected = set() if self.selected == every else every

    def values(self) -> tuple[str, ...]:
        """What is selected, in the order of the list."""
        return tuple(row.value for row in self.rows if row.value in self.selected)

    def scroll(self, height: int) -> slice:
        """The lines to show when `height` of them fit, with the row that is pointed at among them."""
        lines = self.lines
        at = lines.index(self.row) if self.row else 0
        above = at - 1 if at and isinstance(lines[at - 1], str) else at  # a group is shown with its title
        self.first = max(0, min(self.first, above, len(lines) - height))
        self.first = max(self.first, at - height + 1)
        return slice(self.first, self.first + height)


@dataclass
class Checklist:
    """Shows a page of the kind `many` and waits for its answer."""

    page: Page
    input: Any = None
    output: Any = None
    selection: Selection = field(init=False)
    refused: bool = False
    """Whether Enter was pressed on a selection that cannot be taken."""
    application: Application[Any] = field(init=False)

    def __post_init__(self) -> None:
        known = {row.value for row in self.page.rows}
        self.selection = Selection(self.page.rows, set(self.page.selected) & known)
        window = Window(FormattedTextControl(self.text, show_cursor=False), dont_extend_height=True)
        self.application = Application(
            layout=Layout(window), key_bindings=self.keys(), style=STYLE, input=self.input, output=self.output
        )

    async def unsafe_ask_async(self) -> Any:
        """The values of the selected rows, or where the page was left. Ctrl-C is a KeyboardInterrupt."""
        return await self.application.run_async()

    # -- what is shown -----------------------------------------------------------------------------------------------

    @property
    def height(self) -> int:
        """How many lines of the list are shown: with its title and the counts around it, half of the screen."""
        return max(FEWEST_ROWS, self.application.output.get_size().rows // 2 - 3)

    def text(self) -> StyleAndTextTuples:
        """The list as styled pieces of text; once it is answered, only what it amounts to."""
        if self.application.is_done:
            return [("", f"> {safe(self.page.total(self.selection.values()))}")]
        return self.list_text()

    def list_text(self) -> StyleAndTextTuples:
        head, labels = self.page.table()
        pieces: StyleAndTextTuples = [("", f"> {_(KEYS[0])}\n  {_(KEYS[1])}")]
        if head:
            pieces += [("", "\n     "), ("class:head", head)]
        pieces += self.rows_shown(labels)
        pieces += [("", f"\n{line}") for line in self.lines_below()]
        return pieces

    def rows_shown(self, labels: dict[str, str]) -> StyleAndTextTuples:
        lines, window = self.selection.lines, self.selection.scroll(self.height)
        pieces: StyleAndTextTuples = []
        for line in lines[window]:
            if isinstance(line, str):
                pieces.append(("", f"\n     {safe(line)}"))
                continue
            pointed = line is self.selection.row
            sign = "●" if line.value in self.selection.selected else "○"
            pieces.append(
                ("class:pointed" if pointed else "", f"\n {'»' if pointed else ' '} {sign} {labels[line.value]}")
            )
        if len(lines) <= self.height:
            return pieces
        above, below = rows_among(lines[: window.start]), rows_among(lines[window.stop :])
        return [
            ("", "\n" + (f"     … {_('{count} more above').format(count=above)}" if above else "")),
            *pieces,
            ("", "\n" + (f"     … {_('{count} more below').format(count=below)}" if below else "")),
        ]

    def lines_below(self) -> list[str]:
        """What the selection amounts to, why it cannot be taken, and what to know about it."""
        refusal = self.page.refusal(self.selection.values()) if self.refused else ""
        note = self.selection.row.note if self.selection.row else ""
        total = self.page.total(self.selection.values())
        return [wrapped(line, indent="   ") for line in (total, refusal, self.page.warning, note) if line]

    # -- what is pressed ---------------------------------------------------------------------------------------------

    def keys(self) -> KeyBindings:
        bindings, selection = KeyBindings(), self.selection

        def bind(what: Any, *keys: str) -> None:
            for key in keys:
                bindings.add(key, eager=True)(lambda event: what())

        bind(lambda: selection.move(-1), "up", "c-p")
        bind(lambda: selection.move(1), "down", "c-n")
        bind(lambda: selection.jump(-self.height), "pageup")
        bind(lambda: selection.jump(self.height), "pagedown")
        bind(lambda: selection.jump(-len(selection.rows)), "home")
        bind(lambda: selection.jump(len(selection.rows)), "end")
        bind(selection.toggle, " ")
        bind(selection.toggle_all, "a")

        @bindings.add("enter", eager=True)
        def take(event: KeyPressEvent) -> None:
            self.refused = bool(self.page.refusal(selection.values()))
            if not self.refused:
                event.app.exit(result=selection.values())

        @bindings.add("b", eager=True)
        def leave(event: KeyPressEvent) -> None:
            event.app.exit(result=Left(selection.values()))

        @bindings.add("c-c", eager=True)
        @bindings.add("c-d", eager=True)
        def stop(event: KeyPressEvent) -> None:
            event.app.exit(exception=KeyboardInterrupt)

        return bindings


def rows_among(lines: Sequence[Row | str]) -> int:
    return sum(isinstance(line, Row) for line in lines)
