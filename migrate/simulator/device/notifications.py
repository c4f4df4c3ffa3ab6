"""Darwin notifications of the phone, as notification_proxy relays them."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Notifications:
    """One phone's notifications. Thread-safe; observers run in the poster's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._observers: list[Callable[[str], None]] = []

    def post(self, name: str) -> None:
        with self._lock:
            observers = tuple(self._observers)
        for observer in observers:
            observer(name)

    def observe(self, observer: Callable[[str], None]) -> Callable[[], None]:
        """Calls `observer` with every posted name. Returns a function that stops it."""
        with self._lock:
            self._observers.append(observer)

        def stop() -> None:
            with self._lock:
                self._observers.remove(observer)

        return stop
