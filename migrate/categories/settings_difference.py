"""Compare two versions of a preference file key by key: what the old phone had, and what the new phone has now."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from migrate.categories.path_classes import VolatileKeys
from migrate.plists import NotAPlist, load_plist

MAX_BYTES: Final = 64 << 20
"""Preference files have kilobytes; a few with caches in them have megabytes (*guessed*)."""


@dataclass(frozen=True)
class SettingsDifference:
    """What became of the keys at the top of an old preference file. Keys that only the new one has do not count."""

    lost: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    equal: int = 0
    volatile: tuple[str, ...] = ()
    """Keys that were left out because iOS writes them for itself, whether they are equal or not."""

    @property
    def is_none(self) -> bool:
        """Whether every compared key has its old value."""
        return not self.lost and not self.changed


def compare_settings(old: bytes, new: bytes, volatile: VolatileKeys) -> SettingsDifference | None:
    """How the settings in `new` differ from those in `old`; None if either cannot be read, which proves nothing.

    Values are compared, not how they are stored: the same list in XML and in binary form has no difference.
    Dictionaries inside a value are compared like the top level, without volatile keys and without keys that only the
    new one has.
    """
    before, now = _dictionary(old), _dictionary(new)
    if before is None or now is None:
        return None
    lost, changed, left_out = [], [], []
    equal = 0
    for key, value in before.items():
        if volatile(key):
            left_out.append(key)
        elif key not in now:
            lost.append(key)
        elif _is_kept(value, now[key], volatile):
            equal += 1
        else:
            changed.append(key)
    return SettingsDifference(lost=tuple(lost), changed=tuple(changed), equal=equal, volatile=tuple(left_out))


def _dictionary(data: bytes) -> dict[str, Any] | None:
    if len(data) > MAX_BYTES:
        return None
    try:
        value = load_plist(data)
    except NotAPlist:
        return None
    return value if isinstance(value, dict) else None


def _is_kept(old: Any, new: Any, volatile: VolatileKeys) -> bool:
    """Whether `new` still has what `old` had. The recursion ends: `load_plist` refuses deep nesting and cycles."""
    match old, new:
        case dict(), dict():
            return all(
                volatile(key) or (key in new and _is_kept(value, new[key], volatile)) for key, value in old.items()
            )
        case list(), list():
            return len(old) == len(new) and all(
                _is_kept(one, other, volatile) for one, other in zip(old, new, strict=True)
            )
        case datetime(), datetime():  # XML has whole seconds, binary lists have fractions of them
            return old.replace(microsecond=0) == new.replace(microsecond=0)
        case float(), float() if math.isnan(old):
            return math.isnan(new)
        case _:
            return bool(old == new)
