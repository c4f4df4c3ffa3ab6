"""What a phone does by itself after a while: restart, be finished by its person, let restored photos appear."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Background:
    """One phone's threads, from `wake` to `rest`. Nothing begins while it rests."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._resting = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def is_resting(self) -> bool:
        return self._resting.is_set()

    def wake(self) -> None:
        self._resting.clear()

    def wait(self, seconds: float) -> None:
        """Returns earlier when the phone is to rest."""
        self._resting.wait(seconds)

    def later(self, do: Callable[[], None], after_s: float) -> None:
        """Does it in a thread of its own, unless the phone rests by then."""

        def wait_and_do() -> None:
            if not self._resting.wait(after_s):
                do()

        thread = threading.Thread(target=wait_and_do, name=f"softphone {self._name}", daemon=True)
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread.start()  # before it is listed: `rest` may join what is listed at once
            self._threads.append(thread)

    def rest(self) -> None:
        """Returns when nothing runs any more."""
        self._resting.set()
        while self._threads:
            thread = self._threads.pop()
            if thread is not threading.current_thread():
                thread.join()
