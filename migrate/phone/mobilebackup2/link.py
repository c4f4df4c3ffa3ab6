"""DeviceLink, the host's side, as bytes on a blocking socket of ours: messages, statuses, raw file bytes.

    message     length (BE u32), then a property list: an array whose first element names it
    status      ["DLMessageStatusResponse", code, text, payload]; a negative code as 64-bit two's complement
    file bytes  between messages; who reads them is `receive`, who writes them is `send`

Nothing here knows what a message means. One thread uses a link; `shut_down` alone may be called from another.
Source: facts 2.1, 2.2 (pymobiledevice3 services/device_link.py, libimobiledevice src/device_link_service.c).
"""

from __future__ import annotations

import plistlib
import socket
import ssl
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from migrate.phone.quoting import safe_text
from migrate.plists import NotAPlist, load_plist
from migrate.problems import PhoneBrokeProtocol

EMPTY_PARAMETER: Final = "___EmptyParameterString___"
PROTOCOL_VERSIONS = (2.0, 2.1)

HANDSHAKE_S = 60.0
"""TLS with a busy phone: GoldenNugget had to raise pymobiledevice3's 10 s to 60 (*read*, facts 4.4)."""
SILENCE_S = 40 * 60.0
"""Longer than any silence a healthy phone keeps: minutes while it scans (more than 62 s and 5 minutes are REPORTED,
facts row 44), up to 30 minutes while its passcode sheet waits (facts 2.3). A lost phone does not keep us that long:
usbmuxd closes its sockets at once."""
MESSAGE_LIMIT_BYTES = 64 << 20
"""No message of a save or a restore comes near: batches hold 128 names, a whole listing is the longest. pymobiledevice3
stops at 128 MiB."""


class LinkEnded(Exception):
    """The other side is gone: closed, reset, or cut by our own `shut_down`. Who called decides what that means."""


class LinkSilent(Exception):
    """The link is up and nothing came, or nothing could be sent, for `silence_s`."""


class DeviceLink:
    """One mobilebackup2 connection. `phone` is what its owner calls it, for errors."""

    def __init__(self, sock: socket.socket, *, phone: str, silence_s: float = SILENCE_S) -> None:
        """Takes `sock` over: connected, and wrapped for TLS without a handshake where the service wants TLS."""
        self.phone = phone
        self.silence_s = silence_s
        self._socket = sock
        self._socket.settimeout(silence_s)

    # -- beginning and end -------------------------------------------------------------------------------------------

    def open_session(self) -> None:
        """TLS, DeviceLink's version, mobilebackup2's version.

        Raises:
            LinkEnded: the phone is gone, or hung up.
            PhoneBrokeProtocol: it answers something else than these three greetings.
        """
        self._shake_hands()
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

    def _shake_hands(self) -> None:
        if not isinstance(self._socket, ssl.SSLSocket):
            return
        self._socket.settimeout(HANDSHAKE_S)
        try:
            self._socket.do_handshake()
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; ValueError: shut down meanwhile
            raise LinkEnded(safe_text(error)) from error
        self._socket.settimeout(self.silence_s)

    def disconnect(self) -> None:
        """Say goodbye, to whoever still listens."""
        with suppress(LinkEnded):
            self.send(["DLMessageDisconnect", EMPTY_PARAMETER])

    def shut_down(self) -> None:
        """End it now, from any thread: whoever blocks in it comes back with LinkEnded."""
        with suppress(OSError):
            # socket.socket's own: SSLSocket.shutdown drops its TLS state under the thread that is using it
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()

    # -- messages ----------------------------------------------------------------------------------------------------

    def receive(self) -> list[Any]:
        """The next message; its first element is a string.

        Raises:
            LinkEnded, LinkSilent; PhoneBrokeProtocol: over the limit, or not a message.
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
        # XML, as pymobiledevice3 and libimobiledevice send it
        data = plistlib.dumps(message, fmt=plistlib.FMT_XML)
        self.send_bytes(struct.pack(">I", len(data)) + data)

    def send_request(self, request: Mapping[str, Any]) -> None:
        """Send a request of mobilebackup2."""
        self.send(["DLMessageProcessMessage", dict(request)])

    def answer(self, code: int = 0, text: str = "", payload: Any = None) -> None:
        """Answer an operation: 0, or one of the host's negative codes (facts 2.2)."""
        status = [code & (1 << 64) - 1, text or EMPTY_PARAMETER, {} if payload is None else payload]
        self.send(["DLMessageStatusResponse", *status])

    # -- bytes -------------------------------------------------------------------------------------------------------

    def read_length(self) -> int:
        return int.from_bytes(self.read(4), "big")

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes; the caller has checked that count against a limit."""
        data = bytearray(count)
        self.read_into(memoryview(data))
        return bytes(data)

    def read_into(self, view: memoryview) -> None:
        """Fill `view`."""
        filled = 0
        while filled < len(view):
            try:
                count = self._socket.recv_into(view[filled:])
            except TimeoutError as error:
                raise LinkSilent from error
            except (OSError, ValueError) as error:
                raise LinkEnded(safe_text(error)) from error
            if count == 0:
                raise LinkEnded("The phone closed the connection.")
            filled += count

    def send_bytes(self, data: bytes | bytearray | memoryview) -> None:
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise LinkSilent from error
        except (OSError, ValueError) as error:
            raise LinkEnded(safe_text(error)) from error

    def protocol_error(self, detail: str) -> PhoneBrokeProtocol:
        return PhoneBrokeProtocol(self.phone, detail)
