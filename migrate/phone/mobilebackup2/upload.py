"""Receive files, phone -> computer: the raw stream after DLMessageUploadFiles (the phone uploads).

    { n, device path; n, host path; { n = len+1, code, len bytes }… until code is not 0x0c }… then n = 0

All lengths are BE u32. Codes: 0x0c file data, 0x00 the file is complete, 0x0b or 0x06 the phone could not read it.
Source: facts 2.2 (pymobiledevice3 `upload_files`, libimobiledevice `mb2_handle_receive_files`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from migrate.phone.mobilebackup2.host_folder import HostFolder, HostPlace
from migrate.phone.mobilebackup2.link import DeviceLink
from migrate.phone.mobilebackup2.received_files import BUFFER_BYTES, LargeFile, ReceivedFiles, file_id_of
from migrate.phone.quoting import safe_text

DATA: Final = 0x0C
WHOLE: Final = 0x00
LOCAL_ERROR: Final = 0x06
REMOTE_ERROR: Final = 0x0B

REPORT_FILES = 256
"""How many small files to receive between two reports of progress; otherwise every megabyte."""
NAME_LIMIT_BYTES = 16 << 10
PIECE_LIMIT_BYTES = 64 << 20
"""A piece of a file, as the longest message. Apple's own pieces have 32 KiB (facts 2.2), and it is *guessed* that no
phone's are a thousand times larger. A longer one is refused when it is announced, not waited for."""
ERROR_TEXT_KEPT_BYTES = 4 << 10
ERROR_TEXT_LIMIT_BYTES = 1 << 20
DROPPED_BYTES = 64 << 20
DROPPED_FILES = 64 * REPORT_FILES
"""How much to receive and drop once it cannot be stored, because of the disk or a file's name. The phone's stream
usually ends within that, so the phone can be told why (it answers 105 or 104). For gigabytes of video or an endless
stream, the conversation ends instead."""
UNREADABLE_LIMIT = 10_000
REASONS_LIMIT = 100
"""Unreadable files are listed with name and reason up to these limits; further ones are only counted."""


@dataclass
class Receiver:
    """Passes file streams from the link to where they are stored. The counts cover the whole conversation.

    `unreadable`: file id -> (the path on the phone, why the phone could not read it), for the first UNREADABLE_LIMIT
    files; `more_unreadable_count` counts the rest. A file that arrives complete later is removed from it.
    """

    link: DeviceLink
    host_folder: HostFolder
    received: ReceivedFiles
    on_progress: Callable[[], None] = lambda: None  # called for every megabyte or a few hundred files
    bytes_received: int = 0
    files_received: int = 0
    unreadable: dict[str, tuple[str, str]] = field(default_factory=dict)
    more_unreadable_count: int = 0
    _buffer: bytearray = field(default_factory=lambda: bytearray(BUFFER_BYTES))
    _filled: int = 0
    _unreported_bytes: int = 0
    _unreported_files: int = 0
    _path_error: OSError | None = None  # in this stream: a host path that may not be written
    _dropped_bytes: int = 0  # in this stream
    _dropped_files: int = 0
    _reasons: dict[str, str] = field(default_factory=dict)

    def receive_files(self) -> OSError | None:
        """Receive one stream, and return the OSError to report to the phone, or None if everything was stored.

        Raises:
            LinkEnded, LinkSilent, PhoneBrokeProtocol; UnsafeName: a host path leads out of the backup.
            OSError: writing failed, and the phone kept sending (see DROPPED_BYTES).
        """
        self._path_error, self._dropped_bytes, self._dropped_files = None, 0, 0
        while device_path := self._name():
            host_path = self._name().decode("utf-8", "surrogateescape")  # `inside` refuses undecodable names
            try:
                place = self.host_folder.place_of(host_path)
            except OSError as error:
                place, self._path_error = None, error
            self._receive_file(place, file_id_of(host_path), device_path)
        self._report()
        return self.received.flush() or self._path_error

    def _name(self) -> bytes:
        length = self.link.read_length()
        if length > NAME_LIMIT_BYTES:
            raise self.link.protocol_error(f"it announced a name of {length} bytes")
        return self.link.read(length)

    def _receive_file(self, place: HostPlace | None, file_id: str | None, device_path: bytes) -> None:
        had_data, large = False, None
        self._filled = 0
        while True:
            length = self.link.read_length()
            if length == 0:
                raise self.link.protocol_error("a piece of a file came without its code")
            if length > PIECE_LIMIT_BYTES:
                raise self.link.protocol_error(f"it announced a piece of {length} bytes")
            code, length = self.link.read(1)[0], length - 1
            if code != DATA:
                break
            had_data = True
            large = self._receive_data(length, place, large)
        if code not in (WHOLE, LOCAL_ERROR, REMOTE_ERROR):
            raise self.link.protocol_error(f"a file ended with the code {code:#04x}")
        error_text = self._error_text(length)
        # 0x0b after data and without a text "is not an error" (*read*: libimobiledevice's receive loop)
        is_whole = code == WHOLE or (code == REMOTE_ERROR and had_data and not error_text)
        why = None if is_whole else self._shared_reason(error_text or "no reason given")
        self._count_file(file_id, device_path, why)
        self._count_bytes(self._filled)
        if large is None:
            with memoryview(self._buffer)[: self._filled] as content:
                self.received.store(place, file_id, content, why)
        else:
            self._hand_over(large)
            self.received.end(large, file_id, why)
        self._unreported_files += 1
        if self._unreported_files >= REPORT_FILES:
            self._report()

    def _count_file(self, file_id: str | None, device_path: bytes, why: str | None) -> None:
        if why is None:
            self.files_received += 1
            self.unreadable.pop(file_id or "", None)
        elif file_id is not None and (file_id in self.unreadable or len(self.unreadable) < UNREADABLE_LIMIT):
            self.unreadable[file_id] = (safe_text(device_path.decode(errors="replace")), why)
        elif file_id is not None:
            self.more_unreadable_count += 1

    def _receive_data(self, length: int, place: HostPlace | None, large: LargeFile | None) -> LargeFile | None:
        """Receive `length` bytes into the buffer. The file is large once they do not fit: full buffers are handed over,
        so memory does not grow with the length that the phone announced."""
        while length:
            if self._filled == BUFFER_BYTES:
                large = large or self.received.begin(place)
                self._count_bytes(self._filled)
                self._hand_over(large)
            take = min(length, BUFFER_BYTES - self._filled)
            with memoryview(self._buffer)[self._filled : self._filled + take] as free:
                self.link.read_into(free)
            self._filled += take
            length -= take
        return large

    def _hand_over(self, large: LargeFile) -> None:
        self.received.write(large, self._buffer, self._filled)
        self._buffer, self._filled = self.received.buffer(), 0

    def _count_bytes(self, count: int) -> None:
        self.bytes_received += count
        self._unreported_bytes += count
        if self._unreported_bytes >= BUFFER_BYTES:
            self._report()

    def _shared_reason(self, error_text: str) -> str:
        """One shared string for equal reasons, and a limit on different ones: a million files may have an error."""
        if len(self._reasons) >= REASONS_LIMIT and error_text not in self._reasons:
            error_text = "one of many reasons"
        return self._reasons.setdefault(error_text, error_text)

    def _report(self) -> None:
        disk_error = self.received.disk_error
        if disk_error is not None or self._path_error is not None:
            self._dropped_bytes += self._unreported_bytes
            self._dropped_files += self._unreported_files
            if self._dropped_bytes > DROPPED_BYTES or self._dropped_files > DROPPED_FILES:
                if disk_error is None:
                    raise self.link.protocol_error("it sends file after file to a place that is not its own")
                raise disk_error
        self._unreported_bytes = self._unreported_files = 0
        self.on_progress()

    def _error_text(self, length: int) -> str:
        """The phone's error text, cut to ERROR_TEXT_KEPT_BYTES."""
        if not length:
            return ""
        if length > ERROR_TEXT_LIMIT_BYTES:
            raise self.link.protocol_error(f"it announced an error text of {length} bytes")
        text = self.link.read(min(length, ERROR_TEXT_KEPT_BYTES))
        rest = length - len(text)
        while rest:
            rest -= len(self.link.read(min(rest, BUFFER_BYTES)))
        return safe_text(text.decode(errors="replace"))
