"""Reads many stored files and returns the results in their order: small ones here, large ones in parallel.

Handing a file to another thread takes longer than reading and hashing 64 KiB, and the threads fight for the lock of the
interpreter: with 50,000 files of 8 KiB, over half of the time (measured).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

WORKERS = min(4, os.cpu_count() or 1)
"""hashlib and read() release the interpreter's lock, so threads help; beyond four the disk is the limit (*guessed*)."""

MAX_PENDING = 64
"""Files submitted before the first result is awaited: a million small ones must not queue up in memory."""

T = TypeVar("T")
A = TypeVar("A")


SMALL_BYTES = 256 << 10
"""Files below this size are worked on in the calling thread."""


class _Finished(Generic[A]):
    """A result that is there already, with the methods of a future."""

    def __init__(self, value: A) -> None:
        self._value = value

    def result(self) -> A:
        return self._value

    def done(self) -> bool:
        return True


def in_order(work: Callable[[T], A], things: Iterable[T], size_of: Callable[[T], int]) -> Iterator[A]:
    """The results of `work` for each of `things`, in order; for those of at least SMALL_BYTES computed in threads. An
    exception in `work` is raised here and cancels what has not started."""
    pool: ThreadPoolExecutor | None = None
    running: deque[Future[A] | _Finished[A]] = deque()
    try:
        for thing in things:
            if size_of(thing) >= SMALL_BYTES:
                pool = pool or ThreadPoolExecutor(WORKERS, thread_name_prefix="verify")
                running.append(pool.submit(work, thing))
            elif running:
                running.append(_Finished(work(thing)))
            else:
                yield work(thing)
            while running and (len(running) >= MAX_PENDING or running[0].done()):
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
