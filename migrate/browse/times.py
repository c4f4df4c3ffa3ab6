"""Dates and durations as pages show them."""

from __future__ import annotations

from migrate.content.normal_form import day
from migrate.export.names import iso_time, local_time


def moment_text(unix_seconds: float | None, *, with_time: bool = True) -> str:
    """`3 May 2024, 14:07`, in the time zone of this computer; nothing if there is none."""
    moment = local_time(unix_seconds)
    if moment is None:
        return ""
    return f"{day(unix_seconds)}, {moment:%H:%M}" if with_time else day(unix_seconds)


def clock_text(unix_seconds: float | None) -> str:
    """`14:07`."""
    moment = local_time(unix_seconds)
    return "" if moment is None else f"{moment:%H:%M}"


def clock_duration(seconds: float | None) -> str:
    """`3:05`, or `1:02:09`."""
    if seconds is None or not 0 <= seconds < 1e7:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


__all__ = ["clock_duration", "clock_text", "day", "iso_time", "moment_text"]
