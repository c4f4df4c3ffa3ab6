"""An old phone with contents and a new one without, for clients that back the one up and restore the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.softphone.contents import ContentsSpec, fill
from migrate.softphone.device import Softphone
from migrate.softphone.domains import NEVER_MIGRATED, covered, is_backed_up
from migrate.softphone.hand import Hand

PATIENCE_S = 60
SPEC = ContentsSpec(contacts=12, messages=40, attachments=5, photos=6, videos=1, health_samples=40, history=10)


class WatchedPhone(Softphone):
    """A phone that says when its setup was finished after a restore."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settled = threading.Event()

    def finish_setup(self) -> None:
        super().finish_setup()
        self.settled.set()


def make_phone(name: str, ios_version: str, **about: Any) -> WatchedPhone:
    """With a passcode: idevicebackup2 wants an EscrowBag, which a phone without one does not give."""
    hand = Hand(setup_delay_s=0.0)
    usual = {"keybag_rounds": 1000, "passcode": "1947", "hand": hand, "boot_delay_s": 0.0}
    return WatchedPhone(**{"name": name, "ios_version": ios_version, **usual, **about})


class Pair:
    """Both phones on one usbmuxd; `ask` runs a client against them."""

    def __init__(self, bench: Callable[..., Any], folder: Path, ios_version: str, **about: Any) -> None:
        self.old, self.new = make_phone("Old", ios_version, **about), make_phone("New", ios_version)
        fill(self.old, SPEC, 7)
        self.backups = folder / "backups"
        self.backups.mkdir()
        self.backup = self.backups / self.old.udid
        self._bench = bench(self.old, self.new)

    def ask(self, peer: str, *arguments: str | Path, fails: bool = False) -> str:
        """What the client wrote to both its outputs."""
        done = self._bench.run(peer, *arguments)
        said = str(done.stdout + done.stderr)
        assert (done.returncode != 0) is fails, f"{peer} {arguments} ended {done.returncode}\n{said}"
        return said

    def holds(self, *, encrypted: bool) -> dict[str, str]:
        """What a backup of the old phone must hold: `Domain/path` -> SHA-256 of every file."""
        digests = self.old.files.digests()
        return {
            f"{node.domain}/{node.relative_path}": digests[f"{node.domain}/{node.relative_path}"]
            for node in self.old.files.walk()
            if node.kind == "file" and is_backed_up(node.domain, node.relative_path, encrypted=encrypted)
        }

    def assert_the_new_phone_is_like_the_old(self) -> None:
        """Waits for the restart, then compares files, directories and links that a backup carries to another phone."""
        assert self.new.settled.wait(PATIENCE_S)
        old, new = travelling(self.old), travelling(self.new)
        assert old == new and len(old) > 200


def travelling(phone: Softphone) -> dict[str, str]:
    where = {f"{node.domain}/{node.relative_path}": (node.domain, node.relative_path) for node in phone.files.walk()}
    return {
        key: value
        for key, value in phone.files.digests().items()
        if is_backed_up(*where[key], encrypted=True) and not covered(NEVER_MIGRATED, *where[key])
    }


def received_files(folder: Path) -> dict[str, int]:
    """Every payload in a backup folder -> when it was last written, in nanoseconds."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("??/*")}


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
