"""A host that receives a complete backup, discards it and records the messages. Only the four small files are written,
to `spool`. Written from facts 2.1 to 2.4, independently of `migrate.phone.mobilebackup2.conversation`."""

from __future__ import annotations

import contextlib
import plistlib
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.phone.mobilebackup2.link import DeviceLink
from migrate.wire.fast_plists import encode_message

BUFFER_BYTES = 1 << 20
KEPT = ("Status.plist", "Manifest.plist", "Manifest.db", "Info.plist")
WHOLE, DATA = 0x00, 0x0C
PROGRESS_AT = {"DLMessageUploadFiles": 2, "DLMessageDownloadFiles": 3, "DLMessageMoveItems": 3}


@dataclass
class Transcript:
    """The messages of a backup, without its contents."""

    messages: list[str] = field(default_factory=list)  # the operations, without repetitions
    first_downloads: list[str] = field(default_factory=list)
    directories: int = 0
    largest_batch: int = 0  # files in one stream
    largest_move: int = 0
    largest_frame: int = 0
    device_paths: Counter[str] = field(default_factory=Counter)  # only their first two parts
    endings: Counter[int] = field(default_factory=Counter)
    totals_announced: int = 0
    bytes_received: int = 0
    last_percent: float = 0.0
    order: list[str] = field(default_factory=list)  # of the small files


class Incoming:
    """What the phone sends, read in large pieces."""

    def __init__(self, link: DeviceLink) -> None:
        self._socket = link._socket  # nothing is left in the link between two messages
        self._buffer = bytearray(BUFFER_BYTES)
        self._at = self._end = 0

    def take(self, count: int) -> memoryview:
        """The next `count` bytes, valid until the next call."""
        self._need(count)
        begin, self._at = self._at, self._at + count
        return memoryview(self._buffer)[begin : self._at]

    def length(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def small_file(self) -> tuple[str, str, int] | None:
        """Both paths and the size of the next file, if it is whole and in one frame. None: nothing was taken, because
        there is none, or because it has to be taken part by part."""
        self._need(4)
        (device,) = UINT.unpack_from(self._buffer, self._at)
        if not device:
            return None
        self._need(8 + device)
        (host,) = UINT.unpack_from(self._buffer, self._at + 4 + device)
        head = 8 + device + host
        self._need(head + 5)
        size, code = FRAME.unpack_from(self._buffer, self._at + head)
        if code != DATA:
            return None
        self._need(head + 4 + size + 5)
        if FRAME.unpack_from(self._buffer, self._at + head + 4 + size) != (1, WHOLE):
            return None
        device_path = str(self._buffer[self._at + 4 : self._at + 4 + device], "utf-8")
        path = str(self._buffer[self._at + 8 + device : self._at + head], "utf-8")
        if path.endswith(KEPT):
            return None
        self._at += head + 4 + size + 5
        return device_path, path, size - 1

    def _need(self, count: int) -> None:
        if self._end - self._at < count:
            self._fill(count)

    def _fill(self, count: int) -> None:
        left = self._end - self._at
        if count > len(self._buffer):
            self._buffer = self._buffer[self._at : self._end] + bytearray(count - left)
        elif self._at:
            self._buffer[:left] = self._buffer[self._at : self._end]
        self._at, self._end = 0, left
        view = memoryview(self._buffer)
        while self._end < count:
            received = self._socket.recv_into(view[self._end :])
            if not received:
                raise ConnectionError("the phone closed the connection")
            self._end += received


UINT, FRAME = struct.Struct(">I"), struct.Struct(">IB")


@dataclass
class Drain:
    """Answers every operation of a first backup."""

    link: DeviceLink
    udid: str
    spool: Path
    on_status: Callable[[bytes], None] = lambda _: None
    names: dict[str, dict[str, int]] = field(default_factory=dict)  # folder -> name -> size
    seen: Transcript = field(default_factory=Transcript)
    incoming: Incoming = field(init=False, repr=False)
    entries: dict[int, dict[str, Any]] = field(default_factory=dict)  # of a listing, by size

    def __post_init__(self) -> None:
        self.incoming = Incoming(self.link)

    def backup(self) -> dict[str, Any]:
        """Runs the backup. Returns its Response."""
        self.link.send_request({"MessageName": "Backup", "TargetIdentifier": self.udid})
        while (message := self._receive())[0] != "DLMessageProcessMessage":
            name = message[0]
            if self.seen.messages[-1:] != [name]:
                self.seen.messages.append(name)
            if (at := PROGRESS_AT.get(name)) is not None and isinstance(message[at], float):
                self.seen.last_percent = message[at]
            payload = getattr(self, "_" + name.removeprefix("DLMessage").removeprefix("DL"))(*message[1:])
            if payload is not None:
                self._answer(0, payload)
        response: dict[str, Any] = message[1]
        return response

    def _receive(self) -> list[Any]:
        message: list[Any] = plistlib.loads(bytes(self.incoming.take(self.incoming.length())))
        return message

    def _answer(self, code: int, payload: Any) -> None:
        data = encode_message(["DLMessageStatusResponse", code & (1 << 64) - 1, "___EmptyParameterString___", payload])
        self.link.send_bytes(len(data).to_bytes(4, "big") + data)

    def _GetFreeDiskSpace(self, *_: Any) -> int:
        return 1 << 45

    def _CreateDirectory(self, path: str, *_: Any) -> dict[str, Any]:
        self.seen.directories += 1
        self._note(f"{path}/", -1)
        return {}

    def _ContentsOfDirectory(self, path: str) -> dict[str, Any]:
        return {name: self._entry(size) for name, size in self.names.get(path, {}).items()}

    def _entry(self, size: int) -> dict[str, Any]:
        kind = "DLFileTypeDirectory" if size < 0 else "DLFileTypeRegular"
        return self.entries.setdefault(size, {"DLFileType": kind, "DLFileSize": max(0, size)})

    def _MoveItems(self, items: dict[str, str], *_: Any) -> dict[str, Any]:
        self.seen.largest_move = max(self.seen.largest_move, len(items))
        for source, target in items.items():
            folder, _, name = source.rpartition("/")
            self._note(target, self.names[folder].pop(name))
            if name in KEPT:
                self._kept(source).replace(self._kept(target))
        return {}

    def _RemoveItems(self, *_: Any) -> dict[str, Any]:
        return {}

    def _UploadFiles(self, _: Any, percent: float, total: int) -> dict[str, Any]:
        self.seen.totals_announced += total
        count, incoming, seen = 0, self.incoming, self.seen
        while True:
            if (small := incoming.small_file()) is not None:
                device_path, path, size = small
                seen.endings[WHOLE] += 1
                seen.bytes_received += size
                seen.largest_frame = max(seen.largest_frame, size)
            elif length := incoming.length():
                device_path = str(incoming.take(length), "utf-8")
                path = str(incoming.take(incoming.length()), "utf-8")
                size = self._one_file(path)
            else:
                break
            seen.device_paths["/".join(device_path.split("/", 3)[:3])] += 1
            self._note(path, size)
            count += 1
        seen.largest_batch = max(seen.largest_batch, count)
        return {}

    def _one_file(self, path: str) -> int:
        size, name = 0, path.rpartition("/")[2]
        with contextlib.ExitStack() as stack:
            kept = stack.enter_context(self._kept(path).open("wb")) if name in KEPT else None
            while True:
                length, code = FRAME.unpack(self.incoming.take(5))
                length -= 1
                piece = self.incoming.take(length)
                if code != DATA:
                    break
                size += length
                self.seen.largest_frame = max(self.seen.largest_frame, length)
                if kept is not None:
                    kept.write(piece)
        self.seen.endings[code] += 1
        self.seen.bytes_received += size
        if name in KEPT:
            self.seen.order.append(path.partition("/")[2])
            if name == "Status.plist":
                self.on_status(self._kept(path).read_bytes())
        return size

    def _DownloadFiles(self, paths: list[str], *_: Any) -> None:
        failed: dict[str, Any] = {}
        for path in paths:
            if len(self.seen.first_downloads) < 3:
                self.seen.first_downloads.append(path.partition("/")[2])
            name = path.encode()
            self.link.send_bytes(len(name).to_bytes(4, "big") + name)
            place = self._kept(path)
            if not place.exists():
                self.link.send_bytes((1).to_bytes(4, "big") + b"\x06")
                failed[path] = {"DLFileErrorString": "none", "DLFileErrorCode": (1 << 64) - 6}
                continue
            with place.open("rb") as file:
                while data := file.read(32 << 10):
                    self.link.send_bytes((len(data) + 1).to_bytes(4, "big") + b"\x0c" + data)
            self.link.send_bytes((1).to_bytes(4, "big") + b"\x00")
        self.link.send_bytes(bytes(4))
        self._answer(-13 if failed else 0, failed)

    def _kept(self, path: str) -> Path:
        return self.spool / path.replace("/", "_")

    def _note(self, path: str, size: int) -> None:
        folder, _, name = path.rpartition("/")
        known = self.names.get(folder)
        if known is not None and name:
            known[name] = size
            return
        if name:
            self.names[folder] = {name: size}
        while folder:
            folder, _, name = folder.rpartition("/")
            if folder:
                self.names.setdefault(folder, {})[name] = -1
