"""Files to the phone: the raw stream that answers DLMessageDownloadFiles.

    { n, path; { n = len+1, 0x0c, len bytes }…, n = 1, 0x00 }…      a file
    { n, path; …, n = len+1, 0x06, error text }…                    one that cannot be read here
    then n = 0, and a status: 0, or -13 with what went wrong with which path

Source: facts 2.2 (pymobiledevice3 `download_files`).
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from migrate.phone.mobilebackup2.host_folder import MULTIPLE_ERRORS, Drive, StatusResponse, code_of
from migrate.phone.mobilebackup2.link import DeviceLink

DATA: Final = b"\x0c"
WHOLE: Final = struct.pack(">IB", 1, 0)
LOCAL_ERROR: Final = b"\x06"
STREAM_ENDS: Final = struct.pack(">I", 0)

FRAME_BYTES = 32 << 10
"""Apple's own host sends 32 KiB a frame. The phone keeps a whole frame in memory, and larger ones get its BackupAgent2
killed: the restore then hangs at 0 % (*read*: pymobiledevice3 services/device_link.py, its issues 1165 and 1857)."""
HEADER_BYTES = 5


@dataclass
class Sender:
    """Sends files of the drive over the link. Counts over the whole conversation."""

    link: DeviceLink
    drive: Drive
    on_progress: Callable[[], None] = lambda: None
    bytes_sent: int = 0
    files_sent: int = 0

    def __post_init__(self) -> None:
        self._frame = bytearray(HEADER_BYTES + FRAME_BYTES)

    def send_files(self, names: Sequence[str]) -> StatusResponse:
        """Send each, and give the status to answer with.

        Raises:
            LinkEnded, LinkSilent; UnsafeName: a name leads out of the backup.
        """
        failed: dict[str, dict[str, Any]] = {}
        for host_path in names:
            path = host_path.encode()
            self.link.send_bytes(struct.pack(">I", len(path)) + path)
            try:
                self._send(self.drive.local_path(host_path, to_read=True))
            except OSError as error:
                text = error.strerror or type(error).__name__
                said = text.encode()
                self.link.send_bytes(struct.pack(">I", len(said) + 1) + LOCAL_ERROR + said)
                failed[host_path] = {"DLFileErrorString": text, "DLFileErrorCode": code_of(error) & (1 << 64) - 1}
            self.on_progress()
        self.link.send_bytes(STREAM_ENDS)
        return StatusResponse(MULTIPLE_ERRORS, "Multi status", failed) if failed else StatusResponse()

    def _send(self, local_path: Path) -> None:
        frame = memoryview(self._frame)
        if local_path.is_dir():  # Windows answers EACCES to opening one
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with local_path.open("rb", buffering=0) as file:
            while count := file.readinto(frame[HEADER_BYTES:]):
                struct.pack_into(">Ic", self._frame, 0, count + 1, DATA)
                self.link.send_bytes(frame[: HEADER_BYTES + count])
                self.bytes_sent += count
                self.on_progress()
        self.link.send_bytes(WHOLE)
        self.files_sent += 1
