"""SIGKILL and Ctrl-C at any moment of a move, an undo or a repair: continued, it ends as an undisturbed one does, and
repeats no finished step."""

from __future__ import annotations

import random
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.journey.matrices.interruptions import CASES, Case, differences, repeated_steps, undisturbed
from tests.journey.matrices.stopping import Commands, Stop

if sys.platform == "win32":
    pytest.skip("needs fork and SIGKILL", allow_module_level=True)

SIGNALS = (signal.SIGKILL, signal.SIGINT)
SEEDS = range(200)
"""Random moments in all; seed N belongs to case N modulo the number of cases."""
SAMPLE = (
    ("replace-plain", Stop(17)),
    ("replace-plain", Stop(22, signal.SIGINT)),
    ("repair", Stop(900, at="operation")),
)
"""Line 17 is early in the restore, line 22 after it."""


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


def random_stop(seed: int, operations: int) -> Stop:
    chance = random.Random(f"interruption {seed}")
    return Stop(chance.randint(1, operations), chance.choice(SIGNALS), "operation")


def case_called(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def test_an_interrupted_move_or_repair_ends_like_an_undisturbed_one(commands: Commands, tmp_path: Path) -> None:
    """A sample of the matrices below."""
    expected: dict[str, Any] = {}
    for name, stop in SAMPLE:
        case = case_called(name)
        if name not in expected:
            expected[name], _ = undisturbed(case, commands, tmp_path / "try")
        found, asked = differences(case, commands, tmp_path / "try", stop, expected[name])
        assert not found and not asked, (str(stop), "\n".join(found))


def test_a_step_that_is_started_again_without_being_reopened_counts_as_repeated() -> None:
    lines: list[dict[str, Any]] = [{"started": "meet"}, {"finished": "meet"}, {"started": "verify"}]
    lines.append({"started": "verify"})
    assert repeated_steps(lines) == []
    assert repeated_steps([*lines, {"reopened": "meet"}, {"started": "meet"}]) == []
    assert repeated_steps([*lines, {"started": "meet"}]) == ["meet"]


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_interruption_at_every_journal_line_changes_nothing(case: Case, commands: Commands, tmp_path: Path) -> None:
    expected, lines = undisturbed(case, commands, tmp_path / "try")
    stops = [Stop(number, one) for number in range(1, lines + 1) for one in SIGNALS]
    assert lines or case.name == "repair"  # a repair has no journal
    judge(case, commands, tmp_path, stops, expected)


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_interruption_at_a_random_moment_changes_nothing(case: Case, commands: Commands, tmp_path: Path) -> None:
    expected, operations = undisturbed(case, commands, tmp_path / "try", at="operation")
    mine = [seed for seed in SEEDS if CASES[seed % len(CASES)] is case]
    judge(case, commands, tmp_path, [random_stop(seed, operations) for seed in mine], expected)


def judge(case: Case, commands: Commands, tmp_path: Path, stops: list[Stop], expected: dict[str, Any]) -> None:
    ended: Counter[str] = Counter()
    wrong = []
    for stop in stops:
        found, asked = differences(case, commands, tmp_path / "try", stop, expected)
        ended["asked" if asked else "different" if found else "equal"] += 1
        wrong += [f"{stop}: {one}" for one in found]
    print(f"{case}: {dict(ended)}")
    assert not wrong, "\n".join(wrong)
