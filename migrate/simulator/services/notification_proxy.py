"""com.apple.mobile.notification_proxy: what happens on the phone, told to whoever asked for it by name.

The proxy is the one service that speaks unasked. Posts come from other threads; the stream belongs to this one alone
(OpenSSL wants it so), so a post is queued and this thread is woken through a socket pair.
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
    """One client: relays what it observes, posts what it posts, until it says Shutdown or closes."""
    waiting, waker = socket.socketpair()
    posted: queue.SimpleQueue[str] = queue.SimpleQueue()
    waiting.setblocking(False)
    waker.setblocking(False)

    def post(name: str) -> None:
        posted.put(name)
        with contextlib.suppress(BlockingIOError):  # full of wake-ups: it will wake
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
        """Takes what is there. False: the conversation is over."""
        data = self._stream.recv(self._frames.missing_bytes)
        self._frames.receive(data)
        message = self._frames.next()
        if isinstance(message, NeedData):
            return bool(data)
        if not isinstance(message, dict):
            raise PeerBroke("a command that is no dictionary")
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
        return True  # an unknown command is passed over

    def _send(self, message: dict[str, Any]) -> None:
        self._stream.sendall(self._frames.send(message))
