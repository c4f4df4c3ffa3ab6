"""Blocking work beside the event loop, and how it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from migrate.journey.phone_session import PhoneSession, WorkerStopped
from migrate.problems import MigrateError

T = TypeVar("T")


async def in_thread(session: PhoneSession, work: Callable[[], T]) -> T:
    """Run blocking work in a thread. On cancellation, request its stop and wait for it.

    The work stops at its next progress report (`StepProgress.bytes_moved` raises `WorkerStopped`).
    """
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        session.stop_requested.set()
        while not task.done():
            with suppress(asyncio.CancelledError):  # a second Ctrl-C must not leave it at work either
                await asyncio.wait([task])
        with suppress(WorkerStopped, MigrateError, OSError):  # the cancellation is what ended it
            task.result()
        raise
