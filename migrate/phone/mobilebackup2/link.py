"""The host's side of DeviceLink on a blocking socket: messages, status responses and raw file bytes.

    message     length (BE u32), then a property list: an array whose first element names it
    status      ["DLMessageStatusResponse", code, text, payload]; a negative code as 64-bit two's complement
    file bytes  between messages; `upload` reads them and `download` writes them

This module does not interpret messages. Only one thread uses a link, but any thread may call `shut_down`.
Source: facts 2.1, 2.2 (pymobiledevice3 services/device_link.py, libimobiledevice src/device_link_service.c).
"""

from __future__ import annotations

import plistlib
import socket
import ssl
import struct
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from migrate.phone.mobilebackup2.listing import Listing, encode_listing
from migrate.phone.quoting import safe_text
from migrate.plists import NotAPlist, load_plist
from migrate.problems import PhoneBrokeProtocol

EMPTY_PARAMETER: Final = "___EmptyParameterString___"
PROTOCOL_VERSIONS = (2.0, 2.1)

HANDSHAKE_S = 60.0
"""For TLS with a busy phone: GoldenNugget had to raise pymobiledevice3's 10 s to 60 (*read*, facts 4.4)."""
SILENCE_S = 40 * 60.0
"""Longer than a healthy phone stays silent: minutes while it scans (more than 62 s and 5 minutes are REPORTED, facts
row 44), up to 30 minutes while its passcode sheet waits (facts 2.3). A disconnected phone does not cost that long:
usbmuxd closes its sockets at once."""
READ_AHEAD_BYTES = 64 << 10
"""A small file comes with eight lengths and names; each of them alone would be a call into TLS."""
MESSAGE_LIMIT_BYTES = 64 << 20
"""Every message of a backup or restore is far smaller: batches hold 128 names, and the longest message lists one whole
folder. pymobiledevice3's limit is 128 MiB."""


class LinkEnded(Exception):
    """The connection was closed or reset, or our own `shut_down` ended it. The caller decides what that means."""


class LinkSilent(Exception):
    """The connection is open, but nothing could be received or sent for `silence_s`."""


class DeviceLink:
    """One mobilebackup2 connection. `phone` is the phone's name, for errors."""

    def __init__(self, sock: socket.socket, *, phone: str, silence_s: float = SILENCE_S) -> None:
        """Take ownership of `sock`: connected, and wrapped for TLS (before its handshake) if the service uses TLS."""
        self.phone = phone
        self.silence_s = silence_s
        self._socket = sock
        self._socket.settimeout(silence_s)
        self._ahead = memoryview(bytearray(READ_AHEAD_BYTES))
        self._next = self._end = 0  # what of `_ahead` was received and not yet read

    # -- opening and closing -----------------------------------------------------------------------------------------

    def open_session(self) -> None:
        """Do the three handshakes: TLS, DeviceLink's version, mobilebackup2's version.

        Raises:
            LinkEnded: the phone is gone or closed the connection.
            PhoneBrokeProtocol: it sent something other than these handshakes.
        """
        self._tls_handshake()
        offered = self.receive()
        if offered[0] != "DLMessageVersionExchange" or len(offered) < 2 or not isinstance(offered[1], int):
            raise self.protocol_error(f"it began with {safe_text(offered[0], 60)}")
        self.send(["DLMessageVersionExchange", "DLVersionsOk", offered[1]])
        if self.receive()[0] != "DLMessageDeviceReady":
            raise self.protocol_error("it was not ready after the versions were agreed on")
        self.send_request({"MessageName": "Hello", "SupportedProtocolVersions": list(PROTOCOL_VERSIONS)})
        hello = self.receive()
        answer = hello[1] if hello[0] == "DLMessageProcessMessage" and len(hello) > 1 else None
        if not isinstance(answer, Mapping) or answer.get("ErrorCode") != 0:
            raise self.protocol_error(f"it did not say hello: {safe_text(answer, 120)}")
        if answer.get("ProtocolVersion") not in PROTOCOL_VERSIONS:
            raise self.protocol_error(
                f"it speaks version {safe_text(answer.get('ProtocolVersion'), 20)} of the backup protocol"
            )

    def _tls_handshake(self) -> None:
        if not isinstance(self._socket, ssl.SSLSocket):
            return
        self._socket.settimeout(HANDSHAKE_S)
        try:
            self._socket.do_handshake()
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; ValueError: shut down meanwhile
            raise LinkEnded(safe_text(error)) from error
        self._socket.settimeout(self.silence_s)

    def disconnect(self) -> None:
        """Send DLMessageDisconnect, if the phone is still there."""
        with suppress(LinkEnded):
            self.send(["DLMessageDisconnect", EMPTY_PARAMETER])

    def shut_down(self) -> None:
        """End the connection now, from any thread; a blocked call raises LinkEnded."""
        with suppress(OSError):
            # socket.socket's method, because SSLSocket.shutdown drops the TLS state that another thread is using
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()

    # -- messages ----------------------------------------------------------------------------------------------------

    def receive(self) -> list[Any]:
        """The next message; its first element is a string.

        Raises:
            LinkEnded, LinkSilent; PhoneBrokeProtocol: it is over the limit, or not a message.
        """
        length = self.read_length()
        if length > MESSAGE_LIMIT_BYTES:
            raise self.protocol_error(f"it announced a message of {length} bytes")
        data = self.read(length)
        try:
            message = load_plist(data)
        except NotAPlist as error:
            raise self.protocol_error(f"it sent a message that cannot be read: {error.reason}") from error
        if not isinstance(message, list) or not message or not isinstance(message[0], str):
            raise self.protocol_error("it sent a property list that is no message")
        return message

    def send(self, message: list[Any]) -> None:
        self.send_bytes(_frame(message))

    def send_request(self, request: Mapping[str, Any]) -> None:
        """Send a mobilebackup2 request."""
        self.send(["DLMessageProcessMessage", dict(request)])

    def answer(self, code: int = 0, text: str = "", payload: Any = None) -> None:
        """Answer an operation with 0 or one of the host's negative codes (facts 2.2)."""
        if payload is None:
            self.send_bytes(_status(code, text))
        elif isinstance(payload, Listing):
            self.send_bytes(_with_length(encode_listing(payload.entries)))
        else:
            self.send_bytes(_frame(["DLMessageStatusResponse", *_code_and_text(code, text), payload]))

    # -- bytes -------------------------------------------------------------------------------------------------------

    def read_length(self) -> int:
        return int.from_bytes(self.read(4), "big")

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes. The caller must have checked `count` against a limit."""
        end = self._next + count
        if end <= self._end:
            data = bytes(self._ahead[self._next : end])
            self._next = end
            return data
        longer = bytearray(count)
        self.read_into(memoryview(longer))
        return bytes(longer)

    def read_into(self, view: memoryview) -> None:
        """Fill `view`."""
        filled, wanted = 0, len(view)
        while filled < wanted:
            if self._next < self._end:
                count = min(wanted - filled, self._end - self._next)
                view[filled : filled + count] = self._ahead[self._next : self._next + count]
                self._next += count
            elif wanted - filled < READ_AHEAD_BYTES // 2:
                self._next, self._end = 0, self._receive(self._ahead)
                continue
            else:
                count = self._receive(view[filled:])
            filled += count

    def _receive(self, view: memoryview) -> int:
        try:
            count = self._socket.recv_into(view)
        except TimeoutError as error:
            raise LinkSilent from error
        except (OSError, ValueError) as error:
            raise LinkEnded(safe_text(error)) from error
        if count == 0:
            raise LinkEnded("The phone closed the connection.")
        return count

    def send_bytes(self, data: bytes | bytearray | memoryview) -> None:
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise LinkSilent from error
        except (OSError, ValueError) as error:
            raise LinkEnded(safe_text(error)) from error

    def protocol_error(self, detail: str) -> PhoneBrokeProtocol:
        return PhoneBrokeProtocol(self.phone, detail)


def _frame(message: list[Any]) -> bytes:
    """A message with its length. Binary, as libimobiledevice sends it: a long listing is a quarter of its XML."""
    return _with_length(plistlib.dumps(message, fmt=plistlib.FMT_BINARY))


def _with_length(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _code_and_text(code: int, text: str) -> tuple[int, str]:
    return code & (1 << 64) - 1, text or EMPTY_PARAMETER


@lru_cache(maxsize=64)  # a backup has hundreds of operations, and nearly all are answered alike
def _status(code: int, text: str) -> bytes:
    return _frame(["DLMessageStatusResponse", *_code_and_text(code, text), {}])
