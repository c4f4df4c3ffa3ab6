"""Send files, computer -> phone: the raw stream that answers DLMessageDownloadFiles (the phone downloads).

    { n, path; { n = len+1, 0x0c, len bytes }…, n = 1, 0x00 }…      a file
    { n, path; …, n = len+1, 0x06, error text }…                    a file that this computer cannot read
    then n = 0, and a status: 0, or -13 with the error for each path

A file of a restore set is hashed on its way, and held to the set's seal before its end is sent. If it differs, the
stream stops there: the phone never has the whole file nor the end of the batch. It stages everything first and moves it
into place only after the last file (facts 2.5), so for the phone this is a pulled cable, and nothing on it changes.

Source: facts 2.2 (pymobiledevice3 `download_files`).
"""

from __future__ import annotations

import errno
import hashlib
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from migrate.backup.folder import FILE_ID
from migrate.backup.seal import Seal
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


class NotAsSealed(Exception):
    """A file of the restore set is not the sealed one, or cannot be read. The phone did not get all of it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        """A file id, Manifest.db or a plist."""
        self.reason = reason


@dataclass
class Sender:
    """Sends files of the host folder over the link. The counts cover the whole conversation.

    `seal`: the seal of the restore set that is sent; None in a backup, where the phone reads its own files again.
    """

    link: DeviceLink
    host_folder: HostFolder
    on_progress: Callable[[], None] = lambda: None
    seal: Seal | None = None
    bytes_sent: int = 0
    files_sent: int = 0

    def __post_init__(self) -> None:
        self._frame = bytearray(HEADER_BYTES + FRAME_BYTES)

    def send_files(self, names: Sequence[str]) -> StatusResponse:
        """Send each file, and return the status to answer with.

        Raises:
            LinkEnded, LinkSilent; UnsafeName: a name leads out of the backup.
            NotAsSealed: see there. The link is in the middle of a file and can only be closed.
        """
        failed: dict[str, dict[str, Any]] = {}
        for host_path in names:
            path = host_path.encode()
            self.link.send_bytes(struct.pack(">I", len(path)) + path)
            try:
                self._send(self.host_folder.local_path(host_path, to_read=True))
            except OSError as error:
                self._refuse_to_lack(host_path, error)
                text = error.strerror or type(error).__name__
                encoded = text.encode()
                self.link.send_bytes(struct.pack(">I", len(encoded) + 1) + LOCAL_ERROR + encoded)
                failed[host_path] = {"DLFileErrorString": text, "DLFileErrorCode": status_code(error) & (1 << 64) - 1}
            self.on_progress()
        self.link.send_bytes(STREAM_ENDS)
        return StatusResponse(MULTIPLE_ERRORS, "Multi status", failed) if failed else StatusResponse()

    def _send(self, local_path: Path) -> None:
        frame, sha256 = memoryview(self._frame), hashlib.sha256() if self.seal else None
        if local_path.is_dir():  # on Windows, opening a folder fails with EACCES instead
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with local_path.open("rb", buffering=0) as file:
            while count := file.readinto(frame[HEADER_BYTES:]):
                if sha256 is not None:
                    sha256.update(frame[HEADER_BYTES : HEADER_BYTES + count])
                struct.pack_into(">Ic", self._frame, 0, count + 1, DATA)
                self.link.send_bytes(frame[: HEADER_BYTES + count])
                self.bytes_sent += count
                self.on_progress()
        if sha256 is not None:
            self._hold_to_seal(local_path.name, sha256.hexdigest())
        self.link.send_bytes(WHOLE)
        self.files_sent += 1

    def _hold_to_seal(self, name: str, sha256: str) -> None:
        assert self.seal is not None
        if name in self.seal.unreadable:
            return  # in a phone's own backup: it sent what it could read
        sealed = self.seal.digest_of(name)
        if sealed is None and FILE_ID.fullmatch(name):
            raise NotAsSealed(name, "it was not there when the data was verified")
        if sealed is not None and sealed != sha256:
            raise NotAsSealed(name, "its contents are not those that were verified")

    def _refuse_to_lack(self, host_path: str, error: OSError) -> None:
        """A phone may ask for what a set need not have, but a sealed file must be there."""
        name = host_path.rpartition("/")[2]
        if self.seal is not None and self.seal.digest_of(name) is not None:
            raise NotAsSealed(name, error.strerror or type(error).__name__) from error
