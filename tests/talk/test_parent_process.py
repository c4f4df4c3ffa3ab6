"""`--parent-pid`: a run stops as for Ctrl-C when the process that wanted it has ended."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import pytest

from migrate.ctrl_c import CtrlC
from migrate.talk.ctrl_c import run_until_ctrl_c
from migrate.talk.parent_process import is_running, stop_when_process_ends

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped with POSIX signals")


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def test_work_is_interrupted_when_the_process_ends() -> None:
    process = sleeper()
    cancelled = False

    async def work() -> None:
        nonlocal cancelled
        process.kill()
        process.wait()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled = True
            raise

    with stop_when_process_ends(process.pid, poll_s=0.01), pytest.raises(KeyboardInterrupt):
        run_until_ctrl_c(work(), CtrlC())
    assert cancelled


def test_work_that_ends_first_is_not_interrupted() -> None:
    process = sleeper()
    try:
        with stop_when_process_ends(process.pid, poll_s=0.01):
            assert run_until_ctrl_c(asyncio.sleep(0.05, "done"), CtrlC()) == "done"
    finally:
        process.kill()
        process.wait()
    time.sleep(0.05)  # a watcher that was still there would interrupt this test


def test_a_process_runs_until_it_has_ended_and_a_former_parent_does_not_count() -> None:
    assert is_running(os.getpid()) and is_running(os.getppid(), is_our_parent=True)
    assert not is_running(os.getpid(), is_our_parent=True)
    process = sleeper()
    process.kill()
    process.wait()
    assert not is_running(process.pid)
