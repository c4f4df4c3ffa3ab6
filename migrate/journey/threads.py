"""Blocking work beside the event loop, and how it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from migrate.journey.run_state import Run, WorkerStopped
from migrate.problems import MigrateError

T = TypeVar("T")


async def in_thread(run: Run, work: Callable[[], T]) -> T:
    """Run blocking work in a thread. When we are cancelled, the work is told to stop and waited for.

    It hears that at its next word to its watcher (`StepWatcher.bytes_moved` raises `WorkerStopped`).
    """
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        run.stop_requested.set()
        while not task.done():
            with suppress(asyncio.CancelledError):  # a second Ctrl-C must not leave it at work either
                await asyncio.wait([task])
        with suppress(WorkerStopped, MigrateError, OSError):  # the cancellation is what ended it
            task.result()
        raise
