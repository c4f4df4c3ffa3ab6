"""Settings for all tests."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A shell makes background jobs ignore SIGINT, and every command that a test starts would inherit that, so Ctrl-C could
# not be tested. A caught signal is reset to its default in a child process (*read*: execve(2)).
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests make and remove millions of small files. In memory that takes a third of the time (test_back_up.py: 40 s and not
# 135 s, *measured*). A container often has only 64 MB of it.
IN_MEMORY = Path("/dev/shm")
if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > 6 << 30 and os.access(IN_MEMORY, os.W_OK):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))

# The program and the tests are compiled once, not by every process of the test command (14 s, *measured*) and every
# command that tests start in a Python of its own (1.2 s).
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)
    if worker is not None and config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        compile_a_share(config, int(worker["workerid"].removeprefix("gw")), worker["workercount"])


def compile_a_share(config: pytest.Config, number: int, shares: int) -> None:
    """Compile every `shares`th test file that has not been compiled yet.

    After a fresh checkout each process of the test command would otherwise compile all of them, 10 s of CPU
    (*measured*). pytest has no public function for it; without these of pytest 8 and 9, each process still does.
    """
    try:
        from _pytest.assertion.rewrite import PYC_TAIL, _rewrite_test, _write_pyc, assertstate_key, get_cache_dir
    except ImportError:
        return
    for file in sorted(Path(__file__).parent.rglob("test_*.py"))[number::shares]:
        compiled = get_cache_dir(file) / (file.name.removesuffix(".py") + PYC_TAIL)
        if not compiled.exists():
            compiled.parent.mkdir(exist_ok=True)
            rewritten = _rewrite_test(file, config)
            _write_pyc(config.stash[assertstate_key], rewritten[1], rewritten[0], compiled)


def pytest_collection_finish() -> None:
    """Take all collected tests out of the garbage collector's sight. A move collects garbage between its steps, and
    searched 7,500 tests each time: 4.5 s of CPU for a small move and not 1.8 (*measured*)."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """syncfs waits for what every process on this computer has written, which takes seconds while other tests run
    (2.4 s, *measured*). Tests of flushing set it back; commands that tests start are not affected."""
    monkeypatch.setattr("migrate.backup.flush.sync_file_system", lambda folder: True)


@pytest.fixture(autouse=True, scope="session")
def _few_rsa_keys() -> Iterator[None]:
    """Each pair of phones needs six RSA keys, half a second of CPU (*measured*). The tests take turns with sixteen."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    from migrate.simulator.lockdown import certificates

    make, made = rsa.generate_private_key, []
    turn = itertools.count()

    def one_of_few(public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
        if (public_exponent, key_size) != (65537, 2048):
            return make(public_exponent, key_size)
        number = next(turn)
        if number < FEW:
            made.append(make(public_exponent, key_size))
        return made[number % len(made)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rsa, "generate_private_key", one_of_few)
        patch.setattr(certificates, "generate_private_key", one_of_few)
        yield


FEW = 16


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """At least three processes for the whole suite, which spends part of its time waiting for sockets and terminals;
    each of them reads all tests first, which takes 25 s. None if particular tests are named."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return 0
    return max(3, os.cpu_count() or 1)
