"""What was decrypted or converted a moment ago, kept in memory: never on the disk."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

MOST_BYTES = 32 << 20
LARGEST_BYTES = 8 << 20
"""Larger ones are made anew each time."""


class Kept:
    """Contents by name; those that were not asked for the longest go first. Any thread may use it."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._contents: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def get(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The content of this name, made if it is not kept. Raises what `make` raises."""
        with self._lock:
            found = self._contents.get(name)
            if found is not None:
                self._contents.move_to_end(name)
                return found
        made = make()
        if len(made) <= LARGEST_BYTES:
            with self._lock:
                if name not in self._contents:
                    self._contents[name] = made
                    self.bytes += len(made)
                while self.bytes > self._most_bytes:
                    _name, oldest = self._contents.popitem(last=False)
                    self.bytes -= len(oldest)
        return made
