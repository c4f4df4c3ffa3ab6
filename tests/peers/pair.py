"""An old phone with contents and an empty new one, for clients that back up one and restore the other."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from migrate.backup.reader import Backup
from migrate.backup.record import file_id
from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.device.domains import NEVER_MIGRATED, is_backed_up, is_covered
from migrate.simulator.device.phone import Cable, SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser
from tests.peers.workbench import Bench

TIMEOUT_S = 60
KEYCHAIN = file_id("KeychainDomain", "keychain-backup.plist")
SPEC = ContentsSpec(contacts=12, messages=40, attachments=5, photos=6, videos=1, health_samples=40, history=10)


class WatchedPhone(SimulatedPhone):
    """A phone with events for its restart and for the end of its setup after a restore."""

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
    """A phone with a passcode: idevicebackup2 needs an EscrowBag, and a phone without a passcode has none."""
    simulated_user = SimulatedUser(setup_delay_s=0.0)
    defaults = {"keybag_rounds": 1000, "passcode": "1947", "simulated_user": simulated_user, "boot_delay_s": 0.0}
    return WatchedPhone(**{"name": name, "ios_version": ios_version, **defaults, **about})


class Pair:
    """Both phones on one usbmuxd. `run` runs a client against them."""

    def __init__(self, bench: Callable[..., Bench], folder: Path, ios_version: str, **about: Any) -> None:
        self.old, self.new = make_phone("Old", ios_version, **about), make_phone("New", ios_version)
        fill(self.old, SPEC, 7)
        self.backups = folder / "backups"
        self.backups.mkdir()
        self.backup = self.backups / self.old.udid
        self._bench = bench(self.old, self.new)

    def run(self, peer: str, *arguments: str | Path, fails: bool = False) -> str:
        """Run a client. Returns its stdout and stderr."""
        done = self._bench.run(peer, *arguments)
        output = str(done.stdout + done.stderr)
        assert (done.returncode != 0) is fails, f"{peer} {arguments} ended {done.returncode}\n{output}"
        return output

    def expected_backup(self, *, encrypted: bool) -> dict[str, str]:
        """What a backup of the old phone must hold: `Domain/path` -> SHA-256 of every file."""
        digests = self.old.files.digests()
        expected = {
            f"{node.domain}/{node.relative_path}": digests[f"{node.domain}/{node.relative_path}"]
            for node in self.old.files.walk()
            if node.kind == "file" and is_backed_up(node.domain, node.relative_path, encrypted=encrypted)
        }
        return expected | self.keychain_in_backup()

    def keychain_in_backup(self) -> dict[str, str]:
        """`Domain/path` -> SHA-256 of the keychain's file, which the phone writes anew for every backup: as our reader
        finds it in the last one."""
        with Backup.open(self.backup, self.old.backup_password) as backup:
            found = [record for record in backup.records() if record.file_id == KEYCHAIN]
            return {
                f"{record.domain}/{record.relative_path}": hashlib.sha256(b"".join(backup.chunks(record))).hexdigest()
                for record in found
            }

    def assert_new_phone_matches_old(self) -> None:
        """Wait for the restart, then compare the files, directories, links and keychain items that a backup moves to
        another phone."""
        assert self.new.settled.wait(TIMEOUT_S)
        old, new = transferable_files(self.old), transferable_files(self.new)
        assert old == new and len(old) > 200
        items = [item for item in self.old.keychain.items() if not item.stays_on_device]
        assert self.new.keychain.items() == (items if self.old.backup_password is not None else [])
        assert len(items) > 50


def transferable_files(phone: SimulatedPhone) -> dict[str, str]:
    """What a backup moves to another phone: `Domain/path` -> digest."""
    where = {f"{node.domain}/{node.relative_path}": (node.domain, node.relative_path) for node in phone.files.walk()}
    return {
        key: value
        for key, value in phone.files.digests().items()
        if is_backed_up(*where[key], encrypted=True) and not is_covered(NEVER_MIGRATED, *where[key])
    }


def modification_times(folder: Path) -> dict[str, int]:
    """Name of every stored file in a backup folder -> its modification time in nanoseconds."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("??/*")}


def sent_again(first: dict[str, int], second: dict[str, int]) -> set[str]:
    """The names of stored files of a first backup that a second one replaced."""
    return {name for name, when in first.items() if second[name] != when}
