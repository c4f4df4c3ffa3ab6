"""Ctrl-C: one flag, set by the signal handler from the first import on and honoured by everything that begins work.

`python -m migrate` installs the handler before it imports anything else of ours. From then on Ctrl-C never raises an
exception at a random place: an import, a `__del__` and a weak reference's callback swallow it, the library that they
belong to may be left half loaded, and the event loop may hang (*seen*, all three). It sets `pressed`, and then

- cancels the running task, if there is an event loop (`cancelling`),
- raises KeyboardInterrupt where a person is being waited for, and in work without an event loop (`raising`).

A cancellation can be swallowed too. So whatever begins something checks the flag (`stop_if_pressed`): the command, each
step of a run, and a restore before its first byte.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

CLEANUP_LIMIT_S = 10.0
"""Ctrl-C pressed again this long after the first time raises KeyboardInterrupt. Cleanup takes less than a second; with
a batch of links or a slow disk a few (*guessed*)."""
FORGOTTEN_AFTER_S = 60.0
"""Ctrl-C this long after the last one counts as the first: it is about something else."""


class CtrlC:
    """The flag, and what Ctrl-C does beside setting it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.pressed = False
        self._clock = clock
        self._raises = False
        self._cancel: Callable[[], object] | None = None
        self._first: float | None = None
        self._last = 0.0

    def on_sigint(self, number: int = signal.SIGINT, frame: FrameType | None = None) -> None:
        """Called in the main thread, between any two of its instructions.

        Raises:
            KeyboardInterrupt: a person is being waited for, or stopping has taken too long already.
        """
        now = self._clock()
        if self._first is None or now - self._last > FORGOTTEN_AFTER_S:
            self._first = now
        self._last = now
        self.pressed = True
        if self._raises or now - self._first > CLEANUP_LIMIT_S:
            raise KeyboardInterrupt
        if self._cancel is not None:
            self._cancel()

    def stop_if_pressed(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed."""
        if self.pressed:
            raise KeyboardInterrupt

    def forget(self) -> None:
        """Forget that Ctrl-C was pressed: what it was about has ended."""
        self.pressed, self._first = False, None

    @contextmanager
    def raising(self) -> Iterator[None]:
        """While inside, Ctrl-C raises KeyboardInterrupt; at once if it was pressed before."""
        before, self._raises = self._raises, True
        try:
            self.stop_if_pressed()
            yield
        finally:
            self._raises = before

    @contextmanager
    def cancelling(self, cancel: Callable[[], object]) -> Iterator[None]:
        """While inside, Ctrl-C calls `cancel`; at once if it was pressed before."""
        before = self._cancel, self._raises
        self._cancel, self._raises = cancel, False
        try:
            if self.pressed:
                cancel()
            yield
        finally:
            self._cancel, self._raises = before

    def install(self) -> None:
        """Handle SIGINT from here on."""
        signal.signal(signal.SIGINT, self.on_sigint)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle SIGINT while inside. Only the main thread receives signals: in any other this does nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self.on_sigint)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


ctrl_c = CtrlC()
"""The flag of this process."""
