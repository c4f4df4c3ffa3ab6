"""A byte stream as the services of the simulated iPhone get it: connected, TLS already done, blocking."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import Generic, Protocol, TypeVar

from migrate.wire.plist_frames import NeedData

RECEIVE_BYTES = 1 << 18
DRAIN_S = 0.5
"""How long an orderly close waits for the client's own end. Closing a socket with unread bytes in it sends RST, which
may take the last answer away from a client that has not read it yet (seen on Linux)."""


class LinkCut(ConnectionError):
    """The cable is gone. Services let it through; the connection's thread ends with it."""


MessageT = TypeVar("MessageT", covariant=True)


class Wire(Protocol[MessageT]):
    """A protocol of `migrate.wire`: bytes in, messages out."""

    @property
    def missing_bytes(self) -> int: ...

    def receive(self, data: bytes) -> None: ...

    def next(self) -> MessageT | NeedData: ...


class ByteStream(Protocol):
    def recv(self, limit: int) -> bytes:
        """At most `limit` bytes, at least one; b"" once the other side has closed. Blocks. Raises OSError."""

    def sendall(self, data: bytes | bytearray | memoryview) -> None: ...

    def close(self) -> None: ...


class Inbox(Generic[MessageT]):
    """Messages out of a stream. Reads not a byte more than the message has: what follows may be TLS, or the phone's."""

    def __init__(self, stream: ByteStream, wire: Wire[MessageT]) -> None:
        self._stream = stream
        self._wire = wire

    def receive(self) -> MessageT | None:
        """The next message, or None: the other side has closed.

        Raises:
            PeerBroke: it is no message. OSError: the link broke.
        """
        while isinstance(message := self._wire.next(), NeedData):
            data = self._stream.recv(min(self._wire.missing_bytes, RECEIVE_BYTES))
            if not data:
                return None
            self._wire.receive(data)
        return message


class SocketStream:
    """A socket that can begin and end TLS, and be cut from another thread."""

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
        """Whether TLS has decrypted bytes that the socket no longer shows."""
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def set_timeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """The device's side of a handshake. Raises OSError (ssl.SSLError among them)."""
        plain = self._socket
        with self._lock:
            if self._cut:
                raise LinkCut
            self._socket = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        assert isinstance(self._socket, ssl.SSLSocket)
        self._socket.do_handshake()

    def stop_tls(self) -> None:
        """Back to plaintext, after the client has said close_notify too. Raises OSError."""
        if isinstance(self._socket, ssl.SSLSocket):
            plain = self._socket.unwrap()
            with self._lock:
                self._socket = plain

    def cut(self) -> None:
        """Ends both directions at once; whoever blocks in recv or sendall comes back. Callable from any thread."""
        with self._lock:
            self._cut = True
            with contextlib.suppress(OSError):
                # socket.socket's own: SSLSocket.shutdown drops its TLS state under the thread that is reading
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """An orderly end: close_notify, FIN, and a short wait for the client's."""
        if not self._cut:
            with contextlib.suppress(OSError, ValueError):
                self._close_gracefully()
        self._socket.close()

    def _close_gracefully(self) -> None:
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.settimeout(0)
            with contextlib.suppress(ssl.SSLError):
                self._socket.unwrap()  # sends our close_notify; without blocking, the client's is not awaited
        socket.socket.shutdown(self._socket, socket.SHUT_WR)
        self._socket.settimeout(DRAIN_S)
        while socket.socket.recv(self._socket, 1 << 16):
            pass
