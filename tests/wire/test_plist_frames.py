from __future__ import annotations

import plistlib
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.wire.plist_frames import LIMIT_BYTES, NEED_DATA, PeerBroke, PlistFrames, read_plist


def frame(value: Any, fmt: plistlib.PlistFormat = plistlib.FMT_XML) -> bytes:
    body = plistlib.dumps(value, fmt=fmt)
    return struct.pack(">I", len(body)) + body


def test_xml_and_binary_frames_are_read_alike(read_three_ways: Callable[..., list[Any]]) -> None:
    data = frame({"Request": "QueryType"}) + frame(["DLMessageDeviceReady"], plistlib.FMT_BINARY)
    assert read_three_ways(PlistFrames, data) == [{"Request": "QueryType"}, ["DLMessageDeviceReady"]]


def test_sent_frames_can_be_read() -> None:
    frames = PlistFrames()
    frames.receive(frames.send({"Größe": b"\x00\xff"}) + frames.send([1], binary=True))
    assert [frames.next(), frames.next(), frames.next()] == [{"Größe": b"\x00\xff"}, [1], NEED_DATA]


def test_missing_bytes_never_reaches_into_the_next_message() -> None:
    data, frames = frame({"a": 1}), PlistFrames()
    read = 0
    while frames.next() is NEED_DATA:
        piece = data[read : read + frames.missing_bytes]
        frames.receive(piece)
        read += len(piece)
    assert read == len(data)


def test_bytes_after_a_frame_are_kept() -> None:
    frames = PlistFrames()
    frames.receive(frame({"a": 1}) + b"\x16\x03")
    assert frames.next() == {"a": 1}
    assert frames.trailing == b"\x16\x03"


@pytest.mark.parametrize("length", [0, LIMIT_BYTES + 1, 0xFFFFFFFF])
def test_a_length_over_the_limit_is_refused_before_anything_is_stored(length: int) -> None:
    frames = PlistFrames()
    frames.receive(struct.pack(">I", length))
    with pytest.raises(PeerBroke):
        frames.next()


@pytest.mark.parametrize(
    "body",
    [
        b"no plist",
        plistlib.dumps("a bare text"),
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><plist><dict><key>&a;</key><string/></dict></plist>',
        b"bplist00" + b"\xff" * 40,
        b"<plist><dict><key>a</key><integer>x</integer></dict></plist>",
        b"<plist>" + b"<array>" * 5000,
    ],
)
def test_an_invalid_message_breaks_the_protocol(body: bytes) -> None:
    frames = PlistFrames()
    frames.receive(struct.pack(">I", len(body)) + body)
    with pytest.raises(PeerBroke):
        frames.next()


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_raise_only_peerbroke(body: bytes) -> None:
    for prefix in (b"", b"bplist00", b"<plist>"):
        frames = PlistFrames()
        frames.receive(struct.pack(">I", len(prefix + body)) + prefix + body)
        try:
            message = frames.next()
        except PeerBroke:
            continue
        assert isinstance(message, dict | list)


@pytest.mark.parametrize("depth", [12, 4_000], ids=["doubled 12 times over", "nested 4,000 deep"])
def test_a_list_that_expands_to_gigabytes_is_refused_before_it_is_built(depth: int) -> None:
    """A thousand nested arrays: a few kilobytes on the wire."""
    if depth > 100:
        body = b"<plist><array>" + b"<array>" * depth + b"</array>" * depth + b"</array></plist>"
    else:
        body = _doubling_bomb(depth)
    with pytest.raises(PeerBroke):
        read_plist(body)


def _doubling_bomb(depth: int) -> bytes:
    """Arrays of 250 references to the same next array, `depth` of them."""
    objects = [bytes([0xAF, 0x10, 250]) + bytes([number + 1]) * 250 for number in range(depth)] + [b"\x50"]
    body, offsets = b"bplist00", []
    for one in objects:
        offsets.append(len(body))
        body += one
    table = b"".join(offset.to_bytes(2, "big") for offset in offsets)
    trailer = bytes(6) + bytes([2, 1]) + len(objects).to_bytes(8, "big") + bytes(8) + len(body).to_bytes(8, "big")
    return body + table + trailer
