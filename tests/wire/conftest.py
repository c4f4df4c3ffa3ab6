"""Reads every parser three ways: all bytes at once, byte by byte, and with bytes after the last message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from migrate.wire.plist_frames import NEED_DATA

TRAILING = b"\x00\x00"
"""Too short for a message in any of the protocols."""


def _read_all(parser: Any, pieces: list[bytes], after: Callable[[Any], None]) -> list[Any]:
    messages = []
    for piece in pieces:
        parser.receive(piece)
        while (message := parser.next()) is not NEED_DATA:
            messages.append(message)
            after(parser)
    return messages


@pytest.fixture
def read_three_ways() -> Callable[..., list[Any]]:
    """`read_three_ways(new_parser, data, after=…)` returns the messages, and asserts that all three ways give the same.
    `after` is called after each message, to answer it."""

    def read(
        new_parser: Callable[[], Any], data: bytes, after: Callable[[Any], None] = lambda parser: None
    ) -> list[Any]:
        whole = _read_all(new_parser(), [data], after)
        assert _read_all(new_parser(), [data[i : i + 1] for i in range(len(data))], after) == whole
        assert _read_all(new_parser(), [data + TRAILING], after) == whole
        return whole

    return read
