"""Names of exported files: as people know the things in them, and possible on every system."""

from __future__ import annotations

import re
import time
import unicodedata
from datetime import datetime, tzinfo
from functools import lru_cache

from migrate.untrusted_text import CONTROL_CHARACTERS

LONGEST_BYTES = 120
"""Of one name. Windows allows 260 characters for a whole path, and the folder of the export has its own."""
_NOT_ON_WINDOWS = re.compile(r'[<>:"/\\|?*\n]')
_SPACES = re.compile(r"\s+")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_ZONE_CHANGES_S = 900
"""Clocks change on quarters of an hour since time zones exist."""
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}")


def safe_name(name: str, *, instead: str = "unnamed") -> str:
    """A name for one file or folder, from any text: no separators, control characters or devices of Windows, in NFC, at
    most LONGEST_BYTES long in UTF-8. An extension stays. `instead` stands for a name of which nothing is left."""
    shown = unicodedata.normalize("NFC", CONTROL_CHARACTERS.sub("", name))
    shown = _SPACES.sub(" ", _NOT_ON_WINDOWS.sub("_", shown)).strip(" ").rstrip(". ")
    if not shown.strip("._ "):
        shown = instead
    if shown.startswith("."):
        shown = "_" + shown[1:]
    if _DEVICES.fullmatch(shown):
        shown = "_" + shown
    stem, extension = split_extension(shown)
    return shortened_bytes(stem, LONGEST_BYTES - len(extension)).rstrip(". ") + extension


def split_extension(name: str) -> tuple[str, str]:
    """`a.b.jpg` -> `a.b` and `.jpg`; an extension is short and has only letters and digits."""
    stem, dot, last = name.rpartition(".")
    if stem and _EXTENSION.fullmatch(dot + last):
        return stem, dot + last
    return name, ""


def shortened_bytes(text: str, limit: int) -> str:
    """The beginning of a text, at most `limit` bytes long in UTF-8, without half a character."""
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= limit else encoded[:limit].decode("utf-8", "ignore")


def local_time(unix_seconds: float | None) -> datetime | None:
    """An instant in the time zone of this computer, as it was on that day."""
    if unix_seconds is None:
        return None
    try:
        return datetime.fromtimestamp(unix_seconds, _zone_at(int(unix_seconds // _ZONE_CHANGES_S), time.tzname))
    except (OverflowError, OSError, ValueError):
        return None


@lru_cache(maxsize=4096)
def _zone_at(quarter: int, zone: tuple[str, str]) -> tzinfo | None:
    """The offset from UTC in a quarter of an hour: asking the system for it takes five times as long as all the rest of
    a date (*measured*, on a million Health samples)."""
    return datetime.fromtimestamp(quarter * _ZONE_CHANGES_S).astimezone().tzinfo


def iso_time(unix_seconds: float | None) -> str:
    """`2024-05-03T14:07:00+02:00`, or nothing."""
    moment = local_time(unix_seconds)
    return "" if moment is None else moment.isoformat(timespec="seconds")


def sortable_time(unix_seconds: float | None) -> str:
    """`20240503-140700`, for names that sort by time; `undated` if there is none."""
    moment = local_time(unix_seconds)
    return "undated" if moment is None else f"{moment:%Y%m%d-%H%M%S}"
