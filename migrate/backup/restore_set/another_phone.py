"""What of one phone never belongs among the data of another.

A set with records of two phones says that it is the new phone's own backup, so the phone applies none of its rules for
backups of another phone to it (facts 4.1: `NotToMigrate` where the phones differ). The host has to.
"""

from __future__ import annotations

from typing import Final

KEYCHAIN: Final = "KeychainDomain"

EXCLUDED_DOMAINS: Final = {
    KEYCHAIN: "passwords and keys of another phone cannot be put among those of a phone in use",
}
"""Domains whose records are never taken from another phone, each with the reason."""

BOUND_REASON: Final = "it describes the old phone itself, and iOS never restores it to another phone"

_BOUND: Final = {
    "HomeDomain": (
        "Library/DataAccess/DeviceSpecificInfo.plist",
        "Library/Preferences/com.apple.GMM.plist",
        "Library/Preferences/com.apple.MobileBluetooth.devices.plist",
        "Library/Preferences/com.apple.MobileBluetooth.security.plist",
        "Library/Preferences/com.apple.MobileBluetooth.services.plist",
        "Library/WebKit/Form Values",
    ),
    "DatabaseDomain": ("lsd/com.apple.lsdidentifiers.plist",),
    "WirelessDomain": ("Library/Logs/IQAgent",),
}
"""`RelativePathsNotToMigrate` of iOS 16.4 (facts 4.1). That later versions have the same list is *guessed*."""


def is_bound_to_phone(domain: str, relative_path: str) -> bool:
    """Whether iOS never restores this path, or what is below it, to a phone other than the backup's."""
    return any(relative_path == bound or relative_path.startswith(f"{bound}/") for bound in _BOUND.get(domain, ()))
