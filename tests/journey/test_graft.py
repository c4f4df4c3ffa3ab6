"""A graft puts the new phone's own backup back on it, so it must be of the phone as it is at that moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from migrate.problems import GraftNeedsSafety, NotAgreed, StrategyRefused
from tests.journey.moves import NEW_PASSWORD, PASSWORD, Bench, Person, new_phone

SetBench = Callable[..., Bench]
NEW: dict[str, Any] = {"is": "in-use", "experimental": ["graft"]}
CALLS: dict[str, Any] = {"new_phone": NEW, "move": {"categories": ["calls"], "may_replace": ["calls"]}}
PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_9999.JPG")


@pytest.mark.soak
def test_what_arrived_between_two_tries_is_not_lost(bench: SetBench) -> None:
    """The confirmation is declined on Friday; a photo is taken on Saturday; the run is resumed on Sunday."""
    table = bench(new=new_phone("27.0", empty=False, backup_password=NEW_PASSWORD))
    table.person = Person({"old": PASSWORD, "new": NEW_PASSWORD}, agrees=False)
    with pytest.raises(NotAgreed):
        table.move(table.plan(**CALLS))
    table.new.files.add_file(*PHOTO, b"\xff\xd8 taken on Saturday")
    table.person.agrees = True
    assert table.resume().outcome == "proven"
    assert table.new.files.get(*PHOTO) is not None
    assert table.steps.count("back-up-new-phone") == 2 and table.steps.count("back-up-old-phone") == 1
    confirmation = table.person.confirmations[-1]
    assert confirmation.strategy == "graft" and [title for title, _, there in confirmation.replaces if there]


def test_a_graft_without_consent_or_without_a_safety_backup_is_refused_first(bench: SetBench) -> None:
    table = bench(new=new_phone("27.0", empty=False))
    for change, error in (
        ({"new_phone": {"is": "in-use"}}, StrategyRefused),
        ({"safety": {"save_new_phone_first": False}}, GraftNeedsSafety),
        ({"backup": {"encrypted": False}}, GraftNeedsSafety),
    ):
        with pytest.raises(error) as refused:
            table.move(table.plan(**{**CALLS, **change}))
        assert refused.value.exit_code == 40
    assert not any(table.home.runs.iterdir())
