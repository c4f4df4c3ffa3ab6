"""What cannot work is said before hours of backing up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from migrate.journey import events
from migrate.journey.steps import agree
from migrate.problems import (
    BackupNewerThanPhone,
    NoRoomForProof,
    OtherPasswordThanBefore,
    PhonePasswordMissing,
    StrategyRefused,
    WrongPassword,
)
from tests.journey.matrices.faults import phones_for
from tests.journey.moves import PASSWORD, Lab, Person

NO_PROOF: dict[str, Any] = {"safety": {"prove": False}}
MakeLab = Callable[..., Lab]


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    old, new = phones_for("replace")
    old.backup_password = PASSWORD
    return make_lab(old, new)


def bytes_moved(lab: Lab, step: str) -> int:
    return sum(isinstance(event, events.BytesMoved) and event.step == step for event in lab.received_events)


def stop_before_sending(lab: Lab) -> None:
    """Back the old phone up, and decline at the last question."""
    lab.person.agrees = False
    with pytest.raises(Exception, match="answered no"):
        lab.move(lab.plan(**NO_PROOF))
    lab.person.agrees = True
    lab.received_events.clear()


def test_a_wrong_password_is_refused_before_the_backup_once_there_is_an_earlier_one(lab: Lab) -> None:
    stop_before_sending(lab)
    lab.person.passwords["old"] = "not-the-password"
    with pytest.raises(OtherPasswordThanBefore) as refused:
        lab.move(lab.plan(**NO_PROOF))
    assert refused.value.exit_code == 32 and 'begin = "fresh"' in refused.value.next
    assert bytes_moved(lab, "back-up-old-phone") == 0


@pytest.mark.soak
def test_a_password_that_was_changed_on_the_phone_is_accepted_by_a_fresh_backup(lab: Lab) -> None:
    stop_before_sending(lab)
    lab.old.backup_password = lab.person.passwords["old"] = "changed-since"
    fresh = lab.plan(backup={"begin": "fresh"}, **NO_PROOF)
    assert lab.move(fresh).outcome == "done"


def test_the_first_backup_shows_a_wrong_password_before_it_is_verified(lab: Lab) -> None:
    lab.person.passwords["old"] = "not-the-password"
    with pytest.raises(WrongPassword) as refused:
        lab.move(lab.plan(**NO_PROOF))
    assert refused.value.exit_code == 32 and bytes_moved(lab, "verify") == 0
    lab.received_events.clear()
    lab.person.passwords["old"] = PASSWORD
    lab.resume()
    assert bytes_moved(lab, "back-up-old-phone") == 0, "the backup is there"


def test_no_password_is_refused_before_the_backup(lab: Lab) -> None:
    lab.person = Person({"old": None, "new": None})
    with pytest.raises(PhonePasswordMissing):
        lab.move(lab.plan(**NO_PROOF))
    assert bytes_moved(lab, "back-up-old-phone") == 0


@pytest.mark.parametrize(
    ("told", "new_phone", "refusal"),
    [
        ("17.4", {"is": "erased"}, BackupNewerThanPhone),
        ("26.6", {"is": "in-use", "experimental": ["overlay"]}, StrategyRefused),
        ("17.4", {"is": "in-use"}, BackupNewerThanPhone),
    ],
)
def test_with_one_cable_the_new_phones_ios_is_asked_for_first(
    lab: Lab, told: str, new_phone: dict[str, Any], refusal: type[Exception]
) -> None:
    lab.server.detach(lab.new)
    plan = lab.plan(new_phone=new_phone, move={"categories": ["contacts"], "may_replace": ["contacts"]}, **NO_PROOF)
    with pytest.raises(refusal):
        lab.move(plan, ask_ios_version=lambda: told)
    assert bytes_moved(lab, "back-up-old-phone") == 0


def test_the_ios_of_a_connected_phone_is_not_asked_for(lab: Lab) -> None:
    asked: list[str] = []
    lab.move(lab.plan(**NO_PROOF), ask_ios_version=lambda: asked.append("asked"))
    assert asked == []


def test_nobody_is_asked_twice_and_an_unknown_version_stops_nothing(lab: Lab) -> None:
    lab.server.detach(lab.new)
    asked: list[str] = []

    def ask() -> str | None:
        asked.append("asked")
        return None

    def plugs_in(event: events.Event) -> None:
        if isinstance(event, events.PersonNeeded) and event.action == "connect":
            lab.server.attach(lab.new)

    lab.on = plugs_in
    assert lab.move(lab.plan(**NO_PROOF), ask_ios_version=ask).outcome == "done"
    assert asked == ["asked"]


def test_the_proofs_backup_has_to_fit_before_anything_is_sent(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    before = lab.new.files.digests()
    monkeypatch.setattr(agree, "free_bytes_at", lambda folder: 1_000)
    with pytest.raises(NoRoomForProof) as full:
        lab.move(lab.plan())
    assert full.value.exit_code == 33 and "migrate resume" in full.value.next
    assert lab.person.confirmations == [] and lab.new.files.digests() == before
    monkeypatch.undo()
    assert lab.resume().outcome in ("proven", "pending")


@pytest.mark.soak
def test_an_undo_is_refused_at_once_if_the_phone_has_become_too_full(lab: Lab) -> None:
    import asyncio

    from migrate.journey.undo import undo
    from migrate.problems import NewPhoneTooFull

    lab.move(lab.plan(safety={"prove": False, "save_new_phone_first": True}))
    lab.received_events.clear()
    lab.new.faults = replace(lab.new.faults, free_bytes=1_000)
    with pytest.raises(NewPhoneTooFull) as full:
        asyncio.run(undo(lab.last_run, lab.context(), accept_loss=True))
    assert full.value.exit_code == 41
    assert lab.steps == ["meet"], "before hours of copying"
