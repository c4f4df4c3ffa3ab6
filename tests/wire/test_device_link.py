"""DeviceLink on the phone's side: parsing in three ways, message order, and limits."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from struct import pack
from typing import Any

import pytest

from migrate.wire.device_link import FRAME_LIMIT_BYTES, PATH_LIMIT_BYTES, PLIST_LIMIT_BYTES, DeviceLink, State
from migrate.wire.device_link_messages import (
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
    to_plist_array,
)
from migrate.wire.plist_frames import NEED_DATA, NeedData, PeerBroke, WeBroke

Feed = Callable[[DeviceLink, bytes], list[Message]]


def drain(link: DeviceLink) -> list[Message]:
    found: list[Message] = []
    while not isinstance(message := link.next(), NeedData):
        found.append(message)
    return found


def whole(link: DeviceLink, data: bytes) -> list[Message]:
    link.receive(data)
    return drain(link)


def byte_by_byte(link: DeviceLink, data: bytes) -> list[Message]:
    found: list[Message] = []
    for byte in data:
        link.receive(bytes([byte]))
        found += drain(link)
    return found


def with_the_next_frames_beginning(link: DeviceLink, data: bytes) -> list[Message]:
    link.receive(data + b"\0\0")
    return drain(link)


three_ways = pytest.mark.parametrize("feed", [whole, byte_by_byte, with_the_next_frames_beginning])


def plist(*array: Any) -> bytes:
    data = plistlib.dumps(list(array))
    return pack(">I", len(data)) + data


def open_link() -> DeviceLink:
    link = DeviceLink()
    link.send(VersionExchange())
    whole(link, plist("DLMessageVersionExchange", "DLVersionsOk", 400))
    link.send(DeviceReady())
    return link


def downloading() -> DeviceLink:
    link = open_link()
    link.send(DownloadFiles(["u/Status.plist"], 0.0))
    return link


@three_ways
def test_a_session_opens_with_a_version_exchange(feed: Feed) -> None:
    link = DeviceLink()
    said = link.send(VersionExchange())
    assert plistlib.loads(said[4:]) == ["DLMessageVersionExchange", 400, 0] and len(said) == 4 + int.from_bytes(
        said[:4]
    )
    assert feed(link, plist("DLMessageVersionExchange", "DLVersionsOk", 400)) == [VersionsOk(400)]
    assert plistlib.loads(link.send(DeviceReady())[4:]) == ["DLMessageDeviceReady"]
    assert link.state is State.IDLE


DOWNLOAD = b"".join(
    (
        pack(">I", 14) + b"u/Status.plist",
        pack(">IB", 4, 0x0C) + b"abc",  # length counts the code
        pack(">IB", 2, 0x0C) + b"d",
        pack(">IB", 1, 0x00),
        pack(">I", 12) + b"u/Info.plist",
        pack(">IB", 26, 0x06) + b"No such file or directory",
        pack(">I", 0),
    )
)


@three_ways
def test_files_from_the_host_are_followed_by_a_status(feed: Feed) -> None:
    status = plist("DLMessageStatusResponse", (1 << 64) - 13, "Multi status", {"u/Info.plist": {"DLFileErrorCode": 1}})
    assert feed(downloading(), DOWNLOAD + status) == [
        FileStart("u/Status.plist"),
        FileData(b"abc"),
        FileData(b"d"),
        FileEnd(),
        FileStart("u/Info.plist"),
        FileError("No such file or directory", 0x06),
        StreamEnd(),
        StatusResponse(-13, "Multi status", {"u/Info.plist": {"DLFileErrorCode": 1}}),
    ]


def test_files_are_sent_to_the_host() -> None:
    link = open_link()
    link.send(UploadFiles(12.5, 6))
    parts = [FileStart("u/ab/abc", "/.b/6/x"), FileData(b"123"), FileEnd(), FileStart("u/cd", "/y")]
    said = b"".join(link.send(part) for part in [*parts, FileError("Input/output error (5)"), StreamEnd()])
    assert said == (
        b"\0\0\0\x07/.b/6/x"  # the phone's name for it
        b"\0\0\0\x08u/ab/abc"  # the host's
        b"\0\0\0\x04\x0c123\0\0\0\x01\x00"
        b"\0\0\0\x02/y\0\0\0\x04u/cd"
        b"\0\0\0\x17\x0bInput/output error (5)"
        b"\0\0\0\0"
    )
    assert whole(link, plist("DLMessageStatusResponse", 0, "___EmptyParameterString___", {}))
    assert link.state is State.IDLE


@pytest.mark.parametrize(
    ("message", "array"),
    [
        (CreateDirectory("u/00"), ["DLMessageCreateDirectory", "u/00", "___EmptyParameterString___"]),
        (MoveItems({"a": "b"}, 9), ["DLMessageMoveItems", {"a": "b"}, "___EmptyParameterString___", 9.0]),
        (RemoveItems(["a"], 100), ["DLMessageRemoveItems", ["a"], "___EmptyParameterString___", 100.0]),
        (DownloadFiles(["a"], 1), ["DLMessageDownloadFiles", ["a"], "___EmptyParameterString___", 1.0]),
        (UploadFiles(0.5, 7), ["DLMessageUploadFiles", "___EmptyParameterString___", 0.5, 7]),
        (GetFreeDiskSpace(), ["DLMessageGetFreeDiskSpace", "___EmptyParameterString___"]),
        (PurgeDiskSpace(1 << 31, 4), ["DLMessagePurgeDiskSpace", 1 << 31, 4]),
        (CopyItem("a", "b"), ["DLMessageCopyItem", "a", "b"]),
        (ProcessMessage({"ErrorCode": 0}), ["DLMessageProcessMessage", {"ErrorCode": 0}]),
        (Disconnect(), ["DLMessageDisconnect", "___EmptyParameterString___"]),
    ],
)
def test_each_operation_has_its_progress_where_hosts_read_it(message: Message, array: list[Any]) -> None:
    assert to_plist_array(message) == array


@three_ways
def test_requests_and_a_disconnect_are_read(feed: Feed) -> None:
    request = {"MessageName": "Backup", "TargetIdentifier": "u"}
    bye = plist("DLMessageDisconnect", "All done, thanks for the memories")
    link = open_link()
    link.receive(plist("DLMessageProcessMessage", request))
    assert drain(link) == [ProcessMessage(request)]
    assert feed(link, bye)[:1] == [Disconnect()]
    assert link.state is State.CLOSED


@pytest.mark.parametrize("state", list(State))
def test_nothing_can_be_sent_out_of_turn(state: State) -> None:
    link = DeviceLink()
    link.state = state
    allowed = {State.SENDING_FILES}
    if state not in allowed:
        with pytest.raises(WeBroke):
            link.send(StreamEnd())
    if state is not State.NEW:
        with pytest.raises(WeBroke):
            link.send(VersionExchange())


@pytest.mark.parametrize(
    "data",
    [
        plist("DLMessageStatusResponse", 0, "", {}),  # no operation is waiting
        plist("DLMessageVersionExchange", "DLVersionsOk", 400),  # the exchange is over
        plist("DLMessageDance"),
        plist("DLMessageProcessMessage", "not a dictionary"),
        plist(),
        pack(">I", 3) + b"abc",
        pack(">I", 8) + b"bplist00",
        pack(">I", PLIST_LIMIT_BYTES + 1),
    ],
)
def test_invalid_messages_or_messages_out_of_turn_break_the_protocol(data: bytes) -> None:
    with pytest.raises(PeerBroke):
        whole(open_link(), data)


@pytest.mark.parametrize(
    "data",
    [
        pack(">I", PATH_LIMIT_BYTES + 1),
        pack(">I", 1) + b"\xff",
        pack(">I", 1) + b"a" + pack(">I", 0),  # a frame without a code
        pack(">I", 1) + b"a" + pack(">IB", 2, 0x07) + b"x",
        pack(">I", 1) + b"a" + pack(">I", FRAME_LIMIT_BYTES + 1),
    ],
)
def test_file_streams_have_limits_too(data: bytes) -> None:
    with pytest.raises(PeerBroke):
        whole(downloading(), data)


def test_a_frame_of_32_kib_is_accepted_and_an_incomplete_one_waits() -> None:
    link = downloading()
    whole(link, pack(">I", 1) + b"a")
    assert whole(link, pack(">IB", FRAME_LIMIT_BYTES, 0x0C) + bytes(FRAME_LIMIT_BYTES - 2)) == []
    assert link.next() is NEED_DATA
    assert whole(link, b"\0") == [FileData(bytes(FRAME_LIMIT_BYTES - 1))]


def test_passwords_are_not_in_a_messages_repr() -> None:
    assert "1947" not in repr(ProcessMessage({"Password": "correct-horse-1947"}))
