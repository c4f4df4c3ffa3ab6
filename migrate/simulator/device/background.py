"""What a phone does by itself after a while: restart, be finished by its person, let restored photos appear."""

from __future__ import annotations

import threading
from collections.abc import Callable


class BackgroundTasks:
    """One phone's threads, from `resume` to `shut_down`. Nothing begins while it rests."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._shut_down = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def is_shut_down(self) -> bool:
        return self._shut_down.is_set()

    def resume(self) -> None:
        self._shut_down.clear()

    def wait(self, seconds: float) -> None:
        """Returns earlier when the phone is to rest."""
        self._shut_down.wait(seconds)

    def run_later(self, do: Callable[[], None], after_s: float) -> None:
        """Does it in a thread of its own, unless the phone rests by then."""

        def wait_and_do() -> None:
            if not self._shut_down.wait(after_s):
                do()

        thread = threading.Thread(target=wait_and_do, name=f"simulator {self._name}", daemon=True)
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread.start()  # before it is listed: `shut_down` may join what is listed at once
            self._threads.append(thread)

    def shut_down(self) -> None:
        """Returns when nothing runs any more."""
        self._shut_down.set()
        while self._threads:
            thread = self._threads.pop()
            if thread is not threading.current_thread():
                thread.join()
