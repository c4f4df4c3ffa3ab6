"""Answers to `Range` (RFC 9110 section 14): a browser that plays a film asks for the parts it needs."""

from __future__ import annotations

import re
from typing import NamedTuple

_ONE_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


class ByteRange(NamedTuple):
    """Bytes from `start` on, before `stop`."""

    start: int
    stop: int

    def header(self, size: int) -> str:
        """The value of Content-Range."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


class RangeNotSatisfiable(ValueError):
    """The content ends before the range begins. The answer is 416."""


def byte_range(header: str | None, size: int) -> ByteRange | None:
    """The part of a content of `size` bytes that a `Range` header asks for; None for all of it.

    Several ranges at once are answered with all of it, as the RFC allows: browsers do not ask for them, and answering
    them has been a way to make a server work for nothing.

    Raises:
        RangeNotSatisfiable
    """
    match = _ONE_RANGE.fullmatch(header.strip().lower()) if header else None
    if match is None or (not match[1] and not match[2]):
        return None
    if not match[1]:
        length = min(int(match[2]), size)
        if not length:
            raise RangeNotSatisfiable
        return ByteRange(size - length, size)
    start = int(match[1])
    stop = min(int(match[2]) + 1, size) if match[2] else size
    if match[2] and int(match[2]) < start:
        return None  # not a valid range: as if there were none
    if start >= size:
        raise RangeNotSatisfiable
    return ByteRange(start, stop)
