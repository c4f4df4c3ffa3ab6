"""The phone's end of a DeviceLink, played by hand. Written from facts 2.1 and 2.2, apart from `migrate.phone` and `wire`."""

from __future__ import annotations

import plistlib
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from migrate.phone.drive import Drive
from migrate.phone.link import Link
from migrate.phone.serve import Conversation

T = TypeVar("T")

UDID = "00008110-000A1B2C3D4E5F60"


class PhoneEnd:
    """What a phone says and hears, step by step. A host that hangs fails the test after five seconds."""

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
        """The host's status code, negative where it is, and the payload."""
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

    def respond(self, code: int = 0, said: str | None = None) -> None:
        body: dict[str, Any] = {"MessageName": "Response", "ErrorCode": code}
        if said is not None:
            body["ErrorDescription"] = said
        self.say("DLMessageProcessMessage", body)

    def hang_up(self) -> None:
        self.sock.close()


WHOLE = struct.pack(">IB", 1, 0)


def failed(text: bytes, code: int = 0x0B) -> bytes:
    return struct.pack(">IB", len(text) + 1, code) + text


class RememberingLedger:
    """A ledger in memory, in the order in which it was told."""

    def __init__(self) -> None:
        self.notes: list[tuple[Any, ...]] = []

    def add(self, file_id: str, sha256: str, size: int) -> None:
        self.notes.append(("add", file_id, sha256, size))

    def mark_unreadable(self, file_id: str, reason: str) -> None:
        self.notes.append(("unreadable", file_id, reason))

    def forget(self, file_id: str) -> None:
        self.notes.append(("forget", file_id))

    def forget_everything(self) -> None:
        self.notes.append(("forget everything",))


class Wired:
    """A host's conversation about `root/UDID` in a thread, and the phone's end of it in the test's hands."""

    def __init__(self, root: Path) -> None:
        ours, theirs = socket.socketpair()
        self.root = root
        self.folder = root / UDID
        self.folder.mkdir()
        self.link = Link(ours, phone="Anna's iPhone", silence_s=5)
        self.phone = PhoneEnd(theirs)
        self.ledger = RememberingLedger()
        self.conversation = Conversation(self.link, Drive(root, UDID), self.ledger)
        self._pool = ThreadPoolExecutor(1)

    def host(self, work: Callable[[], T]) -> Future[T]:
        return self._pool.submit(work)

    def backup(self) -> Future[dict[str, Any]]:
        """The host asks for a backup; the phone has heard it."""
        running = self.host(lambda: self.conversation.ask({"MessageName": "Backup", "TargetIdentifier": UDID}))
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
