"""UDIDs, compared: some usbmuxd versions drop the dash, and hosts write Info.plist in capitals (facts 1.1, 3.4)."""

from __future__ import annotations


def plain_udid(udid: str) -> str:
    """A UDID for comparing, never for showing: without its dash, in capitals."""
    return udid.replace("-", "").upper()


def same_udid(one: str, other: str) -> bool:
    return plain_udid(one) == plain_udid(other)
