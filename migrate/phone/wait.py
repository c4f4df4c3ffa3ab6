"""Waiting for a hand on a phone: what is needed is said once, and waited for only so long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from migrate.problems import MigrateError
from migrate.progress import Action, Watcher

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

POLL_S = 1.0
"""How often a phone is asked again. libimobiledevice and pymobiledevice3 ask for trust once a second too."""


@dataclass(frozen=True)
class Time:
    """The clock and the sleep, as values: tests bring their own and wait for nothing."""

    clock: Clock = time.monotonic
    sleep: Sleep = asyncio.sleep


class Lacking(Exception):
    """Something is not so yet, and waiting may help. Raised and caught inside this room."""

    def __init__(self, error: MigrateError, action: Action | None = None) -> None:
        """`error`: what to raise when waiting is over. `action`: what a person can do about it; None: only wait."""
        super().__init__()
        self.error = error
        self.action = action


@dataclass
class Patience:
    """Waits up to `wait_s` seconds in all, and tells the watcher what a person should do meanwhile, each thing once."""

    watch: Watcher
    wait_s: float
    time: Time = field(default_factory=Time)
    poll_s: float = POLL_S
    _ends: float = field(init=False)
    _asked: tuple[str, Action] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._ends = self.time.clock() + self.wait_s

    @property
    def left_s(self) -> float:
        return max(0.0, self._ends - self.time.clock())

    async def bear(self, lacking: Lacking, phone: str) -> None:
        """Wait one poll long for what is lacking on the phone called `phone`.

        Raises:
            MigrateError: the one in `lacking`: time is over.
        """
        if lacking.action is not None and self._asked != (phone, lacking.action):
            self.relieved()
            self._asked = (phone, lacking.action)
            self.watch.person_needed(phone, lacking.action)
        if (left := self.left_s) <= 0:
            raise lacking.error
        await self.time.sleep(min(self.poll_s, left))

    def relieved(self) -> None:
        """What was asked of the person is done, or something else is needed now."""
        if self._asked is not None:
            self.watch.person_done(*self._asked)
            self._asked = None
