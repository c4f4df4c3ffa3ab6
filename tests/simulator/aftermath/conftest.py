"""Restores to phones with an aftermath, and what a backup taken afterwards holds: all with our own client."""

from __future__ import annotations

import asyncio
import itertools
import plistlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from migrate.backup.reader import Backup
from migrate.backup.record import Kind
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone, RestoreOptions, wait_until_ready
from migrate.simulator.contents import ContentsSpec
from migrate.simulator.device.domains import is_backed_up
from migrate.simulator.device.filesystem import read_content
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.phone_file import PhoneFile
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

PASSWORD = "correct-horse-1947"
CONTENTS = ContentsSpec(
    contacts=12, icloud_contacts=4, messages=40, attachments=3, calls=9, photos=9, videos=1, notes=7, icloud_notes=3,
    events=14, icloud_events=4, subscribed_events=2, reminders=9, icloud_reminders=3, bookmarks=5, history=6,
    voicemails=2, memos=2, health_samples=25, wifi_networks=3,
)  # fmt: skip


@cache
def one_key() -> RSAPrivateKey:
    """One key for all phones here: generating one takes a tenth of a second."""
    return generate_private_key(public_exponent=65537, key_size=2048)


def a_phone(**about: Any) -> SimulatedPhone:
    phone = PhoneFile.model_validate({"keybag_rounds": 100, "passcode": "1", **about}).to_phone()
    phone._key = one_key()
    phone.boot_delay_s, phone.simulated_user.setup_delay_s = 0.01, 0.0
    return phone


def call_counter(phone: SimulatedPhone, name: str, count: int) -> threading.Event:
    """An event that is set when the phone's method `name` has returned for the `count`th time."""
    act, done, numbers = getattr(phone, name), threading.Event(), itertools.count(1)

    def counted() -> None:
        act()
        if next(numbers) == count:
            done.set()

    setattr(phone, name, counted)
    return done


@dataclass(frozen=True)
class Look:
    """One backup: its files by `Domain/path`, the targets of its links, and its databases."""

    files: dict[str, bytes]
    links: dict[str, str]
    tmp: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def plist(self, path: str) -> Any:
        return plistlib.loads(self.files[path])

    def below(self, start: str) -> set[str]:
        return {path for path in self.files if path.startswith(start)}

    def rows(self, path: str, query: str) -> list[tuple[Any, ...]]:
        """The rows of a database with its log; sorted, because their order means nothing."""
        copy = self.tmp / f"{next(self.numbers)}.db"
        copy.write_bytes(self.files[path])
        if log := self.files.get(f"{path}-wal"):
            Path(f"{copy}-wal").write_bytes(log)
        with closing(sqlite3.connect(copy)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return sorted(database.execute(query).fetchall(), key=repr)

    def columns(self, path: str, table: str) -> set[str]:
        return {row[1] for row in self.rows(path, f"PRAGMA table_info({table})")}

    def tables(self, path: str) -> set[str]:
        return {row[0] for row in self.rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}


class Lab:
    """Phones on a cable, and a computer that backs them up and restores to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: list[SimulatedUsbmuxd] = []
        self.numbers = itertools.count()
        self.backups: dict[str, tuple[Path, SimulatedPhone]] = {}

    def back_up(self, phone: SimulatedPhone) -> Path:
        config, number = self._cable(phone), next(self.numbers)
        folder = self.folder / f"backup-{number}" / phone.udid

        async def run() -> None:
            async with await Phone.meet(config, phone.udid, wait_s=30) as met:
                await met.back_up(folder, seals=self.folder / f"seals-{number}")

        asyncio.run(run())
        return folder

    def peek(self, phone: SimulatedPhone) -> Look:
        """What a backup of the phone would hold, read from its disk: a backup takes a thousand round trips."""
        files, links = {}, {}
        for node in phone.files.walk():
            if is_backed_up(node.domain, node.relative_path, encrypted=True):
                if node.kind == "file":
                    files[f"{node.domain}/{node.relative_path}"] = read_content(node.content)
                elif node.kind == "symlink":
                    links[f"{node.domain}/{node.relative_path}"] = node.target or ""
        return Look(files, links, self._new_folder())

    def look(self, phone: SimulatedPhone) -> Look:
        """What a backup of the phone, taken now, holds."""
        folder = self.back_up(phone)
        files, links = {}, {}
        with Backup.open(folder, phone.backup_password) as backup:
            for record in backup.records():
                place = f"{record.domain}/{record.relative_path}"
                if record.kind is Kind.FILE:
                    files[place] = b"".join(backup.chunks(record))
                elif record.kind is Kind.SYMLINK:
                    links[place] = record.target or ""
        return Look(files, links, self._new_folder())

    def old_phone(self, ios_version: str = "17.5.1") -> SimulatedPhone:
        """The old phone of that version, backed up once."""
        if ios_version not in self.backups:
            about = {"seed": 1, "ios_version": ios_version, "contents": CONTENTS, "backup_password": PASSWORD}
            phone = a_phone(name="Old", **about)
            self.backups[ios_version] = self.back_up(phone), phone
        return self.backups[ios_version][1]

    def restore(
        self, new: SimulatedPhone, old: SimulatedPhone, *, replace: bool = True, wait: bool = True
    ) -> SimulatedPhone:
        """Restores the old phone's backup and waits for the restart, and with `wait` for the end of the setup."""
        folder = next(folder for folder, phone in self.backups.values() if phone is old)
        options = RestoreOptions(
            system_files=True, should_reboot=True, dont_copy_backup=True, preserve_settings=False,
            remove_items_not_restored=replace,
        )  # fmt: skip
        config = self._cable(new)

        async def run() -> None:
            async with await Phone.meet(config, new.udid, wait_s=30) as met:
                password = old.backup_password
                await met.restore(folder, options=options, password=password, restore_applications=True)
            if wait:
                async with await wait_until_ready(config, new.udid, wait_s=60) as met:
                    assert met.facts.setup_finished

        restarted = call_counter(new, "reboot", 1)
        asyncio.run(run())
        assert restarted.wait(30)
        return new

    def moved(self, ios_version: str = "26.1", *, old: str = "17.5.1", **about: Any) -> SimulatedPhone:
        """A new phone, restored from the old one of iOS `old`."""
        known = {"ios_version": ios_version, "model": "iPhone17,3", "contents": {"empty": True}, "seed": 2}
        return self.restore(a_phone(**{"name": "New", **known, **about}), self.old_phone(old))

    def _new_folder(self) -> Path:
        tmp = self.folder / f"databases-{next(self.numbers)}"
        tmp.mkdir()
        return tmp

    def unplug_all(self) -> None:
        for server in self.servers:
            server.stop()

    def _cable(self, phone: SimulatedPhone) -> UsbmuxConfig:
        server = next((server for server in self.servers if phone in server.phones), None)
        if server is None:
            server = SimulatedUsbmuxd([phone])
            server.start()
            self.servers.append(server)
        home = self.folder / f"home-{self.servers.index(server)}"
        return UsbmuxConfig(server.address, home / "pairing", home / "tmp")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("aftermath"))
    yield made
    made.unplug_all()


@pytest.fixture(scope="session")
def make_phone() -> Callable[..., SimulatedPhone]:
    return a_phone


@pytest.fixture(scope="session")
def when_called() -> Callable[[SimulatedPhone, str, int], threading.Event]:
    """`when_called(phone, name, count)`: see `call_counter`."""
    return call_counter


@pytest.fixture(scope="session")
def before(lab: Lab) -> Look:
    """The old phone before the move, on iOS 17."""
    return lab.look(lab.old_phone())


@pytest.fixture(scope="session")
def new_phone(lab: Lab) -> SimulatedPhone:
    """A phone on iOS 26 after a restore with every rule, before the rest has arrived. Tests only look at it."""
    return lab.moved(aftermath={"arrives_in_s": "when-ordered", "seed": 5})


@pytest.fixture(scope="session")
def after(lab: Lab, new_phone: SimulatedPhone) -> Look:
    """That phone's backup."""
    return lab.look(new_phone)
