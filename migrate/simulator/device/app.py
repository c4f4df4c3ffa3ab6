"""An app as the simulated iPhone has it installed."""

from __future__ import annotations

from dataclasses import dataclass, field

DOCK = ("com.apple.mobilephone", "com.apple.mobilesafari", "com.apple.MobileSMS", "com.apple.Music")
"""The apps in the dock of a new iPhone."""


@dataclass
class App:
    """One app: Apple's if `system`, otherwise the user's. Versions as in its Info.plist."""

    bundle_id: str
    name: str
    version: str = "1.0"  # CFBundleVersion
    short_version: str = "1.0"  # CFBundleShortVersionString
    group_ids: tuple[str, ...] = ()
    plugin_ids: tuple[str, ...] = ()
    has_sinf: bool = True  # without SINF and iTunesMetadata a host cannot request its re-installation (facts 1.3)
    icon_png: bytes = field(default=b"", repr=False)
    system: bool = False
