"""An old phone with contents and a new one without, for clients that back the one up and restore the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.device.domains import NEVER_MIGRATED, is_backed_up, is_covered
from migrate.simulator.device.phone import Cable, SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser
from tests.peers.workbench import Bench

PATIENCE_S = 60
SPEC = ContentsSpec(contacts=12, messages=40, attachments=5, photos=6, videos=1, health_samples=40, history=10)


class WatchedPhone(SimulatedPhone):
    """A phone that says when it is on the cable again, and when its setup was finished after a restore."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settled = threading.Event()
        self.restarted = threading.Event()

    def on_attached(self, cable: Cable) -> None:
        super().on_attached(cable)
        self.restarted.set()

    def finish_setup(self) -> None:
        super().finish_setup()
        self.settled.set()


def make_phone(name: str, ios_version: str, **about: Any) -> WatchedPhone:
    """With a passcode: idevicebackup2 wants an EscrowBag, which a phone without one does not give."""
    simulated_user = SimulatedUser(setup_delay_s=0.0)
    usual = {"keybag_rounds": 1000, "passcode": "1947", "simulated_user": simulated_user, "boot_delay_s": 0.0}
    return WatchedPhone(**{"name": name, "ios_version": ios_version, **usual, **about})


class Pair:
    """Both phones on one usbmuxd; `ask` runs a client against them."""

    def __init__(self, bench: Callable[..., Bench], folder: Path, ios_version: str, **about: Any) -> None:
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


def travelling(phone: SimulatedPhone) -> dict[str, str]:
    where = {f"{node.domain}/{node.relative_path}": (node.domain, node.relative_path) for node in phone.files.walk()}
    return {
        key: value
        for key, value in phone.files.digests().items()
        if is_backed_up(*where[key], encrypted=True) and not is_covered(NEVER_MIGRATED, *where[key])
    }


def received_files(folder: Path) -> dict[str, int]:
    """Every payload in a backup folder -> when it was last written, in nanoseconds."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("??/*")}
