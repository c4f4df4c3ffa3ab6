"""Ctrl-C that was swallowed somewhere stops a run all the same, before its next step and before the first byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.ctrl_c import ctrl_c
from migrate.journey import events
from migrate.journey.journal import Journal
from migrate.journey.run import STEPS
from migrate.journey.runner import Step, run_steps
from migrate.plan.model import Plan
from migrate.problems import Interrupted
from tests.journey.moves import Lab


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    ctrl_c.forget()


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    return make_lab()


def run_these(lab: Lab, *steps: Step) -> list[str]:
    """Run these steps until they are stopped. Returns the names of those that were begun."""
    folder = lab.home.runs / "the-run"
    folder.mkdir()
    plan: Plan = lab.plan()
    journal = Journal.create(folder / "journal.ndjson", folder.name, "a digest")
    with pytest.raises(Interrupted):
        asyncio.run(run_steps(lab.context(), folder, plan, journal, steps))
    last = lab.received_events[-1]
    assert isinstance(last, events.RunFinished) and last.outcome == "stopped"
    return [event.step for event in lab.received_events if isinstance(event, events.StepStarted)]


def test_a_step_after_a_swallowed_ctrl_c_is_not_begun(lab: Lab) -> None:
    begun: list[str] = []

    async def swallows() -> None:
        ctrl_c.on_sigint()
        begun.append("first")

    async def sends() -> None:
        begun.append("second")

    assert run_these(lab, Step("compose", swallows), Step("restore", sends)) == ["compose"]
    assert begun == ["first"]


def test_a_ctrl_c_swallowed_while_a_step_is_in_doubt_is_honoured_before_it_is_repeated(lab: Lab) -> None:
    begun: list[str] = []

    async def looks() -> None:
        ctrl_c.on_sigint()

    async def sends() -> None:
        begun.append("sent")

    folder = lab.home.runs / "the-run"
    folder.mkdir()
    journal = Journal.create(folder / "journal.ndjson", folder.name, "a digest")
    journal.append({"started": "restore"})
    with pytest.raises(Interrupted):
        asyncio.run(
            run_steps(lab.context(), folder, lab.plan(), journal, (Step("restore", sends, already_done=looks),))
        )
    assert begun == []


def test_ctrl_c_right_before_the_first_byte_sends_nothing(
    lab: Lab, old_phone_backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last thing that is awaited before the restore swallows it."""
    from migrate.journey.steps import restore as restoring

    before = lab.new.files.digests()
    look: Any = restoring.refuse_unready_phone

    async def look_and_swallow(*arguments: Any) -> None:
        await look(*arguments)
        ctrl_c.on_sigint()

    monkeypatch.setattr(restoring, "refuse_unready_phone", look_and_swallow)
    with pytest.raises(Interrupted):
        lab.move(lab.plan(old_phone={"backup": str(old_phone_backup)}))
    assert lab.last_run.journal().latest_value("restore_begins") is None
    assert lab.new.files.digests() == before and lab.new.pending_restore is None
    assert [step.name for step in STEPS if step.point_of_no_return] == ["restore"]
