"""A cable that carries only so many bytes a second: a relay in front of a usbmuxd."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

PIECE_BYTES = 1 << 18


@contextlib.contextmanager
def slow_cable(address: str, bytes_per_s: int | None) -> Iterator[str]:
    """The address of a relay to the usbmuxd at `address` (HOST:PORT). `bytes_per_s` None: as fast as it goes."""
    cable = _Cable(address, bytes_per_s)
    try:
        yield f"127.0.0.1:{cable.listener.getsockname()[1]}"
    finally:
        cable.close()


class _Cable:
    def __init__(self, address: str, bytes_per_s: int | None) -> None:
        host, _, port = address.rpartition(":")
        self.target = (host, int(port))
        self.bytes_per_s = bytes_per_s
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.open = [self.listener]
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def close(self) -> None:
        for one in self.open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        for one in self.open:
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self.listener.accept()
                self.open.append(near)
                far = socket.create_connection(self.target)
                self.open.append(far)
                for ends in ((near, far, None), (far, near, self.bytes_per_s)):
                    self.threads.append(threading.Thread(target=_carry, args=ends, daemon=True))
                    self.threads[-1].start()


def _carry(source: socket.socket, target: socket.socket, bytes_per_s: int | None) -> None:
    due = time.monotonic()
    with contextlib.suppress(OSError):
        while data := source.recv(PIECE_BYTES):
            if bytes_per_s:
                due = max(due, time.monotonic() - 0.1) + len(data) / bytes_per_s
                time.sleep(max(0.0, due - time.monotonic()))
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
