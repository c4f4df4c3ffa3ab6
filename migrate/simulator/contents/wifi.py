"""Known Wi-Fi networks, only in encrypted backups. Their passwords are in the keychain.

They are in `com.apple.wifi.known-networks.plist` from iOS 14 on, before in a list in `com.apple.wifi.plist` (*read*:
traceloupe), which also exists later (*seen*: iOS 14.3).
"""

from __future__ import annotations

from migrate.simulator.contents.author import REFERENCE_TIME, UNTIL_FIRST_UNLOCK, Author, plist_date

DOMAIN = "SystemPreferencesDomain"
NETWORKS = ("Home", "Café Lumière Gäste", "Anna's iPhone", "Northside-5G", "🚲 bike repair", "Hotel WiFi", "eduroam")


def write(author: Author) -> None:
    names = network_names(author.spec.wifi_networks)
    settings: dict[str, object] = {"AllowEnable": 1, "Version": 7}
    known = {}
    for name in names:
        added, joined = sorted((author.moment(), author.moment()))
        known[f"wifi.network.ssid.{name}"] = {
            "SSID": name.encode(),
            "AddReason": "Picker",
            "AddedAt": plist_date(added),
            "JoinedByUserAt": plist_date(joined),
            "UpdatedAt": plist_date(REFERENCE_TIME),
            "Hidden": False,
            "SupportedSecurityTypes": "WPA2/WPA3 Personal",
            "CaptiveProfile": {"CaptiveNetwork": False},
            "__OSSpecific__": {"RoamingProfileType": "None"},
        }
    if author.ios >= (14,):
        path = "com.apple.wifi.known-networks.plist"
        author.plist(DOMAIN, path, known, protection_class=UNTIL_FIRST_UNLOCK)
    else:
        settings["List of known networks"] = [{"SSID": name.encode(), "SSID_STR": name} for name in names]
    author.plist(DOMAIN, "SystemConfiguration/com.apple.wifi.plist", settings)
    private: dict[str, list[object]] = {"List of scanned networks with private mac": []}
    author.plist(DOMAIN, "SystemConfiguration/com.apple.wifi-private-mac-networks.plist", private)


def network_names(count: int) -> list[str]:
    """`count` different names."""
    rounds = -(-count // len(NETWORKS))
    names = [f"{name} {turn + 1}" if turn else name for turn in range(rounds) for name in NETWORKS]
    return names[:count]
