"""What the proof is given to compare: both phones of a move, or after an undo one phone with itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migrate.journey.home import Home
from migrate.journey.proof.evidence import Evidence
from migrate.journey.run_state import Run
from migrate.journey.steps import prove as proving
from migrate.journey.steps.prove import Earlier, compare
from migrate.plan.model import Plan
from migrate.plan.strategy import Strategy
from migrate.units import now_utc
from tests.journey.moves import run_without_phones
from tests.journey.proof.made import PHOTO, backup_of
from tests.journey.test_choosing_what_to_send import opened_without_seal

PLAN = Plan.model_validate({"version": 1, "new_phone": {"is": "erased"}, "move": {"categories": ["photos"]}})


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = run_without_phones(Home(tmp_path / "home").open())
    run.set_strategy(Strategy.REPLACE)
    return run


def evidence_of(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_undo: bool) -> Evidence:
    given: list[Evidence] = []
    monkeypatch.setattr(proving, "prove", given.append)
    monkeypatch.setattr(proving, "open_with_claims", opened_without_seal)
    folders = {name: tmp_path / name for name in ("old", "safety", "after")}
    for folder in folders.values():
        backup_of(folder, {PHOTO: b"\xff\xd8"}).__exit__(None, None, None)
    left_out = (SimpleNamespace(file_id="ab" * 20),)
    composed: Any = SimpleNamespace(set=folders["safety"] if is_undo else folders["old"], left_out=left_out)
    verified: Any = None if is_undo else SimpleNamespace(backup=folders["old"])
    safety: Any = SimpleNamespace(backup=folders["safety"])
    asyncio.run(compare(run, PLAN, Earlier(composed, safety, verified), folders["after"], frozenset()))
    return given[0]


def test_after_an_undo_everything_of_the_same_phone_is_expected(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = evidence_of(run, tmp_path, monkeypatch, is_undo=True)
    assert evidence.same_phone and evidence.before is None and "messages" in evidence.owners


def test_after_a_move_only_what_was_chosen_and_could_be_sent_is_expected(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = (now_utc() - timedelta(hours=30)).isoformat()
    run.journal.clock = lambda: now_utc() - timedelta(hours=30)
    run.journal.append({"finished": "restore", "result": {}, "at": sent})
    evidence = evidence_of(run, tmp_path, monkeypatch, is_undo=False)
    assert not evidence.same_phone and evidence.before is not None and evidence.owners == {"photos"}
    assert evidence.unsent_file_ids == {"ab" * 20}
    assert evidence.days_since == pytest.approx(1.25, abs=0.01)
