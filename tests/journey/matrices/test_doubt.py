"""A move cut at every line of its journal around the point of no return ends as an undisturbed one.

The set is taken exactly once, and what a person did on the phone in between is lost only with consent.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from tests.journey.matrices.doubts import WAYS, Case, Way, every_case, ready, run_case
from tests.journey.moves import Lab

pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
"""What plays the killed process leaves its sockets to the collector of garbage, as the system closes those of a real
one."""
SAMPLE: dict[Way, tuple[Case, ...]] = {
    "replace encrypted": (Case("restore_taken", "killed before", True),),
}


def run_cases(make_lab: Callable[..., Lab], way: Way, cases: list[Case]) -> None:
    begun, wrong = time.process_time(), []
    sent_again = told = asked = 0
    with ready(make_lab, way) as one:
        for case in cases:
            outcome = run_case(one, case)
            told += outcome.was_told
            asked += outcome.was_asked
            sent_again += any("restore_again" in line for line in one.lab.last_run.journal().lines)
            if outcome.wrong:
                wrong.append(f"{way}, {case}: {outcome.wrong}")
            if os.environ.get("SHOW"):
                print(f"{way}, {case}: {outcome}", flush=True)
    spent = time.process_time() - begun
    counts = f"{sent_again} sent again, {told} told of a loss, {asked} asked, {len(wrong)} wrong"
    print(f"{way}: {len(cases)} cases, {counts}, {spent:.0f} s of processor time")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("way", SAMPLE)
def test_a_move_cut_around_the_restore_ends_as_an_undisturbed_one(make_lab: Callable[..., Lab], way: Way) -> None:
    run_cases(make_lab, way, list(SAMPLE[way]))


@pytest.mark.soak
@pytest.mark.parametrize("way", WAYS)
def test_every_line_around_the_restore_can_be_the_last(make_lab: Callable[..., Lab], way: Way) -> None:
    cases = every_case()
    if only := os.environ.get("ONLY"):  # parts of their names
        cases = [one for one in cases if any(part in str(one) for part in only.split(","))]
    run_cases(make_lab, way, cases)
