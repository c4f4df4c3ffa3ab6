from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.wire import afc
from migrate.wire.afc import PACKET_LIMIT_BYTES, AfcServer, OpenMode, StatusCode
from migrate.wire.plist_frames import PeerBroke


def packet(operation: int, head: bytes = b"", payload: bytes = b"", number: int = 0) -> bytes:
    return (
        b"CFA6LPAA"
        + struct.pack(
            "<4Q",
            40 + len(head) + len(payload),  # entire length
            40 + len(head),  # length of header and head
            number,
            operation,
        )
        + head
        + payload
    )


def u64(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}Q", *numbers)


REQUESTS = [
    (packet(0x03, b"/DCIM\0"), afc.ReadDirectory("/DCIM")),
    (packet(0x07, u64(5) + b"/f\0"), afc.Truncate("/f", 5)),
    (packet(0x08, b"/f\0"), afc.RemovePath("/f")),
    (packet(0x22, b"/f\0"), afc.RemovePath("/f", with_contents=True)),
    (packet(0x09, "/größe\0".encode()), afc.MakeDirectory("/größe")),
    (packet(0x0A, b"/f"), afc.FileInfo("/f")),  # some clients omit the last zero byte
    (packet(0x0B), afc.DeviceInfo()),
    (packet(0x0D, u64(2) + b"/l\0"), afc.Open("/l", OpenMode.READ_WRITE)),
    (packet(0x0F, u64(7, 100)), afc.Read(7, 100)),
    (packet(0x10, u64(7), b"data"), afc.Write(7, b"data")),
    (packet(0x10, u64(7) + b"data"), afc.Write(7, b"data")),
    (packet(0x11, struct.pack("<QQq", 7, 2, -3)), afc.Seek(7, 2, -3)),
    (packet(0x12, u64(7)), afc.Tell(7)),
    (packet(0x14, u64(7)), afc.Close(7)),
    (packet(0x15, u64(7, 9)), afc.SetSize(7, 9)),
    (packet(0x18, b"/a\0/b\0"), afc.RenamePath("/a", "/b")),
    (packet(0x1B, u64(7, 6)), afc.Lock(7, 6)),
    (packet(0x1E, u64(10) + b"/f\0"), afc.SetFileTime("/f", 10)),
    (packet(0x17, b"x"), afc.SetOption()),
]


def test_every_request_is_read_three_ways(read_three_ways: Callable[..., list[Any]]) -> None:
    assert read_three_ways(AfcServer, b"".join(data for data, _ in REQUESTS)) == [request for _, request in REQUESTS]


@pytest.mark.parametrize(
    ("data", "known"),
    [
        (packet(0x99, b"x"), False),
        (packet(0x0D, u64(77) + b"/f\0"), True),  # no such mode
        (packet(0x0F, u64(7)), True),  # a size is missing
        (packet(0x18, b"/only one"), True),
        (packet(0x03, b"\xff\xfe\0"), True),  # not UTF-8
        (packet(0x03, b"/" + b"x" * 5000), True),
    ],
)
def test_an_invalid_head_is_answered_not_dropped(data: bytes, known: bool) -> None:
    server = AfcServer()
    server.receive(data)
    request = server.next()
    assert isinstance(request, afc.InvalidRequest)
    assert request.is_known is known


def test_answers_carry_the_number_of_their_request() -> None:
    server = AfcServer()
    server.receive(packet(0x0D, u64(1) + b"/f\0", number=41))
    server.next()
    assert server.send(afc.OpenResult(9)) == packet(0x0E, u64(9), number=41)
    assert server.send(afc.Status(StatusCode.WOULD_BLOCK)) == packet(0x01, u64(19), number=41)
    assert server.send(afc.Data(b"abc")) == packet(0x02, b"", b"abc", number=41)
    assert server.send(afc.TellResult(5)) == packet(0x13, u64(5), number=41)
    assert afc.zero_terminated([".", "ä"]) == afc.Data(b".\0" + "ä".encode() + b"\0")


@pytest.mark.parametrize(
    "header",
    [
        b"NOTAFC!!" + u64(40, 40, 0, 3),
        b"CFA6LPAA" + u64(39, 39, 0, 3),
        b"CFA6LPAA" + u64(PACKET_LIMIT_BYTES + 1, 40, 0, 3),
        b"CFA6LPAA" + u64(40, 41, 0, 3),
        b"CFA6LPAA" + u64(40, 0, 0, 3),
    ],
)
def test_an_invalid_header_breaks_the_protocol(header: bytes) -> None:
    server = AfcServer()
    server.receive(header)
    with pytest.raises(PeerBroke):
        server.next()


@given(st.sampled_from(sorted(afc.Operation)), st.binary(max_size=64))
def test_any_head_is_read_or_reported_as_invalid(operation: int, head: bytes) -> None:
    server = AfcServer()
    server.receive(packet(operation, head))
    server.next()
