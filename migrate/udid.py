"""Compare UDIDs: some usbmuxd versions drop the dash, and hosts write Info.plist in capitals (facts 1.1, 3.4)."""

from __future__ import annotations


def normalize_udid(udid: str) -> str:
    """The UDID without its dash and in capitals, for comparing only, never for display."""
    return udid.replace("-", "").upper()


def same_udid(one: str, other: str) -> bool:
    return normalize_udid(one) == normalize_udid(other)
