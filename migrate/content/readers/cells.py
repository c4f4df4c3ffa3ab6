"""Values of database cells. A backup is a stranger: a column may hold any SQLite type, of any length."""

from __future__ import annotations

import math
import uuid

from migrate.content.normal_form import text
from migrate.content.sentence import shortened
from migrate.units import APPLE_EPOCH_UNIX_SECONDS


def filled(value: object) -> str | None:
    """A text in normal form; None if it is NULL or empty, which look the same to a person."""
    return None if value is None else text(value) or None


def shown(*values: object) -> str | None:
    """The first value that has visible characters, on one short line, for a sentence."""
    for value in values:
        line = shortened(value if isinstance(value, str) else "" if value is None else repr(value))
        if line:
            return line
    return None


def finite(value: object) -> float | None:
    """A finite number, also one stored as text; None for everything else."""
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def whole(value: object) -> int | None:
    """A number rounded to a whole one."""
    found = finite(value)
    return None if found is None else round(found)


def row_number(value: object) -> int | None:
    """A reference to a row of another table."""
    return value if isinstance(value, int) else None


def cocoa_second(value: object) -> int | None:
    """An instant in whole unix seconds from seconds since 2001.

    Unlike `from_cocoa` it keeps 0 and implausible instants: calendars use them for floating and all-day events (*read*:
    schema notes of an iOS 18 calendar).
    """
    found = finite(value)
    return None if found is None else round(found + APPLE_EPOCH_UNIX_SECONDS)


def uuid_text(value: object) -> str | None:
    """A UUID as Apple writes it (upper case, with hyphens), from 16 bytes or from text; other text as it is."""
    if isinstance(value, bytes):
        return str(uuid.UUID(bytes=value)).upper() if len(value) == 16 else value.hex() or None
    found = filled(value)
    if found is not None and len(found) == 36:
        try:
            return str(uuid.UUID(found)).upper()
        except ValueError:
            pass
    return found
