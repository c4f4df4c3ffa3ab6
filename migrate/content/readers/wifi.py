"""Known Wi-Fi networks. Their passwords are in the keychain.

From iOS 14 on they are in `com.apple.wifi.known-networks.plist` (*read*: traceloupe), before in a list in
`com.apple.wifi.plist`, which also exists later (*seen*: iOS 14.3) and is then read for networks that only it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from migrate.backup.record import Record
from migrate.content.item import Fingerprint, Item, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.normal_form import plausible
from migrate.content.ordering import ordered
from migrate.content.readers.common import as_text
from migrate.content.sentence import shortened
from migrate.content.source import Place, Source
from migrate.language import _, mark

KNOWN_NETWORKS = Place("SystemPreferencesDomain", ("com.apple.wifi.known-networks.plist",))
OLD_LIST = Place("SystemPreferencesDomain", ("SystemConfiguration/com.apple.wifi.plist",))
_OLD_KEY = "List of known networks"
_KEY_PREFIX = "wifi.network.ssid."
_JOINED_KEYS = ("JoinedByUserAt", "JoinedBySystemAt", "lastJoined", "lastAutoJoined")
"""The last two are of older lists (*read*: iLEAPP, appleWifiPlist.py)."""
_SECURITY_KEYS = ("SupportedSecurityTypes", "SecurityMode")
"""*guessed*: `SecurityMode` of older lists is the text of macOS. Other keys of old entries (RSN_IE, WEP) say how the
access point was found, not which kind the person chose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WifiNetwork(Item):
    """A Wi-Fi network that the phone joins."""

    name: str
    security: str | None = None
    joined: float | None = None
    """When it was last joined, as far as the phone keeps that."""
    hidden: bool | None = None

    def fingerprint(self) -> Fingerprint:
        return {"security": self.security}

    def describe(self) -> str:
        return _("the Wi-Fi network {name}").format(name=shortened(self.name))


def networks(source: Source) -> Iterator[Item]:
    """All networks, ordered by name."""
    return ordered(_unordered(source), source.tmp)


def _unordered(source: Source) -> Iterator[WifiNetwork]:
    known: set[str] = set()
    for record in source.files(KNOWN_NETWORKS):
        with source.reading(record):
            for key, entry in _dictionary(source, record).items():
                network = _network(entry, key)
                known.add(network.id)
                yield network
    for record in source.files(OLD_LIST):
        with source.reading(record):
            entries = _dictionary(source, record).get(_OLD_KEY, [])  # absent on newer phones
            if not isinstance(entries, list):
                raise ValueError("its list of networks has another structure")
            for entry in entries:
                network = _network(entry, None)
                if network.id not in known:
                    yield network


def _dictionary(source: Source, record: Record) -> dict[str, Any]:
    value = source.plist(record)
    if not isinstance(value, dict):
        raise ValueError("it has another structure")
    return value


def _network(entry: object, key: str | None) -> WifiNetwork:
    values = entry if isinstance(entry, dict) else {}
    name = _name(values.get("SSID")) or as_text(values.get("SSID_STR"))
    if not name and key is not None:
        name = key.removeprefix(_KEY_PREFIX)
    stored = next((values[found] for found in _SECURITY_KEYS if found in values), None)
    added = values.get("AddedAt")
    return WifiNetwork(
        id=name or fingerprint_id((repr(entry),)),
        name=name or "",
        when=plausible(_unix(added)),
        security=as_text(stored),
        joined=max(filter(None, (plausible(_unix(values.get(key))) for key in _JOINED_KEYS)), default=None),
        hidden=values["Hidden"] if isinstance(values.get("Hidden"), bool) else None,
        lacking=frozenset[str]() if as_text(stored) is not None else frozenset({"security"}),
    )


def _name(ssid: object) -> str | None:
    """The name in an SSID, which is at most 32 bytes of any kind, most often UTF-8."""
    if not isinstance(ssid, bytes):
        return as_text(ssid)
    try:
        return ssid.decode("utf-8")
    except UnicodeDecodeError:
        return "0x" + ssid.hex()


def _unix(moment: object) -> float | None:
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() if isinstance(moment, datetime) else None


NETWORKS = Kind(
    id="wifi",
    owner="wifi",
    label=mark("networks"),
    places=(KNOWN_NETWORKS, OLD_LIST),
    items=networks,
)
