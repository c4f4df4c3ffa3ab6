"""Listening sockets, and the thread that accepts their connections."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
BACKLOG = 64


class ConnectionAcceptor:
    """Accepts connections on `listeners` in its own thread, and calls `on_connection` with each, until `stop`."""

    def __init__(self, listeners: Sequence[socket.socket], on_connection: Callable[[socket.socket], None]) -> None:
        self._listeners = listeners
        self._on_connection = on_connection
        self._waiting, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._accept_connections, name="simulator acceptor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Closes the listeners and waits for the thread to end."""
        self._waker.close()
        self._thread.join()

    def _accept_connections(self) -> None:
        with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
            for listener in (*self._listeners, self._waiting):
                stack.enter_context(listener)
                selector.register(listener, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if self._waiting in ready:
                    return
                for listener in self._listeners:
                    if listener in ready:
                        with contextlib.suppress(OSError):  # the client gave up
                            self._on_connection(listener.accept()[0])


def open_tcp(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Port 0 takes a free port. Raises OSError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if os.name != "nt":  # on Windows it would let a second server take the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def has_unix_sockets() -> bool:
    return hasattr(socket, "AF_UNIX")


def open_unix(path: Path) -> socket.socket:
    """A listening Unix socket that only its owner can open. Replaces the stale socket of a killed server.

    Raises:
        OSError: another server listens there, the path is another file, or this system has no Unix sockets.
    """
    family = getattr(socket, "AF_UNIX", None)
    if family is None:
        raise OSError("this system has no Unix sockets; use HOST:PORT")
    listener = socket.socket(family)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            with socket.socket(family) as probe:
                if probe.connect_ex(str(path)) == 0:
                    raise OSError(f"another server is listening on {path}")
            path.unlink()
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
