"""Preference files compared key by key."""

from __future__ import annotations

import plistlib
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.categories import settings_difference
from migrate.categories.path_classes import volatile_keys
from migrate.categories.settings_difference import SettingsDifference, compare_settings

XML, BINARY = plistlib.FMT_XML, plistlib.FMT_BINARY


def nothing(key: str) -> bool:
    return False


def difference(old: Any, new: Any, *volatile: str) -> SettingsDifference:
    found = compare_settings(plistlib.dumps(old, fmt=BINARY), plistlib.dumps(new, fmt=XML), lambda key: key in volatile)
    assert found is not None
    return found


def test_a_setting_that_was_reset_is_seen() -> None:
    found = difference({"a": 1, "b": "dark", "c": [1]}, {"b": "light", "c": [1]})
    assert found == SettingsDifference(lost=("a",), changed=("b",), equal=1)
    assert not found.is_none


def test_settings_that_were_added_are_not_a_difference() -> None:
    assert difference({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}, "b": 2}) == SettingsDifference(equal=1)


def test_a_list_is_compared_as_a_whole() -> None:
    for changed in ([2, 1], [1], [1, 2, 3]):
        assert difference({"languages": [1, 2]}, {"languages": changed}).changed == ("languages",)


def test_keys_that_ios_writes_are_left_out_everywhere() -> None:
    old = {"last": 1, "deep": [{"last": 1, "x": {"last": 2, "kept": True}}]}
    new = {"deep": [{"last": 7, "x": {"kept": True}}]}
    assert difference(old, new, "last") == SettingsDifference(equal=1, volatile=("last",))
    new["deep"][0]["x"]["kept"] = False  # type: ignore[index]
    assert difference(old, new, "last").changed == ("deep",)


def test_the_keys_of_the_catalogue_fit() -> None:
    old = {"AppleLocale": "de_DE", "AppleLanguagesSchemaVersion": 1900, "lastSyncDate": datetime(2026, 1, 1)}
    new = {"AppleLocale": "en_US", "AppleLanguagesSchemaVersion": 2300}
    volatile = volatile_keys("HomeDomain", "Library/Preferences/.GlobalPreferences.plist")
    assert compare_settings(plistlib.dumps(old), plistlib.dumps(new), volatile) == SettingsDifference(
        changed=("AppleLocale",), volatile=("AppleLanguagesSchemaVersion", "lastSyncDate")
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (1, 1.0),
        (3.5, 3.5),
        (0.1, 0.1),
        (float("nan"), float("nan")),
        (2**63, 2**63),
        (b"\x00\xff", b"\x00\xff"),
        ("Äpfel 🎨", "Äpfel 🎨"),
        (datetime(2026, 5, 1, 12, 30, 1), datetime(2026, 5, 1, 12, 30, 1)),
    ],
)
def test_the_same_value_in_xml_and_in_binary_is_equal(old: Any, new: Any) -> None:
    assert difference({"x": old}, {"x": new}).is_none
    assert difference({"x": [{"y": old}]}, {"x": [{"y": new}]}).is_none


def test_dates_are_equal_within_the_second_that_xml_can_write() -> None:
    exact = datetime(2026, 5, 1, 12, 30, 1, 750_000)
    assert difference({"x": exact}, {"x": exact}).is_none
    assert difference({"x": exact}, {"x": datetime(2026, 5, 1, 12, 30, 2)}).changed == ("x",)


@pytest.mark.parametrize(
    ("old", "new"), [(1, 2), (1, "1"), ("a", b"a"), (True, False), ({"a": 1}, [1]), (0.1, 0.10000000000000002)]
)
def test_different_values_differ(old: Any, new: Any) -> None:
    assert difference({"x": old}, {"x": new}).changed == ("x",)


@pytest.mark.parametrize("unreadable", [b"", b"bplist00", b"no list", b"<plist><dict>", plistlib.dumps([1])])
def test_what_cannot_be_read_proves_nothing(unreadable: bytes) -> None:
    readable = plistlib.dumps({"a": 1})
    assert compare_settings(unreadable, readable, nothing) is None
    assert compare_settings(readable, unreadable, nothing) is None


def test_deep_and_large_lists_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    deep: Any = 1
    for _ in range(150):
        deep = [deep]
    data = plistlib.dumps({"a": deep}, fmt=BINARY)
    assert compare_settings(data, data, nothing) is None
    monkeypatch.setattr(settings_difference, "MAX_BYTES", 100)
    large = plistlib.dumps({"a": "x" * 200}, fmt=BINARY)
    assert compare_settings(large, large, nothing) is None


values = st.recursive(
    st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.floats()
    | st.binary(max_size=8)
    | st.text("abcä🎨 ", max_size=8)
    | st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abc", max_size=3), values, max_size=5))
def test_a_list_has_no_difference_to_itself_in_another_form(value: dict[str, Any]) -> None:
    binary, xml = plistlib.dumps(value, fmt=BINARY), plistlib.dumps(value, fmt=XML)
    for old, new in ((binary, xml), (xml, binary), (binary, binary)):
        found = compare_settings(old, new, nothing)
        assert found is not None
        assert found.is_none and found.equal == len(value)
