"""pymobiledevice3's service connection, with limits on what the phone may send.

pymobiledevice3 limits a message to 128 MiB and parses it with plistlib alone. Here every message must be a dictionary
that `migrate.plists` accepts, each connection has a byte limit, and lockdownd has to answer in time.
"""

from __future__ import annotations

import asyncio
import plistlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from pymobiledevice3.exceptions import ProtocolError, PyMobileDevice3Exception
from pymobiledevice3.lockdown_service_provider import LockdownServiceProvider
from pymobiledevice3.plist_types import PlistDict, PlistSendable
from pymobiledevice3.service_connection import ServiceConnection
from pymobiledevice3.services.afc import AfcService

from migrate.phone.quoting import safe_text
from migrate.plists import NotAPlist, load_plist

MESSAGE_LIMIT_BYTES = 64 << 20
"""The list of a thousand apps with their receipts is about 20 MB (*guessed*) and arrives in several messages."""

AFC_TIMEOUT_S = 60.0
"""How long a phone may take to open, lock or list a file (*guessed*; it takes milliseconds)."""

CONNECTION_LIMIT_BYTES = 512 << 20
"""How much one connection may receive in total. It stops a phone whose list of apps never ends."""


class Service(ServiceConnection):
    """A service connection with limits.

    `read_timeout_s`: how long one read may take; None where the phone may stay silent (notifications, AFC).
    """

    max_frame_size = MESSAGE_LIMIT_BYTES
    read_timeout_s: float | None = None
    received_bytes = 0

    async def recvall(self, size: int) -> bytes:
        self.received_bytes += self._checked_frame_size(size)
        if self.received_bytes > CONNECTION_LIMIT_BYTES:
            raise ProtocolError(f"The device sent more than {CONNECTION_LIMIT_BYTES} bytes over one connection.")
        async with asyncio.timeout(self.read_timeout_s):
            return await super().recvall(size)

    async def recv_plist(self, endianity: str = ">") -> PlistDict:
        return _dictionary(await self.recv_prefixed(endianity))

    async def send_recv_plist(
        self, data: PlistSendable, endianity: str = ">", fmt: plistlib.PlistFormat = plistlib.FMT_XML
    ) -> PlistDict:
        async with self._transaction_lock:
            await self.send_plist(data, endianity, fmt)
            return await self.recv_plist(endianity)


class PhoneFiles(AfcService):
    """pymobiledevice3's AFC client, which leaves an answer behind that nobody asks for when a phone is unplugged while
    it sends: asyncio then prints "Future exception was never retrieved" with a traceback. Here it is always asked for.
    """

    def __init__(self, lockdown: LockdownServiceProvider) -> None:
        super().__init__(lockdown)
        self._afc_pending = _Awaited()


class _Awaited(dict[int, "asyncio.Future[Any]"]):
    def __setitem__(self, number: int, answer: asyncio.Future[Any]) -> None:
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        super().__setitem__(number, answer)


def _dictionary(data: bytes) -> PlistDict:
    """The dictionary in `data`. Like pymobiledevice3, accept the control characters that real phones leave in XML."""
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


_PARSE_ERRORS = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@contextmanager
def translate_parse_errors() -> Iterator[None]:
    """Turn the exceptions that pymobiledevice3 raises on malformed answers into ProtocolError.

    Wrap calls of pymobiledevice3 only, never our own code.

    Raises:
        ProtocolError: a value was missing or had a type that pymobiledevice3 does not expect.
    """
    try:
        yield
    except (PyMobileDevice3Exception, OSError, EOFError):
        raise
    except _PARSE_ERRORS as error:
        raise ProtocolError(f"The device sent what makes no sense here: {safe_text(error)}") from error
