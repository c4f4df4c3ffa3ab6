from __future__ import annotations

import plistlib
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from migrate.wire import usbmux
from migrate.wire.plist_frames import PeerBroke, WeBroke
from migrate.wire.usbmux import PACKET_LIMIT_BYTES, Device, Result, ResultCode, State, UsbmuxServer


def packet(message: dict[str, Any], tag: int = 1) -> bytes:
    body = plistlib.dumps(message)
    return struct.pack(
        "<4I",
        16 + len(body),  # length, including this header
        1,  # version: plist
        8,  # message: PLIST
        tag,
    ) + body  # fmt: skip


def unpacked(data: bytes) -> tuple[int, dict[str, Any]]:
    length, version, kind, tag = struct.unpack("<4I", data[:16])
    assert (length, version, kind) == (len(data), 1, 8)
    return tag, plistlib.loads(data[16:])


def asking(message: dict[str, Any], tag: int = 1) -> UsbmuxServer:
    mux = UsbmuxServer()
    mux.receive(packet(message, tag))
    return mux


def test_a_probe_and_its_answer_carry_the_same_tag() -> None:
    mux = asking({"MessageType": "ReadBUID"}, tag=77)
    assert mux.next() == usbmux.ReadBUID()
    assert unpacked(mux.send(usbmux.Buid("B"))) == (77, {"BUID": "B"})


def test_every_request_is_read_three_ways(read_three_ways: Callable[..., list[Any]]) -> None:
    data = (
        packet({"MessageType": "ListDevices", "ClientVersionString": "qt4i-usbmuxd"})
        + packet({"MessageType": "ListListeners"})
        + packet({"MessageType": "ReadPairRecord", "PairRecordID": "U"})
        + packet({"MessageType": "SavePairRecord", "PairRecordID": "U", "PairRecordData": b"R", "DeviceID": 3})
        + packet({"MessageType": "SavePairRecord"})
        + packet({"MessageType": "DeletePairRecord", "PairRecordID": "U"})
        + packet({"MessageType": "Dance"})
        + packet({"NoMessageType": 1})
        + packet({"MessageType": "Connect", "DeviceID": "x", "PortNumber": 1})
        + packet({"MessageType": "Connect", "DeviceID": 1})
    )
    read = read_three_ways(UsbmuxServer, data, after=lambda mux: mux.send(Result(ResultCode.BADCOMMAND)))
    assert read == [
        usbmux.ListDevices(),
        usbmux.ListListeners(),
        usbmux.ReadPairRecord("U"),
        usbmux.SavePairRecord("U", b"R", 3),
        usbmux.SavePairRecord("", b"", None),
        usbmux.DeletePairRecord("U"),
        usbmux.Unknown("Dance"),
        usbmux.Unknown("no MessageType"),
        usbmux.Unknown("Connect"),
        usbmux.Unknown("Connect"),
    ]


def test_the_port_is_byte_swapped_on_the_wire() -> None:
    mux = asking({"MessageType": "Connect", "DeviceID": 5, "PortNumber": socket.htons(62078)})
    assert mux.next() == usbmux.Connect(5, 62078)


def test_after_a_granted_connect_the_bytes_are_the_phones() -> None:
    mux = asking({"MessageType": "Connect", "DeviceID": 5, "PortNumber": 0})
    mux.receive(b"hello")
    mux.next()
    mux.send(Result(ResultCode.OK))
    assert mux.state is State.CONNECTED
    assert mux.trailing == b"hello"
    with pytest.raises(WeBroke):
        mux.next()


def test_a_refused_connect_may_be_followed_by_another() -> None:
    mux = asking({"MessageType": "Connect", "DeviceID": 5, "PortNumber": 0})
    mux.next()
    assert unpacked(mux.send(Result(ResultCode.CONNREFUSED))) == (1, {"MessageType": "Result", "Number": 3})
    mux.receive(packet({"MessageType": "ListDevices"}))
    assert mux.next() == usbmux.ListDevices()


def test_events_have_tag_zero_and_only_listeners_get_them() -> None:
    mux = asking({"MessageType": "Listen", "ProgName": "finder"}, tag=9)
    with pytest.raises(WeBroke):
        mux.send_event(usbmux.Detached(4))
    assert mux.next() == usbmux.Listen("finder")
    mux.send(Result(ResultCode.OK))
    tag, attached = unpacked(mux.send_event(usbmux.Attached(Device(4, "00008101-0000000000000001"))))
    assert tag == 0
    assert attached["MessageType"] == "Attached"
    assert attached["DeviceID"] == 4
    assert attached["Properties"]["SerialNumber"] == "00008101-0000000000000001"
    assert attached["Properties"]["ConnectionType"] == "USB"
    assert unpacked(mux.send_event(usbmux.Detached(4)))[1] == {"MessageType": "Detached", "DeviceID": 4}
    assert unpacked(mux.send_event(usbmux.Paired(4)))[1] == {"MessageType": "Paired", "DeviceID": 4}


def test_a_listener_cannot_send_another_request() -> None:
    mux = asking({"MessageType": "Listen"})
    mux.next()
    mux.send(Result(ResultCode.OK))
    mux.receive(packet({"MessageType": "ListDevices"}))
    assert isinstance(mux.next(), usbmux.Unknown)


def test_the_binary_protocol_gets_a_binary_refusal() -> None:
    mux = UsbmuxServer()
    mux.receive(struct.pack("<4I", 16, 0, 3, 21))  # version 0, LISTEN, tag 21
    assert mux.next() == usbmux.OtherVersion(0)
    answer = mux.send(Result(ResultCode.BADVERSION))
    assert struct.unpack("<5I", answer) == (20, 0, 1, 21, 6)  # RESULT, same tag, BADVERSION


@pytest.mark.parametrize("length", [0, 15, PACKET_LIMIT_BYTES + 1, 0xFFFFFFFF])
def test_an_invalid_length_is_refused_with_the_header(length: int) -> None:
    mux = UsbmuxServer()
    mux.receive(struct.pack("<4I", length, 1, 8, 1))
    with pytest.raises(PeerBroke):
        mux.next()


def test_a_payload_that_is_not_a_dictionary_breaks_the_protocol() -> None:
    mux = UsbmuxServer()
    body = plistlib.dumps([1])
    mux.receive(struct.pack("<4I", 16 + len(body), 1, 8, 1) + body)
    with pytest.raises(PeerBroke):
        mux.next()


def test_requests_and_answers_alternate() -> None:
    mux = asking({"MessageType": "ReadBUID"})
    with pytest.raises(WeBroke):
        mux.send(usbmux.Buid("B"))
    mux.next()
    with pytest.raises(WeBroke):
        mux.next()


def test_lists_are_answered_as_clients_read_them() -> None:
    mux = asking({"MessageType": "ListDevices"})
    mux.next()
    _, devices = unpacked(mux.send(usbmux.DeviceList([Device(1, "A"), Device(2, "A", "Network")])))
    assert [d["Properties"]["ConnectionType"] for d in devices["DeviceList"]] == ["USB", "Network"]
    mux.receive(packet({"MessageType": "ReadPairRecord", "PairRecordID": "A"}))
    mux.next()
    assert unpacked(mux.send(usbmux.PairRecord(b"r")))[1] == {"PairRecordData": b"r"}
    mux.receive(packet({"MessageType": "ListListeners"}))
    mux.next()
    assert unpacked(mux.send(usbmux.ListenerList(["x"])))[1]["ListenerList"][0]["ProgName"] == "x"
