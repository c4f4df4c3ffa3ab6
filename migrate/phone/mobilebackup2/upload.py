"""Files from the phone: the raw stream that follows DLMessageUploadFiles.

    { n, device path; n, host path; { n = len+1, code, len bytes }… until code is not 0x0c }… then n = 0

All lengths BE u32. 0x0c file data, 0x00 whole, 0x0b the phone could not read the file, 0x06 likewise.
Source: facts 2.2 (pymobiledevice3 `upload_files`, libimobiledevice `mb2_handle_receive_files`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from migrate.phone.mobilebackup2.host_folder import Drive
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
"""Pieces travel to the writer in batches: a queue costs some 10 µs a turn, and a phone has a hundred thousand files of
a few kilobytes."""
NAME_LIMIT_BYTES = 16 << 10
ERROR_LIMIT_BYTES = 4 << 10
ERROR_STORY_LIMIT_BYTES = 1 << 20
DROPPED_BATCHES = 64
"""Batches (see above) that are taken in and dropped once the disk, or the name of a file, refuses them: so much, and
the phone's stream usually ends, and it hears why (105 or 104, in its words). A film of gigabytes, or a stream without
an end, is not listened to for that."""
UNREADABLE_LIMIT = 10_000
REASONS_LIMIT = 100
"""Files that could not be read are told by name and reason up to here, and counted beyond."""


@dataclass
class Receiver:
    """Reads streams from the link into the pipeline. Counts over the whole conversation.

    `unreadable`: file id -> (the phone's own path of it, why it could not be read), for the first UNREADABLE_LIMIT of
    them; `more_unreadable_count` counts the rest. One that came whole later is out.
    """

    link: DeviceLink
    drive: Drive
    pipeline: Pipeline
    on_progress: Callable[[], None] = lambda: None  # called often, while bytes come in
    bytes_received: int = 0
    files_received: int = 0
    unreadable: dict[str, tuple[str, str]] = field(default_factory=dict)
    more_unreadable_count: int = 0
    _chunk: bytearray = field(default_factory=lambda: bytearray(CHUNK_BYTES))
    _filled: int = 0
    _pieces: list[Piece] = field(default_factory=list)
    _piece_bytes: int = 0
    _refused: OSError | None = None  # of this stream: a place that is none here
    _dropped: int = 0  # batches of this stream
    _reasons: dict[str, str] = field(default_factory=dict)

    def receive_files(self) -> OSError | None:
        """Take one stream to its end. What the disk here refused, if anything: the phone has to hear of it.

        Raises:
            LinkEnded, LinkSilent, PhoneBrokeProtocol; UnsafeName: a host path leads out of the backup.
            OSError: what the disk here refused, and the phone would not come to an end.
        """
        self._refused, self._dropped = None, 0
        while device_path := self._name():
            host_path = self._name().decode("utf-8", "surrogateescape")  # `inside` refuses what is no text
            try:
                local_path = self.drive.local_path(host_path)
            except OSError as error:
                local_path, self._refused = None, error
            self._pieces.append(FileStart(local_path))
            self._one_file(file_id_of(host_path), device_path)
        self._hand_over()
        return self.pipeline.flush() or self._refused

    def _name(self) -> bytes:
        length = self.link.read_length()
        if length > NAME_LIMIT_BYTES:
            raise self.link.protocol_error(f"it announced a name of {length} bytes")
        return self.link.read(length)

    def _one_file(self, file_id: str | None, device_path: bytes) -> None:
        had_data = False
        while True:
            length = self.link.read_length()
            if length == 0:
                raise self.link.protocol_error("a piece of a file came without its code")
            code, length = self.link.read(1)[0], length - 1
            if code != DATA:
                break
            had_data = True
            self._copy(length)
        self._end_chunk()
        if code not in (WHOLE, LOCAL_ERROR, REMOTE_ERROR):
            raise self.link.protocol_error(f"a file ended with the code {code:#04x}")
        error_text = self._error_text(length)
        # 0x0b after data and without a word "is not an error" (*read*: libimobiledevice's receive loop)
        is_whole = code == WHOLE or (code == REMOTE_ERROR and had_data and not error_text)
        why = None if is_whole else self._reason(error_text or "no reason given")
        self._note(file_id, device_path, why)
        self._pieces.append(FileEnd(file_id, why))
        if self._piece_bytes >= BATCH_BYTES or len(self._pieces) >= BATCH_PIECES:
            self._hand_over()

    def _note(self, file_id: str | None, device_path: bytes, why: str | None) -> None:
        if why is None:
            self.files_received += 1
            self.unreadable.pop(file_id or "", None)
        elif file_id is not None and (file_id in self.unreadable or len(self.unreadable) < UNREADABLE_LIMIT):
            self.unreadable[file_id] = (safe_text(device_path.decode(errors="replace")), why)
        elif file_id is not None:
            self.more_unreadable_count += 1

    def _copy(self, length: int) -> None:
        """Pass `length` bytes on, whatever that length is: never more than a chunk of it is in memory at once."""
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
                self._hand_over()

    def _reason(self, error_text: str) -> str:
        """One text for all files that have it: a million of them name the same error."""
        if len(self._reasons) >= REASONS_LIMIT and error_text not in self._reasons:
            error_text = "one of many reasons"
        return self._reasons.setdefault(error_text, error_text)

    def _hand_over(self) -> None:
        if (write_error := self.pipeline.write_error or self._refused) is not None:
            self._dropped += 1
        if write_error is not None and self._dropped > DROPPED_BATCHES:
            if self.pipeline.write_error is None:
                raise self.link.protocol_error("it sends file after file to a place that is not its own")
            raise write_error
        self.pipeline.put(self._pieces)
        self._pieces, self._piece_bytes = [], 0
        self.on_progress()

    def _error_text(self, length: int) -> str:
        """What the phone says went wrong; a long story is cut, its rest dropped."""
        if length > ERROR_STORY_LIMIT_BYTES:
            raise self.link.protocol_error(f"it announced an error text of {length} bytes")
        kept = self.link.read(min(length, ERROR_LIMIT_BYTES))
        rest = length - len(kept)
        while rest:
            rest -= len(self.link.read(min(rest, CHUNK_BYTES)))
        return safe_text(kept.decode(errors="replace"))
