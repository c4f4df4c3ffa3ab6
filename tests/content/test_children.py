"""Rows of a child table, read beside their parents."""

from __future__ import annotations

import pytest

from migrate.content.readers import children
from migrate.content.readers.children import Children


def test_rows_go_to_their_parent_and_orphans_to_none() -> None:
    rows: list[tuple[object, str]] = [
        (None, "of nobody"),
        (1, "orphan"),
        (2, "a"),
        (2.0, "b"),
        (3, "orphan"),
        (5, "c"),
        ("6", "text"),
        (b"7", "blob"),
    ]
    found = Children(iter(rows), "rows")
    assert [found.of(parent) for parent in (2, 4, 5, 6, 7)] == [[("a",), ("b",)], [], [("c",)], [], []]


def test_too_many_rows_of_one_parent_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "MOST_CHILDREN", 2)
    assert len(Children(iter([(1, "a"), (1, "b"), (2, "c")]), "rows").of(1)) == 2
    with pytest.raises(ValueError, match="more than 2 rows"):
        Children(iter([(1, "a")] * 3), "rows").of(1)
