"""com.apple.mobile.notification_proxy: relays the phone's notifications that a client observes.

It is the only service that sends unasked. Posts come from other threads, but OpenSSL allows only one thread per
stream, so a post is queued and a socket pair wakes the stream's thread.
"""

from __future__ import annotations

import contextlib
import queue
import selectors
import socket
from typing import Any

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.streams import SocketStream
from migrate.wire.plist_frames import NeedData, PeerBroke, PlistFrames


def serve(stream: SocketStream, phone: SimulatedPhone) -> None:
    """Serves one client until it sends Shutdown or closes: relays what it observes and posts what it posts."""
    waiting, waker = socket.socketpair()
    posted: queue.SimpleQueue[str] = queue.SimpleQueue()
    waiting.setblocking(False)
    waker.setblocking(False)

    def post(name: str) -> None:
        posted.put(name)
        with contextlib.suppress(BlockingIOError):  # the pair is full, so the thread will wake anyway
            waker.send(b"!")

    with waiting, waker, selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        selector.register(waiting, selectors.EVENT_READ)
        stop = phone.observe(post)
        try:
            _Proxy(stream, phone).converse(selector, waiting, posted)
        finally:
            stop()


class _Proxy:
    def __init__(self, stream: SocketStream, phone: SimulatedPhone) -> None:
        self._stream = stream
        self._phone = phone
        self._frames = PlistFrames()
        self._observed: set[str] = set()

    def converse(
        self, selector: selectors.BaseSelector, waiting: socket.socket, posted: queue.SimpleQueue[str]
    ) -> None:
        while True:
            ready = [] if self._stream.holds_data else [key.fileobj for key, _ in selector.select()]
            if waiting in ready:
                waiting.recv(4096)
                self._relay(posted)
            if (self._stream.holds_data or self._stream in ready) and not self._read():
                return

    def _relay(self, posted: queue.SimpleQueue[str]) -> None:
        while not posted.empty():
            name = posted.get()
            if name in self._observed:
                self._send({"Command": "RelayNotification", "Name": name})

    def _read(self) -> bool:
        """Reads and handles what has arrived. Returns False when the conversation is over."""
        data = self._stream.recv(self._frames.missing_bytes)
        self._frames.receive(data)
        message = self._frames.next()
        if isinstance(message, NeedData):
            return bool(data)
        if not isinstance(message, dict):
            raise PeerBroke("the command is not a dictionary")
        return self._handle(message)

    def _handle(self, message: dict[str, Any]) -> bool:
        name = str(message.get("Name", ""))
        match message.get("Command"):
            case "ObserveNotification":
                self._observed.add(name)
            case "PostNotification":
                self._phone.post(name)
            case "Shutdown":
                self._send({"Command": "ProxyDeath"})
                return False
        return True  # unknown commands are ignored

    def _send(self, message: dict[str, Any]) -> None:
        self._stream.sendall(self._frames.send(message))
