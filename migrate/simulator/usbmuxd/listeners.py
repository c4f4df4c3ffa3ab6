"""Where clients come in: listening sockets, and the one thread that opens to whoever knocks."""

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
    """Hands every connection that is accepted at one of `listeners` to `admit`, in a thread of its own, until `stop`."""

    def __init__(self, listeners: Sequence[socket.socket], admit: Callable[[socket.socket], None]) -> None:
        self._listeners = listeners
        self._admit = admit
        self._waiting, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._keep, name="simulator door", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Closes the doors; returns when nobody comes in any more."""
        self._waker.close()
        self._thread.join()

    def _keep(self) -> None:
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
                        with contextlib.suppress(OSError):  # the client has given up meanwhile
                            self._admit(listener.accept()[0])


def open_tcp(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if os.name != "nt":  # there it would let a second server take the same port
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
    """A listening unix socket that only its owner can open. What a server that was killed left at `path` goes.

    Raises OSError: another server listens there, something else lies there, or this system has no unix sockets.
    """
    family = getattr(socket, "AF_UNIX", None)
    if family is None:
        raise OSError("this system has no unix sockets; use HOST:PORT")
    listener = socket.socket(family)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            with socket.socket(family) as probe:
                if probe.connect_ex(str(path)) == 0:
                    raise OSError(f"another server listens on {path}")
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
