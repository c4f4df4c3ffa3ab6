"""AFC (Apple File Conduit), the phone's side: bytes to requests, answers to bytes. No I/O.

    header    "CFA6LPAA", entire length, head length, packet number, operation: the last four little-endian u64
    head      head length - 40 bytes: the operation's arguments
    payload   entire length - head length bytes: data to write

Every answer carries the packet number of its request. Paths end with a zero byte. A write's payload may also be in the
head (pymobiledevice3 announces a head of 48 bytes, others the whole packet); both are read alike.
Sources: facts 1.3; libimobiledevice src/afc.c; pymobiledevice3 services/afc.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

from migrate.wire.incoming import PacketReader
from migrate.wire.plist_frames import NEED_DATA, NeedData, PeerBroke

MAGIC = b"CFA6LPAA"
HEADER_BYTES = 40
PACKET_LIMIT_BYTES = 32 << 20
"""The longest packet accepted. pymobiledevice3 writes chunks of 4 MiB, libimobiledevice of 64 KiB."""
PATH_LIMIT_BYTES = 4096


class Operation(IntEnum):
    STATUS = 0x01
    DATA = 0x02
    READ_DIRECTORY = 0x03
    TRUNCATE = 0x07
    REMOVE_PATH = 0x08
    MAKE_DIRECTORY = 0x09
    FILE_INFO = 0x0A
    DEVICE_INFO = 0x0B
    OPEN = 0x0D
    OPEN_RESULT = 0x0E
    READ = 0x0F
    WRITE = 0x10
    SEEK = 0x11
    TELL = 0x12
    TELL_RESULT = 0x13
    CLOSE = 0x14
    SET_SIZE = 0x15
    SET_CONNECTION_OPTIONS = 0x17
    RENAME_PATH = 0x18
    SET_BLOCK_SIZE = 0x19
    SET_SOCKET_BLOCK_SIZE = 0x1A
    LOCK = 0x1B
    SET_FILE_TIME = 0x1E
    REMOVE_PATH_AND_CONTENTS = 0x22


class StatusCode(IntEnum):
    SUCCESS = 0
    UNKNOWN_PACKET_TYPE = 6
    READ_ERROR = 4
    INVALID_ARGUMENT = 7
    OBJECT_NOT_FOUND = 8
    OBJECT_IS_DIRECTORY = 9
    PERMISSION_DENIED = 10
    OBJECT_EXISTS = 16
    NO_SPACE_LEFT = 18
    WOULD_BLOCK = 19
    DIRECTORY_NOT_EMPTY = 33


class OpenMode(IntEnum):
    READ = 1  # r
    READ_WRITE = 2  # r+, creates
    WRITE = 3  # w, creates and empties
    WRITE_READ = 4  # w+, creates and empties
    APPEND = 5  # a, creates
    READ_APPEND = 6  # a+, creates


# --- requests


@dataclass(frozen=True)
class ReadDirectory:
    path: str


@dataclass(frozen=True)
class MakeDirectory:
    path: str


@dataclass(frozen=True)
class FileInfo:
    path: str


@dataclass(frozen=True)
class DeviceInfo: ...


@dataclass(frozen=True)
class RemovePath:
    path: str
    with_contents: bool = False


@dataclass(frozen=True)
class RenamePath:
    source: str
    target: str


@dataclass(frozen=True)
class Truncate:
    path: str
    size: int


@dataclass(frozen=True)
class SetFileTime:
    path: str
    modified_ns: int


@dataclass(frozen=True)
class Open:
    path: str
    mode: OpenMode


@dataclass(frozen=True)
class Read:
    handle: int
    size: int


@dataclass(frozen=True)
class Write:
    handle: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Seek:
    handle: int
    whence: int  # 0 start, 1 current position, 2 end
    offset: int


@dataclass(frozen=True)
class Tell:
    handle: int


@dataclass(frozen=True)
class Close:
    handle: int


@dataclass(frozen=True)
class SetSize:
    handle: int
    size: int


@dataclass(frozen=True)
class Lock:
    handle: int
    operation: int  # flock(2): 1 shared, 2 exclusive, 8 unlock, 4 do not wait


@dataclass(frozen=True)
class SetOption:
    """Block sizes and connection options, which have no effect on a simulated phone."""


@dataclass(frozen=True)
class InvalidRequest:
    """A packet with an unknown operation, or with a head that does not fit its operation."""

    operation: int
    is_known: bool


Request: TypeAlias = (
    ReadDirectory
    | MakeDirectory
    | FileInfo
    | DeviceInfo
    | RemovePath
    | RenamePath
    | Truncate
    | SetFileTime
    | Open
    | Read
    | Write
    | Seek
    | Tell
    | Close
    | SetSize
    | Lock
    | SetOption
    | InvalidRequest
)

# --- answers


@dataclass(frozen=True)
class Status:
    code: StatusCode


@dataclass(frozen=True)
class Data:
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class OpenResult:
    handle: int


@dataclass(frozen=True)
class TellResult:
    position: int


Answer: TypeAlias = Status | Data | OpenResult | TellResult


def zero_terminated(texts: Sequence[str]) -> Data:
    """A list of texts in AFC's form: each ends with a zero byte."""
    return Data(b"".join(text.encode() + b"\0" for text in texts))


class AfcServer(PacketReader):
    """One client's connection to afcd. Answers are sent in the order of the requests."""

    def __init__(self) -> None:
        super().__init__()
        self._number = 0

    def next(self) -> Request | NeedData:
        """The next request, or NEED_DATA.

        Raises:
            PeerBroke: the header is invalid, or its lengths contradict each other or exceed the limit.
        """
        packet = self._take_packet()
        if packet is None:
            return NEED_DATA
        _, head_end, self._number, operation = struct.unpack_from("<4Q", packet, len(MAGIC))
        if not HEADER_BYTES <= head_end <= len(packet):
            raise PeerBroke(f"head of {head_end} bytes in a packet of {len(packet)} bytes")
        return _read_request(operation, packet[HEADER_BYTES:])

    def send(self, answer: Answer) -> bytes:
        """The bytes of the answer to the last request."""
        match answer:
            case Status():
                return self._packet(Operation.STATUS, struct.pack("<Q", answer.code))
            case Data():
                return self._packet(Operation.DATA, b"", answer.data)
            case OpenResult():
                return self._packet(Operation.OPEN_RESULT, struct.pack("<Q", answer.handle))
            case TellResult():
                return self._packet(Operation.TELL_RESULT, struct.pack("<Q", answer.position))

    def _packet(self, operation: Operation, head: bytes, payload: bytes = b"") -> bytes:
        head_end = HEADER_BYTES + len(head)
        return MAGIC + struct.pack("<4Q", head_end + len(payload), head_end, self._number, operation) + head + payload

    def _packet_length(self) -> int:
        if len(self._received) < HEADER_BYTES:
            return HEADER_BYTES
        (length,) = struct.unpack_from("<Q", self._received, len(MAGIC))
        if self._received[: len(MAGIC)] != MAGIC or not HEADER_BYTES <= length <= PACKET_LIMIT_BYTES:
            raise PeerBroke(f"not an AFC packet, or {length} bytes long; the limit is {PACKET_LIMIT_BYTES}")
        return int(length)


def _read_request(operation: int, body: bytes) -> Request:
    read = _READERS.get(operation)
    if read is None:
        return InvalidRequest(operation, is_known=False)
    try:
        return read(body)
    except (struct.error, ValueError):  # ValueError includes UnicodeDecodeError and an unknown OpenMode
        return InvalidRequest(operation, is_known=True)


def _paths(body: bytes, count: int) -> list[str]:
    """`count` paths, each ended by a zero byte; the last one may lack it."""
    parts = body.split(b"\0")
    if len(parts) < count or any(len(part) > PATH_LIMIT_BYTES for part in parts[:count]):
        raise ValueError("too few paths, or a path is too long")
    return [part.decode() for part in parts[:count]]


def _path(body: bytes) -> str:
    return _paths(body, 1)[0]


def _rename(body: bytes) -> Request:
    source, target = _paths(body, 2)
    return RenamePath(source, target)


def _open(body: bytes) -> Request:
    (mode,) = struct.unpack_from("<Q", body)
    return Open(_path(body[8:]), OpenMode(mode))


def _sized_path(body: bytes) -> tuple[int, str]:
    (number,) = struct.unpack_from("<Q", body)
    return int(number), _path(body[8:])


def _truncate(body: bytes) -> Request:
    size, path = _sized_path(body)
    return Truncate(path, size)


def _set_file_time(body: bytes) -> Request:
    modified_ns, path = _sized_path(body)
    return SetFileTime(path, modified_ns)


_READERS: dict[int, Callable[[bytes], Request]] = {
    Operation.READ_DIRECTORY: lambda body: ReadDirectory(_path(body)),
    Operation.TRUNCATE: _truncate,
    Operation.REMOVE_PATH: lambda body: RemovePath(_path(body)),
    Operation.REMOVE_PATH_AND_CONTENTS: lambda body: RemovePath(_path(body), with_contents=True),
    Operation.MAKE_DIRECTORY: lambda body: MakeDirectory(_path(body)),
    Operation.FILE_INFO: lambda body: FileInfo(_path(body)),
    Operation.DEVICE_INFO: lambda body: DeviceInfo(),
    Operation.OPEN: _open,
    Operation.READ: lambda body: Read(*struct.unpack("<QQ", body)),
    Operation.WRITE: lambda body: Write(struct.unpack_from("<Q", body)[0], body[8:]),
    Operation.SEEK: lambda body: Seek(*struct.unpack("<QQq", body)),
    Operation.TELL: lambda body: Tell(*struct.unpack("<Q", body)),
    Operation.CLOSE: lambda body: Close(*struct.unpack("<Q", body)),
    Operation.SET_SIZE: lambda body: SetSize(*struct.unpack("<QQ", body)),
    Operation.SET_CONNECTION_OPTIONS: lambda body: SetOption(),
    Operation.RENAME_PATH: _rename,
    Operation.SET_BLOCK_SIZE: lambda body: SetOption(),
    Operation.SET_SOCKET_BLOCK_SIZE: lambda body: SetOption(),
    Operation.LOCK: lambda body: Lock(*struct.unpack("<QQ", body)),
    Operation.SET_FILE_TIME: _set_file_time,
}
