"""What a person sees while something is tried again."""

from __future__ import annotations

import io

from migrate.journey import events
from migrate.talk.progress import BarListener, LineListener


def ticks(what: str = "The connection to Anna's iPhone was lost.") -> list[events.TryingAgain]:
    return [events.TryingAgain("Anna's iPhone", left, what) for left in (3, 2, 1, 0)]


def test_lines_say_once_what_failed_and_when_it_is_tried_again() -> None:
    out = io.StringIO()
    listener = LineListener(out)
    for event in (*ticks(), *ticks("")):
        listener(event)
    assert out.getvalue().splitlines() == [
        "  >> The connection to Anna's iPhone was lost.",
        "  >> Trying again in 3 seconds.",
        "  >> Anna's iPhone closed the connection.",
        "  >> Trying again in 3 seconds.",
    ]


def test_a_terminal_counts_down_and_cleans_up() -> None:
    out = io.StringIO()
    listener = BarListener(out)
    for event in ticks():
        listener(event)
    drawn = out.getvalue()
    assert "Trying again in 2 seconds." in drawn and "Trying again in 1 second." in drawn
    assert drawn.endswith("\r") and not drawn.rsplit("\r", 2)[1].strip()


def test_scripts_see_no_event_that_the_contract_does_not_name() -> None:
    assert all(events.as_json(event) is None for event in ticks())
