"""A phone's delayed actions: restarting, finishing the setup, completing a restore in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable


class BackgroundTasks:
    """One phone's background threads. After `shut_down` no task starts until `resume`."""

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
        """Waits, but returns early on `shut_down`."""
        self._shut_down.wait(seconds)

    def run_later(self, do: Callable[[], None], after_s: float) -> None:
        """Calls `do` in its own thread after `after_s` seconds, unless `shut_down` comes first."""

        def wait_and_do() -> None:
            if not self._shut_down.wait(after_s):
                do()

        thread = threading.Thread(target=wait_and_do, name=f"simulator {self._name}", daemon=True)
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread.start()  # before it is listed, because `shut_down` may join it at once
            self._threads.append(thread)

    def shut_down(self) -> None:
        """Cancels waiting tasks and returns when every thread has ended."""
        self._shut_down.set()
        while self._threads:
            thread = self._threads.pop()
            if thread is not threading.current_thread():
                thread.join()
