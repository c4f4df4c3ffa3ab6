"""What all tests stand on."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

# A shell that starts a test run in the background has it ignore SIGINT, and every command started by a test would
# inherit that: Ctrl-C could not be tested. A caught signal is reset to its default in a child (*read*: execve(2)).
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("no timed tests", deadline=None)
settings.load_profile("no timed tests")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Four processes at least for the whole suite, which waits for sockets and terminals half of its time (two cores:
    9 min in one process, 6 min 48 s in four, *measured*); none where somebody asks for particular tests."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return 0
    return max(4, os.cpu_count() or 1)
