"""Advisory locks on the phone's files, like flock(2): an open file holds them until it is closed."""

from __future__ import annotations

import threading
from collections.abc import Hashable

SHARED, EXCLUSIVE, UNLOCK = 1, 2, 8


class AdvisoryLocks:
    """One phone's locks. `holder` is the open file."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[str, dict[Hashable, bool]] = {}  # path -> holder -> exclusive?

    def take(self, path: str, holder: Hashable, *, exclusive: bool) -> bool:
        """Takes a lock without waiting, or changes the lock `holder` already has. Returns whether it is held now."""
        with self._lock:
            others = [taken for who, taken in self._holders.get(path, {}).items() if who != holder]
            if any(others) or (exclusive and others):
                return False
            self._holders.setdefault(path, {})[holder] = exclusive
            return True

    def release(self, path: str, holder: Hashable) -> None:
        with self._lock:
            holders = self._holders.get(path, {})
            holders.pop(holder, None)
            if not holders:
                self._holders.pop(path, None)
