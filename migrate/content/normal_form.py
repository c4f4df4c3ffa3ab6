"""Bring values of different iOS versions into one form, so that what looks the same to a person compares as equal."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from migrate.language import _, mark
from migrate.units import APPLE_EPOCH_UNIX_SECONDS

OBJECT_REPLACEMENT = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands for an attachment in a text."""
_NOT_IN_NUMBERS = re.compile(r"[^\d+*#;,]")
_NANOSECONDS_FROM = 1e11
"""Times in nanoseconds since 2001 have been used in messages since iOS 11 (*seen*: schemas of 11.1.2 and iOS 18). In
seconds this is the year 5169."""
_EARLIEST, _LATEST = -6_857_222_400.0, 32_503_680_000.0  # the years 1752 and 3000


def text(value: object) -> str | None:
    """A text in NFC without attachment characters and without spaces at its end; None if there is none."""
    if value is None:
        return None
    shown = value if isinstance(value, str) else str(value)
    if shown.isascii():
        return shown.rstrip()
    return unicodedata.normalize("NFC", shown).replace(OBJECT_REPLACEMENT, "").rstrip()


def seconds(unix_seconds: float | None) -> int | None:
    """An instant in whole seconds."""
    return None if unix_seconds is None else round(unix_seconds)


def from_cocoa(value: object) -> float | None:
    """Unix seconds from seconds (or, since iOS 11, nanoseconds) since 2001.

    None if there is no number, if it is 0 (which stands for "never"), or if it is no plausible instant.
    """
    if not isinstance(value, (int, float)) or not value:
        return None
    since_2001 = value / 1e9 if abs(value) > _NANOSECONDS_FROM else value
    return plausible(since_2001 + APPLE_EPOCH_UNIX_SECONDS)


def plausible(unix_seconds: object) -> float | None:
    """An instant between 1752 and 3000; None for everything else. Not a number is none."""
    if isinstance(unix_seconds, (int, float)) and _EARLIEST <= unix_seconds <= _LATEST:
        return float(unix_seconds)
    return None


def address(value: object) -> str | None:
    """A phone number as digits (with its leading +), an e-mail address in lower case; None if there is none."""
    shown = text(value)
    if not shown:
        return None
    shown = re.sub(r"^(?:tel|mailto|e|p):", "", shown, flags=re.IGNORECASE)  # madrid's "e:" and "p:" prefixes, reported
    if "@" in shown or any(letter.isalpha() for letter in shown):
        return shown.strip().lower()
    return _NOT_IN_NUMBERS.sub("", shown) or shown.strip()


def day(unix_seconds: float | None) -> str:
    """`3 May 2024`, in the time zone of this computer; `unknown date` if there is none."""
    if unix_seconds is None:
        return _("unknown date")
    try:
        moment = datetime.fromtimestamp(unix_seconds)
    except (OverflowError, OSError, ValueError):
        return _("unknown date")
    return f"{moment.day} {_(MONTHS[moment.month - 1])} {moment.year}"


MONTHS = (
    mark("January"),
    mark("February"),
    mark("March"),
    mark("April"),
    mark("May"),
    mark("June"),
    mark("July"),
    mark("August"),
    mark("September"),
    mark("October"),
    mark("November"),
    mark("December"),
)
