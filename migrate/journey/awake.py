"""Keeps the computer from going to sleep while a step runs: a sleeping computer drops the cable's connection.

wakepy asks the desktop for it. The system ends that when our process ends, also when it is killed: on Windows with the
thread, on macOS with the pipe to `caffeinate`, on Linux with the D-Bus connection (*read*: wakepy 1.0.0, methods/).
The screen may still be turned off and locked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress


@contextmanager
def kept_awake() -> Iterator[None]:
    """Keep the computer awake while inside, if that is possible. Never raises an error of its own."""
    with ExitStack() as ended:
        with suppress(Exception):  # no desktop, no D-Bus, another program's bug: the step runs all the same
            from wakepy import keep  # 60 ms to import

            mode = keep.running(on_fail="pass")
            mode.__enter__()
            ended.callback(_leave, mode)
        yield


def _leave(mode: object) -> None:
    with suppress(Exception):
        mode.__exit__(None, None, None)  # type: ignore[attr-defined]
