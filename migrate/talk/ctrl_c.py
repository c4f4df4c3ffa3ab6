"""Ctrl-C while the event loop runs: it cancels what is being done, as often as it is struck.

asyncio's own handler does that the first time; the second raises KeyboardInterrupt wherever the program happens to be,
also while it puts away what it holds. A thread that nobody tells to stop any more is then waited for, for as long as
its phone keeps silent, and what was caught in between is printed as a traceback (*seen*, both).
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
"""Who still strikes so long after the first time is not kept waiting: then it is a KeyboardInterrupt. Putting away
takes less than a second; a batch of links or a slow disk some (*guessed*)."""
FORGOTTEN_AFTER_S = 60.0
"""A strike so long after the last one is a first one again: it is about something else."""


@dataclass
class CtrlCHandler:
    """What SIGINT does to one piece of work."""

    clock: Callable[[], float] = time.monotonic
    _task: asyncio.Task[Any] | None = None
    _first: float | None = None
    _last: float = 0.0

    @contextmanager
    def handling_sigint(self) -> Iterator[None]:
        """While inside, SIGINT is ours; asyncio leaves a handler alone that is not Python's default. A thread that is
        not the main one can have no handler, and hears of no signal."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self.on_sigint)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    async def run_cancellable(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work`; from here on it is what is cancelled."""
        self._task = asyncio.current_task()
        return await work

    def on_sigint(self, number: int = signal.SIGINT, frame: FrameType | None = None) -> None:
        """In the main thread, between any two of its instructions.

        Raises:
            KeyboardInterrupt: there is nothing to cancel yet, or cancelling it did not help in time.
        """
        now = self.clock()
        if self._first is None or now - self._last > FORGOTTEN_AFTER_S:
            self._first = now
        self._last = now
        if self._task is None or now - self._first > CLEANUP_LIMIT_S:
            raise KeyboardInterrupt
        with suppress(RuntimeError):  # its loop is closed: all is done
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)


def run_until_ctrl_c(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` in an event loop of its own.

    Raises:
        KeyboardInterrupt: it was cancelled by Ctrl-C, and had nothing to say about it.
    """
    ctrl_c = CtrlCHandler()
    with ctrl_c.handling_sigint():
        try:
            return asyncio.run(ctrl_c.run_cancellable(work))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
