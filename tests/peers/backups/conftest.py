"""Two software iPhones on a usbmuxd of their own, and clients nobody here wrote to back them up and restore them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migrate.softphone.contents import ContentsSpec, fill
from migrate.softphone.device import Softphone
from migrate.softphone.domains import NEVER_MIGRATED, covered, is_backed_up
from migrate.softphone.hand import Hand
from migrate.softphone.server import SoftphoneServer

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


class Bench:
    """An old phone with contents, a new one without; `peer` runs a client against both."""

    def __init__(self, folder: Path, ios_version: str = "17.5.1") -> None:
        self.folder = folder
        self.old = self._phone("Old", ios_version)
        self.new = self._phone("New", ios_version)
        fill(self.old, SPEC, 7)
        self.server = SoftphoneServer([self.old, self.new])

    @staticmethod
    def _phone(name: str, ios_version: str) -> WatchedPhone:
        """With a passcode: idevicebackup2 wants an EscrowBag, which a phone without one does not give."""
        hand = Hand(setup_delay_s=0.0)
        phone = WatchedPhone(name=name, ios_version=ios_version, keybag_rounds=1000, passcode="1947", hand=hand)
        phone.boot_delay_s = 0.0
        return phone

    def peer(self, *command: str, fails: bool = False) -> str:
        """Runs a client; returns what it wrote to both outputs."""
        environment = os.environ | {
            "USBMUXD_SOCKET_ADDRESS": self.server.address,
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "NO_COLOR": "1",
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
        said = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, f"{' '.join(command)} ended with {done.returncode}:\n{said}"
        return said

    @property
    def backups(self) -> Path:
        path = self.folder / "backups"
        path.mkdir(exist_ok=True)
        return path

    @property
    def backup(self) -> Path:
        return self.backups / self.old.udid

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
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    with bench.server:
        yield bench


@pytest.fixture(scope="module")
def make_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Bench]]:
    """Makes benches that live as long as the module's tests: `make_bench("26.1")`."""
    running: list[Bench] = []

    def make(ios_version: str) -> Bench:
        bench = Bench(tmp_path_factory.mktemp("bench"), ios_version)
        bench.server.start()
        running.append(bench)
        return bench

    yield make
    for bench in running:
        bench.server.stop()


@pytest.fixture(scope="session")
def written() -> Callable[[Path], dict[str, int]]:
    return received_files


@pytest.fixture(scope="session")
def idevicebackup2() -> str:
    """Debian's, patched for DeviceLink 400. Where it is missing CI fails and a developer's run skips."""
    found = shutil.which("idevicebackup2")
    if found is None and os.environ.get("CI"):
        pytest.fail("CI must have idevicebackup2 (Debian: libimobiledevice-utils)")
    if found is None:
        pytest.skip("idevicebackup2 is not installed (Debian: libimobiledevice-utils)")
    return found


@pytest.fixture(scope="session")
def backup2() -> tuple[str, ...]:
    """pymobiledevice3's command line."""
    return (sys.executable, "-m", "pymobiledevice3", "backup2")


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
