"""A phone that loses nothing is never accused, whatever iOS does with what it received."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.journey.proof.prover import Proof
from migrate.journey.run import prove_again
from tests.journey.matrices.calm import CalmMove, calm_move, new_phone_of, old_phone_of
from tests.journey.matrices.moved import Moved, moved, sections_of
from tests.journey.moves import NEW_PASSWORD, PASSWORD, Lab, Person

MakeLab = Callable[..., Lab]
SEEDS = [int(seed) for seed in os.environ.get("SEEDS", "").split()] or range(64)


def lab_of(make_lab: MakeLab, one: CalmMove) -> Lab:
    lab = make_lab(old_phone_of(one), new_phone_of(one))
    lab.person = Person({"old": PASSWORD, "new": None if one.strategy == "replace" else NEW_PASSWORD})
    return lab


def told(proof: Proof, phone: Moved) -> str:
    wrong = [f"{finding.what} {finding.why}" for finding in proof.findings if finding.severity != "info"]
    lines = [str(line) for line in phone.lines]
    return "\n".join([proof.verdict, *wrong, *lines[:30]])


@pytest.mark.soak
@pytest.mark.parametrize("one", [calm_move(seed) for seed in SEEDS], ids=str)
def test_a_move_that_loses_nothing_is_proven_in_the_end(make_lab: MakeLab, tmp_path: Path, one: CalmMove) -> None:
    assert_calm(make_lab, tmp_path, one)


def assert_calm(make_lab: MakeLab, tmp_path: Path, one: CalmMove) -> None:
    """The first proof accuses nothing, and the one after everything has arrived proves all of it."""
    lab = lab_of(make_lab, one)
    with moved(lab, one.strategy, tmp_path, *one.leaves_out) as phone:
        first = phone.prove(lab.new.files, days_since=0.01)
        assert first.verdict in ("pending", "proven"), told(first, phone)
        phone.finish()
        last = phone.prove(lab.new.files)
        assert last.verdict == "proven", told(last, phone)


@pytest.mark.soak
def test_a_calm_move_to_a_phone_in_use(make_lab: MakeLab, tmp_path: Path) -> None:
    assert_calm(make_lab, tmp_path, calm_move(16))


@pytest.mark.soak
def test_a_whole_run_is_awaited_and_then_proven(make_lab: MakeLab) -> None:
    one = calm_move(30)
    lab = lab_of(make_lab, one)
    assert lab.move(lab.plan(**sections_of(one.strategy))).outcome == "pending"
    lab.new.finish_background_restore()
    lab.new.sign_in()
    assert asyncio.run(prove_again(lab.last_run, lab.context())).outcome == "proven"
    assert lab.codes("error") == []
