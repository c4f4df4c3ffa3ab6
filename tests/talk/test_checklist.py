"""The list on which a person selects what moves: its keys, its height, and what stays on the screen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from migrate.talk.console import display_width
from migrate.talk.wizard.checklist import Checklist
from migrate.talk.wizard.page import Left, Page, PageAnswer, Row

HOME, END, PAGE_UP, PAGE_DOWN, UP, DOWN = "\x1b[H", "\x1b[F", "\x1b[5~", "\x1b[6~", "\x1b[A", "\x1b[B"
ROWS = 24


class SmallScreen(DummyOutput):
    """A terminal of 24 rows that draws nothing."""

    def __init__(self, columns: int = 60) -> None:
        self.columns = columns

    def get_size(self) -> Size:
        return Size(rows=ROWS, columns=self.columns)


def list_of(count: int, **page: Any) -> Page:
    """Categories, and then two apps."""
    rows = [Row(f"c{number}", (f"Category {number}", f"{number}", "1 KB", "")) for number in range(1, count - 1)]
    rows += [
        Row(f"a{number}", (f"App {number}", "", "2 KB", ""), group="Apps", note=f"About app {number}.")
        for number in (1, 2)
    ]
    return Page(
        "chosen",
        "What should move?",
        "many",
        rows=tuple(rows),
        heads=("", "items", "size", "only in iCloud"),
        warning="Photos: 7 are only in iCloud.",
        total=lambda ticked: f"{len(ticked)} selected",
        refusal=lambda ticked: "" if ticked else "Nothing is selected yet.",
        **page,
    )


def pressed(page: Page, keys: str) -> tuple[PageAnswer, str]:
    """The answer after these keys, and what the list showed in the end."""
    with create_pipe_input() as pipe:
        checklist = Checklist(page, input=pipe, output=SmallScreen())
        pipe.send_text(keys)
        return asyncio.run(checklist.unsafe_ask_async()), text_of(checklist)


def text_of(checklist: Checklist) -> str:
    return "".join(piece[1] for piece in checklist.list_text())


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("MIGRATE_PLAIN", raising=False)


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        (f"{END} \r", ("a2",)),
        (f"{END}{HOME} \r", ("c1",)),
        (f"{UP} \r", ("a2",)),
        (f"{END}{DOWN} \r", ("c1",)),
        (f"{PAGE_DOWN} \r", ("c10",)),
        (f"{PAGE_DOWN}{PAGE_DOWN}{PAGE_DOWN}{PAGE_DOWN} \r", ("a2",)),
        (f"{PAGE_DOWN}{PAGE_UP} \r", ("c1",)),
    ],
)
def test_the_list_is_moved_through_with_arrows_pages_and_ends(keys: str, chosen: tuple[str, ...]) -> None:
    assert pressed(list_of(30), keys)[0] == chosen


def test_what_is_selected_at_first_stays_selected_and_comes_back_when_the_page_is_left() -> None:
    page = list_of(5, selected=("c2", "a1", "gone"))
    assert pressed(page, "\r")[0] == ("c2", "a1")
    assert pressed(page, " b")[0] == Left(("c1", "c2", "a1"))
    assert pressed(page, "aa \r")[0] == ("c1",), "all, then none"


@pytest.mark.parametrize("keys", ["", END, PAGE_DOWN, END + UP * 4])
def test_the_list_takes_half_of_the_screen_and_says_what_is_out_of_sight(keys: str) -> None:
    checklist = Checklist(list_of(30), output=SmallScreen())
    for binding in _presses(keys):
        binding(checklist)
    lines = text_of(checklist).split("\n")
    of_list = [line for line in lines if "○" in line or "●" in line]
    assert len(of_list) + 3 <= ROWS // 2, "with the titles of its columns, and what is above and below"
    assert any("»" in line for line in of_list), "where the person is can be seen"
    hidden = sum(int(line.split()[1]) for line in lines if "more above" in line or "more below" in line)
    assert hidden + len(of_list) == 30
    assert "items" in text_of(checklist) and "only in iCloud" in text_of(checklist)
    assert all(display_width(line) <= 60 for line in lines)


def _presses(keys: str) -> list[Any]:
    moves = {
        END: lambda one: one.selection.jump(len(one.selection.rows)),
        PAGE_DOWN: lambda one: one.selection.jump(one.height),
        UP: lambda one: one.selection.move(-1),
    }
    found = []
    while keys:
        key = next(one for one in moves if keys.startswith(one))
        found.append(moves[key])
        keys = keys.removeprefix(key)
    return found


def test_a_short_list_is_shown_whole() -> None:
    text = text_of(Checklist(list_of(5), output=SmallScreen()))
    assert "more" not in text and text.count("○") == 5 and "Apps" in text


def test_warnings_about_icloud_stay_and_the_row_that_is_pointed_at_is_explained() -> None:
    _, first = pressed(list_of(30), " b")
    assert "7 are only in iCloud" in first and "About app" not in first
    _, last = pressed(list_of(30), f"{END} b")
    assert "7 are only in iCloud" in last and "About app 2." in last and "1 selected" in last


def test_why_a_selection_is_refused_is_said_once_it_is_wanted() -> None:
    _, before = pressed(list_of(5), f"{DOWN}b")
    assert "Nothing is selected yet" not in before
    _, after = pressed(list_of(5), f"\r{DOWN}b")
    assert "Nothing is selected yet" in after


def test_an_empty_list_can_only_be_left() -> None:
    page = list_of(5)
    empty = Page("chosen", "What?", "many", total=page.total, refusal=page.refusal)
    assert pressed(empty, f" {DOWN}{UP}{END}{PAGE_UP}a\rb")[0] == Left(())
