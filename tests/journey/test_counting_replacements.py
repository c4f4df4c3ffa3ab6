"""What a move to a phone in use says that it sends and replaces: the numbers of `show`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migrate.categories.apps import AppEntry
from migrate.categories.catalogue import load_catalogue
from migrate.content.counting import ItemCounts, KindCount
from migrate.content.kinds import kind
from migrate.content.tally import AppTally, CategoryTally, Tally
from migrate.journey.steps.compose import Replacement, _counterpart


def tally(*, app: dict[str, Any] | None = None, **photos: Any) -> Tally:
    known: dict[str, Any] = {"files": 9, "bytes": 90, "notes": (), **photos}
    row = CategoryTally(category=load_catalogue().category("photos"), **known)
    apps = ()
    if app is not None:
        apps = (AppTally(app=AppEntry(id="a.b", title="Chatter"), **{"files": 3, "bytes": 30, "notes": (), **app}),)
    return Tally(backup=Path("b"), categories=(row,), apps=apps, unclaimed=(), files=0, bytes=0)


UNKNOWN = ItemCounts(kinds=(KindCount(kind("photos"), is_unknown=True),), unreadable=("damaged",))


@pytest.mark.parametrize(
    ("sent", "there", "expected"),
    [
        ({"items": 12, "deleted": 4}, {"items": 0, "deleted": 1}, (12, 0)),
        ({"items": 12}, {"counts": UNKNOWN}, (12, None)),
        ({"counts": UNKNOWN}, {"items": 3}, (None, 3)),
        ({}, {"files": 2}, (9, 2)),
    ],
    ids=["items", "unknown there", "unknown here", "files where nothing is counted"],
)
def test_items_are_counted_and_an_unknown_number_is_not_guessed(
    sent: dict[str, Any], there: dict[str, Any], expected: tuple[int | None, int | None]
) -> None:
    found = _counterpart("photos", tally(**sent), tally(**there))
    assert found == Replacement("photos", "Photos and videos", *expected)


def test_an_app_without_items_still_has_its_files() -> None:
    found = _counterpart("app:a.b", tally(app={"items": 5}), tally(app={"items": 0}))
    assert found == Replacement("app:a.b", "Chatter", 5, 3)
    assert _counterpart("app:a.b", tally(app={}), tally()) == Replacement("app:a.b", "Chatter", 3, 0)
