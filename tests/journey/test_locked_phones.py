"""A phone that is locked pauses a run: its owner is asked and it goes on; where nobody is, it stops and can resume."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.journey import events
from migrate.problems import PhoneLocked, WaitedTooLong
from migrate.simulator.contents import ContentsSpec
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser
from tests.journey.moves import UNTOUCHED, Lab, new_phone, old_phone

FEW = ContentsSpec(
    contacts=2, messages=3, attachments=0, calls=1, photos=1, videos=0, notes=1, events=1, reminders=1, bookmarks=1,
    history=1, voicemails=0, memos=1, health_samples=2, wifi_networks=1,
)  # fmt: skip
OLD_PHONES_STEPS, NEW_PHONES_STEPS = ("meet", "back-up-old-phone"), ("restore", "prove")


def phones() -> tuple[SimulatedPhone, SimulatedPhone]:
    about: dict[str, Any] = {"spec": FEW, "aftermath": UNTOUCHED, "keybag_rounds": 10}
    pair = old_phone(**about), new_phone(**{**about, "spec": ContentsSpec(empty=True)})
    for phone in pair:
        phone.passcode = "1234"
        phone.simulated_user = SimulatedUser(unlocks=False, setup_delay_s=0.0)
    return pair


def lock(phone: SimulatedPhone) -> None:
    """As after a restart, when nobody is there."""
    phone.screen = "before-first-unlock"


class Owner:
    """Locks a phone whenever a step that needs it begins, and unlocks it when asked."""

    def __init__(self, lab: Lab, *, is_there: bool) -> None:
        self.lab, self.is_there = lab, is_there
        self.asked: list[tuple[str, str]] = []
        self.step = ""

    def __call__(self, event: events.Event) -> None:
        lab = self.lab
        if isinstance(event, events.StepStarted):
            self.step = event.step
            if event.step in OLD_PHONES_STEPS:
                lock(lab.old)
            if event.step in NEW_PHONES_STEPS:
                lock(lab.new)
        if isinstance(event, events.PersonNeeded) and event.action == "unlock":
            self.asked.append((self.step, event.phone))
            if self.is_there:
                (lab.old if event.phone == lab.old.name else lab.new).unlock()


def test_a_phone_that_is_locked_when_a_step_begins_pauses_the_run_until_it_is_unlocked(make_lab: Any) -> None:
    lab: Lab = make_lab(*phones())
    lab.on = owner = Owner(lab, is_there=True)
    assert lab.move(lab.plan()).outcome in ("proven", "pending")
    asked = dict(owner.asked)
    assert asked["back-up-old-phone"] == "Ada's old iPhone"
    assert asked["restore"] == asked["prove"] == "Ada's new iPhone"
    assert "trying_again" not in str(lab.last_run.journal().lines), "nothing failed"


def test_a_phone_that_stays_locked_stops_the_run_which_goes_on_later(make_lab: Any) -> None:
    lab: Lab = make_lab(*phones())
    lab.on = owner = Owner(lab, is_there=False)
    plan = lab.plan(safety={"prove": False})
    with pytest.raises(WaitedTooLong) as waited:
        lab.move(plan, wait_s=1)
    assert waited.value.exit_code == 50 and "Ada's old iPhone is locked" in waited.value.what
    assert "migrate resume" in waited.value.next and owner.asked == [("back-up-old-phone", "Ada's old iPhone")]
    ended = [event for event in lab.received_events if isinstance(event, events.RunFinished)]
    assert [event.outcome for event in ended] == ["stopped"]


@pytest.mark.soak
def test_a_run_that_stopped_at_a_locked_phone_is_resumed(make_lab: Any) -> None:
    lab: Lab = make_lab(*phones())
    lab.on = owner = Owner(lab, is_there=False)
    with pytest.raises(WaitedTooLong):
        lab.move(lab.plan(safety={"prove": False}), wait_s=1)
    owner.is_there = True
    assert lab.resume().outcome == "done"


def test_a_run_that_waits_for_nobody_says_that_the_phone_is_locked(make_lab: Any) -> None:
    lab: Lab = make_lab(*phones())
    lab.on = Owner(lab, is_there=False)
    with pytest.raises(PhoneLocked) as locked:
        lab.move(lab.plan(), wait_s=0)
    assert locked.value.exit_code == 21
