"""A host for the backup agent: DeviceLink over a socket pair, written from facts 2, without code of the phone."""

from __future__ import annotations

import os
import plistlib
import re
import shutil
import socket
import struct
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from migrate.simulator.agent.agent import serve
from migrate.simulator.device.filesystem import Synthetic
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.faults.faulty_stream import FaultInjector, FaultyStream
from migrate.simulator.usbmuxd.streams import SocketStream

NOT_FOUND, MULTI_STATUS = -6, -13


def framed(message: list[Any]) -> bytes:
    data = plistlib.dumps(message, fmt=plistlib.FMT_BINARY)  # as libimobiledevice does
    return struct.pack(">I", len(data)) + data


DONE = framed(["DLMessageStatusResponse", 0, "___EmptyParameterString___", {}])
"""The answer to each of 512 requests for a folder."""


class Host:
    """A folder on this computer, offered to phones. `said` lists every message; `before` maps one to a callback.

    The 512 folders of a backup are only created on disk when something is written to them: creating and removing them
    all took most of these tests' time.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.free_bytes = 1 << 40
        self.purge_gives = 0
        self.said: list[list[Any]] = []
        self.failed_uploads: dict[str, str] = {}
        self.uploaded: list[str] = []
        self.frames: list[int] = []
        self.before: dict[str, Callable[[list[Any]], None]] = {}
        self.empty_folders: dict[str, set[str]] = {}  # parent -> names

    def ask(self, phone: SimulatedPhone, name: str, **keys: Any) -> dict[str, Any]:
        """Runs a session with one request. Returns the Response. Raises ConnectionError if the link drops."""
        ours, theirs = socket.socketpair()
        stream = FaultyStream(SocketStream(theirs), FaultInjector(phone.faults, theirs.close))
        agent = threading.Thread(target=self._serve, args=(stream, phone), daemon=True)
        agent.start()
        self.said.clear()
        self.uploaded.clear()
        try:
            with ours:
                self.wire = ours
                return self._session({"MessageName": name, "TargetIdentifier": phone.udid, **keys})
        finally:
            agent.join(20)
            assert not agent.is_alive()

    def backup(self, phone: SimulatedPhone, **options: Any) -> dict[str, Any]:
        folder = self.root / phone.udid
        folder.mkdir(exist_ok=True)
        info = {"Product Version": phone.ios_version, "Target Identifier": phone.udid}
        (folder / "Info.plist").write_bytes(plistlib.dumps(info))
        return self.ask(phone, "Backup", **({"Options": options} if options else {}))

    def restore(self, phone: SimulatedPhone, source: str, **options: Any) -> dict[str, Any]:
        every = {"RestoreSystemFiles": True, "RestoreShouldReboot": False, "RestoreDontCopyBackup": True}
        return self.ask(phone, "Restore", SourceIdentifier=source, Options=every | options)

    def names(self) -> list[str]:
        return [message[0].removeprefix("DLMessage") for message in self.said]

    # --- the session

    @staticmethod
    def _serve(stream: FaultyStream, phone: SimulatedPhone) -> None:
        try:
            serve(stream, phone)
        except OSError:
            pass
        finally:
            stream.close()

    def _session(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._receive() == ["DLMessageVersionExchange", 400, 0]
        self._send(["DLMessageVersionExchange", "DLVersionsOk", 400])
        assert self._receive() == ["DLMessageDeviceReady"]
        self._send(["DLMessageProcessMessage", {"MessageName": "Hello", "SupportedProtocolVersions": [2.0, 2.1]}])
        assert self._receive()[1]["ProtocolVersion"] == 2.1
        self._send(["DLMessageProcessMessage", request])
        while True:
            message = self._receive()
            self.said.append(message)
            if message[0] == "DLMessageProcessMessage":
                self._send(["DLMessageDisconnect", "___EmptyParameterString___"])
                return message[1]
            self.before.get(message[0], lambda _: None)(message)
            getattr(self, "_" + message[0].removeprefix("DLMessage").removeprefix("DL"))(*message[1:])

    def _CreateDirectory(self, name: str, *_: Any) -> None:
        parent, _, last = name.rpartition("/")
        if re.fullmatch("[0-9a-f]{2}", last):
            self.empty_folders.setdefault(parent, set()).add(last)
        else:
            self._place(name).mkdir(parents=True, exist_ok=True)
        self._status()

    def _UploadFiles(self, _: Any, progress: float, total: int) -> None:
        assert 0 <= progress <= 100
        while device_name := self._exactly(self._u32()).decode():
            name = self._exactly(self._u32()).decode()
            assert device_name.startswith("/")
            if self._is_promised(name.rpartition("/")[0]):
                self._place(name).parent.mkdir(exist_ok=True)
            with self._place(name).open("wb") as file:
                code, data = self._part()
                while code == 0x0C:
                    self.frames.append(len(data))
                    file.write(data)
                    code, data = self._part()
            self.uploaded.append(name)
            if code:
                assert code == 0x0B
                self.failed_uploads[name] = data.decode()
        self._status()

    def _DownloadFiles(self, names: list[str], *_: Any) -> None:
        problems: dict[str, Any] = {}
        for name in names:
            self._raw(struct.pack(">I", len(name.encode())) + name.encode())
            try:
                data = self._place(name).read_bytes()
            except OSError as error:
                text = (error.strerror or "").encode()
                problems[name] = {"DLFileErrorString": error.strerror, "DLFileErrorCode": (1 << 64) + NOT_FOUND}
                self._raw(struct.pack(">IB", len(text) + 1, 6) + text)
                continue
            for start in range(0, len(data), 32768):
                piece = data[start : start + 32768]
                self._raw(struct.pack(">IB", len(piece) + 1, 0x0C) + piece)
            self._raw(struct.pack(">IB", 1, 0))
        self._raw(struct.pack(">I", 0))
        self._status(MULTI_STATUS if problems else 0, problems)

    def _MoveItems(self, items: dict[str, str], *_: Any) -> None:
        assert len(items) <= 128
        for source, destination in items.items():
            self._place(destination).parent.mkdir(parents=True, exist_ok=True)
            self._place(source).rename(self._place(destination))
            for parent in [parent for parent in self.empty_folders if f"{parent}/".startswith(f"{source}/")]:
                self.empty_folders[destination + parent.removeprefix(source)] = self.empty_folders.pop(parent)
        self._status()

    def _RemoveItems(self, names: list[str], *_: Any) -> None:
        assert len(names) <= 128
        for name in names:
            for parent in [parent for parent in self.empty_folders if f"{parent}/".startswith(f"{name}/")]:
                del self.empty_folders[parent]
            if self._place(name).is_dir():
                shutil.rmtree(self._place(name))
            else:
                self._place(name).unlink(missing_ok=True)
        self._status()

    def _ContentsOfDirectory(self, name: str, *_: Any) -> None:
        when = datetime.now(UTC).replace(tzinfo=None)
        folder = {"DLFileType": "DLFileTypeDirectory", "DLFileSize": 0, "DLFileModificationDate": when}
        found = dict.fromkeys(self.empty_folders.get(name, ()), folder)
        if not self._is_promised(name) or self._place(name).exists():
            with os.scandir(self._place(name)) as entries:
                for entry in entries:
                    kind = "DLFileTypeDirectory" if entry.is_dir() else "DLFileTypeRegular"
                    found[entry.name] = {**folder, "DLFileType": kind, "DLFileSize": entry.stat().st_size}
        self._status(0, found)

    def _GetFreeDiskSpace(self, *_: Any) -> None:
        self._status(0, self.free_bytes)

    def _PurgeDiskSpace(self, amount: int, urgency: int) -> None:
        self.free_bytes += self.purge_gives
        self._status(0 if self.purge_gives else -1, 0)

    def _CopyItem(self, source: str, destination: str) -> None:
        if self._place(source).is_dir():
            shutil.copytree(self._place(source), self._place(destination))
        else:
            shutil.copy(self._place(source), self._place(destination))
        self._status()

    # --- bytes

    def _is_promised(self, name: str) -> bool:
        parent, _, last = name.rpartition("/")
        return last in self.empty_folders.get(parent, ())

    def _place(self, name: str) -> Path:
        assert not name.startswith("/") and ".." not in name.split("/")
        return self.root / name

    def _status(self, code: int = 0, payload: Any = None) -> None:
        if not code and payload is None:
            self._raw(DONE)
            return
        code = code if code >= 0 else code + (1 << 64)
        self._send(["DLMessageStatusResponse", code, "___EmptyParameterString___", {} if payload is None else payload])

    def _part(self) -> tuple[int, bytes]:
        data = self._exactly(self._u32())
        return data[0], data[1:]

    def _send(self, message: list[Any]) -> None:
        self._raw(framed(message))

    def _receive(self) -> list[Any]:
        message = plistlib.loads(self._exactly(self._u32()))
        assert isinstance(message, list)
        return message

    def _u32(self) -> int:
        return int(struct.unpack(">I", self._exactly(4))[0])

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self.wire.recv(count - len(data))
            if not piece:
                raise ConnectionError("the phone closed the connection")
            data += piece
        return bytes(data)

    def _raw(self, data: bytes) -> None:
        self.wire.sendall(data)


def small_phone(**keys: Any) -> SimulatedPhone:
    """A small phone with every kind of file that a backup treats differently."""
    phone = SimulatedPhone(**{"ios_version": "17.5.1", "keybag_rounds": 1000, "boot_delay_s": 0.0} | keys)
    files = phone.files
    files.add_file("HomeDomain", "Library/SMS/sms.db", b"messages" * 700, extended_attributes={"com.apple.x": b"\0\1"})
    files.add_file("HomeDomain", "Library/Preferences/empty.plist", b"")
    files.add_file("HomeDomain", "Library/Safari/SafariTabs.db", b"only encrypted")
    files.add_file("HomeDomain", "Library/Caches/x", b"never")
    files.add_file("HealthDomain", "Health/healthdb.sqlite", b"pulse", protection_class=1)
    files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG", Synthetic(1, 300_001))
    files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0002.JPG", Synthetic(2, 16 * 4096))
    files.add_file("MediaDomain", "Library/SMS/Attachments/Grüße 🌍.txt", b"hi", protection_class=4)
    files.add_symlink("HomeDomain", "Library/link", "/private/var/mobile/Library/SMS")
    files.add_file("AppDomain-com.example.notes", "Documents/a.txt", b"a note")
    files.add_file("AppDomain-com.example.notes", "Library/Caches/x", b"never")
    files.add_file("AppDomainGroup-group.com.example.notes", "shared.txt", b"shared")
    return phone


@pytest.fixture(scope="session")
def make_host() -> Callable[[Path], Host]:
    return Host


@pytest.fixture(scope="session")
def make_phone() -> Callable[..., SimulatedPhone]:
    """Makes small phones: `make_phone(ios_version="27.0")`."""
    return small_phone


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def phone() -> SimulatedPhone:
    return small_phone()


@pytest.fixture
def another(make_phone: Callable[..., SimulatedPhone]) -> Callable[..., SimulatedPhone]:
    return make_phone
