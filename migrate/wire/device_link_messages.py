"""DeviceLink's messages and their bytes: plist arrays in frames, and the parts of a raw file stream.

Only the phone's messages can be encoded, and only a host's messages can be read. Their order is checked in device_link.
Sources: facts 2.1, 2.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from struct import pack
from typing import TypeAlias

from migrate.wire.fast_plists import encode_message, names_in_listing
from migrate.wire.plist_frames import PeerBroke, WeBroke, read_plist

EMPTY_TEXT = "___EmptyParameterString___"
VERSION = 400
"""The version of iOS 14 and later; 300 before. REPORTED: libimobiledevice issue 1379, a wire log of 16.1.1."""
DATA, END, LOCAL_ERROR, REMOTE_ERROR = 0x0C, 0x00, 0x06, 0x0B


@dataclass(frozen=True)
class VersionExchange:
    major: int = VERSION
    minor: int = 0


@dataclass(frozen=True)
class VersionsOk:
    major: int


@dataclass(frozen=True)
class DeviceReady: ...


@dataclass(frozen=True)
class ProcessMessage:
    body: Mapping[str, object] = field(repr=False)  # may hold a password


@dataclass(frozen=True)
class Disconnect: ...


@dataclass(frozen=True)
class CreateDirectory:
    path: str


@dataclass(frozen=True)
class UploadFiles:
    progress: float
    total_bytes: int


@dataclass(frozen=True)
class DownloadFiles:
    paths: Sequence[str]
    progress: float


@dataclass(frozen=True)
class MoveItems:
    items: Mapping[str, str]
    progress: float


@dataclass(frozen=True)
class RemoveItems:
    paths: Sequence[str]
    progress: float


@dataclass(frozen=True)
class ContentsOfDirectory:
    path: str


@dataclass(frozen=True)
class GetFreeDiskSpace: ...


@dataclass(frozen=True)
class PurgeDiskSpace:
    amount_bytes: int
    urgency: int


@dataclass(frozen=True)
class CopyItem:
    source: str
    destination: str


@dataclass(frozen=True)
class StatusResponse:
    """The host's answer: status 0 or a negative code. `payload` is the result of the operation."""

    status: int
    text: str
    payload: object


@dataclass(frozen=True)
class FileStart:
    """The start of a file. `device_path` is only sent to the host."""

    path: str
    device_path: str = ""


@dataclass(frozen=True)
class FileData:
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class FileEnd: ...


@dataclass(frozen=True)
class FileError:
    text: str
    code: int = REMOTE_ERROR


@dataclass(frozen=True)
class StreamEnd: ...


Operation: TypeAlias = (
    CreateDirectory | MoveItems | RemoveItems | ContentsOfDirectory | GetFreeDiskSpace | PurgeDiskSpace | CopyItem
)
Message: TypeAlias = (
    VersionExchange
    | VersionsOk
    | DeviceReady
    | ProcessMessage
    | Disconnect
    | Operation
    | UploadFiles
    | DownloadFiles
    | StatusResponse
    | FileStart
    | FileData
    | FileEnd
    | FileError
    | StreamEnd
)


STREAM_PARTS = (FileStart, FileData, FileEnd, FileError, StreamEnd)


def encode_frame(array: list[object]) -> bytes:
    data = encode_message(array)
    return pack(">I", len(data)) + data


def encode_stream_part(message: Message) -> bytes:
    match message:
        case FileStart(path, device_path):
            return encode_file_start(path, device_path)
        case FileData(data):
            return encode_frame_head(len(data)) + data
        case FileEnd():
            return FILE_END
        case FileError(text, code):
            return pack(">IB", len(text.encode()) + 1, code) + text.encode()
    return pack(">I", 0)


def encode_file_start(path: str, device_path: str) -> bytes:
    device, host = device_path.encode(), path.encode()
    return b"%b%b%b%b" % (pack(">I", len(device)), device, pack(">I", len(host)), host)


def encode_frame_head(size: int) -> bytes:
    """What is in front of `size` bytes of a file."""
    return pack(">IB", size + 1, DATA)


FILE_END = pack(">IB", 1, END)


def to_plist_array(message: Message) -> list[object]:
    """The plist array of a phone's message. The index of the progress figure differs by message (facts 2.2)."""
    match message:
        case VersionExchange(major, minor):
            return ["DLMessageVersionExchange", major, minor]
        case DeviceReady():
            return ["DLMessageDeviceReady"]
        case ProcessMessage(body):
            return ["DLMessageProcessMessage", dict(body)]
        case Disconnect():
            return ["DLMessageDisconnect", EMPTY_TEXT]
        case CreateDirectory(path):
            return ["DLMessageCreateDirectory", path, EMPTY_TEXT]
        case UploadFiles(progress, total):
            return ["DLMessageUploadFiles", EMPTY_TEXT, float(progress), total]
        case DownloadFiles(paths, progress):
            return ["DLMessageDownloadFiles", list(paths), EMPTY_TEXT, float(progress)]
        case MoveItems(items, progress):
            return ["DLMessageMoveItems", dict(items), EMPTY_TEXT, float(progress)]
        case RemoveItems(paths, progress):
            return ["DLMessageRemoveItems", list(paths), EMPTY_TEXT, float(progress)]
        case ContentsOfDirectory(path):
            return ["DLContentsOfDirectory", path]
        case GetFreeDiskSpace():
            return ["DLMessageGetFreeDiskSpace", EMPTY_TEXT]
        case PurgeDiskSpace(amount, urgency):
            return ["DLMessagePurgeDiskSpace", amount, urgency]
        case CopyItem(source, destination):
            return ["DLMessageCopyItem", source, destination]
    raise WeBroke(f"{type(message).__name__} is not a message of the phone")


def read_message(data: bytes) -> Message:
    """A host's message.

    Raises:
        PeerBroke: the bytes are not a plist array, or the message is not one a host sends.
    """
    match read_plist(data):
        case ["DLMessageVersionExchange", "DLVersionsOk", int(major), *_]:
            return VersionsOk(major)
        case ["DLMessageProcessMessage", dict(body), *_]:
            return ProcessMessage(body)
        case ["DLMessageStatusResponse", int(status), str(text), payload, *_]:
            return StatusResponse(signed(status), text, payload)
        case ["DLMessageStatusResponse", int(status), str(text)]:
            return StatusResponse(signed(status), text, None)
        case ["DLMessageDisconnect", *_]:
            return Disconnect()
    raise PeerBroke("not a message that a host sends")


def read_listing(data: bytes) -> StatusResponse | None:
    """A successful answer to ContentsOfDirectory, with a list of the names as its payload. None: `read_message` has to
    read it."""
    names = names_in_listing(data)
    return None if names is None else StatusResponse(0, "", names)


def signed(status: int) -> int:
    """The signed value of a status code: pymobiledevice3 sends negative codes as 64-bit two's complement."""
    return status - (1 << 64) if status >= 1 << 63 else status


def decode_path(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise PeerBroke("the path is not valid UTF-8") from None
