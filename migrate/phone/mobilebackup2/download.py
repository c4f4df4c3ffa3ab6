"""Send files, computer -> phone: the raw stream that answers DLMessageDownloadFiles (the phone downloads).

    { n, path; { n = len+1, 0x0c, len bytes }…, n = 1, 0x00 }…      a file
    { n, path; …, n = len+1, 0x06, error text }…                    a file that this computer cannot read
    then n = 0, and a status: 0, or -13 with the error for each path

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

from migrate.phone.mobilebackup2.host_folder import MULTIPLE_ERRORS, HostFolder, StatusResponse, status_code
from migrate.phone.mobilebackup2.link import DeviceLink

DATA: Final = b"\x0c"
WHOLE: Final = struct.pack(">IB", 1, 0)
LOCAL_ERROR: Final = b"\x06"
STREAM_ENDS: Final = struct.pack(">I", 0)

FRAME_BYTES = 32 << 10
"""Apple's own host sends frames of 32 KiB. The phone keeps a whole frame in memory; larger frames get its BackupAgent2
killed, and the restore then hangs at 0 % (*read*: pymobiledevice3 services/device_link.py, issues 1165 and 1857)."""
HEADER_BYTES = 5


@dataclass
class Sender:
    """Sends files of the host folder over the link. The counts cover the whole conversation."""

    link: DeviceLink
    host_folder: HostFolder
    on_progress: Callable[[], None] = lambda: None
    bytes_sent: int = 0
    files_sent: int = 0

    def __post_init__(self) -> None:
        self._frame = bytearray(HEADER_BYTES + FRAME_BYTES)

    def send_files(self, names: Sequence[str]) -> StatusResponse:
        """Send each file, and return the status to answer with.

        Raises:
            LinkEnded, LinkSilent; UnsafeName: a name leads out of the backup.
        """
        failed: dict[str, dict[str, Any]] = {}
        for host_path in names:
            path = host_path.encode()
            self.link.send_bytes(struct.pack(">I", len(path)) + path)
            try:
                self._send(self.host_folder.local_path(host_path, to_read=True))
            except OSError as error:
                text = error.strerror or type(error).__name__
                encoded = text.encode()
                self.link.send_bytes(struct.pack(">I", len(encoded) + 1) + LOCAL_ERROR + encoded)
                failed[host_path] = {"DLFileErrorString": text, "DLFileErrorCode": status_code(error) & (1 << 64) - 1}
            self.on_progress()
        self.link.send_bytes(STREAM_ENDS)
        return StatusResponse(MULTIPLE_ERRORS, "Multi status", failed) if failed else StatusResponse()

    def _send(self, local_path: Path) -> None:
        frame = memoryview(self._frame)
        if local_path.is_dir():  # on Windows, opening a folder fails with EACCES instead
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with local_path.open("rb", buffering=0) as file:
            while count := file.readinto(frame[HEADER_BYTES:]):
                struct.pack_into(">Ic", self._frame, 0, count + 1, DATA)
                self.link.send_bytes(frame[: HEADER_BYTES + count])
                self.bytes_sent += count
                self.on_progress()
        self.link.send_bytes(WHOLE)
        self.files_sent += 1
