"""Send files, computer -> phone: the raw stream that answers DLMessageDownloadFiles (the phone downloads).

    { n, path; { n = len+1, 0x0c, len bytes }…, n = 1, 0x00 }…      a file
    { n, path; …, n = len+1, 0x06, error text }…                    a file that this computer cannot read
    then n = 0, and a status: 0, or -13 with the error for each path

The phone waits for a whole batch of files (128, facts 2.5). What a batch holds is collected and written to the socket
a megabyte at a time, in frames no larger than the phone can hold. Small files are read and hashed one after the other;
a large one is read and hashed in a second thread while what came before is sent.

A file of a restore set is hashed on its way, and held to the set's seal before its end is sent. If it differs, the
stream stops there: the phone never has the whole file nor the end of the batch. It stages everything first and moves it
into place only after the last file (facts 2.5), so for the phone this is a pulled cable, and nothing on it changes.

Source: facts 2.2 (pymobiledevice3 `download_files`).
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol

from migrate.backup.folder import FILE_ID
from migrate.backup.seal import Seal
from migrate.phone.mobilebackup2.files_to_send import open_to_send
from migrate.phone.mobilebackup2.host_folder import MULTIPLE_ERRORS, HostFolder, StatusResponse, status_code
from migrate.phone.mobilebackup2.link import DeviceLink
from migrate.phone.mobilebackup2.read_ahead import read_ahead

DATA: Final = 0x0C
WHOLE: Final = struct.pack(">IB", 1, 0)
LOCAL_ERROR: Final = b"\x06"
STREAM_ENDS: Final = struct.pack(">I", 0)

FRAME_BYTES = 32 << 10
"""Apple's own host sends frames of 32 KiB. The phone keeps a whole frame in memory; larger frames get its BackupAgent2
killed, and the restore then hangs at 0 % (*read*: pymobiledevice3 services/device_link.py, issues 1165 and 1857)."""
SEND_BYTES = 1 << 20
"""How much is collected for one write to the socket."""
READ_BYTES = 1 << 20
"""How much of a file is read and hashed at once. A longer file is read ahead in a second thread."""

_length = struct.Struct(">I").pack
_frame_header = struct.Struct(">IB").pack


class NotAsSealed(Exception):
    """A file of the restore set is not the sealed one, or cannot be read. The phone did not get all of it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        """A file id, Manifest.db or a plist."""
        self.reason = reason


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass
class Sender:
    """Sends files of the host folder over the link. The counts cover the whole conversation.

    `seal`: the seal of the restore set that is sent; None in a backup, where the phone reads its own files again.
    `on_progress` is called before each write to the socket: what is counted may still be on its way.
    """

    link: DeviceLink
    host_folder: HostFolder
    on_progress: Callable[[], None] = lambda: None
    seal: Seal | None = None
    bytes_sent: int = 0
    files_sent: int = 0

    def __post_init__(self) -> None:
        self._outbox: list[bytes | memoryview] = []
        self._outbox_bytes = 0

    def send_files(self, names: Sequence[str]) -> StatusResponse:
        """Send each file, and return the status to answer with.

        Raises:
            LinkEnded, LinkSilent; UnsafeName: a name leads out of the backup.
            NotAsSealed: see there. The link is in the middle of a file and can only be closed.
        """
        failed: dict[str, dict[str, Any]] = {}
        for host_path in names:
            path = host_path.encode()
            self._put(_length(len(path)), path)
            try:
                self._send(host_path)
            except OSError as error:
                self._refuse_to_lack(host_path, error)
                failed[host_path] = self._put_error(error)
        self._put(STREAM_ENDS)
        self._flush()
        return StatusResponse(MULTIPLE_ERRORS, "Multi status", failed) if failed else StatusResponse()

    def _send(self, host_path: str) -> None:
        sha256 = hashlib.sha256() if self.seal else None
        descriptor, size, name = open_to_send(self.host_folder, host_path)
        try:
            if size > READ_BYTES:
                with read_ahead(_pieces(descriptor, size, sha256)) as pieces:
                    for piece in pieces:
                        self._put_frames(piece)
            else:
                for piece in _pieces(descriptor, size, sha256):
                    self._put_frames(piece)
        finally:
            os.close(descriptor)
        if sha256 is not None:
            self._hold_to_seal(name, sha256.hexdigest())
        self._put(WHOLE)
        self.files_sent += 1

    def _put_error(self, error: OSError) -> dict[str, Any]:
        text = error.strerror or type(error).__name__
        encoded = text.encode()
        self._put(_length(len(encoded) + 1), LOCAL_ERROR, encoded)
        return {"DLFileErrorString": text, "DLFileErrorCode": status_code(error) & (1 << 64) - 1}

    def _put_frames(self, piece: bytes) -> None:
        self.bytes_sent += len(piece)
        if len(piece) <= FRAME_BYTES:
            self._put(_frame_header(len(piece) + 1, DATA), piece)
            return
        view = memoryview(piece)
        for start in range(0, len(piece), FRAME_BYTES):
            frame = view[start : start + FRAME_BYTES]
            self._put(_frame_header(len(frame) + 1, DATA), frame)

    def _put(self, *parts: bytes | memoryview) -> None:
        self._outbox += parts
        self._outbox_bytes += sum(map(len, parts))
        if self._outbox_bytes >= SEND_BYTES:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._outbox)
        self._outbox.clear()
        self._outbox_bytes = 0
        self.on_progress()
        self.link.send_bytes(data)

    def _hold_to_seal(self, name: str, sha256: str) -> None:
        assert self.seal is not None
        sealed = self.seal.digest_of(name)
        if sealed == sha256 or name in self.seal.unreadable:
            return  # a phone's own backup may have files of which it sent what it could read
        if sealed is not None:
            self._stop_at(name, "its contents are not those that were verified")
        if FILE_ID.fullmatch(name):
            self._stop_at(name, "it was not there when the data was verified")

    def _refuse_to_lack(self, host_path: str, error: OSError) -> None:
        """A phone may ask for what a set need not have, but a sealed file must be there."""
        name = host_path.rpartition("/")[2]
        if self.seal is not None and self.seal.digest_of(name) is not None:
            self._stop_at(name, error.strerror or type(error).__name__)

    def _stop_at(self, name: str, reason: str) -> NoReturn:
        self._flush()
        raise NotAsSealed(name, reason)


def _pieces(descriptor: int, size: int, sha256: _Hash | None) -> Iterator[bytes]:
    """The content of an open file to its end, hashed. `size` is what it should have: that much needs one read."""
    done = 0
    while True:
        wanted = min(size - done + 1, READ_BYTES) if size >= done else READ_BYTES
        piece = os.read(descriptor, wanted)
        if sha256 is not None:
            sha256.update(piece)
        done += len(piece)
        if piece:
            yield piece
        if not piece or (done == size and len(piece) < wanted):
            return
