"""Fixtures: a pair of phones to back up and restore, and independent readers for the backups."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.peers import pair
from tests.peers.pair import TIMEOUT_S, Pair


@pytest.fixture
def make_pair(bench: Callable[..., Any], tmp_path: Path) -> Callable[..., Pair]:
    """`make_pair("26.1", backup_password=…)`: two phones with that iOS version, the old one with contents."""

    def make(ios_version: str = "17.5.1", **about: Any) -> Pair:
        return Pair(bench, tmp_path, ios_version, **about)

    return make


@pytest.fixture(scope="session")
def modification_times() -> Callable[[Path], dict[str, int]]:
    return pair.modification_times


@pytest.fixture(scope="session")
def read_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, str]]:
    """Run a reader script in its own process. Returns `Domain/path` -> SHA-256 for every file it could read."""
    tmp = tmp_path_factory.mktemp("reader")  # pyiosbackup leaves the decrypted manifest in TMPDIR

    def read(script: str, backup: Path, password: str) -> dict[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", script, str(backup), password],
            env=os.environ | {"TMPDIR": str(tmp)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, str] = json.loads(done.stdout)
        return found

    return read
