"""`--parent-pid`: stop as for Ctrl-C when another process has ended."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from migrate.language import _

POLL_S = 1.0

ParentPidOption = Annotated[
    int | None,
    typer.Option(
        "--parent-pid",
        metavar="PID",
        min=1,
        help=_("Stop, as Ctrl-C does, when the process with this id ends."),
        show_default=False,
    ),
]


@contextmanager
def stop_when_process_ends(process_id: int | None, *, poll_s: float = POLL_S) -> Iterator[None]:
    """While inside, send this process SIGINT once `process_id` is not running. None: do nothing."""
    if process_id is None:
        yield
        return
    left = threading.Event()

    def watch() -> None:
        is_our_parent = process_id == os.getppid()
        while is_running(process_id, is_our_parent=is_our_parent):
            if left.wait(poll_s):
                return
        if not left.is_set():
            interrupt()

    watcher = threading.Thread(target=watch, name="parent-process", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        left.set()


if sys.platform == "win32":
    import ctypes

    SYNCHRONIZE = 0x00100000
    WAIT_TIMEOUT = 0x102

    def is_running(process_id: int, *, is_our_parent: bool = False) -> bool:
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(SYNCHRONIZE, False, process_id)
        if not handle:
            return False
        try:
            return bool(kernel.WaitForSingleObject(handle, 0) == WAIT_TIMEOUT)
        finally:
            kernel.CloseHandle(handle)

    def interrupt() -> None:
        _thread.interrupt_main()

else:

    def is_running(process_id: int, *, is_our_parent: bool = False) -> bool:
        """Whether a process runs. A parent that has ended is one we are no longer a child of, even if it was not yet
        reaped."""
        if is_our_parent and os.getppid() != process_id:
            return False
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # another user's
            return True
        return True

    def interrupt() -> None:
        """SIGINT to the main thread, so that a prompt that waits for input ends too."""
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
