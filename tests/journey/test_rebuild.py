"""A phone in use gets its own complete backup back, with the chosen categories of the old phone in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.journey.moves import NEW_PASSWORD, PASSWORD, Lab, Person, new_phone, old_phone

MakeLab = Callable[..., Lab]
IN_USE: dict[str, Any] = {"is": "in-use"}
CHATTER = "com.example.chatter"
THREE: dict[str, Any] = {
    "new_phone": IN_USE,
    "move": {
        "categories": ["messages", "photos"], "apps": [CHATTER], "may_replace": ["messages", "photos", CHATTER],
    },
}  # fmt: skip


def in_use_lab(make_lab: MakeLab, ios_version: str = "27.0", old_ios: str = "17.5.1", **more: Any) -> Lab:
    lab = make_lab(old_phone(old_ios), new_phone(ios_version, empty=False, backup_password=NEW_PASSWORD, **more))
    lab.person = Person({"old": PASSWORD, "new": NEW_PASSWORD})
    return lab


@pytest.mark.parametrize("ios_version", ["18.5", "26.6", "27.0"])
def test_messages_photos_and_an_app_move_to_a_phone_in_use(make_lab: MakeLab, ios_version: str) -> None:
    lab = in_use_lab(make_lab, ios_version)
    result = lab.move(lab.plan(**THREE, safety={"rehearse": True}))
    for e in lab.received_events: print(e)
    print(lab.last_run.receipt()["headline"])
    assert result.outcome == "proven"
