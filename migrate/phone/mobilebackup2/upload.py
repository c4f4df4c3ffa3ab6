"""Receive files, phone -> computer: the raw stream after DLMessageUploadFiles (the phone uploads).

    { n, device path; n, host path; { n = len+1, code, len bytes }… until code is not 0x0c }… then n = 0

All lengths are BE u32. Codes: 0x0c file data, 0x00 the file is complete, 0x0b or 0x06 the phone could not read it.
Source: facts 2.2 (pymobiledevice3 `upload_files`, libimobiledevice `mb2_handle_receive_files`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from migrate.phone.mobilebackup2.host_folder import HostFolder
from migrate.phone.mobilebackup2.link import DeviceLink
from migrate.phone.mobilebackup2.pipeline import FileData, FileEnd, FileStart, Piece, Pipeline, file_id_of
from migrate.phone.quoting import safe_text

DATA: Final = 0x0C
WHOLE: Final = 0x00
LOCAL_ERROR: Final = 0x06
REMOTE_ERROR: Final = 0x0B

CHUNK_BYTES = 256 << 10
BATCH_BYTES = 1 << 20
BATCH_PIECES = 256
"""Pieces go to the writer in batches: each put or get on a queue costs about 10 µs, and a phone has a hundred thousand
files of a few kilobytes."""
NAME_LIMIT_BYTES = 16 << 10
PIECE_LIMIT_BYTES = 64 << 20
"""A piece of a file, as the longest message. Apple's own pieces have 32 KiB (facts 2.2), and it is *guessed* that no
phone's are a thousand times larger. A longer one is refused when it is announced, not waited for."""
ERROR_TEXT_KEPT_BYTES = 4 << 10
ERROR_TEXT_LIMIT_BYTES = 1 << 20
DROPPED_BATCHES = 64
"""How many batches (see above) to receive and drop once they cannot be stored, because of the disk or a file's name.
The phone's stream usually ends within that, so the phone can be told why (it answers 105 or 104). For gigabytes of
video or an endless stream, the conversation ends instead."""
UNREADABLE_LIMIT = 10_000
REASONS_LIMIT = 100
"""Unreadable files are listed with name and reason up to these limits; further ones are only counted."""


@dataclass
class Receiver:
    """Passes file streams from the link to the pipeline. The counts cover the whole conversation.

    `unreadable`: file id -> (the path on the phone, why the phone could not read it), for the first UNREADABLE_LIMIT
    files; `more_unreadable_count` counts the rest. A file that arrives complete later is removed from it.
    """

    link: DeviceLink
    host_folder: HostFolder
    pipeline: Pipeline
    on_progress: Callable[[], None] = lambda: None  # called for every batch
    bytes_received: int = 0
    files_received: int = 0
    unreadable: dict[str, tuple[str, str]] = field(default_factory=dict)
    more_unreadable_count: int = 0
    _chunk: bytearray = field(default_factory=lambda: bytearray(CHUNK_BYTES))
    _filled: int = 0
    _pieces: list[Piece] = field(default_factory=list)
    _piece_bytes: int = 0
    _path_error: OSError | None = None  # in this stream: a host path that may not be written
    _dropped: int = 0  # batches in this stream
    _reasons: dict[str, str] = field(default_factory=dict)

    def receive_files(self) -> OSError | None:
        """Receive one stream, and return the OSError to report to the phone, or None if everything was stored.

        Raises:
            LinkEnded, LinkSilent, PhoneBrokeProtocol; UnsafeName: a host path leads out of the backup.
            OSError: writing failed, and the phone kept sending (see DROPPED_BATCHES).
        """
        self._path_error, self._dropped = None, 0
        while device_path := self._name():
            host_path = self._name().decode("utf-8", "surrogateescape")  # `inside` refuses undecodable names
            try:
                local_path = self.host_folder.local_path(host_path)
            except OSError as error:
                local_path, self._path_error = None, error
            self._pieces.append(FileStart(local_path))
            self._receive_file(file_id_of(host_path), device_path)
        self._put_batch()
        return self.pipeline.flush() or self._path_error

    def _name(self) -> bytes:
        length = self.link.read_length()
        if length > NAME_LIMIT_BYTES:
            raise self.link.protocol_error(f"it announced a name of {length} bytes")
        return self.link.read(length)

    def _receive_file(self, file_id: str | None, device_path: bytes) -> None:
        had_data = False
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
            self._receive_data(length)
        self._end_chunk()
        if code not in (WHOLE, LOCAL_ERROR, REMOTE_ERROR):
            raise self.link.protocol_error(f"a file ended with the code {code:#04x}")
        error_text = self._error_text(length)
        # 0x0b after data and without a text "is not an error" (*read*: libimobiledevice's receive loop)
        is_whole = code == WHOLE or (code == REMOTE_ERROR and had_data and not error_text)
        why = None if is_whole else self._shared_reason(error_text or "no reason given")
        self._count_file(file_id, device_path, why)
        self._pieces.append(FileEnd(file_id, why))
        if self._piece_bytes >= BATCH_BYTES or len(self._pieces) >= BATCH_PIECES:
            self._put_batch()

    def _count_file(self, file_id: str | None, device_path: bytes, why: str | None) -> None:
        if why is None:
            self.files_received += 1
            self.unreadable.pop(file_id or "", None)
        elif file_id is not None and (file_id in self.unreadable or len(self.unreadable) < UNREADABLE_LIMIT):
            self.unreadable[file_id] = (safe_text(device_path.decode(errors="replace")), why)
        elif file_id is not None:
            self.more_unreadable_count += 1

    def _receive_data(self, length: int) -> None:
        """Pass on `length` bytes in chunks, so memory does not grow with the length that the phone announced."""
        while length:
            take = min(length, CHUNK_BYTES - self._filled)
            self.link.read_into(memoryview(self._chunk)[self._filled : self._filled + take])
            self._filled += take
            length -= take
            if self._filled == CHUNK_BYTES:
                self._end_chunk()

    def _end_chunk(self) -> None:
        if self._filled:
            self._pieces.append(FileData(bytes(memoryview(self._chunk)[: self._filled])))
            self._piece_bytes += self._filled
            self.bytes_received += self._filled
            self._filled = 0
            if self._piece_bytes >= BATCH_BYTES:
                self._put_batch()

    def _shared_reason(self, error_text: str) -> str:
        """One shared string for equal reasons, and a limit on different ones: a million files may have an error."""
        if len(self._reasons) >= REASONS_LIMIT and error_text not in self._reasons:
            error_text = "one of many reasons"
        return self._reasons.setdefault(error_text, error_text)

    def _put_batch(self) -> None:
        if (write_error := self.pipeline.write_error or self._path_error) is not None:
            self._dropped += 1
        if write_error is not None and self._dropped > DROPPED_BATCHES:
            if self.pipeline.write_error is None:
                raise self.link.protocol_error("it sends file after file to a place that is not its own")
            raise write_error
        self.pipeline.put(self._pieces)
        self._pieces, self._piece_bytes = [], 0
        self.on_progress()

    def _error_text(self, length: int) -> str:
        """The phone's error text, cut to ERROR_TEXT_KEPT_BYTES."""
        if length > ERROR_TEXT_LIMIT_BYTES:
            raise self.link.protocol_error(f"it announced an error text of {length} bytes")
        text = self.link.read(min(length, ERROR_TEXT_KEPT_BYTES))
        rest = length - len(text)
        while rest:
            rest -= len(self.link.read(min(rest, CHUNK_BYTES)))
        return safe_text(text.decode(errors="replace"))
