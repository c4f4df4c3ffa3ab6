"""Format sizes for people, and convert Apple's timestamps."""

from __future__ import annotations

from datetime import UTC, datetime

from migrate.language import _, mark, plural

APPLE_EPOCH_UNIX_SECONDS = 978_307_200
"""2001-01-01T00:00:00Z in unix seconds: the zero of `apple_seconds`."""

UNITS = (mark("{size:.1f} KB"), mark("{size:.1f} MB"), mark("{size:.1f} GB"))


def format_bytes(size_bytes: int) -> str:
    """`1536` -> `1.5 KB`, in powers of 1000 as iOS and Finder show sizes."""
    if size_bytes < 1000:
        return plural("{count} byte", "{count} bytes", size_bytes).format(count=size_bytes)
    size, number = size_bytes / 1000, 0
    while size >= 1000 and number < len(UNITS) - 1:
        size, number = size / 1000, number + 1
    return _(UNITS[number]).format(size=size)


def now_utc() -> datetime:
    return datetime.now(UTC)


def apple_to_datetime(apple_seconds: float) -> datetime:
    return datetime.fromtimestamp(apple_seconds + APPLE_EPOCH_UNIX_SECONDS, UTC)
