"""The question about originals that are only in iCloud, as a person at a terminal reads and answers it."""

from __future__ import annotations

import io
from typing import Any

import pytest

from migrate.journey.prompts import MissingOriginals
from migrate.talk.passwords import Passwords
from migrate.talk.prompts import TerminalPrompts, missing_originals_lines

FIRST = MissingOriginals("Ada's iPhone", 4_012, 1_042)


def text_of(missing: MissingOriginals) -> str:
    return " ".join(" ".join(missing_originals_lines(missing)).split())


def test_the_first_look_says_how_many_and_how_to_load_them() -> None:
    shown = text_of(FIRST)
    assert "1,042 of 4,012 photos and videos on Ada's iPhone are only in iCloud" in shown
    assert "Download and Keep Originals" in shown and "go on without them" in shown


@pytest.mark.parametrize(
    ("now", "said"), [(1_000, "42 have arrived since."), (1_041, "1 has arrived since."), (1_042, "None has arrived")]
)
def test_another_look_says_how_the_count_changed(now: int, said: str) -> None:
    shown = text_of(MissingOriginals("Ada's iPhone", 4_012, now, before=1_042))
    assert said in shown and "Download and Keep Originals" not in shown, "that was said before"


def test_more_than_before_is_not_told_as_a_success() -> None:
    assert "None has arrived" in text_of(MissingOriginals("Ada's iPhone", 4_012, 1_050, before=1_042))


@pytest.mark.parametrize("columns", [60, 80])
def test_the_question_fits(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = "\n".join(missing_originals_lines(FIRST)).split("\n")
    assert all(len(line) <= columns for line in lines), lines


@pytest.mark.parametrize(("typed", "again"), [("look\n", True), ("LOOK\n", True), ("\n", False), ("", False)])
def test_look_looks_again_and_anything_else_goes_on(monkeypatch: pytest.MonkeyPatch, typed: str, again: bool) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert TerminalPrompts(Passwords(), yes=False).look_again(FIRST) is again


@pytest.mark.parametrize(("yes", "there"), [(True, True), (False, False)])
def test_a_script_is_not_asked(monkeypatch: pytest.MonkeyPatch, yes: bool, there: bool) -> None:
    def can_prompt(passwords: Any) -> bool:
        return there

    monkeypatch.setattr(Passwords, "can_prompt", can_prompt)
    assert not TerminalPrompts(Passwords(), yes=yes).looks_for_originals()
