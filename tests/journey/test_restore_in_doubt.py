"""The process is killed around the phone's answer to a restore.

`resume` never sends the restore set again to a phone that may have taken it and been used since.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from migrate.journey import events
from migrate.journey.steps import restore as sending
from migrate.phone.mobilebackup2 import restore as restoring
from migrate.phone.mobilebackup2.restore import RestoreAttempt
from migrate.problems import RestoreInDoubt
from migrate.simulator.device.filesystem import Bytes
from tests.journey.moves import UNTOUCHED, Lab, new_phone

IN_USE: dict[str, Any] = {
    "new_phone": {"is": "in-use", "experimental": ["overlay"]},
    "move": {"categories": ["contacts"], "may_replace": ["contacts"]},
}


class PowerCut(BaseException):
    """Ends the process: nothing after it runs."""


def cut() -> None:
    raise PowerCut


@pytest.fixture
def in_use(make_lab: Callable[..., Lab]) -> Lab:
    lab = make_lab(new=new_phone("18.5", empty=False, aftermath=UNTOUCHED))
    lab.person.passwords["new"] = lab.person.passwords["old"]
    return lab


def test_a_phone_restored_and_used_since_is_never_restored_again(in_use: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "RestoreAttempt", lambda **given: RestoreAttempt(**{**given, "on_taken": cut}))
    with pytest.raises(PowerCut):
        in_use.move(in_use.plan(**IN_USE))
    monkeypatch.undo()
    while in_use.new.pending_restore is not None:  # it restarts on its own, a moment later
        time.sleep(0.01)
    contacts = ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb")
    node = in_use.new.files.get(*contacts)
    assert node is not None
    in_use.new.files.put(replace(node, content=Bytes(b"a new contact was added")))
    used = in_use.new.files.digests()

    with pytest.raises(RestoreInDoubt) as doubt:
        in_use.resume()
    assert doubt.value.exit_code == 50 and str(in_use.last_run.path / "plan.toml") in doubt.value.next
    assert in_use.new.files.digests() == used
    assert in_use.last_run.unfinished


def test_a_restore_that_the_phone_confirmed_is_not_repeated(in_use: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    async def killed_while_it_restarts(*_: object) -> None:
        raise PowerCut

    monkeypatch.setattr(restoring, "wait_for_reboot", killed_while_it_restarts)
    with pytest.raises(PowerCut):
        in_use.move(in_use.plan(**IN_USE))
    monkeypatch.undo()
    sent = sum(isinstance(event, events.BytesMoved) and event.step == "restore" for event in in_use.received_events)
    in_use.resume()
    assert (
        sum(isinstance(event, events.BytesMoved) and event.step == "restore" for event in in_use.received_events)
        == sent
    )


def test_a_restore_killed_before_the_phone_took_it_is_sent_again(in_use: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed_at_once(self: RestoreAttempt, conversation: object, total_bytes: int) -> None:
        raise PowerCut

    monkeypatch.setattr(RestoreAttempt, "note", killed_at_once)
    monkeypatch.setattr(
        RestoreAttempt, "was_not_taken", property(lambda self: cut())
    )  # nothing more is written to the journal
    with pytest.raises(PowerCut):
        in_use.move(in_use.plan(**IN_USE))
    monkeypatch.undo()
    assert "restore_not_taken" not in str(in_use.last_run.journal().lines)
    in_use.resume()
    assert in_use.steps.count("restore") == 1
