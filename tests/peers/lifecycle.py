"""The lifecycle of a backup with one client and one iOS version, step by step, with the problem of each step.

Both phones run the same iOS version. The backup and the restored phone are compared with the old phone file by file.
A client's output is checked only where a refusal is expected.
"""

from __future__ import annotations

import plistlib
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from migrate.simulator.device.passcode_sheet import SHEET_PRESENTED
from tests.peers.pair import KEYCHAIN, Pair, modification_times, sent_again
from tests.peers.workbench import LIBIMOBILEDEVICE, PYMOBILEDEVICE3, Bench

PEERS = (LIBIMOBILEDEVICE, PYMOBILEDEVICE3)
MINE = ("HomeDomain", "Library/Preferences/com.example.mine.plist")
MY_MEDIA = ("MediaDomain", "Media/mine.m4a")


@dataclass(frozen=True)
class StepResult:
    """One step. `problem` is empty if the step succeeded."""

    what: str
    problem: str = ""


class Client:
    """One interface to the commands of all peers."""

    def __init__(self, peer: str, phones: Pair) -> None:
        self.peer = peer
        self.phones = phones

    def backup(self, *, full: bool = False) -> str:
        phones = self.phones
        if self.peer == LIBIMOBILEDEVICE:
            return self._lim("backup", *(["--full"] if full else []), phones.backups)
        return self._pm3("backup", *(["--full"] if full else []), phones.backups)

    def show(self, what: str) -> str:
        return (
            self._lim(what, self.phones.backups)
            if self.peer == LIBIMOBILEDEVICE
            else self._pm3(what, self.phones.backups)
        )

    def encryption(self, switch: str, password: str) -> str:
        if self.peer == LIBIMOBILEDEVICE:
            return self._lim("encryption", switch, password, self.phones.backups)
        return self._pm3("encryption", switch, password, "--backup-directory", self.phones.backups)

    def change_password(self, old: str, new: str, *, fails: bool = False) -> str:
        if self.peer == LIBIMOBILEDEVICE:
            return self._lim("changepw", old, new, self.phones.backups, fails=fails)
        return self._pm3("change-password", old, new, "--backup-directory", self.phones.backups, fails=fails)

    def restore(self, password: str, *, remove: bool, fails: bool = False) -> str:
        """Restore to the new phone. idevicebackup2 1.3.0 always removes other data; it has no option against that."""
        phones = self.phones
        if self.peer == LIBIMOBILEDEVICE:
            arguments = ("-s", phones.old.udid, "restore", "--system", "--password", password, phones.backups)
            return phones.run("idevicebackup2", "-u", phones.new.udid, *arguments, fails=fails)
        arguments = ("--udid", phones.new.udid, "--source", phones.old.udid, "--system", "--password", password)
        remove_option = ("--remove",) if remove else ()
        return phones.run(
            PYMOBILEDEVICE3, "backup2", "restore", phones.backups, *arguments, *remove_option, fails=fails
        )

    def _lim(self, *arguments: str | Path, fails: bool = False) -> str:
        return self.phones.run("idevicebackup2", "-u", self.phones.old.udid, *arguments, fails=fails)

    def _pm3(self, *arguments: str | Path, fails: bool = False) -> str:
        return self.phones.run(PYMOBILEDEVICE3, "backup2", *arguments, "--udid", self.phones.old.udid, fails=fails)


def run_lifecycle(peer: str, ios_version: str, folder: Path, bench: Callable[..., Bench]) -> Iterator[StepResult]:
    """Run the steps in order; each builds on the ones before it."""
    lifecycle = _Lifecycle(peer, Pair(bench, folder, ios_version))
    for what, step in lifecycle.steps():
        try:
            step()
        except (AssertionError, subprocess.TimeoutExpired) as error:
            yield StepResult(what, str(error) or type(error).__name__)
        else:
            yield StepResult(what)


class _Lifecycle:
    def __init__(self, peer: str, phones: Pair) -> None:
        self.peer = peer
        self.phones = phones
        self.client = Client(peer, phones)
        self.sheets = 0
        phones.old.observe(self._count_sheets)

    def steps(self) -> Iterator[tuple[str, Callable[[], None]]]:
        yield "backup, with the passcode sheet", self.full_backup
        yield "index layout of its Manifest.db", self.layout
        yield "incremental backup", self.incremental_backup
        yield "info and list", self.info_and_list
        yield "encryption on", self.encryption_on
        yield "wrong password: 207", self.wrong_password
        yield "password changed", self.password_changed
        yield "encrypted backup", self.encrypted_backup
        yield "restore with a wrong password: 207", self.restore_with_wrong_password
        if self.peer == PYMOBILEDEVICE3:
            yield "restore of everything, nothing removed", self.overlay
        yield "restore as a replacement", self.replace
        yield "encryption off", self.encryption_off

    def full_backup(self) -> None:
        self.client.backup(full=True)
        assert len(modification_times(self.phones.backup)) == len(self.phones.expected_backup(encrypted=False))
        assert self.sheets == 1

    def layout(self) -> None:
        with closing(sqlite3.connect(":memory:")) as database:
            data = bytearray((self.phones.backup / "Manifest.db").read_bytes())
            data[18:20] = b"\x01\x01"  # mark it as a database without a log, as it is stored
            database.deserialize(bytes(data[: len(data) // 4096 * 4096]))
            indices = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        has_27_layout = "FilesDomainsRelativePathIdx" in indices and "FilesDomainIdx" not in indices
        assert has_27_layout is (self.phones.old.ios >= (27,)), indices

    def incremental_backup(self) -> None:
        before = modification_times(self.phones.backup)
        self.phones.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
        self.client.backup()
        after = modification_times(self.phones.backup)
        assert len(after) == len(before) + 1 and sent_again(before, after) == {KEYCHAIN}

    def info_and_list(self) -> None:
        assert "Snapshot state: finished" in self.client.show("info")
        assert "Library/SMS/sms.db" in self.client.show("list")

    def encryption_on(self) -> None:
        self.client.encryption("on", "secret")
        assert self.phones.old.backup_password == "secret"

    def wrong_password(self) -> None:
        output = self.client.change_password("wrong", "other", fails=True)
        assert "207" in output and self.phones.old.backup_password == "secret"

    def password_changed(self) -> None:
        self.client.change_password("secret", "other")
        assert self.phones.old.backup_password == "other"

    def encrypted_backup(self) -> None:
        self.client.backup()
        assert plistlib.loads((self.phones.backup / "Manifest.plist").read_bytes())["IsEncrypted"] is True
        assert len(modification_times(self.phones.backup)) == len(self.phones.expected_backup(encrypted=True))

    def restore_with_wrong_password(self) -> None:
        assert "207" in self.client.restore("secret", remove=True, fails=True)
        assert self.phones.new.pending_restore is None

    def overlay(self) -> None:
        """Up to 26.5 existing data stays. From 27 on HomeDomain and CameraRollDomain hold only what was sent."""
        new = self.phones.new
        for domain, path in (MINE, MY_MEDIA):
            new.files.add_file(domain, path, b"mine")
        wait_until_restarted = self._expect_restart()
        self.client.restore("other", remove=False)
        assert wait_until_restarted()
        assert new.files.get("HomeDomain", "Library/SMS/sms.db")
        assert new.files.get(*MY_MEDIA)
        assert (new.files.get(*MINE) is None) is (new.ios >= (27,))
        assert new.trust == "trusted"

    def replace(self) -> None:
        new = self.phones.new
        new.files.add_file(*MINE, b"mine")
        new.settled.clear()
        self.client.restore("other", remove=True)
        self.phones.assert_new_phone_matches_old()
        assert new.files.get(*MINE) is None and new.trust == "ask" and new.backup_password == "other"

    def encryption_off(self) -> None:
        self.client.encryption("off", "other")
        assert self.phones.old.backup_password is None

    def _expect_restart(self) -> Callable[[], bool]:
        """A function that waits until the new phone has restarted; False after a minute."""
        new = self.phones.new
        new.restarted.clear()
        return lambda: new.restarted.wait(60)

    def _count_sheets(self, name: str) -> None:
        self.sheets += name == SHEET_PRESENTED
