"""Waiting for a hand on a phone: what is needed is said once, and waited for only so long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from migrate.problems import MigrateError
from migrate.progress import Progress, UserAction

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

POLL_S = 1.0
"""How often a phone is asked again. libimobiledevice and pymobiledevice3 ask for trust once a second too."""


@dataclass(frozen=True)
class Time:
    """The clock and the sleep, as values: tests bring their own and wait for nothing."""

    clock: Clock = time.monotonic
    sleep: Sleep = asyncio.sleep


class NotReady(Exception):
    """Something is not so yet, and waiting may help. Raised and caught inside this room."""

    def __init__(self, error: MigrateError, action: UserAction | None = None) -> None:
        """`error`: what to raise when waiting is over. `action`: what a person can do about it; None: only wait."""
        super().__init__()
        self.error = error
        self.action = action


@dataclass
class UserWait:
    """Waits up to `wait_s` seconds in all, and tells the watcher what a person should do meanwhile, each thing once."""

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
        """Wait one poll long for what is lacking on the phone called `phone`.

        Raises:
            MigrateError: the one in `not_ready`: time is over.
        """
        if not_ready.action is not None and self._asked != (phone, not_ready.action):
            self.request_done()
            self._asked = (phone, not_ready.action)
            self.progress.person_needed(phone, not_ready.action)
        if (left := self.remaining_s) <= 0:
            raise not_ready.error
        await self.time.sleep(min(self.poll_s, left))

    def request_done(self) -> None:
        """What was asked of the person is done, or something else is needed now."""
        if self._asked is not None:
            self.progress.person_done(*self._asked)
            self._asked = None
