"""A graft restores the new phone's own backup, so that backup must be current."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from migrate.problems import NotAgreed, StrategyRefused
from tests.journey.moves import NEW_PASSWORD, PASSWORD, Lab, Person, new_phone

MakeLab = Callable[..., Lab]
NEW: dict[str, Any] = {"is": "in-use", "experimental": ["graft"]}
CALLS: dict[str, Any] = {"new_phone": NEW, "move": {"categories": ["calls"], "may_replace": ["calls"]}}
PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_9999.JPG")


@pytest.mark.soak
def test_a_photo_taken_between_two_attempts_is_not_lost(make_lab: MakeLab) -> None:
    """The confirmation is declined on Friday; a photo is taken on Saturday; the run is resumed on Sunday."""
    lab = make_lab(new=new_phone("27.0", empty=False, backup_password=NEW_PASSWORD))
    lab.person = Person({"old": PASSWORD, "new": NEW_PASSWORD}, agrees=False)
    with pytest.raises(NotAgreed):
        lab.move(lab.plan(**CALLS))
    lab.new.files.add_file(*PHOTO, b"\xff\xd8 taken on Saturday")
    lab.person.agrees = True
    assert lab.resume().outcome == "proven"
    assert lab.new.files.get(*PHOTO) is not None
    assert lab.steps.count("back-up-new-phone") == 2 and lab.steps.count("back-up-old-phone") == 1
    confirmation = lab.person.confirmations[-1]
    assert confirmation.strategy == "graft" and [title for title, _, there in confirmation.replaces if there]


def test_an_overlay_on_ios_27_is_refused_first(make_lab: MakeLab) -> None:
    lab = make_lab(new=new_phone("27.0", empty=False))
    with pytest.raises(StrategyRefused) as refused:
        lab.move(lab.plan(**{**CALLS, "new_phone": {"is": "in-use", "experimental": ["overlay"]}}))
    assert refused.value.exit_code == 40
    assert not any(lab.home.runs.iterdir())
