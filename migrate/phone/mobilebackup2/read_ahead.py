"""Read a large file in a second thread while the pieces before are being sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

PIECES_AHEAD = 2
"""Pieces that are read and not yet taken."""


@contextmanager
def read_ahead(pieces: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """The same pieces, of which the next ones are made in a second thread. That thread has ended on leaving, also if
    the pieces were not all taken.

    What `pieces` raises is raised where the piece would be taken.
    """
    room = threading.Semaphore(PIECES_AHEAD)
    ready: SimpleQueue[bytes | BaseException | None] = SimpleQueue()
    is_abandoned = False

    def read() -> None:
        try:
            for piece in pieces:
                ready.put(piece)
                room.acquire()
                if is_abandoned:
                    return
            ready.put(None)
        except BaseException as error:
            ready.put(error)

    def taken() -> Iterator[bytes]:
        while (piece := ready.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            room.release()
            yield piece

    thread = threading.Thread(target=read, name="read-ahead", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        is_abandoned = True
        room.release()
        thread.join()
