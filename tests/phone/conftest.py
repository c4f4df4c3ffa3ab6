"""Two kinds of phone to test against: one end of a DeviceLink driven by the test, and simulated iPhones on a usbmuxd.

The first is written from facts 2.1 and 2.2, apart from `migrate.phone` and `migrate.wire`.
"""

from __future__ import annotations

import asyncio
import plistlib
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from migrate.phone.mobilebackup2.conversation import Conversation
from migrate.phone.mobilebackup2.host_folder import HostFolder
from migrate.phone.mobilebackup2.link import DeviceLink
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import BackupReport, Phone
from migrate.phone.wait import Time
from migrate.problems.finding import Finding
from migrate.progress import NoProgress, Phase, UserAction
from migrate.simulator.device.app import App
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.lockdown.certificates import TrustedComputer
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

T = TypeVar("T")

UDID = "00008110-000A1B2C3D4E5F60"


class PhoneEnd:
    """The phone's end of a DeviceLink, step by step. A host that hangs fails the test after five seconds."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(5)

    def raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def say(self, *message: Any) -> None:
        data = plistlib.dumps(list(message), fmt=plistlib.FMT_BINARY)
        self.raw(struct.pack(">I", len(data)) + data)

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def hear(self) -> list[Any]:
        (length,) = struct.unpack(">I", self.read(4))
        message = plistlib.loads(self.read(length))
        assert isinstance(message, list)
        return message

    def status(self) -> tuple[int, Any]:
        """The host's status code (as a signed number) and the payload."""
        name, code, _, payload = self.hear()
        assert name == "DLMessageStatusResponse"
        return (code - (1 << 64) if code >= 1 << 63 else code), payload

    def upload(self, *files: tuple[str, list[bytes], bytes], total: int = 0, percent: float = 0.0) -> None:
        """`(host path, pieces of data, ending)`; an ending is a whole last frame."""
        self.say("DLMessageUploadFiles", "___EmptyParameterString___", percent, total)
        for path, pieces, ending in files:
            for name in (f"/var/mobile/{path}", path):
                self.raw(struct.pack(">I", len(name.encode())) + name.encode())
            for piece in pieces:
                self.raw(struct.pack(">IB", len(piece) + 1, 0x0C) + piece)
            self.raw(ending)
        self.raw(struct.pack(">I", 0))

    def download(self, *paths: str, percent: float = 0.0) -> dict[str, bytes | str]:
        """What the host sends for each path: its bytes, or the text of an error. Frames are checked for their size."""
        self.say("DLMessageDownloadFiles", list(paths), "___EmptyParameterString___", percent)
        got: dict[str, bytes | str] = {}
        while length := struct.unpack(">I", self.read(4))[0]:
            path, content = self.read(length).decode(), b""
            while True:
                size, code = struct.unpack(">IB", self.read(5))
                assert size - 1 <= 32 * 1024
                data = self.read(size - 1)
                if code != 0x0C:
                    break
                content += data
            got[path] = content if code == 0 else data.decode()
        return got

    def respond(self, code: int = 0, description: str | None = None) -> None:
        body: dict[str, Any] = {"MessageName": "Response", "ErrorCode": code}
        if description is not None:
            body["ErrorDescription"] = description
        self.say("DLMessageProcessMessage", body)

    def hang_up(self) -> None:
        self.sock.close()


class RecordingLedger:
    """A ledger that records its calls in order. `flushed`: how many of them are written to its file."""

    def __init__(self) -> None:
        self.notes: list[tuple[Any, ...]] = []
        self.flushed = 0

    def add(self, file_id: str, sha256: str, size: int) -> None:
        self.notes.append(("add", file_id, sha256, size))

    def mark_unreadable(self, file_id: str, reason: str) -> None:
        self.notes.append(("unreadable", file_id, reason))

    def forget(self, file_id: str) -> None:
        self.notes.append(("forget", file_id))

    def forget_everything(self) -> None:
        self.notes.append(("forget everything",))

    def flush(self) -> None:
        self.flushed = len(self.notes)


class Wired:
    """A host's conversation about `root/UDID` in a thread, with the phone's end driven by the test."""

    def __init__(self, root: Path) -> None:
        ours, theirs = socket.socketpair()
        self.root = root
        self.folder = root / UDID
        self.folder.mkdir()
        self.link = DeviceLink(ours, phone="Anna's iPhone", silence_s=5)
        self.phone = PhoneEnd(theirs)
        self.ledger = RecordingLedger()
        self.conversation = Conversation(self.link, HostFolder(root, UDID), self.ledger)
        self._pool = ThreadPoolExecutor(1)

    def host(self, work: Callable[[], T]) -> Future[T]:
        return self._pool.submit(work)

    def backup(self) -> Future[dict[str, Any]]:
        """The host requests a backup, and the phone receives the request."""
        running = self.host(lambda: self.conversation.send_request({"MessageName": "Backup", "TargetIdentifier": UDID}))
        assert self.phone.hear() == ["DLMessageProcessMessage", {"MessageName": "Backup", "TargetIdentifier": UDID}]
        return running

    def close(self) -> None:
        self.phone.hang_up()
        self._pool.shutdown()
        self.link.close()


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Wired]:
    end = Wired(tmp_path)
    yield end
    end.close()


# -- simulated iPhones -----------------------------------------------------------------------------------------------


class FakeTime:
    """A clock that sleeping advances, so that tests do not wait."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0.002)  # real time, for the phone's own threads: its reboot, its simulated user

    def as_time(self) -> Time:
        return Time(self.clock, self.sleep)


class RecordedProgress(NoProgress):
    """Records every report."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.done: list[str] = []
        self.bytes: list[tuple[int, int | None]] = []
        self.files: list[int] = []
        self.phases: list[str] = []
        self.findings: list[Finding] = []

    def bytes_moved(self, done: int, total: int | None) -> None:
        self.bytes.append((done, total))

    def files_moved(self, done: int) -> None:
        self.files.append(done)

    def phase_began(self, phase: Phase) -> None:
        self.phases.append(phase)

    def person_needed(self, phone: str, action: UserAction) -> None:
        self.asked.append(action)

    def person_done(self, phone: str, action: UserAction) -> None:
        self.done.append(action)

    def found(self, finding: Finding) -> None:
        self.findings.append(finding)


@cache
def one_key() -> RSAPrivateKey:
    """One key for all phones here: generating one takes a tenth of a second, and these tests do not depend on it."""
    return generate_private_key(public_exponent=65537, key_size=2048)


@cache
def one_computer() -> TrustedComputer:
    return TrustedComputer()


def a_phone(**about: Any) -> SimulatedPhone:
    """Anna's small phone: a few files of several kinds, one app."""
    about = {"udid": UDID, "name": "Anna's iPhone", "keybag_rounds": 100, **about}
    phone = SimulatedPhone(**about)
    phone._key = one_key()
    phone.files.add_file("HomeDomain", "Library/SMS/sms.db", b"SQLite format 3\0" + b"m" * 5000)
    phone.files.add_file("HomeDomain", "Library/Notes/empty", b"")
    phone.files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG", bytes(range(256)) * 1500)
    phone.files.add_symlink("HomeDomain", "Library/link", "/private/var/x")
    app = App("org.example.chat", "Chat", version="7", short_version="2.1", group_ids=("group.org.example",))
    phone.apps[app.bundle_id] = app
    phone.files.add_file("AppDomain-org.example.chat", "Documents/größe.txt", b"hello" * 100)
    return phone


class Host:
    """A usbmuxd with simulated iPhones, and a home folder for the host."""

    def __init__(self, server: SimulatedUsbmuxd, home: Path) -> None:
        self.server = server
        self.home = home
        self.usbmux = UsbmuxConfig(server.address, home / "pairing", home / "tmp")
        self.time = FakeTime()
        self.progress = RecordedProgress()
        self.seals = home / "seals"

    def folder(self, phone: SimulatedPhone) -> Path:
        return self.home / "backups" / phone.udid

    async def meet(self, phone: SimulatedPhone, wait_s: float = 60.0) -> Phone:
        return await Phone.meet(
            self.usbmux, phone.udid, progress=self.progress, wait_s=wait_s, time=self.time.as_time()
        )

    async def back_up(self, phone: SimulatedPhone, begin: Any = "incremental") -> BackupReport:
        async with await self.meet(phone) as met:
            return await met.back_up(self.folder(phone), seals=self.seals, begin=begin, progress=self.progress)


@pytest.fixture
def attach(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """`attach(phone, …)`: a host with these phones on the cable until the test ends."""
    yield from _hosts(tmp_path)


@pytest.fixture(scope="module")
def attach_for_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Host]]:
    """Like `attach`, for a whole module: a backup takes a thousand round trips, so tests that only read share one."""
    yield from _hosts(tmp_path_factory.mktemp("lasting"))


def _hosts(folder: Path) -> Iterator[Callable[..., Host]]:
    servers: list[SimulatedUsbmuxd] = []

    def attach_phones(*phones: SimulatedPhone) -> Host:
        server = SimulatedUsbmuxd(phones)
        server.pair_records.computer = one_computer()
        server.start()
        servers.append(server)
        return Host(server, folder / f"home-{len(servers)}")

    yield attach_phones
    for server in servers:
        server.stop()


@pytest.fixture(name="a_phone", scope="session")
def a_phone_fixture() -> Callable[..., SimulatedPhone]:
    """`a_phone(**about)`: Anna's small phone. A fixture, because importlib mode cannot import helpers from here."""
    return a_phone


@pytest.fixture
def simulated_usbmuxd() -> Iterator[Callable[..., SimulatedUsbmuxd]]:
    """`simulated_usbmuxd(phone, **how)`: a separate usbmuxd."""
    servers: list[SimulatedUsbmuxd] = []

    def start(*phones: SimulatedPhone, **how: Any) -> SimulatedUsbmuxd:
        server = SimulatedUsbmuxd(phones, **how)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()
