"""Steps return frozen dataclasses, and later steps receive them by type."""

from __future__ import annotations

from dataclasses import is_dataclass
from pathlib import Path
from types import NoneType
from typing import get_args, get_type_hints

import pytest

from migrate.backup.restore_set.builder import Dropped
from migrate.journey import undo
from migrate.journey.results import StepResult, from_json, to_json
from migrate.journey.run import STEPS
from migrate.journey.run_state import Run
from migrate.journey.runner import Step, parameters_of
from migrate.journey.steps.back_up import (
    NewPhoneBackedUp,
    OldPhoneBackedUp,
    is_new_phone_backed_up,
    is_old_phone_backed_up,
)
from migrate.journey.steps.compose import ComposedSet, Replacement
from migrate.journey.steps.doubt import is_already_restored
from migrate.journey.steps.prove import Proved
from migrate.journey.steps.receipt import ReceiptWritten
from migrate.journey.steps.rehearse import Rehearsed, SimulatedAs
from migrate.journey.steps.restore import Restored, was_not_taken
from migrate.journey.steps.verify import NewPhoneVerified, OldPhoneVerified
from migrate.plan.model import Plan

VERIFIED = {
    "backup": Path("/backups/A"), "verdict": "whole", "records": 3, "files": 2, "bytes": 1, "ios_version": "18.5",
    "encrypted": True, "damaged": {"ab12": "too short"},
}  # fmt: skip
RESULTS: tuple[StepResult, ...] = (
    OldPhoneBackedUp(Path("/backups/A"), bytes=7, files=1),
    NewPhoneBackedUp(Path("/backups/B"), bytes=0, files=0, found_done=True),
    OldPhoneVerified(**VERIFIED),  # type: ignore[arg-type]
    NewPhoneVerified(**{**VERIFIED, "records": None, "encrypted": None}),  # type: ignore[arg-type]
    ComposedSet(
        set=Path("/run/set"),
        records=3,
        files=2,
        bytes=1,
        chosen_files=2,
        apps=("com.example.chatter",),
        chosen={"photos": {"records": 3, "files": 2, "bytes": 1}},
        titles={"photos": "Photos"},
        replaces=(Replacement("photos", "Photos", 2, None), Replacement("calls", "Calls", 2, 0)),
        left_out=(Dropped("HomeDomain", "a/b", "ab12", "there is no stored file"),),
    ),
    Rehearsed(SimulatedAs("26.1", "iPhone17,3", with_contents=False), {"photos": {"arrives": 2}}, kept={}),
    Restored(bytes=7, files=1, confirmed=True),
    Restored(found_done=True),
    Proved(
        "pending",
        "2026-01-01T00:00:00+00:00",
        items={"photos": {"photos": {"found": 2, "later": 1}}},
        files={"photos": {"same": 2}},
        later={"photos": {"background": 1}},
        unknown={"calls": ("calls",)},
        kept_files={"same": 4},
    ),
    ReceiptWritten(Path("/run/receipt.json")),
)


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_a_result_survives_a_round_trip_through_json(result: StepResult) -> None:
    assert from_json(type(result), to_json(result)) == result


def test_the_json_of_results_has_not_changed() -> None:
    assert to_json(RESULTS[4])["replaces"] == [["photos", "Photos", 2, None], ["calls", "Calls", 2, 0]]
    assert to_json(RESULTS[4])["left_out"] == [["HomeDomain", "a/b", "ab12", "there is no stored file"]]
    assert to_json(RESULTS[5])["as"] == {"ios_version": "26.1", "model": "iPhone17,3", "with_contents": False}
    assert to_json(RESULTS[6]) == {"bytes": 7, "files": 1, "confirmed": True}
    assert to_json(RESULTS[7]) == {"found_done": True}


def result_types(hint: object) -> list[type[StepResult]]:
    members = get_args(hint) or (hint,)
    return [member for member in members if member is not NoneType and issubclass(member, StepResult)]


@pytest.mark.parametrize("steps", [STEPS, undo.STEPS], ids=["move", "undo"])
def test_every_step_gets_what_it_needs_from_an_earlier_step(steps: tuple[Step, ...]) -> None:
    done: list[type[StepResult]] = []
    for step in steps:
        for function in filter(None, (step.is_wanted, step.do, step.already_done)):
            for kind, may_be_missing in parameters_of(function):
                assert kind in (Run, Plan) or may_be_missing or any(issubclass(one, kind) for one in done), step.name
        for kind in result_types(get_type_hints(step.do)["return"]):
            assert kind.step == step.name and is_dataclass(kind)
            done.append(kind)


def test_what_a_kill_leaves_in_doubt_is_looked_at_before_it_is_done_again() -> None:
    """Every step that costs hours or changes a phone. The rest only reads, or builds anew."""
    for steps in (STEPS, undo.STEPS):
        looks = {step.name: step.already_done for step in steps if step.already_done is not None}
        assert looks["restore"] is is_already_restored and looks["back-up-new-phone"] is is_new_phone_backed_up
        assert [step.may_be_tried_again for step in steps if step.point_of_no_return] == [was_not_taken]
    assert next(step for step in STEPS if step.name == "back-up-old-phone").already_done is is_old_phone_backed_up
