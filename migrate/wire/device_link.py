"""DeviceLink, the phone's side: which message is allowed when, and how files are sent between the plists. No I/O.

    the phone                                                the host
    DLMessageVersionExchange 400, 0        ->
                                           <-  DLMessageVersionExchange "DLVersionsOk" 400
    DLMessageDeviceReady                   ->
                                           <-  DLMessageProcessMessage {request}
    an operation (make, move, list …)      ->
                                           <-  DLMessageStatusResponse
    DLMessageUploadFiles, file stream      ->
                                           <-  DLMessageStatusResponse
    DLMessageDownloadFiles                 ->
                                           <-  file stream, DLMessageStatusResponse
    DLMessageProcessMessage {response}     ->
                                           <-  DLMessageDisconnect, or the next request

A message is a plist array in a frame (`length` BE u32, plist). A file stream is raw, all lengths BE u32:

    to the host     { n, device path, n, host path, { n = len+1, code u8, len bytes }… } 0
    to the phone    { n, path, { n = len+1, code u8, len bytes }… } 0
    codes           0x0c data, 0x00 end, 0x06 the host could not read the file, 0x0b the phone could not

The two transition tables below and `DeviceLink` hold the whole state machine. Sources: facts 2.1, 2.2 (pymobiledevice3
services/device_link.py and libimobiledevice tools/idevicebackup2.c agree).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from migrate.wire.device_link_messages import (
    DATA,
    END,
    FILE_END,
    STREAM_PARTS,
    ContentsOfDirectory,
    CopyItem,
    CreateDirectory,
    DeviceReady,
    Disconnect,
    DownloadFiles,
    FileData,
    FileEnd,
    FileError,
    FileStart,
    GetFreeDiskSpace,
    Message,
    MoveItems,
    ProcessMessage,
    PurgeDiskSpace,
    RemoveItems,
    StatusResponse,
    StreamEnd,
    UploadFiles,
    VersionExchange,
    VersionsOk,
    decode_path,
    encode_file_start,
    encode_frame,
    encode_frame_head,
    encode_stream_part,
    read_listing,
    read_message,
    to_plist_array,
)
from migrate.wire.plist_frames import NEED_DATA, NeedData, PeerBroke, WeBroke

PLIST_LIMIT_BYTES = 64 << 20
"""The longest message accepted from a host. A directory listing has about 150 bytes per file: enough for 400,000."""
PATH_LIMIT_BYTES = 4096
FRAME_LIMIT_BYTES = 0x8001
"""32 KiB and the code: Apple's BufferSize. Larger frames get a real agent killed (pymobiledevice3 issue 1857)."""


class State(Enum):
    NEW = auto()
    VERSION_OFFERED = auto()
    VERSION_AGREED = auto()
    IDLE = auto()
    AWAITING_STATUS = auto()
    SENDING_FILES = auto()
    SENDING_FILE_DATA = auto()
    RECEIVING_FILES = auto()
    RECEIVING_FILE_DATA = auto()
    CLOSED = auto()


OPERATIONS = (
    CreateDirectory,
    MoveItems,
    RemoveItems,
    ContentsOfDirectory,
    GetFreeDiskSpace,
    PurgeDiskSpace,
    CopyItem,
)

OUTGOING_TRANSITIONS: Final[Mapping[State, Mapping[type[Message], State]]] = {
    State.NEW: {VersionExchange: State.VERSION_OFFERED},
    State.VERSION_AGREED: {DeviceReady: State.IDLE},
    State.IDLE: {
        **dict.fromkeys(OPERATIONS, State.AWAITING_STATUS),
        UploadFiles: State.SENDING_FILES,
        DownloadFiles: State.RECEIVING_FILES,
        ProcessMessage: State.IDLE,
        Disconnect: State.CLOSED,
    },
    State.SENDING_FILES: {FileStart: State.SENDING_FILE_DATA, StreamEnd: State.AWAITING_STATUS},
    State.SENDING_FILE_DATA: {
        FileData: State.SENDING_FILE_DATA,
        FileEnd: State.SENDING_FILES,
        FileError: State.SENDING_FILES,
    },
}

INCOMING_TRANSITIONS: Final[Mapping[State, Mapping[type[Message], State]]] = {
    State.VERSION_OFFERED: {VersionsOk: State.VERSION_AGREED, Disconnect: State.CLOSED},
    State.IDLE: {ProcessMessage: State.IDLE, Disconnect: State.CLOSED},
    State.AWAITING_STATUS: {StatusResponse: State.IDLE, Disconnect: State.CLOSED},
    State.RECEIVING_FILES: {FileStart: State.RECEIVING_FILE_DATA, StreamEnd: State.AWAITING_STATUS},
    State.RECEIVING_FILE_DATA: {
        FileData: State.RECEIVING_FILE_DATA,
        FileEnd: State.RECEIVING_FILES,
        FileError: State.RECEIVING_FILES,
    },
}


class DeviceLink:
    """One session. Pass received bytes to `receive`, call `next` until NEED_DATA, and transmit what `send` returns."""

    def __init__(self, *, frame_limit_bytes: int = FRAME_LIMIT_BYTES) -> None:
        self.state = State.NEW
        self._frame_limit_bytes = frame_limit_bytes
        self._buffer = bytearray()
        self._at = 0  # where in the buffer the next message begins

    def receive(self, data: bytes) -> None:
        del self._buffer[: self._at]
        self._at = 0
        self._buffer += data

    def send(self, message: Message) -> bytes:
        """The bytes of `message`.

        Raises:
            WeBroke: the message is not allowed in this state.
        """
        following = OUTGOING_TRANSITIONS.get(self.state, {}).get(type(message))
        if following is None:
            raise WeBroke(f"{type(message).__name__} is not allowed in state {self.state.name}")
        self.state = following
        return (
            encode_stream_part(message) if isinstance(message, STREAM_PARTS) else encode_frame(to_plist_array(message))
        )

    def send_whole_file(self, path: str, device_path: str, data: bytes) -> bytes:
        """The bytes of FileStart, FileData (unless it is empty) and FileEnd together, for many small files.

        Raises:
            WeBroke: no file may begin in this state.
        """
        if self.state is not State.SENDING_FILES:
            raise WeBroke(f"a file is not allowed in state {self.state.name}")
        start = encode_file_start(path, device_path)
        return b"".join((start, encode_frame_head(len(data)), data, FILE_END)) if data else start + FILE_END

    def next(self, *, names_only: bool = False) -> Message | NeedData:
        """The host's next message, or NEED_DATA. With `names_only`, the payload of a folder's listing may be a list of
        its names instead of a dictionary.

        Raises:
            PeerBroke: the message is invalid, over a limit, or not allowed in this state. The session is over.
        """
        if self.state is State.RECEIVING_FILES:
            message = self._next_file()
        elif self.state is State.RECEIVING_FILE_DATA:
            message = self._next_part()
        else:
            message = self._next_plist(names_only)
        if isinstance(message, NeedData):
            return message
        following = INCOMING_TRANSITIONS.get(self.state, {}).get(type(message))
        if following is None:
            raise PeerBroke(f"{type(message).__name__} is not allowed in state {self.state.name}")
        self.state = following
        return message

    def next_small_file(self) -> tuple[str, bytes] | NeedData | None:
        """The path and all bytes of the host's next file, if it is whole and in at most one frame: FileStart, FileData
        and FileEnd together. None: `next` has to be called, which returns them one by one, or whatever else comes.

        Raises:
            PeerBroke: the path is invalid.
        """
        buffer, at, available = self._buffer, self._at, len(self._buffer)
        if self.state is not State.RECEIVING_FILES:
            return None
        if at + 4 > available:
            return NEED_DATA
        path_length = int.from_bytes(buffer[at : at + 4], "big")
        frame = at + 4 + path_length
        if not 0 < path_length <= PATH_LIMIT_BYTES:
            return None
        if frame + 5 > available:
            return NEED_DATA
        length, code = int.from_bytes(buffer[frame : frame + 4], "big"), buffer[frame + 4]
        end = frame + 4 + length
        if code == END and length == 1:
            data = b""
            self._at = end
        elif code != DATA or not 0 < length <= self._frame_limit_bytes:
            return None
        elif end + 5 > available:
            return NEED_DATA
        elif buffer[end : end + 5] != FILE_END:
            return None
        else:
            data = bytes(memoryview(buffer)[frame + 5 : end])
            self._at = end + 5
        return decode_path(bytes(buffer[at + 4 : frame])), data

    def _take(self, header: int, length: int) -> bytes | None:
        """Takes `header` and `length` bytes from the buffer and returns the latter; None if some are missing."""
        end = self._at + header + length
        if len(self._buffer) < end:
            return None
        data = bytes(memoryview(self._buffer)[self._at + header : end])
        self._at = end
        return data

    def _length(self, limit: int, of: str) -> int | None:
        if len(self._buffer) < self._at + 4:
            return None
        length = int.from_bytes(self._buffer[self._at : self._at + 4], "big")
        if length > limit:
            raise PeerBroke(f"{of} of {length} bytes was announced; the limit is {limit}")
        return length

    def _next_plist(self, names_only: bool) -> Message | NeedData:
        length = self._length(PLIST_LIMIT_BYTES, "a message")
        data = None if length is None else self._take(4, length)
        if data is None:
            return NEED_DATA
        return (names_only and read_listing(data)) or read_message(data)

    def _next_file(self) -> Message | NeedData:
        length = self._length(PATH_LIMIT_BYTES, "a path")
        data = None if length is None else self._take(4, length)
        if data is None:
            return NEED_DATA
        return FileStart(decode_path(data)) if data else StreamEnd()

    def _next_part(self) -> Message | NeedData:
        length = self._length(self._frame_limit_bytes, "a file frame")
        if length == 0:
            raise PeerBroke("a file frame without a code")
        if length is None or len(self._buffer) < self._at + 5:
            return NEED_DATA
        code = self._buffer[self._at + 4]
        data = self._take(5, length - 1)
        if data is None:
            return NEED_DATA
        match code:
            case 0x0C:
                return FileData(data)
            case 0x00:
                return FileEnd()
            case 0x06 | 0x0B:
                return FileError(data.decode(errors="replace"), code)
        raise PeerBroke(f"unknown code {code:#04x} in a file stream")
