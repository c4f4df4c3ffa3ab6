"""The captures of the wizard's pages: what is taken from a screen, and that every page fits."""

from __future__ import annotations

import shutil

import pytest

from migrate.talk.console import display_width
from tools.wizard_captures import STORIES, capture, page_of

SCREEN = """\
First? ──────────────────── Step 1 of 7
> one

\x1b[1mSecond?\x1b[0m ─────────────────── Step 2 of 7
Text.
 » 1) One
   b) Back

"""


def test_a_page_is_taken_from_its_title_to_its_last_row() -> None:
    page = page_of(SCREEN)
    assert page.title == "Second?"
    assert page.lines == ("Second? ─────────────────── Step 2 of 7", "Text.", " » 1) One", "   b) Back")
    assert page.screen.startswith("\x1b[1mSecond?")


def test_a_plain_page_and_one_without_a_title_have_names() -> None:
    plain = page_of("Step 1 of 7. First?\n  1. One\nYour answer: 1\n\nStep 2 of 7. Second?\n  1. Two\nYour answer:")
    assert plain.title == "Second?" and plain.lines[0] == "Step 2 of 7. Second?" and len(plain.lines) == 3
    assert page_of("Everything arrived.", "The end").title == "The end"


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_every_page_fits_a_narrow_terminal() -> None:
    pages = capture(60)
    assert len(pages) >= sum(step.is_page for story in STORIES for start in story.starts for step in start)
    for page in pages:
        assert all(display_width(line) <= 60 for line in page.lines), page.lines
    assert any("Step 7 of 7" in page.lines[0] for page in pages)
