"""Many stored files, read side by side, their answers in the order of the files."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

WORKERS = min(4, os.cpu_count() or 1)
"""hashlib and read() let go of the interpreter's lock, so threads help; past four the disk is the limit (*guessed*)."""

AHEAD = 64
"""So many files are handed out before the first is waited for: a million small ones must not queue up in memory."""

T = TypeVar("T")
A = TypeVar("A")


def in_order(work: Callable[[T], A], things: Iterable[T]) -> Iterator[A]:
    """`work` of each thing, done in threads. What it raises comes out here; what was not begun then is dropped."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="verify")
    try:
        running: deque[Future[A]] = deque()
        for thing in things:
            running.append(pool.submit(work, thing))
            if len(running) >= AHEAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
