from __future__ import annotations

import asyncio
import plistlib
import socket
import struct
from typing import Any, cast

import pytest

from migrate.phone.connection import run_in_thread
from migrate.phone.mobilebackup2.link import MESSAGE_LIMIT_BYTES, READ_AHEAD_BYTES, DeviceLink, LinkEnded, LinkSilent
from migrate.phone.quoting import safe_text
from migrate.problems import PhoneBrokeProtocol


class SlowSocket:
    """A socket that delivers its data at most `step` bytes at a time, then the end."""

    def __init__(self, data: bytes, step: int) -> None:
        self.left = data
        self.sent = b""
        self._step = step

    def settimeout(self, _: float) -> None: ...

    def recv_into(self, view: memoryview) -> int:
        count = min(self._step, len(view), len(self.left))
        view[:count], self.left = self.left[:count], self.left[count:]
        return count

    def sendall(self, data: bytes) -> None:
        self.sent += data


def link_on(data: bytes, step: int = 1 << 20) -> tuple[DeviceLink, SlowSocket]:
    sock = SlowSocket(data, step)
    return DeviceLink(cast(socket.socket, sock), phone="Anna's iPhone"), sock


def framed(message: Any, form: plistlib.PlistFormat = plistlib.FMT_BINARY) -> bytes:
    data = plistlib.dumps(message, fmt=form)
    return struct.pack(">I", len(data)) + data


MESSAGE = ["DLMessageMoveItems", {"U/Snapshot/ab/x": "U/ab/x"}, "___EmptyParameterString___", 41.5]


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
@pytest.mark.parametrize("step", [1, 7, 1 << 20], ids=["byte by byte", "in sevens", "whole"])
def test_a_message_is_read_the_same_however_it_is_split(step: int, form: plistlib.PlistFormat) -> None:
    link, _ = link_on(framed(MESSAGE, form), step)
    assert link.receive() == MESSAGE


def test_reading_a_message_leaves_the_following_bytes() -> None:
    link, _ = link_on(framed(MESSAGE) + b"raw file bytes" + bytes(100_000) + b"end")
    assert link.receive() == MESSAGE
    assert link.read(14) == b"raw file bytes"
    assert link.read(100_000) == bytes(100_000)
    assert link.read(3) == b"end"


@pytest.mark.parametrize("cut", [1, 3, 5, 40])
def test_a_message_cut_short_means_the_link_ended(cut: int) -> None:
    link, _ = link_on(framed(MESSAGE)[:cut])
    with pytest.raises(LinkEnded):
        link.receive()


@pytest.mark.parametrize(
    "sent",
    [
        framed({"MessageName": "Response"}),
        framed([]),
        framed([1, 2]),
        struct.pack(">I", 6) + b"rubble",
        struct.pack(">I", 0),
    ],
    ids=["a dictionary", "an empty array", "an array of numbers", "no property list", "nothing"],
)
def test_an_invalid_message_ends_the_conversation(sent: bytes) -> None:
    link, _ = link_on(sent)
    with pytest.raises(PhoneBrokeProtocol):
        link.receive()


def test_a_huge_message_is_refused_before_it_is_read() -> None:
    link, sock = link_on(struct.pack(">I", MESSAGE_LIMIT_BYTES + 1) + bytes(2 * READ_AHEAD_BYTES))
    with pytest.raises(PhoneBrokeProtocol, match="67108865 bytes"):
        link.receive()
    assert len(sock.left) > READ_AHEAD_BYTES


def test_a_negative_status_goes_out_as_two_s_complement_and_an_empty_text_as_apple_writes_it() -> None:
    link, sock = link_on(b"")
    link.answer(-15)
    assert plistlib.loads(sock.sent[4:]) == [
        "DLMessageStatusResponse",
        0xFFFF_FFFF_FFFF_FFF1,
        "___EmptyParameterString___",
        {},
    ]


def test_the_handshakes_with_a_phone(wired: Any) -> None:
    opening = wired.host(wired.link.open_session)
    wired.phone.say("DLMessageVersionExchange", 400, 0)
    assert wired.phone.hear() == ["DLMessageVersionExchange", "DLVersionsOk", 400]
    wired.phone.say("DLMessageDeviceReady")
    assert wired.phone.hear() == [
        "DLMessageProcessMessage",
        {"MessageName": "Hello", "SupportedProtocolVersions": [2.0, 2.1]},
    ]
    wired.phone.say("DLMessageProcessMessage", {"MessageName": "Response", "ErrorCode": 0, "ProtocolVersion": 2.1})
    opening.result()


@pytest.mark.parametrize(
    "hello",
    [
        {"MessageName": "Response", "ErrorCode": 1, "ErrorDescription": "No common supported protocol version"},
        {"MessageName": "Response", "ErrorCode": 1, "ProtocolVersion": 2.1},
        {"MessageName": "Response", "ErrorCode": 0, "ProtocolVersion": 3.0},
        "hello",
    ],
)
def test_another_protocol_version_is_refused_at_once(wired: Any, hello: Any) -> None:
    opening = wired.host(wired.link.open_session)
    wired.phone.say("DLMessageVersionExchange", 400, 0)
    wired.phone.hear()
    wired.phone.say("DLMessageDeviceReady")
    wired.phone.hear()
    wired.phone.say("DLMessageProcessMessage", hello)
    with pytest.raises(PhoneBrokeProtocol):
        opening.result()


def test_shutting_a_link_down_ends_a_blocked_read(wired: Any) -> None:
    waiting = wired.host(wired.link.receive)
    wired.link.shut_down()
    with pytest.raises(LinkEnded):
        waiting.result(timeout=5)


def test_silence_is_not_the_same_as_a_lost_phone() -> None:
    ours, theirs = socket.socketpair()
    link = DeviceLink(ours, phone="Anna's iPhone", silence_s=0.01)
    try:
        with pytest.raises(LinkSilent):
            link.receive()
    finally:
        link.close()
        theirs.close()


def test_nested_values_from_a_phone_are_shown_short() -> None:
    doubling: list[Any] = []
    for _ in range(80):
        doubling = [doubling, doubling]
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (doubling, deep, {"a": doubling}, 1 << 64, "x" * 10_000_000, None, b"\x00" * 1000):
        assert len(safe_text(value, 120)) <= 120
    while deep:
        deep = deep[0]  # taken apart step by step, because freeing it at once would recurse 100,000 levels deep


def test_a_keyboard_interrupt_shuts_down_the_link_of_a_silent_phone() -> None:
    """A second Ctrl-C raised it in the middle of the wait, and the program then waited for 40 minutes."""

    async def interrupted() -> None:
        ours, phones = socket.socketpair()
        with ours, phones:
            link = DeviceLink(ours, phone="Anna's iPhone")
            ended: list[LinkEnded] = []

            def listen() -> None:
                try:
                    link.receive()
                except LinkEnded as end:
                    ended.append(end)

            waiting = run_in_thread(link, listen)
            waiting.send(None)
            with pytest.raises(KeyboardInterrupt):
                waiting.throw(KeyboardInterrupt())
            assert ended

    asyncio.run(interrupted())
