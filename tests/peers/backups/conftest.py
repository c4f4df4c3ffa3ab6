"""Two phones for clients that back the one up and restore the other, and readers that are asked afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.peers.pair import PATIENCE_S, Pair, received_files


@pytest.fixture
def pair(bench: Callable[..., Any], tmp_path: Path) -> Callable[..., Pair]:
    """`pair("26.1", backup_password=…)`: two phones of that iOS version, the old one with contents."""

    def make(ios_version: str = "17.5.1", **about: Any) -> Pair:
        return Pair(bench, tmp_path, ios_version, **about)

    return make


@pytest.fixture(scope="session")
def written() -> Callable[[Path], dict[str, int]]:
    return received_files


@pytest.fixture(scope="session")
def read_by(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, str]]:
    """Runs one of the two readers in a process of its own: `Domain/path` -> SHA-256 of every file it could read."""
    place = tmp_path_factory.mktemp("reader")  # pyiosbackup leaves the decrypted manifest where temporary files go

    def read(script: str, backup: Path, password: str) -> dict[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", script, str(backup), password],
            env=os.environ | {"TMPDIR": str(place)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, str] = json.loads(done.stdout)
        return found

    return read
