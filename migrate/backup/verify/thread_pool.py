"""Reads many stored files in parallel and returns the results in their order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

WORKERS = min(4, os.cpu_count() or 1)
"""hashlib and read() release the interpreter's lock, so threads help; beyond four the disk is the limit (*guessed*)."""

MAX_PENDING = 64
"""Files submitted before the first result is awaited: a million small ones must not queue up in memory."""

T = TypeVar("T")
A = TypeVar("A")


def in_order(work: Callable[[T], A], things: Iterable[T]) -> Iterator[A]:
    """The results of `work` for each of `things`, computed in threads. An exception in `work` is raised here and
    cancels what has not started."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="verify")
    try:
        running: deque[Future[A]] = deque()
        for thing in things:
            running.append(pool.submit(work, thing))
            if len(running) >= MAX_PENDING:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
