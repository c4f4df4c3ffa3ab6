"""usbmuxd's protocol, the daemon's side: listing attached phones and connecting to their ports. No I/O.

    header    length, version, message, tag: four little-endian u32; length counts these 16 bytes too
    payload   length - 16 bytes: a property list when version is 1 and message is PLIST

    asking --(ListDevices, ReadBUID, ... )--> asking
    asking --(Listen)--> listening     only events; a second command gets BADCOMMAND and the socket is closed
    asking --(Connect, answered OK)--> connected     now the socket *is* the TCP stream to the phone

Sources: facts 1.1; pymobiledevice3 usbmux.py; usbmuxd src/client.c.
"""

from __future__ import annotations

import plistlib
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from struct import pack, unpack
from typing import Any, TypeAlias

from migrate.wire.incoming import PacketReader
from migrate.wire.plist_frames import NEED_DATA, NeedData, PeerBroke, WeBroke, read_plist

HEADER_BYTES = 16
PACKET_LIMIT_BYTES = 1 << 20
"""The longest packet accepted. The largest that clients send, a pair record, has about 8 KB."""
BINARY_VERSION, PLIST_VERSION = 0, 1


class PacketType(IntEnum):
    RESULT = 1
    PLIST = 8


class ResultCode(IntEnum):
    OK = 0
    BADCOMMAND = 1
    BADDEV = 2  # also for a missing pair record (ENOENT)
    CONNREFUSED = 3
    BADVERSION = 6
    EINVAL = 22


class State(Enum):
    ASKING = auto()
    LISTENING = auto()
    CONNECTED = auto()


# --- requests


@dataclass(frozen=True)
class ReadBUID: ...


@dataclass(frozen=True)
class ListDevices: ...


@dataclass(frozen=True)
class ListListeners: ...


@dataclass(frozen=True)
class Listen:
    program: str


@dataclass(frozen=True)
class Connect:
    device_id: int
    port: int  # host order; on the wire it is htons(port)


@dataclass(frozen=True)
class ReadPairRecord:
    udid: str


@dataclass(frozen=True)
class SavePairRecord:
    udid: str
    record: bytes
    device_id: int | None


@dataclass(frozen=True)
class DeletePairRecord:
    udid: str


@dataclass(frozen=True)
class Unknown:
    """An unknown or invalid command, answered with BADCOMMAND."""

    name: str


@dataclass(frozen=True)
class OtherVersion:
    """A packet of the binary protocol, answered with a binary BADVERSION."""

    version: int


Request: TypeAlias = (
    ReadBUID
    | ListDevices
    | ListListeners
    | Listen
    | Connect
    | ReadPairRecord
    | SavePairRecord
    | DeletePairRecord
    | Unknown
    | OtherVersion
)

# --- answers and events


@dataclass(frozen=True)
class Device:
    """An attached phone, as `Attached` and the device list describe it."""

    device_id: int
    udid: str
    connection_type: str = "USB"

    def as_plist(self) -> dict[str, Any]:
        return {
            "MessageType": "Attached",
            "DeviceID": self.device_id,
            "Properties": {
                "ConnectionSpeed": 480_000_000,
                "ConnectionType": self.connection_type,
                "DeviceID": self.device_id,
                "LocationID": 0x10000 + self.device_id,
                "ProductID": 0x12A8,
                "SerialNumber": self.udid,
                "UDID": self.udid,
                "USBSerialNumber": self.udid.replace("-", ""),
            },
        }


@dataclass(frozen=True)
class Result:
    number: ResultCode


@dataclass(frozen=True)
class Buid:
    buid: str


@dataclass(frozen=True)
class DeviceList:
    devices: Sequence[Device]


@dataclass(frozen=True)
class ListenerList:
    programs: Sequence[str]


@dataclass(frozen=True)
class PairRecord:
    record: bytes


@dataclass(frozen=True)
class Attached:
    device: Device


@dataclass(frozen=True)
class Detached:
    device_id: int


@dataclass(frozen=True)
class Paired:
    device_id: int


NEXT_STATE: dict[tuple[State, type[Request]], State] = {
    (State.ASKING, Listen): State.LISTENING,
    (State.ASKING, Connect): State.CONNECTED,
}
"""The state after a request that is answered OK. All other requests keep the state."""

Answer: TypeAlias = Result | Buid | DeviceList | ListenerList | PairRecord
Event: TypeAlias = Attached | Detached | Paired


class UsbmuxServer(PacketReader):
    """One client's connection to the daemon. After an accepted Connect, `trailing` bytes belong to the phone."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State.ASKING
        self._tag = 0
        self._pending_request: Request | None = None

    def next(self) -> Request | NeedData:
        """The client's next request, or NEED_DATA. Must not be called after a Connect was answered OK.

        Raises:
            PeerBroke: the header or the property list is invalid.
        """
        if self.state is State.CONNECTED:
            raise WeBroke("the socket belongs to the phone")
        if self._pending_request is not None:
            raise WeBroke("the last request has not been answered")
        packet = self._take_packet()
        if packet is None:
            return NEED_DATA
        _, version, kind, self._tag = unpack("<4I", packet[:HEADER_BYTES])
        self._pending_request = _read_request(version, kind, packet[HEADER_BYTES:])
        if self.state is State.LISTENING:
            self._pending_request = Unknown("a second command on a listening socket")
        return self._pending_request

    def send(self, answer: Answer) -> bytes:
        """The bytes of the answer to the last request.

        Raises:
            WeBroke: there is no unanswered request.
        """
        request, self._pending_request = self._pending_request, None
        if request is None:
            raise WeBroke(f"there is no request for {type(answer).__name__}")
        if isinstance(request, OtherVersion):
            body = pack("<I", ResultCode.BADVERSION)
            return pack("<4I", HEADER_BYTES + len(body), BINARY_VERSION, PacketType.RESULT, self._tag) + body
        if answer == Result(ResultCode.OK):
            self.state = NEXT_STATE.get((self.state, type(request)), self.state)
        return _packet(_answer_plist(answer), self._tag)

    def send_event(self, event: Event) -> bytes:
        """The bytes of an event, whose tag is 0. Raises WeBroke if the client is not listening."""
        if self.state is not State.LISTENING:
            raise WeBroke(f"{type(event).__name__} for a client that is not listening")
        return _packet(_event_plist(event), 0)

    def _packet_length(self) -> int:
        if len(self._received) < HEADER_BYTES:
            return HEADER_BYTES
        (length,) = unpack("<I", self._received[:4])
        if not HEADER_BYTES <= length <= PACKET_LIMIT_BYTES:
            raise PeerBroke(f"a packet of {length} bytes was announced; the limit is {PACKET_LIMIT_BYTES}")
        return int(length)


def _packet(message: Mapping[str, Any], tag: int) -> bytes:
    body = plistlib.dumps(dict(message))
    return pack("<4I", HEADER_BYTES + len(body), PLIST_VERSION, PacketType.PLIST, tag) + body


def _answer_plist(answer: Answer) -> dict[str, Any]:
    match answer:
        case Result():
            return {"MessageType": "Result", "Number": int(answer.number)}
        case Buid():
            return {"BUID": answer.buid}
        case DeviceList():
            return {"DeviceList": [device.as_plist() for device in answer.devices]}
        case ListenerList():
            return {"ListenerList": [{"ProgName": name, "IsListening": True} for name in answer.programs]}
        case PairRecord():
            return {"PairRecordData": answer.record}


def _event_plist(event: Event) -> dict[str, Any]:
    if isinstance(event, Attached):
        return event.device.as_plist()
    return {"MessageType": type(event).__name__, "DeviceID": event.device_id}


def _read_request(version: int, kind: int, payload: bytes) -> Request:
    if version != PLIST_VERSION:
        return OtherVersion(version)
    if kind != PacketType.PLIST:
        return Unknown(f"packet type {kind}")
    message = read_plist(payload)
    if not isinstance(message, dict):
        raise PeerBroke("the request is not a dictionary")
    name = message.get("MessageType")
    try:
        return _READERS[name](message) if isinstance(name, str) else Unknown("no MessageType")
    except KeyError:
        return Unknown(str(name))


def _connect(message: dict[str, Any]) -> Request:
    device_id, port = message["DeviceID"], message["PortNumber"]
    if not isinstance(device_id, int) or not isinstance(port, int) or not 0 <= port <= 0xFFFF:
        return Unknown("Connect")
    return Connect(device_id, socket.ntohs(port))


def _save_pair_record(message: dict[str, Any]) -> Request:
    record, device_id = message.get("PairRecordData"), message.get("DeviceID")
    return SavePairRecord(
        _udid(message), record if isinstance(record, bytes) else b"", device_id if isinstance(device_id, int) else None
    )


def _udid(message: dict[str, Any]) -> str:
    """The PairRecordID, or "" if it is missing (usbmuxd answers EINVAL)."""
    udid = message.get("PairRecordID")
    return udid if isinstance(udid, str) else ""


_READERS: dict[str, Callable[[dict[str, Any]], Request]] = {
    "ReadBUID": lambda message: ReadBUID(),
    "ListDevices": lambda message: ListDevices(),
    "ListListeners": lambda message: ListListeners(),
    "Listen": lambda message: Listen(str(message.get("ProgName", ""))),
    "Connect": _connect,
    "ReadPairRecord": lambda message: ReadPairRecord(_udid(message)),
    "SavePairRecord": _save_pair_record,
    "DeletePairRecord": lambda message: DeletePairRecord(_udid(message)),
}
