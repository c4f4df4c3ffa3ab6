"""Known Wi-Fi networks, in the lists of several iOS versions."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.content.item import compare
from migrate.simulator.contents.wifi import network_names
from tests.content.reading import Read, assert_same, read_items

KNOWN = ("SystemPreferencesDomain", "com.apple.wifi.known-networks.plist")
OLD = ("SystemPreferencesDomain", "SystemConfiguration/com.apple.wifi.plist")


def known(*names: str, security: str = "WPA2/WPA3 Personal") -> bytes:
    return plistlib.dumps(
        {f"wifi.network.ssid.{name}": {"SSID": name.encode(), "SupportedSecurityTypes": security} for name in names}
    )


def old(*names: str) -> bytes:
    return plistlib.dumps({"List of known networks": [{"SSID": name.encode(), "SSID_STR": name} for name in names]})


def test_a_network_is_the_same_in_the_list_of_an_older_ios(read: Read) -> None:
    now, before = read("wifi", {KNOWN: known("Home", "Café")}), read("wifi", {OLD: old("Café", "Home")})

    assert [item.id for item in now.items] == ["Café", "Home"]
    assert now.items[1].describe() == "the Wi-Fi network Home"
    assert_same(now.items, before.items)
    assert compare(now.items[0], before.items[0]).left_out == ("security",)


def test_each_network_is_read_once_if_there_are_two_lists(read: Read) -> None:
    found = read("wifi", {KNOWN: known("Home", "Work"), OLD: old("Home", "Hotel")})

    assert [item.id for item in found.items] == ["Home", "Hotel", "Work"]
    assert found.items[0].security == "WPA2/WPA3 Personal"


def test_another_security_kind_is_a_change(read: Read) -> None:
    one = read("wifi", {KNOWN: known("Home")}).items[0]
    other = read("wifi", {KNOWN: known("Home", security="Open")}).items[0]

    assert compare(one, other).differing == ("security",)


def test_odd_names_and_entries_are_items_too(read: Read) -> None:
    entries = {"wifi.network.ssid.x": {"SSID": b"\xff\xfe"}, "wifi.network.ssid.Plain": "no dictionary", "a\x00b": {}}
    found = read(
        "wifi", {KNOWN: plistlib.dumps({**entries, "a\x00b": {"SSID": "line\nbreak"}}, fmt=plistlib.FMT_BINARY)}
    )

    assert [item.id for item in found.items] == ["0xfffe", "Plain", "line\nbreak"]


@pytest.mark.parametrize("content", [b"no property list", plistlib.dumps(["a list"])])
def test_a_damaged_list_is_unknown_and_the_other_is_read(read: Read, content: bytes) -> None:
    found = read("wifi", {KNOWN: content, OLD: old("Home")})

    assert [item.id for item in found.items] == ["Home"]
    assert KNOWN in found.source.failed
    assert len(found.findings) == 1


@pytest.mark.parametrize("ios_version", ["12.5", "18.5"])
def test_what_the_simulated_iphone_wrote_is_read(
    phones_backup: Callable[..., Any], tmp_path: Path, ios_version: str
) -> None:
    backup, _ = phones_backup(ios_version, wifi_networks=9)
    found = read_items(backup, "wifi", tmp_path / "reading")

    assert [item.name for item in found.items] == sorted(network_names(9))
    assert found.findings == []
