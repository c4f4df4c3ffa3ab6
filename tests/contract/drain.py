"""A host that receives a complete backup, discards it and records the messages. Only the four small files are written,
to `spool`. Written from facts 2.1 to 2.4, independently of `migrate.phone.mobilebackup2.conversation`."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.phone.mobilebackup2.link import DeviceLink

CHUNK_BYTES = 1 << 20
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


@dataclass
class Drain:
    """Answers every operation of a first backup."""

    link: DeviceLink
    udid: str
    spool: Path
    on_status: Callable[[bytes], None] = lambda _: None
    names: dict[str, dict[str, int]] = field(default_factory=dict)  # folder -> name -> size
    seen: Transcript = field(default_factory=Transcript)
    buffer: bytearray = field(default_factory=lambda: bytearray(CHUNK_BYTES))

    def backup(self) -> dict[str, Any]:
        """Runs the backup. Returns its Response."""
        self.link.send_request({"MessageName": "Backup", "TargetIdentifier": self.udid})
        while (message := self.link.receive())[0] != "DLMessageProcessMessage":
            name = message[0]
            if self.seen.messages[-1:] != [name]:
                self.seen.messages.append(name)
            if (at := PROGRESS_AT.get(name)) is not None and isinstance(message[at], float):
                self.seen.last_percent = message[at]
            payload = getattr(self, "_" + name.removeprefix("DLMessage").removeprefix("DL"))(*message[1:])
            if payload is not None:
                self.link.answer(payload=payload)
        response: dict[str, Any] = message[1]
        return response

    def _GetFreeDiskSpace(self, *_: Any) -> int:
        return 1 << 45

    def _CreateDirectory(self, path: str, *_: Any) -> dict[str, Any]:
        self.seen.directories += 1
        self._note(f"{path}/", -1)
        return {}

    def _ContentsOfDirectory(self, path: str) -> dict[str, Any]:
        listing: dict[str, Any] = {}
        for name, size in self.names.get(path, {}).items():
            kind = "DLFileTypeDirectory" if size < 0 else "DLFileTypeRegular"
            listing[name] = {"DLFileType": kind, "DLFileSize": max(0, size)}
        return listing

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
        count = 0
        while length := self.link.read_length():
            device_path = self.link.read(length).decode()
            path = self.link.read(self.link.read_length()).decode()
            self.seen.device_paths["/".join(device_path.split("/")[:3])] += 1
            self._note(path, self._one_file(path))
            count += 1
        self.seen.largest_batch = max(self.seen.largest_batch, count)
        return {}

    def _one_file(self, path: str) -> int:
        size, name = 0, path.rpartition("/")[2]
        with contextlib.ExitStack() as stack:
            kept = stack.enter_context(self._kept(path).open("wb")) if name in KEPT else None
            while True:
                head = self.link.read(5)
                length, code = int.from_bytes(head[:4], "big") - 1, head[4]
                if length > len(self.buffer):
                    self.buffer = bytearray(length)
                piece = memoryview(self.buffer)[:length]
                self.link.read_into(piece)
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
        self.link.answer(-13 if failed else 0, payload=failed)

    def _kept(self, path: str) -> Path:
        return self.spool / path.replace("/", "_")

    def _note(self, path: str, size: int) -> None:
        folder, _, name = path.rpartition("/")
        if name:
            self.names.setdefault(folder, {})[name] = size
        while folder:
            folder, _, name = folder.rpartition("/")
            if folder:
                self.names.setdefault(folder, {})[name] = -1
