"""What fails on a phone for a moment is tried again within the step; the rest is not, and nothing is for ever."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.journey import events, trying_again
from migrate.journey.home import Home
from migrate.journey.phone_session import MetPhone
from migrate.journey.run_state import Run
from migrate.journey.runner import Step, run_steps
from migrate.journey.trying_again import GETTING_SOMEWHERE_BYTES, TRIES, Attempts
from migrate.plan.model import Plan
from migrate.problems import FindMyOn, MigrateError, PhoneCouldNotSend, PhoneLocked, PhoneLost
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import absent_user
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.journey.moves import NEW, run_without_phones

LOST = PhoneLost("Ada", "the backup", "broken pipe")
PLAN = Plan.model_validate({"version": 1, "new_phone": {"is": "erased"}, "move": {"categories": ["everything"]}})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(trying_again, "PAUSES_S", dict.fromkeys(trying_again.PAUSES_S, 0.0))
    run = run_without_phones(Home(tmp_path / "home").open())
    return replace(run, context=replace(run.context, wait_s=5))


def tries(run: Run, error: MigrateError, *, moved: int = 0, at_most: int = 20) -> int:
    """How often a step is tried that always fails like this."""

    async def count() -> int:
        attempts = Attempts(run)
        for number in range(1, at_most):
            run.moved_bytes = moved
            if not await attempts.may_follow(error):
                return number
        return at_most

    return asyncio.run(count())


def test_a_phone_that_is_lost_again_and_again_is_given_up(run: Run) -> None:
    assert tries(run, LOST) == TRIES


def test_a_bad_cable_does_not_end_a_backup_that_gets_somewhere(run: Run) -> None:
    assert tries(run, LOST, moved=GETTING_SOMEWHERE_BYTES) == 20


def test_what_does_not_pass_by_itself_is_not_tried_again(run: Run) -> None:
    assert tries(run, FindMyOn("Ada", "IsAssociated is true")) == 1


def test_a_command_that_waits_for_nobody_tries_once(run: Run) -> None:
    assert tries(replace(run, context=replace(run.context, wait_s=0)), LOST) == 1


@pytest.mark.parametrize("may_be_tried_again", [True, False])
def test_a_restore_that_may_have_been_taken_is_left_to_a_resume(run: Run, may_be_tried_again: bool) -> None:
    begun: list[str] = []

    async def fails() -> None:
        begun.append("tried")
        raise LOST

    step = Step("restore", fails, may_be_tried_again=lambda: may_be_tried_again)
    with pytest.raises(PhoneLost):
        asyncio.run(run_steps(run.context, run.folder, PLAN, run.journal, (step,)))
    assert len(begun) == (TRIES if may_be_tried_again else 1)


def test_a_phone_that_could_not_send_while_it_was_locked_is_unlocked_before_it_is_tried_again(run: Run) -> None:
    """104, because the screen locked itself: trying again at once would end the same way."""
    phone = SimulatedPhone(udid=NEW, name="Ada's new iPhone", passcode="1234", simulated_user=absent_user())
    asked: list[tuple[str, bool]] = []

    def owner(event: events.Event) -> None:
        if isinstance(event, events.PersonNeeded):
            asked.append((event.action, phone.locked))
            phone.unlock()

    with SimulatedUsbmuxd([phone]) as server:
        usbmux = replace(run.context.usbmux, address=server.address)
        run = replace(run, context=replace(run.context, usbmux=usbmux, listener=owner))
        run.remember_phone("new", MetPhone(NEW, phone.name))
        could_not_send = PhoneCouldNotSend(phone.name, "Multiple errors uploading files")
        assert tries(run, could_not_send, at_most=2) == 2 and asked == []
        phone.lock()
        assert tries(run, could_not_send, at_most=2) == 2 and asked == [("unlock", True)]
        phone.lock()
        impatient = replace(run, context=replace(run.context, wait_s=0.01, listener=events.nobody))
        with pytest.raises(PhoneLocked):
            tries(impatient, could_not_send)
