"""Wait for a person to do something on a phone: ask once, poll, and stop after a time limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import ceil

from migrate.problems import MigrateError
from migrate.progress import Progress, UserAction

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

POLL_S = 1.0
"""How often a phone is asked again. libimobiledevice and pymobiledevice3 ask for trust once a second too."""


@dataclass(frozen=True)
class Time:
    """A clock and a sleep function, passed as values so that tests do not have to wait."""

    clock: Clock = time.monotonic
    sleep: Sleep = asyncio.sleep


async def count_down(progress: Progress, time: Time, phone: str, seconds: float) -> None:
    """Sleep for `seconds` before something is tried again, and report each second that is left."""
    ends = time.clock() + seconds
    while (left := ends - time.clock()) > 0:
        progress.trying_again(phone, ceil(left))
        await time.sleep(min(1.0, left))
    progress.trying_again(phone, 0)


class NotReady(Exception):
    """The phone is not ready yet, but waiting may help. Never leaves this package."""

    def __init__(self, error: MigrateError, action: UserAction | None = None) -> None:
        """`error`: what to raise when the time runs out. `action`: what the person has to do; None: just wait."""
        super().__init__()
        self.error = error
        self.action = action


@dataclass
class UserWait:
    """Waits up to `wait_s` seconds in total, and reports each thing the person has to do once."""

    progress: Progress
    wait_s: float
    time: Time = field(default_factory=Time)
    poll_s: float = POLL_S
    _ends: float = field(init=False)
    _asked: tuple[str, UserAction] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._ends = self.time.clock() + self.wait_s

    @property
    def remaining_s(self) -> float:
        return max(0.0, self._ends - self.time.clock())

    async def poll(self, not_ready: NotReady, phone: str) -> None:
        """Ask for the action in `not_ready` on the phone called `phone` (once), and sleep for one poll interval.

        Raises:
            MigrateError: the error in `not_ready`, if the time has run out.
        """
        if not_ready.action is not None and self._asked != (phone, not_ready.action):
            self.request_done()
            self._asked = (phone, not_ready.action)
            self.progress.person_needed(phone, not_ready.action)
        if (left := self.remaining_s) <= 0:
            raise not_ready.error
        await self.time.sleep(min(self.poll_s, left))

    def request_done(self) -> None:
        """Report that the requested action is done, or no longer needed."""
        if self._asked is not None:
            self.progress.person_done(*self._asked)
            self._asked = None
