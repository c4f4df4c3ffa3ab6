"""Whatever a phone does at whatever step: a move goes on, or stops with one sentence and is resumed to the same end."""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from migrate.journey import events, trying_again
from migrate.journey.steps import install
from migrate.phone import connection, phone
from migrate.phone.mobilebackup2 import restore, session, sync_lock
from migrate.problems import Bug, MigrateError
from migrate.simulator.device.phone import SimulatedPhone
from tests.journey.matrices.faults import (
    BY_NAME,
    OLD_PHONE_STEPS,
    FaultyMove,
    all_moves,
    assert_no_step_repeated,
    chain,
    heal,
    phones_for,
    sections_for,
    some_moves,
)
from tests.journey.moves import Lab

MakeLab = Callable[..., Lab]
SEED = int(os.environ.get("SEED", "12"))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a real phone is given seconds for takes hundredths here."""
    monkeypatch.setattr(trying_again, "PAUSES_S", dict.fromkeys(trying_again.PAUSES_S, 0.02))
    monkeypatch.setattr(session, "LINK_PAUSE_S", 0.02)
    monkeypatch.setattr(sync_lock, "PAUSE_S", 0.002)
    monkeypatch.setattr(connection, "WATCH_EVERY_S", 0.1)
    monkeypatch.setattr(restore, "LEAVES_WITHIN_S", 5.0)
    monkeypatch.setattr(install, "POLL_S", 0.05)
    monkeypatch.setattr("migrate.phone.wait.POLL_S", 0.05)
    monkeypatch.setattr(phone.UserWait.__init__, "__defaults__", (*phone.UserWait.__init__.__defaults__[:-1], 0.05))
    monkeypatch.setattr(connection.PhoneConnection.__init__, "__defaults__", silent_after(6.0))


def silent_after(seconds: float) -> tuple[object, ...]:
    """The defaults of a connection that gives up on a silent phone after `seconds`."""
    defaults = connection.PhoneConnection.__init__.__defaults__ or ()
    return tuple(seconds if value == connection.SILENCE_S else value for value in defaults)


@pytest.mark.soak
@pytest.mark.parametrize("one", all_moves(), ids=str)
def test_every_fault_at_every_step(make_lab: MakeLab, caplog: pytest.LogCaptureFixture, one: FaultyMove) -> None:
    assert_survives(make_lab, caplog, one)


@pytest.mark.soak
@pytest.mark.parametrize("one", some_moves(SEED, 1), ids=str)
def test_some_faults_at_some_steps(make_lab: MakeLab, caplog: pytest.LogCaptureFixture, one: FaultyMove) -> None:
    assert_survives(make_lab, caplog, one)


def test_unplugged_in_a_restore_it_goes_on_when_plugged_in_again(
    make_lab: MakeLab, caplog: pytest.LogCaptureFixture
) -> None:
    lab = assert_survives(make_lab, caplog, FaultyMove("replace", "restore", BY_NAME["unplugged in a restore"]))
    asked = [event.action for event in lab.received_events if isinstance(event, events.PersonNeeded)]
    assert "connect" in asked
    counted = [event for event in lab.received_events if isinstance(event, events.TryingAgain)]
    assert counted and counted[0].seconds_left == 1 and counted[-1].seconds_left == 0
    assert "was lost during the restore" in counted[0].what


def assert_survives(make_lab: MakeLab, caplog: pytest.LogCaptureFixture, one: FaultyMove) -> Lab:
    caplog.set_level(logging.ERROR, "asyncio")
    lab = make_lab(*phones_for(one.strategy))
    lab.person.passwords["new"] = lab.person.passwords["old"]
    broken = lab.old if one.step in OLD_PHONE_STEPS else lab.new
    healthy = replace(broken.simulated_user)
    struck = threading.Event()
    lab.on = chain(strikes_at(lab, one, broken, struck), plugs_in_when_asked(lab, one))
    plan = lab.plan(**sections_for(one.strategy, one.step))
    try:
        outcome = lab.move(plan, wait_s=20 if one.fault.passes else 1.5).outcome
    except MigrateError as error:
        assert not one.fault.passes, f"{type(error).__name__}: {error.what} {error.why}"
        assert not isinstance(error, Bug)
        assert error.exit_code not in (0, 1, 2, 10, 130) and error.what and error.why and error.next
        assert "migrate resume" in error.next or one.step in ("meet", "preflight"), error.next
        heal(lab, broken, healthy)
        finish = lab.resume if any(lab.home.runs.iterdir()) else lambda: lab.move(plan)
        outcome = finish().outcome
    assert struck.is_set()
    assert outcome in ("proven", "pending", "done")
    assert_arrived(lab, one)
    assert_no_step_repeated(lab)
    gc.collect()
    assert "never retrieved" not in caplog.text
    return lab


def strikes_at(
    lab: Lab, one: FaultyMove, broken: SimulatedPhone, struck: threading.Event
) -> Callable[[events.Event], None]:
    def on(event: events.Event) -> None:
        if isinstance(event, events.StepStarted) and event.step == one.step and not struck.is_set():
            struck.set()
            one.fault.strike(lab, broken)

    return on


def plugs_in_when_asked(lab: Lab, one: FaultyMove) -> Callable[[events.Event], None]:
    def on(event: events.Event) -> None:
        if isinstance(event, events.PersonNeeded) and event.action == "connect" and one.fault.passes:
            for phone in (lab.old, lab.new):
                lab.server.attach(phone)

    return on


def assert_arrived(lab: Lab, one: FaultyMove) -> None:
    """What a person owns is on the new phone, byte by byte."""
    owned = ("Library/SMS/", "Library/AddressBook/", "Media/DCIM/", "Media/Recordings/")
    if one.strategy == "rebuild":
        owned = ("Library/AddressBook/AddressBook.sqlitedb",)
    theirs, ours = lab.old.files.digests(), lab.new.files.digests()
    sent = {path: digest for path, digest in theirs.items() if any(part in path for part in owned) and digest != "dir"}
    assert sent
    assert {path: ours.get(path) for path in sent} == sent
