"""Ctrl-C while the event loop runs: it cancels the current task, every time it is pressed.

asyncio's own handler does that only the first time. The second time it raises KeyboardInterrupt wherever the program
is, even during cleanup. A thread that is then not told to stop is waited for as long as its phone is silent, and what
was caught in between is printed as a traceback (*seen*, both).
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

CLEANUP_LIMIT_S = 10.0
"""Ctrl-C pressed again this long after the first time raises KeyboardInterrupt. Cleanup takes less than a second; with
a batch of links or a slow disk a few (*guessed*)."""
FORGOTTEN_AFTER_S = 60.0
"""Ctrl-C this long after the last one counts as the first: it is about something else."""


@dataclass
class CtrlCHandler:
    """Turns SIGINT into the cancellation of one task."""

    clock: Callable[[], float] = time.monotonic
    _task: asyncio.Task[Any] | None = None
    _first: float | None = None
    _last: float = 0.0

    @contextmanager
    def handling_sigint(self) -> Iterator[None]:
        """Handle SIGINT inside the `with` block. asyncio does not replace a handler that is not Python's default.

        Only the main thread receives signals, so in any other thread this does nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self.on_sigint)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    async def run_cancellable(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work`; from here on Ctrl-C cancels it."""
        self._task = asyncio.current_task()
        return await work

    def on_sigint(self, number: int = signal.SIGINT, frame: FrameType | None = None) -> None:
        """Cancel the task. Called in the main thread, between any two of its instructions.

        Raises:
            KeyboardInterrupt: there is nothing to cancel yet, or the cancellation took too long.
        """
        now = self.clock()
        if self._first is None or now - self._last > FORGOTTEN_AFTER_S:
            self._first = now
        self._last = now
        if self._task is None or now - self._first > CLEANUP_LIMIT_S:
            raise KeyboardInterrupt
        with suppress(RuntimeError):  # the loop is closed: the work is done
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)


def run_until_ctrl_c(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` in a new event loop.

    Raises:
        KeyboardInterrupt: Ctrl-C cancelled it, and it raised no error of its own.
    """
    ctrl_c = CtrlCHandler()
    with ctrl_c.handling_sigint():
        try:
            return asyncio.run(ctrl_c.run_cancellable(work))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
