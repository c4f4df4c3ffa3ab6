"""Items are ordered by id without being held in memory, and none is lost on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from migrate.content.item import compare
from migrate.content.ordering import merge_by_id, ordered
from migrate.content.readers.health import HealthSample


def sample(identity: str) -> HealthSample:
    return HealthSample(id=identity, type=79, end=None, value=1.0, activity=13)


def test_more_items_than_fit_in_memory_are_all_there_and_in_order(tmp_path: Path) -> None:
    items = [sample(f"{number * 7 % 20:02}") for number in range(20)]
    assert [one.id for one in ordered(items, tmp_path, in_memory=3)] == [f"{number:02}" for number in range(20)]


def test_a_stream_that_is_not_ordered_is_an_error() -> None:
    assert len(list(merge_by_id([sample("a"), sample("b")], [sample("b")]))) == 2
    with pytest.raises(ValueError, match="not ordered"):
        list(merge_by_id([sample("b"), sample("a")]))


def test_a_workout_of_another_activity_is_another_workout() -> None:
    walk = sample("a")
    assert compare(walk, replace(walk, activity=37)).differing == ("activity",)
