"""A connection to one of a phone's small services, pymobiledevice3's, that does not believe what the phone says of it.

pymobiledevice3 bounds a message at 128 MiB, and reads it with whatever Python makes of it. Here a message is a
dictionary that `migrate.plists` lets through, a connection gives so much and no more, and lockdownd answers in time.
"""

from __future__ import annotations

import asyncio
import plistlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from pymobiledevice3.exceptions import ProtocolError, PyMobileDevice3Exception
from pymobiledevice3.plist_types import PlistDict, PlistSendable
from pymobiledevice3.service_connection import ServiceConnection

from migrate.phone.quoting import safe_text
from migrate.plists import NotAPlist, load_plist

MESSAGE_LIMIT_BYTES = 64 << 20
"""The list of a thousand apps with their receipts is some 20 MB (*guessed*), and comes in pieces."""

AFC_ANSWERS_WITHIN_S = 60.0
"""How long a phone may take to open, lock or list a file (*guessed*; it does so in milliseconds)."""

CONNECTION_LIMIT_BYTES = 512 << 20
"""What one connection may bring in all: a phone whose list of apps never ends is stopped by this."""


class Service(ServiceConnection):
    """`answers_within_s`: how long it may keep us waiting; None where it speaks when it likes (notices, AFC)."""

    max_frame_size = MESSAGE_LIMIT_BYTES
    answers_within_s: float | None = None
    received_bytes = 0

    async def recvall(self, size: int) -> bytes:
        self.received_bytes += self._checked_frame_size(size)
        if self.received_bytes > CONNECTION_LIMIT_BYTES:
            raise ProtocolError(f"The device sent more than {CONNECTION_LIMIT_BYTES} bytes over one connection.")
        async with asyncio.timeout(self.answers_within_s):
            return await super().recvall(size)

    async def recv_plist(self, endianity: str = ">") -> PlistDict:
        return _dictionary(await self.recv_prefixed(endianity))

    async def send_recv_plist(
        self, data: PlistSendable, endianity: str = ">", fmt: plistlib.PlistFormat = plistlib.FMT_XML
    ) -> PlistDict:
        async with self._transaction_lock:
            await self.send_plist(data, endianity, fmt)
            return await self.recv_plist(endianity)


def _dictionary(data: bytes) -> PlistDict:
    """What a phone sent. Like pymobiledevice3, forgives XML the control characters that real phones leave in names."""
    try:
        value = load_plist(data)
    except NotAPlist as refused:
        if data.startswith(b"bplist") or len(clean := data.translate(None, _CONTROL)) == len(data):
            raise ProtocolError(f"The device sent a message that cannot be read: {refused.reason}") from refused
        return _dictionary(clean)
    if not isinstance(value, dict):
        raise ProtocolError("The device sent a message that is no dictionary.")
    return cast(PlistDict, value)


_CONTROL = bytes(sorted(set(range(0x20)) - set(b"\t\n\r")))


_STUMBLES = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@contextmanager
def translate_parse_errors() -> Iterator[None]:
    """Round calls of pymobiledevice3 alone: what it stumbles over in a phone's answers is the phone's nonsense.

    Raises:
        ProtocolError: a value was missing, or of another type than its code takes for granted.
    """
    try:
        yield
    except (PyMobileDevice3Exception, OSError, EOFError):
        raise
    except _STUMBLES as error:
        raise ProtocolError(f"The device sent what makes no sense here: {safe_text(error)}") from error
