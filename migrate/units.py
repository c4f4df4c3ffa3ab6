"""Format sizes for people, and convert Apple's timestamps."""

from __future__ import annotations

from datetime import UTC, datetime

APPLE_EPOCH_UNIX_SECONDS = 978_307_200
"""2001-01-01T00:00:00Z in unix seconds: the zero of `apple_seconds`."""


def format_bytes(size_bytes: int) -> str:
    """`1536` -> `1.5 KB`, in powers of 1000 as iOS and Finder show sizes."""
    size = float(size_bytes)
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size_bytes} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")


def now_utc() -> datetime:
    return datetime.now(UTC)


def apple_to_datetime(apple_seconds: float) -> datetime:
    return datetime.fromtimestamp(apple_seconds + APPLE_EPOCH_UNIX_SECONDS, UTC)
