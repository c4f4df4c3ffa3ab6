"""Ctrl-C during work, once and repeatedly: cleanup finishes, and nothing waits forever."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from migrate.ctrl_c import CLEANUP_LIMIT_S, FORGOTTEN_AFTER_S, CtrlC
from migrate.talk.ctrl_c import run_until_ctrl_c

STUCK = """
import threading
from migrate.talk import cli

def run_command_line(argv):
    threading.Thread(target=threading.Event().wait).start()
    print("said")
    return 50

cli.run_command_line = run_command_line
cli.main([])
"""
"""A command with a thread that never ends."""


async def struck_while_it_puts_away(times: int, put_away: list[str]) -> None:
    try:
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        for _ in range(times - 1):
            signal.raise_signal(signal.SIGINT)
        put_away.append("all of it")
        raise


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_second_ctrl_c_lets_the_cleanup_finish(times: int) -> None:
    put_away: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run_until_ctrl_c(struck_while_it_puts_away(times, put_away), CtrlC())
    assert put_away == ["all of it"]


def test_the_error_raised_by_the_cancelled_work_is_passed_on() -> None:
    async def work() -> None:
        try:
            await struck_while_it_puts_away(3, [])
        except asyncio.CancelledError:
            raise ValueError("stopped during the save") from None

    with pytest.raises(ValueError, match="during the save"):
        run_until_ctrl_c(work(), CtrlC())


def test_the_handler_is_removed_when_the_work_is_done() -> None:
    before = signal.getsignal(signal.SIGINT)

    async def work() -> str:
        assert signal.getsignal(signal.SIGINT) is not before
        return "done"

    assert run_until_ctrl_c(work(), CtrlC()) == "done"
    assert signal.getsignal(signal.SIGINT) is before


def at(*seconds: float) -> CtrlC:
    """A flag whose clock returns these times."""
    times: Iterator[float] = iter(seconds)
    return CtrlC(clock=lambda: next(times))


def test_before_the_work_begins_ctrl_c_only_sets_the_flag_and_the_work_is_never_begun() -> None:
    flag, begun = at(0.0), []
    flag.on_sigint()

    async def work() -> None:
        begun.append(True)

    with pytest.raises(KeyboardInterrupt):
        run_until_ctrl_c(work(), flag)
    assert begun == []


def test_ctrl_c_at_a_prompt_ends_it_also_if_it_was_pressed_before_the_prompt() -> None:
    flag = at(0.0, 1.0)
    with pytest.raises(KeyboardInterrupt), flag.raising():
        flag.on_sigint()
    with pytest.raises(KeyboardInterrupt), flag.raising():
        pytest.fail("the prompt was shown")
    flag.forget()
    with flag.raising():
        pass


def test_ctrl_c_during_a_cleanup_that_takes_too_long_is_a_keyboard_interrupt() -> None:
    flag, cancelled = at(0.0, 1.0, CLEANUP_LIMIT_S + 1), []
    with flag.cancelling(lambda: cancelled.append(True)):
        flag.on_sigint()
        flag.on_sigint()
        assert len(cancelled) == 2
        with pytest.raises(KeyboardInterrupt):
            flag.on_sigint()


def test_ctrl_c_long_after_the_last_one_counts_as_the_first() -> None:
    flag, cancelled = at(0.0, FORGOTTEN_AFTER_S + 1), []
    with flag.cancelling(lambda: cancelled.append(True)):
        flag.on_sigint()
        flag.on_sigint()
    assert len(cancelled) == 2


def test_a_thread_that_never_ends_does_not_keep_the_program_alive() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (50, "said\n", "")
