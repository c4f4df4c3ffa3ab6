"""Ctrl-C while the event loop runs: it cancels the current task, every time it is pressed.

asyncio's own handler does that only the first time. The second time it raises KeyboardInterrupt wherever the program
is, even during cleanup. A thread that is then not told to stop is waited for as long as its phone is silent, and what
was caught in between is printed as a traceback (*seen*, both).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from migrate.ctrl_c import CtrlC, ctrl_c

T = TypeVar("T")


def run_until_ctrl_c(work: Coroutine[Any, Any, T], flag: CtrlC = ctrl_c) -> T:
    """Run `work` in a new event loop.

    Raises:
        KeyboardInterrupt: Ctrl-C cancelled it, and it raised no error of its own; or Ctrl-C was pressed before.
    """
    with flag.installed():  # asyncio does not replace a handler that is not Python's default
        try:
            return asyncio.run(run_cancellable(work, flag))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            work.close()  # if Ctrl-C came first, it was never begun


async def run_cancellable(work: Coroutine[Any, Any, T], flag: CtrlC) -> T:
    """Run `work`; from here on Ctrl-C cancels it."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None

    def cancel() -> None:
        with suppress(RuntimeError):  # the loop is closed: the work is done
            loop.call_soon_threadsafe(task.cancel)

    with flag.cancelling(cancel):
        if flag.pressed:
            raise asyncio.CancelledError
        return await work
