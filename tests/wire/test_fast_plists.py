"""Messages are encoded as plistlib does it, and names are read only from listings that plistlib reads alike."""

from __future__ import annotations

import plistlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from migrate.wire.fast_plists import encode_message, names_in_listing

TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(["a" * 14, "a" * 15, "a" * 255, "a" * 256, "a" * 70_000]))
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(-(1 << 63), (1 << 64) - 1), st.floats(allow_nan=False), st.booleans(), st.binary()),
    lambda inner: st.one_of(st.lists(inner, max_size=20), st.dictionaries(TEXTS, inner, max_size=20)),
    max_leaves=20,
)
NAMES = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=300)


def listing(names: dict[str, Any], code: int = 0) -> list[Any]:
    return ["DLMessageStatusResponse", code, "___EmptyParameterString___", names]


@given(st.lists(VALUES, max_size=8))
def test_a_message_has_the_bytes_that_plistlib_writes(message: list[Any]) -> None:
    assert encode_message(message) == plistlib.dumps(message, fmt=plistlib.FMT_BINARY)


def test_a_batch_of_moves_has_the_bytes_that_plistlib_writes() -> None:
    for count in (1, 14, 15, 128, 40_000):
        moves = {f"udid/Snapshot/{number:040x}": f"udid/{number:040x}" for number in range(count)}
        shared = {"DLFileSize": 1}
        message = ["DLMessageMoveItems", moves, "___EmptyParameterString___", 12.5, shared, shared]
        assert encode_message(message) == plistlib.dumps(message, fmt=plistlib.FMT_BINARY)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, st.integers(0, 1 << 40), max_size=3), max_size=40))
def test_the_names_of_a_listing_are_read(names: dict[str, Any]) -> None:
    data = plistlib.dumps(listing(names), fmt=plistlib.FMT_BINARY)
    assert names_in_listing(data) == sorted(names)


def test_anything_else_is_left_to_plistlib() -> None:
    good = {"ab": {"DLFileSize": 1}}
    for message in (
        listing({"ü": {}}),
        listing({"ab": "text"}),
        listing(good, code=6),
        listing(good)[:3],
        ["x", 0, "", {}],
    ):
        assert names_in_listing(plistlib.dumps(message, fmt=plistlib.FMT_BINARY)) is None
    assert names_in_listing(plistlib.dumps(listing(good), fmt=plistlib.FMT_XML)) is None


@given(st.data())
def test_damaged_bytes_give_no_names_or_those_that_plistlib_reads(data: st.DataObject) -> None:
    damaged = bytearray(
        plistlib.dumps(listing({f"{n:040x}": {"DLFileSize": n} for n in range(30)}), fmt=plistlib.FMT_BINARY)
    )
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    found = names_in_listing(bytes(damaged))
    assert found is None or len("".join(found)) <= 30 * len(damaged)
