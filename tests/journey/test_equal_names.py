"""A family calls every phone "iPhone": from the first message to the receipt it must be clear which one is meant."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from migrate.journey import events
from migrate.problems import PhoneInUse
from tests.journey.matrices.faults import phones_for, sections_for
from tests.journey.moves import NEW, OLD, Lab


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    old, new = phones_for("replace")
    old.name = new.name = "iPhone"
    return make_lab(old, new)


def test_both_phones_are_told_apart_in_the_confirmation_and_the_receipt(lab: Lab) -> None:
    lab.move(lab.plan(**sections_for("replace", "restore")))
    (confirmation,) = lab.person.confirmations
    assert confirmation.old_name != confirmation.new_name
    assert confirmation.old_name == f"iPhone (iPhone 12, …{lab.old.serial[-4:]})"
    assert confirmation.new_name == f"iPhone (iPhone 16, …{lab.new.serial[-4:]})"
    receipt = json.loads((lab.last_run.path / "receipt.json").read_text())
    assert {confirmation.old_name, confirmation.new_name} <= set(json.dumps(receipt, ensure_ascii=False).split('"'))
    asked = {event.phone for event in lab.received_events if isinstance(event, events.PersonNeeded)}
    assert "iPhone" not in asked


@pytest.mark.soak
def test_a_resumed_run_still_tells_them_apart(lab: Lab) -> None:
    lab.person.agrees = False
    with pytest.raises(Exception, match="answered no"):
        lab.move(lab.plan(**sections_for("replace", "restore")))
    lab.person.agrees = True
    lab.server.detach(lab.old)
    lab.resume()
    assert len({confirmation.new_name for confirmation in lab.person.confirmations}) == 1
    journal = lab.last_run.journal()
    assert (journal.udid_of("old"), journal.udid_of("new")) == (OLD, NEW)
    assert journal.name_of("old") != journal.name_of("new")


def test_a_refusal_names_the_phone_that_is_meant(lab: Lab) -> None:
    lab.new.files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG", b"photo")
    with pytest.raises(PhoneInUse) as refused:
        lab.move(lab.plan())
    assert f"…{lab.new.serial[-4:]}" in refused.value.what


@pytest.mark.soak
def test_two_names_stay_as_they_are(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(*phones_for("replace"))
    lab.move(lab.plan(**sections_for("replace", "restore")))
    assert lab.person.confirmations[0].old_name == "Ada's old iPhone"
