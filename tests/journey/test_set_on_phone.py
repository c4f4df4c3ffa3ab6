"""Whether a set is on a phone: by what only the set has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.categories.claims import Claims
from migrate.journey.set_on_phone import Found, SetOnPhone
from tests.journey.proof.made import CALLS, PHOTO, Files, backup_of, calls

MEMO = ("MediaDomain", "Media/Recordings/soup.m4a")
OWNERS = frozenset({"voice-memos", "calls"})
Count = Callable[..., Found]


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Found(0, 0), "unknown"),
        (Found(0, 0, had_before=5), "restored"),
        (Found(10, 10), "restored"),
        (Found(10, 5), "restored"),
        (Found(10, 4), "unknown"),
        (Found(100, 10), "unknown"),
        (Found(100, 9), "not restored"),
        (Found(10, 0), "not restored"),
        (Found(10, 0, is_unreadable=True), "unknown"),
    ],
    ids=str,
)
def test_most_of_it_shows_that_it_was_restored_and_a_little_shows_nothing(found: Found, verdict: str) -> None:
    assert found.verdict == verdict


@pytest.fixture
def count(tmp_path: Path) -> Count:
    def count(sent: Files, now: Files, *earlier: Files) -> Found:
        tmp = tmp_path / "tmp"
        tmp.mkdir()
        restore_set = backup_of(tmp_path / "set", sent)
        looks = SetOnPhone(
            now=backup_of(tmp_path / "now", now),
            sent=restore_set,
            earlier=tuple(backup_of(tmp_path / f"earlier-{number}", files) for number, files in enumerate(earlier)),
            claims=Claims.of(restore_set),
            owners=OWNERS,
            tmp=tmp,
        )
        return looks.count()

    return count


def test_a_file_of_the_same_name_is_not_the_file_that_was_sent(count: Count) -> None:
    assert count({MEMO: b"sent"}, {MEMO: b"another"}) == Found(1, 0)


def test_what_was_not_chosen_is_not_looked_for(count: Count) -> None:
    """A graft holds more of the phone's own data, which is on it in any case."""
    sent = {MEMO: b"sent", PHOTO: b"\xff\xd8 its own"}
    assert count(sent, sent) == Found(1, 1)


def test_what_the_phone_had_before_shows_nothing(count: Count, tmp_path: Path) -> None:
    before = {MEMO: b"both have it", CALLS: calls(tmp_path, "+1 5550001")}
    sent = {MEMO: b"both have it", CALLS: calls(tmp_path, "+1 5550001", "+1 5550002")}
    found = count(sent, before, before)
    assert (found.looked_for, found.present, found.had_before) == (1, 0, 2)


@pytest.mark.parametrize("calls_sent", ["readable", "unreadable", "none"])
def test_what_cannot_be_read_leaves_a_doubt_only_where_the_set_has_something_like_it(
    count: Count, tmp_path: Path, calls_sent: str
) -> None:
    """The keychain of a plain backup is never readable. It let every plain replace that was cut end in a question."""
    database = {"readable": calls(tmp_path, "+1 5550001"), "unreadable": b"no database"}.get(calls_sent)
    found = count({MEMO: b"sent"} | ({CALLS: database} if database else {}), {CALLS: b"no database either"})
    assert found.is_unreadable == (calls_sent == "readable")
    assert found.verdict == ("unknown" if found.is_unreadable else "not restored")
