"""The last confirmation, and what the end of a run says about proving again and undoing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.journey.prompts import Confirmation, EraseOffer, OwnBackupLimits
from migrate.plan.strategy import Strategy
from migrate.talk import prompts
from migrate.talk.options import GlobalOptions
from migrate.talk.passwords import Passwords
from migrate.talk.prompts import TerminalPrompts, confirmation_lines
from migrate.talk.run_on_terminal import say_how_to_undo

WORD = Confirmation(
    run_id="R1",
    old_name="Old",
    new_name="New",
    strategy=Strategy.REPLACE,
    replaces=(),
    set_bytes=1000,
    set_files=12,
)


def test_the_confirmation_says_whether_the_move_can_be_undone() -> None:
    said = " ".join(confirmation_lines(WORD))
    assert "not backed up first, so this cannot be undone" in said and "migrate undo" not in said
    said = " ".join(confirmation_lines(replace(WORD, is_undoable=True)))
    assert "To put it back as it was: migrate undo R1" in said and "cannot" not in said


def test_the_confirmation_of_a_rebuild_says_what_it_is_and_what_does_not_come_back() -> None:
    limits = OwnBackupLimits(
        apps=41,
        not_reinstallable=("Old Game",),
        without_data=tuple(f"Bank {number}" for number in range(9)),
        accounts=("Contacts, 4 of Exchange",),
    )
    word = replace(WORD, strategy=Strategy.REBUILD, is_undoable=True, own_limits=limits)
    said = " ".join(" ".join(confirmation_lines(word)).split())
    for part in (
        "full restore: New gets its own complete backup back",
        "has not yet been seen on a real iPhone",
        "Apple Pay: add them again",
        "41 apps are downloaded from the App Store again; those no longer there do not come back",
        "install them yourself: Old Game.",
        "Bank 0, Bank 1, Bank 2, Bank 3, Bank 4, Bank 5 and 3 more",
        "Contacts, 4 of Exchange: New does not have that account",
    ):
        assert part in said, part
    assert "erase" not in said and "everything that is on it now is replaced" not in said
    assert "asked to erase New first" in " ".join(
        " ".join(confirmation_lines(replace(word, erases_first=True))).split()
    )


def test_only_a_person_at_a_terminal_can_agree_to_erase_a_phone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = EraseOffer("New", needed_bytes=60_000_000_000, free_bytes=20_000_000_000)
    answers = iter(["yes", "erase"])
    monkeypatch.setattr(prompts, "ask_line", lambda question: next(answers))
    at_a_terminal = Passwords(can_prompt=lambda: True)
    assert not TerminalPrompts(at_a_terminal, yes=True).may_erase(offer), "--yes gives the last confirmation alone"
    person = TerminalPrompts(at_a_terminal, yes=False)
    assert (person.may_erase(offer), person.may_erase(offer)) == (False, True)
    said = " ".join(capsys.readouterr().err.split())
    assert "New has 20.0 GB free" in said and "up to 60.0 GB" in said
    assert not TerminalPrompts(Passwords(can_prompt=lambda: False), yes=False).may_erase(offer)


@pytest.mark.parametrize("safety", [{"backup": "x"}, None], ids=["saved before", "not saved before"])
def test_the_end_of_a_run_says_how_to_undo(capsys: pytest.CaptureFixture[str], safety: dict[str, Any] | None) -> None:
    receipt = {"run": "R1", "new": {"name": "New"}, "safety": safety}
    say_how_to_undo(GlobalOptions(home=Path("/disk")), receipt)
    said = capsys.readouterr().err
    home = Path("/disk").absolute()
    assert (f"migrate --home {home} undo R1" in said) is bool(safety)
    assert ("cannot be undone" in said) is not bool(safety)


def test_a_phone_in_doubt_is_asked_about_only_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """--yes answers the last confirmation and nothing else."""
    answers = iter(["yes", "No", "perhaps"])
    monkeypatch.setattr(prompts, "ask_line", lambda text: next(answers))
    here = Passwords(can_prompt=lambda: True)
    assert TerminalPrompts(here, yes=True).is_restored("New", "Old") is None
    assert TerminalPrompts(Passwords(can_prompt=lambda: False), yes=False).is_restored("New", "Old") is None
    asked = [TerminalPrompts(here, yes=False).is_restored("New", "Old") for _ in range(3)]
    assert asked == [True, False, None]


def test_a_second_try_says_what_it_deletes() -> None:
    again = replace(WORD, is_sent_again=True, loses=(("Voice memos", 2),))
    said = " ".join(" ".join(confirmation_lines(again)).split())
    assert "New did not take it" in said and "is deleted: Voice memos: 2" in said
