"""The receipt's data: items first, each thing counted once, and what the person should do next."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.journey.receipt_data import ReceiptParts, headline, kept, next_steps, totals
from migrate.journey.steps.prove import Proved


def proved(verdict: str = "pending", **parts: Any) -> Proved:
    return Proved(verdict, "2026-11-30T10:00:00+00:00", **parts)


LATE_PHOTOS = proved(
    items={"photos": {"photos": {"found": 8, "later": 2}}, "contacts": {"contacts": {"found": 60}}},
    files={"photos": {"same": 8, "later": 2}, "settings": {"same": 3}},
    later={"photos": {"background": 2}},
)


def test_a_photo_and_its_file_are_one_thing() -> None:
    assert totals(LATE_PHOTOS) == {
        "sent": 70, "proven": 68, "there": 0, "arriving": 2, "changed_since": 0, "wrong": 0,
    }  # fmt: skip
    assert "and nothing is wrong; 2 photos and videos are still coming." in headline(LATE_PHOTOS, "Ada's iPhone")


def test_categories_have_items_first_and_say_why() -> None:
    parts = ReceiptParts(LATE_PHOTOS, {"photos": "Photos"}, {"photos": {"files": 10, "bytes": 99}})
    photos = next(row for row in parts.categories() if row["id"] == "photos")
    assert photos["items"]["sent"] == 10 and photos["items"]["arriving"] == 2 and photos["files"]["sent"] == 10
    assert photos["why"] == ["2 are still loading in the background"] and photos["bytes"] == 99
    settings = next(row for row in parts.categories() if row["id"] == "settings")
    assert settings["items"] is None and settings["files"]["proven"] == 3


@pytest.mark.parametrize(
    ("reason", "step"),
    [("background", "Wi-Fi and power"), ("app", "Wi-Fi and power"), ("account", "sign in")],
)
def test_a_pending_move_says_what_to_do_and_when_to_look_again(reason: str, step: str) -> None:
    steps = next_steps(proved(later={"photos": {reason: 1}}), "RUN", "the old iPhone")
    assert any(step in one for one in steps) and any("migrate prove RUN" in one for one in steps)
    assert steps[-1].startswith("Keep the old iPhone"), "never: you may erase the old phone"


def test_a_doubt_is_not_called_arriving() -> None:
    doubt = proved(items={"calls": {"calls": {"unseen": 1}}})
    assert "could not be compared" in headline(doubt, "Ada's iPhone")
    assert not any("tomorrow" in step for step in next_steps(doubt, "RUN", "the old iPhone"))


def test_what_the_new_phone_lost_is_counted_as_wrong() -> None:
    lost = proved("not proven", kept_items={"notes": {"missing": 2, "found": 1}}, kept_files={"same": 5})
    assert kept(lost)["items"]["wrong"] == 2 and kept(lost)["files"]["proven"] == 5
    assert headline(lost, "Ada's iPhone").startswith("2 things are missing on Ada's iPhone.")


def test_what_never_moves_is_named_apart() -> None:
    proof = proved("proven", items={"passwords": {"keychain": {"found": 5, "not-expected": 2}}})
    parts = ReceiptParts(proof, {"passwords": "Passwords"}, {"passwords": {"files": 1}})
    (row,) = parts.not_moved()
    assert (row["id"], row["items"]) == ("passwords", 2)
    assert parts.categories()[0]["items"]["sent"] == 5


def test_a_category_that_only_ios_writes_to_is_there_and_not_compared() -> None:
    """Home is one database of a daemon. Without a row, nobody would know that it was part of the move."""
    home = proved("proven", housekeeping={"homekit": {"present": 1, "gone": 1, "same": 2}})
    (row,) = ReceiptParts(home, {"homekit": "Home"}, {"homekit": {"files": 4}}).categories()
    assert (row["files"]["sent"], row["files"]["proven"], row["files"]["there"]) == (3, 2, 1)
    assert any("cannot be compared" in why for why in row["why"]) and any("makes it again" in why for why in row["why"])
