"""Find My, when a phone does not say whether it is on: its refusal (211) is the only answer (facts 4.6)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from migrate.journey.run_state import Run
from migrate.problems import FindMyOn, WaitedTooLong

T = TypeVar("T")

POLL_S = 10.0
"""How often the restore is offered again. A phone refuses it before it takes a single file (*read*, facts 4.6)."""


async def when_find_my_is_off(run: Run, phone: str, send: Callable[[], Awaitable[T]]) -> T:
    """What `send` returns. As long as the phone answers that Find My is on, the person is asked to turn it off.

    Raises:
        FindMyOn, WaitedTooLong: it is still on after `--wait` seconds.
    """
    deadline, asked = time.monotonic() + run.wait_s, False
    while True:
        try:
            sent = await send()
        except FindMyOn as refused:
            if run.wait_s <= 0:
                raise
            if time.monotonic() >= deadline:
                raise WaitedTooLong(round(run.wait_s), refused) from refused
            if not asked:
                asked = True
                run.progress().person_needed(phone, "turn-off-find-my")
            await asyncio.sleep(min(POLL_S, max(0.0, deadline - time.monotonic())))
            continue
        if asked:
            run.progress().person_done(phone, "turn-off-find-my")
        return sent
