"""A stream that breaks where the faults say, and works again afterwards."""

from __future__ import annotations

import pytest

from migrate.simulator.faults.faults import Faults
from migrate.simulator.faults.faulty_stream import FaultInjector, FaultyStream
from migrate.simulator.usbmuxd.streams import LinkCut


class Pipe:
    """A stream in memory."""

    def __init__(self, incoming: bytes = b"") -> None:
        self.incoming = incoming
        self.sent = b""
        self.closed = False

    def recv(self, limit: int) -> bytes:
        data, self.incoming = self.incoming[:limit], self.incoming[limit:]
        return data

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def close(self) -> None:
        self.closed = True


def test_a_backup_is_cut_once_at_the_exact_byte() -> None:
    pipe, faults, cuts = Pipe(), Faults(drop_save_after_bytes=10), []
    stream = FaultyStream(pipe, FaultInjector(faults, lambda: cuts.append("cut")))
    stream.sendall(b"1234567")
    with pytest.raises(LinkCut):
        stream.sendall(b"890abc")
    assert pipe.sent == b"1234567890"
    assert cuts == ["cut"]
    again = FaultyStream(pipe, FaultInjector(faults, lambda: cuts.append("cut")))
    again.sendall(b"x" * 100)
    assert cuts == ["cut"]


def test_a_restore_is_cut_at_the_exact_byte() -> None:
    pipe, faults, cuts = Pipe(b"x" * 100), Faults(drop_restore_after_bytes=10), []
    stream = FaultyStream(pipe, FaultInjector(faults, lambda: cuts.append("cut")))
    assert stream.recv(7) == b"x" * 7
    assert stream.recv(50) == b"x" * 3
    with pytest.raises(LinkCut):
        stream.recv(1)
    assert cuts == ["cut"] and faults.drop_restore_after_bytes is None


def test_without_faults_all_bytes_pass() -> None:
    pipe = Pipe(b"abc")
    stream = FaultyStream(pipe, FaultInjector(Faults(), lambda: None))
    stream.sendall(b"x")
    assert (stream.recv(10), pipe.sent) == (b"abc", b"x")
    stream.close()
    assert pipe.closed


def test_a_file_that_is_unreadable_once_is_readable_afterwards() -> None:
    faults = Faults(unreadable={"HomeDomain/a": "I/O error"}, unreadable_once={"HomeDomain/b": "busy"})
    assert [faults.why_unreadable("HomeDomain", name) for name in "aabbc"] == ["I/O error"] * 2 + ["busy", None, None]
