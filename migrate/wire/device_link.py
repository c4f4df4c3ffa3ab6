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

    def receive(self, data: bytes) -> None:
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

    def _take(self, header: int, length: int) -> bytes | None:
        """Removes `header` and `length` bytes from the buffer and returns the latter; None if some are missing."""
        if len(self._buffer) < header + length:
            return None
        data = bytes(memoryview(self._buffer)[header : header + length])
        del self._buffer[: header + length]
        return data

    def _length(self, limit: int, of: str) -> int | None:
        if len(self._buffer) < 4:
            return None
        length = int.from_bytes(self._buffer[:4], "big")
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
        data = None if length is None else self._take(4, length)
        if data is None:
            return NEED_DATA
        match data[0]:
            case 0x0C:
                return FileData(data[1:])
            case 0x00:
                return FileEnd()
            case 0x06 | 0x0B:
                return FileError(data[1:].decode(errors="replace"), data[0])
        raise PeerBroke(f"unknown code {data[0]:#04x} in a file stream")
