"""A backup's whole life with one client and one iOS version: what was asked, and whether all came out as it should.

Both phones run the same iOS. What the old one must have in its backup and the new one afterwards is compared file by
file; what a client printed counts only where a refusal is due.
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
from tests.peers.pair import Pair, received_files
from tests.peers.workbench import LIBIMOBILEDEVICE, PYMOBILEDEVICE3, Bench

BOTH = (LIBIMOBILEDEVICE, PYMOBILEDEVICE3)
MINE = ("HomeDomain", "Library/Preferences/com.example.mine.plist")
MY_MEDIA = ("MediaDomain", "Media/mine.m4a")


@dataclass(frozen=True)
class Seen:
    """One step. `problem` is what was wrong with it, or nothing."""

    what: str
    problem: str = ""


class Client:
    """One peer's words for what all peers can do."""

    def __init__(self, peer: str, phones: Pair) -> None:
        self.peer = peer
        self.phones = phones

    def backup(self, *, full: bool = False) -> str:
        phones = self.phones
        if self.peer == LIBIMOBILEDEVICE:
            return self._lim("backup", *(["--full"] if full else []), phones.backups)
        return self._pm3("backup", *(["--full"] if full else []), phones.backups)

    def look(self, what: str) -> str:
        return (
            self._lim(what, self.phones.backups)
            if self.peer == LIBIMOBILEDEVICE
            else self._pm3(what, self.phones.backups)
        )

    def encryption(self, word: str, password: str) -> str:
        if self.peer == LIBIMOBILEDEVICE:
            return self._lim("encryption", word, password, self.phones.backups)
        return self._pm3("encryption", word, password, "--backup-directory", self.phones.backups)

    def change_password(self, old: str, new: str, *, fails: bool = False) -> str:
        if self.peer == LIBIMOBILEDEVICE:
            return self._lim("changepw", old, new, self.phones.backups, fails=fails)
        return self._pm3("change-password", old, new, "--backup-directory", self.phones.backups, fails=fails)

    def restore(self, password: str, *, remove: bool, fails: bool = False) -> str:
        """To the new phone. idevicebackup2 1.3.0 always removes: it cannot say that nothing is to go."""
        phones = self.phones
        if self.peer == LIBIMOBILEDEVICE:
            words = ("-s", phones.old.udid, "restore", "--system", "--password", password, phones.backups)
            return phones.ask("idevicebackup2", "-u", phones.new.udid, *words, fails=fails)
        words = ("--udid", phones.new.udid, "--source", phones.old.udid, "--system", "--password", password)
        remove_it = ("--remove",) if remove else ()
        return phones.ask(PYMOBILEDEVICE3, "backup2", "restore", phones.backups, *words, *remove_it, fails=fails)

    def _lim(self, *words: str | Path, fails: bool = False) -> str:
        return self.phones.ask("idevicebackup2", "-u", self.phones.old.udid, *words, fails=fails)

    def _pm3(self, *words: str | Path, fails: bool = False) -> str:
        return self.phones.ask(PYMOBILEDEVICE3, "backup2", *words, "--udid", self.phones.old.udid, fails=fails)


def live(peer: str, ios_version: str, folder: Path, bench: Callable[..., Bench]) -> Iterator[Seen]:
    """Step by step, each upon the ones before it."""
    life = _Life(peer, Pair(bench, folder, ios_version))
    for what, step in life.steps():
        try:
            step()
        except (AssertionError, subprocess.TimeoutExpired) as error:
            yield Seen(what, str(error) or type(error).__name__)
        else:
            yield Seen(what)


class _Life:
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
        yield "info and list", self.looks
        yield "encryption on", self.encryption_on
        yield "wrong password: 207", self.wrong_password
        yield "password changed", self.password_changed
        yield "encrypted backup", self.encrypted_backup
        yield "restore with a wrong password: 207", self.wrong_restore
        if self.peer == PYMOBILEDEVICE3:
            yield "restore of all, nothing removed", self.overlay
        yield "restore as a replacement", self.replace
        yield "encryption off", self.encryption_off

    def full_backup(self) -> None:
        self.client.backup(full=True)
        assert len(received_files(self.phones.backup)) == len(self.phones.holds(encrypted=False))
        assert self.sheets == 1

    def layout(self) -> None:
        with closing(sqlite3.connect(":memory:")) as database:
            data = bytearray((self.phones.backup / "Manifest.db").read_bytes())
            data[18:20] = b"\x01\x01"  # as a database without a log, which is what lies there
            database.deserialize(bytes(data[: len(data) // 4096 * 4096]))
            indices = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        of_27 = "FilesDomainsRelativePathIdx" in indices and "FilesDomainIdx" not in indices
        assert of_27 is (self.phones.old.ios >= (27,)), indices

    def incremental_backup(self) -> None:
        before = received_files(self.phones.backup)
        self.phones.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
        self.client.backup()
        after = received_files(self.phones.backup)
        assert len(after) == len(before) + 1 and all(after[name] == when for name, when in before.items())

    def looks(self) -> None:
        assert "Snapshot state: finished" in self.client.look("info")
        assert "Library/SMS/sms.db" in self.client.look("list")

    def encryption_on(self) -> None:
        self.client.encryption("on", "secret")
        assert self.phones.old.backup_password == "secret"

    def wrong_password(self) -> None:
        said = self.client.change_password("wrong", "other", fails=True)
        assert "207" in said and self.phones.old.backup_password == "secret"

    def password_changed(self) -> None:
        self.client.change_password("secret", "other")
        assert self.phones.old.backup_password == "other"

    def encrypted_backup(self) -> None:
        self.client.backup()
        assert plistlib.loads((self.phones.backup / "Manifest.plist").read_bytes())["IsEncrypted"] is True
        assert len(received_files(self.phones.backup)) == len(self.phones.holds(encrypted=True))

    def wrong_restore(self) -> None:
        assert "207" in self.client.restore("secret", remove=True, fails=True)
        assert self.phones.new.pending_restore is None

    def overlay(self) -> None:
        """Up to 26.5 what was there stays; from 27 on HomeDomain and CameraRollDomain are exactly what was sent."""
        new = self.phones.new
        for domain, path in (MINE, MY_MEDIA):
            new.files.add_file(domain, path, b"mine")
        back = self._restarts()
        self.client.restore("other", remove=False)
        assert back()
        assert new.files.get("HomeDomain", "Library/SMS/sms.db")
        assert new.files.get(*MY_MEDIA)
        assert (new.files.get(*MINE) is None) is (new.ios >= (27,))
        assert new.trust == "trusted"

    def replace(self) -> None:
        new = self.phones.new
        new.files.add_file(*MINE, b"mine")
        new.settled.clear()
        self.client.restore("other", remove=True)
        self.phones.assert_the_new_phone_is_like_the_old()
        assert new.files.get(*MINE) is None and new.trust == "ask" and new.backup_password == "other"

    def encryption_off(self) -> None:
        self.client.encryption("off", "other")
        assert self.phones.old.backup_password is None

    def _restarts(self) -> Callable[[], bool]:
        """What waits until the new phone is back after its restart."""
        new = self.phones.new
        new.restarted.clear()
        return lambda: new.restarted.wait(60)

    def _count_sheets(self, name: str) -> None:
        self.sheets += name == SHEET_PRESENTED
