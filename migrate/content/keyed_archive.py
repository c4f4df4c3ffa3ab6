"""Read what NSKeyedArchiver wrote, as plain values: a property list with `$objects` that name each other by number.

    {"$top": {"root": UID(1)}, "$objects": ["$null", {"NS.keys": [UID(2)], "NS.objects": [UID(3)], "$class": …}, …]}

Dictionaries, lists, sets, data, URLs, dates and UUIDs become what Python has for them; objects of other classes become
dictionaries of their fields. An archive is a stranger: it may be deep, circular or enormous when its numbers are
followed.
"""

from __future__ import annotations

import plistlib
import uuid
from typing import Any

from migrate.content.normal_form import from_cocoa
from migrate.plists import NotAPlist, load_plist

LIMIT_BYTES = 4 << 20
_DEEPEST, _MOST_VALUES = 64, 50_000


def unarchive(archive: bytes) -> Any:
    """The value of an archive's root.

    Raises:
        ValueError: it is not one, or not one that a phone wrote.
    """
    if len(archive) > LIMIT_BYTES:
        raise ValueError("it is too long")
    try:
        plist = load_plist(archive)
        top = plist["$top"]
        return _Resolver(plist["$objects"]).value(top.get("root", next(iter(top.values()))), 0)
    except (NotAPlist, LookupError, TypeError, AttributeError, StopIteration, ValueError) as error:
        raise ValueError("it is not a keyed archive") from error


class _Resolver:
    def __init__(self, objects: list[Any]) -> None:
        self._objects = objects
        self._left = _MOST_VALUES

    def value(self, stored: Any, depth: int) -> Any:
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:
            raise ValueError("it is circular or too large")
        if isinstance(stored, plistlib.UID):
            stored = self._objects[stored.data]
            if stored == "$null":
                return None
        if isinstance(stored, list):
            return [self.value(one, depth + 1) for one in stored]
        if not isinstance(stored, dict):
            return stored
        if "NS.keys" in stored:
            keys = (self.value(key, depth + 1) for key in stored["NS.keys"])
            values = (self.value(one, depth + 1) for one in stored["NS.objects"])
            return {key if isinstance(key, str) else str(key): one for key, one in zip(keys, values, strict=True)}
        for plain in ("NS.objects", "NS.string", "NS.data", "NS.bytes"):
            if plain in stored:
                return self.value(stored[plain], depth + 1)
        if "NS.relative" in stored:
            base, relative = self.value(stored.get("NS.base"), depth + 1), self.value(stored["NS.relative"], depth + 1)
            return f"{base or ''}{relative or ''}"
        if "NS.time" in stored:
            return from_cocoa(stored["NS.time"])
        if "NS.uuidbytes" in stored:
            identity = stored["NS.uuidbytes"]
            return str(uuid.UUID(bytes=identity)).upper() if len(identity) == 16 else None
        return {name: self.value(one, depth + 1) for name, one in stored.items() if name != "$class"}
