"""The byte stream that services of the simulated iPhone use: connected, blocking, with TLS handled."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import Generic, Protocol, TypeVar

from migrate.wire.plist_frames import NeedData

RECEIVE_BYTES = 1 << 18
DRAIN_S = 0.5
"""How long an orderly close waits for the client to close. Closing a socket with unread bytes sends RST, which can
discard the last answer before the client has read it (seen on Linux)."""


class LinkCut(ConnectionError):
    """The cable was pulled. Services do not catch it; it ends the connection's thread."""


MessageT = TypeVar("MessageT", covariant=True)


class Wire(Protocol[MessageT]):
    """The reading side of a protocol in `migrate.wire`: bytes in, messages out."""

    @property
    def missing_bytes(self) -> int: ...

    def receive(self, data: bytes) -> None: ...

    def next(self) -> MessageT | NeedData: ...


class ByteStream(Protocol):
    def recv(self, limit: int) -> bytes:
        """Reads 1 to `limit` bytes, or b"" if the other side has closed. Blocks. Raises OSError."""

    def sendall(self, data: bytes | bytearray | memoryview) -> None: ...

    def close(self) -> None: ...


class Inbox(Generic[MessageT]):
    """Reads messages from a stream, never a byte more than the message: TLS or another protocol may follow."""

    def __init__(self, stream: ByteStream, wire: Wire[MessageT]) -> None:
        self._stream = stream
        self._wire = wire

    def receive(self) -> MessageT | None:
        """The next message, or None if the other side has closed.

        Raises:
            PeerBroke: the bytes are not a valid message.
            OSError: the link broke.
        """
        while isinstance(message := self._wire.next(), NeedData):
            data = self._stream.recv(min(self._wire.missing_bytes, RECEIVE_BYTES))
            if not data:
                return None
            self._wire.receive(data)
        return message


class SocketStream:
    """A socket that can start and stop TLS, and can be cut from another thread."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._lock = threading.Lock()
        self._cut = False

    def recv(self, limit: int) -> bytes:
        try:
            return self._socket.recv(limit)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        self._socket.sendall(data)

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def is_cut(self) -> bool:
        return self._cut

    @property
    def holds_data(self) -> bool:
        """Whether TLS holds decrypted bytes, which a selector on the socket does not report."""
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def set_timeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Does the device's side of the TLS handshake. Raises OSError, including ssl.SSLError."""
        plain = self._socket
        with self._lock:
            if self._cut:
                raise LinkCut
            self._socket = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        assert isinstance(self._socket, ssl.SSLSocket)
        self._socket.do_handshake()

    def stop_tls(self) -> None:
        """Returns to plaintext after both sides sent close_notify. Raises OSError."""
        if isinstance(self._socket, ssl.SSLSocket):
            plain = self._socket.unwrap()
            with self._lock:
                self._socket = plain

    def cut(self) -> None:
        """Shuts down both directions at once, which wakes a blocked recv or sendall. Callable from any thread."""
        with self._lock:
            self._cut = True
            with contextlib.suppress(OSError):
                # socket.socket.shutdown, because SSLSocket.shutdown drops the TLS state while a thread reads
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes in order: sends close_notify and FIN, and waits briefly for the client to close."""
        if not self._cut:
            with contextlib.suppress(OSError, ValueError):
                self._close_gracefully()
        self._socket.close()

    def _close_gracefully(self) -> None:
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.settimeout(0)
            with contextlib.suppress(ssl.SSLError):
                self._socket.unwrap()  # non-blocking: sends our close_notify without waiting for the client's
        socket.socket.shutdown(self._socket, socket.SHUT_WR)
        self._socket.settimeout(DRAIN_S)
        while socket.socket.recv(self._socket, 1 << 16):
            pass
