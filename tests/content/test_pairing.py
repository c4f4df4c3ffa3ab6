"""Which item of one backup is which item of another."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from migrate.content.item import Fingerprint, Item, compare
from migrate.content.pairing import Pair, pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing(Item):
    """An item that looks like `look`."""

    look: str
    place: str = ""

    def fingerprint(self) -> Fingerprint:
        return {"look": self.look, "place": self.place}

    def describe(self) -> str:
        return self.look


def things(looks: str) -> list[Item]:
    return [Thing(id="1", look=look) for look in looks]


def shown(found: Iterable[Pair]) -> list[str]:
    """`aa` for an item and its counterpart, `a-` for one that is gone, `-a` for one that was added."""
    return ["".join("-" if item is None else item.describe() for item in (pair.old, pair.new)) for pair in found]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a", "a", ["aa"]),
        ("a", "b", ["ab"]),
        ("a", "", ["a-"]),
        ("", "a", ["-a"]),
        ("aa", "aa", ["aa", "aa"]),
        ("aa", "a", ["aa", "a-"]),
        ("a", "aa", ["aa", "-a"]),
        ("ab", "ba", ["aa", "bb"]),
        ("ab", "bc", ["ac", "bb"]),
        ("abc", "b", ["a-", "bb", "c-"]),
        ("abc", "bd", ["ad", "bb", "c-"]),
        ("b", "cdb", ["bb", "-c", "-d"]),
        ("ab", "aa", ["aa", "b-", "-a"]),
    ],
)
def test_items_of_one_id_are_paired_once_each_equal_ones_first(old: str, new: str, expected: list[str]) -> None:
    assert shown(pairs(things(old), things(new))) == expected


def test_every_item_is_in_exactly_one_pair() -> None:
    rng = random.Random(5)
    for _round in range(200):
        old, new = (things("".join(rng.choices("abcd", k=rng.randrange(7)))) for _side in range(2))
        found = pairs(old, new)
        assert [pair.old for pair in found if pair.old is not None] == old
        assert Counter(id(pair.new) for pair in found if pair.new is not None) == Counter(map(id, new))
        for pair in found:
            assert (pair.comparison is None) == (pair.old is None or pair.new is None)
        equal = sum(pair.comparison is not None and pair.comparison.is_equal for pair in found)
        looks = [Counter(item.describe() for item in items) for items in (old, new)]
        assert equal == (looks[0] & looks[1]).total()


def test_a_field_that_one_schema_lacks_is_left_out_also_among_several() -> None:
    old = [Thing(id="1", look=look, place="here") for look in "ab"]
    new = [Thing(id="1", look=look, lacking=frozenset({"place"})) for look in "ba"]
    assert shown(pairs(list(old), list(new))) == ["aa", "bb"]


def test_only_the_fields_of_the_two_items_decide_whether_they_are_equal() -> None:
    """Another item of the same id, from a store that lacks a field, does not make two different ones equal."""
    here, there = Thing(id="1", look="a", place="here"), Thing(id="1", look="a", place="there")
    other = Thing(id="1", look="b", lacking=frozenset({"place"}))
    found = pairs([here, other], [there, other])
    assert [(pair.old, pair.new) for pair in found] == [(here, there), (other, other)]
    assert found[0].comparison == compare(here, there) and not found[0].comparison.is_equal


def test_thousands_of_items_with_one_id_are_paired_in_a_moment() -> None:
    """Pairing each with each would take a hundred million comparisons."""
    made = [Thing(id="1", look=str(number)) for number in range(8000)]
    found = pairs(list(made), list(reversed(made)))
    assert all(pair.comparison is not None and pair.comparison.is_equal for pair in found)
