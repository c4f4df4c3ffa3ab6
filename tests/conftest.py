"""Settings for all tests."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

# A shell makes background jobs ignore SIGINT, and every command that a test starts would inherit that, so Ctrl-C could
# not be tested. A caught signal is reset to its default in a child process (*read*: execve(2)).
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(autouse=True)
def _nothing_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """syncfs waits for what every process on this computer has written, which takes seconds while other tests run
    (2.4 s, *measured*). Tests of flushing set it back; commands that tests start are not affected."""
    monkeypatch.setattr("migrate.backup.flush.sync_file_system", lambda folder: True)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """At least four processes for the whole suite, which spends half its time waiting for sockets and terminals (on two
    cores: 9 min in one process, 6 min 48 s in four, *measured*). None if particular tests are named."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return 0
    return max(4, os.cpu_count() or 1)
