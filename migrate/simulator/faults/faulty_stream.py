"""A byte stream with faults at exact bytes, and the fault injector that all wrappers of one connection share."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from threading import Event

from migrate.simulator.agent.mb_errors import usual_error_text
from migrate.simulator.faults.faults import Direction, Faults, Mishap, RequestKind, TriggerPoint
from migrate.simulator.usbmuxd.streams import ByteStream, LinkCut
from migrate.wire.backup2 import MBError

POLL_INTERVAL_S = 0.02
"""How often a stalling phone checks whether its cable is still attached."""


class Refused(Exception):
    """The phone refuses the request now. The error becomes the Response.

    Not an MBError, because an MBError raised inside an operation is caught there and gets another code.
    """

    def __init__(self, error: MBError) -> None:
        super().__init__(error.description)
        self.error = error


class FaultInjector:
    """Triggers the faults of one connection. `replug` and `unplug` pull the cable of the whole phone; `is_cut` tells
    whether the connection was cut from outside."""

    def __init__(
        self,
        faults: Faults,
        replug: Callable[[], object],
        unplug: Callable[[], object] | None = None,
        is_cut: Callable[[], bool] = lambda: False,
    ) -> None:
        self.faults = faults
        self._replug = replug
        self._unplug = unplug or replug
        self._is_cut = is_cut
        self._request_kind: RequestKind | None = None  # None before the first request
        self._bytes: Counter[Direction] = Counter()
        self._passed: Counter[tuple[TriggerPoint, Direction]] = Counter()  # messages and files of this request
        self._happened: list[Mishap] = []  # in this request, or on this connection for bytes; compared by identity
        self._refusal: MBError | None = None

    # --- a request from its start to its end

    def begin_request(self, request_kind: RequestKind) -> None:
        """A request was received. Raises Refused, LinkCut."""
        self._request_kind = request_kind
        self._passed.clear()
        self._happened = [mishap for mishap in self._happened if mishap.at == "bytes"]
        self._refusal = None
        self._trigger("start")
        self.refuse_if_due()

    def refuse_at_end(self) -> None:
        """The request is done, but may still be refused instead of answered with OK. Raises Refused."""
        for mishap in self._due("end"):
            if mishap.do == "refuse":
                self._act(mishap)
        self.refuse_if_due()

    def end_request(self) -> None:
        """The Response is due. Raises LinkCut."""
        self._trigger("end")

    def refuse_if_due(self) -> None:
        """Called wherever a phone can send a Response. Raises Refused if a refusal is waiting."""
        if self._refusal is not None:
            error, self._refusal = self._refusal, None
            raise Refused(error)

    # --- counting

    def passed(self, what: TriggerPoint, way: Direction) -> bool:
        """Counts one message or file. If it returns True, a fault is due and `trigger` must be called."""
        if not self.faults.mishaps or self._request_kind is None:
            return False
        self._passed[what, way] += 1
        return bool(self._due(what, way))

    def trigger(self, what: TriggerPoint, way: Direction) -> None:
        """Triggers the faults that are due. Raises LinkCut."""
        self._trigger(what, way)

    def bytes_until_fault(self, way: Direction) -> int | None:
        """How many bytes may pass before the next fault; None: no fault is set."""
        if not self.faults.cuts_by_bytes:
            return None
        faults, passed = self.faults, self._bytes[way]
        limits = [mishap.after - passed for mishap in faults.mishaps if self._may(mishap, "bytes", way)]
        drop_after = faults.drop_save_after_bytes if way == "sent" else faults.drop_restore_after_bytes
        if drop_after is not None:
            limits.append(drop_after - passed)
        if (until_drop := faults.bytes_until_drop) is not None:
            limits.append(until_drop)
        return max(0, min(limits)) if limits else None

    def passed_bytes(self, way: Direction, count: int) -> None:
        self._bytes[way] += count
        self.faults.let_through(count)

    def trigger_at_byte(self, way: Direction) -> None:
        """Triggers the faults due at the current byte. Raises LinkCut if one of them cuts the connection."""
        faults, passed = self.faults, self._bytes[way]
        where = f"after {passed} bytes {way}"
        if way == "sent" and faults.drop_save_after_bytes is not None and passed >= faults.drop_save_after_bytes:
            faults.drop_save_after_bytes = None
            self._pull(self._replug, where)
        limit = faults.drop_restore_after_bytes
        if way == "received" and limit is not None and passed >= limit:
            faults.drop_restore_after_bytes = None
            self._pull(self._replug, where)
        if (until_drop := faults.bytes_until_drop) is not None and until_drop <= 0:
            faults.reset_drop()
            self._pull(self._replug, where)
        for mishap in self._due("bytes", way):
            self._act(mishap)

    def stall(self, seconds: float) -> None:
        """Waits. Raises LinkCut if the cable is pulled meanwhile."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            self.check_link()
            Event().wait(min(left, POLL_INTERVAL_S))

    def check_link(self) -> None:
        """Raises LinkCut if the connection was cut from outside."""
        if self._is_cut():
            raise LinkCut("while the phone was silent")

    # --- triggering

    def _due(self, what: TriggerPoint, way: Direction = "sent") -> list[Mishap]:
        count = self._bytes[way] if what == "bytes" else self._passed[what, way]
        return [mishap for mishap in self.faults.mishaps if self._may(mishap, what, way) and mishap.after <= count]

    def _may(self, mishap: Mishap, what: TriggerPoint, way: Direction) -> bool:
        return (
            mishap.at == what
            and (mishap.way == way or what in ("start", "end"))
            and mishap.during in ("any", self._request_kind)
            and mishap.times > 0
            and not any(mishap is other for other in self._happened)
        )

    def _trigger(self, what: TriggerPoint, way: Direction = "sent") -> None:
        for mishap in self._due(what, way):
            self._act(mishap)

    def _act(self, mishap: Mishap) -> None:
        if mishap.do == "refuse" and self._refusal is not None:
            return  # a refusal is already waiting: keep this one for another request
        self._happened.append(mishap)
        mishap.times -= 1
        where = f"at {mishap.at} {mishap.after or ''}".rstrip()
        match mishap.do:
            case "replug":
                self._pull(self._replug, where)
            case "unplug":
                self._pull(self._unplug, where)
            case "hang-up":
                raise LinkCut(where)
            case "stall":
                self.stall(mishap.seconds)
            case "refuse":
                self._refusal = MBError(mishap.code, mishap.text or usual_error_text(mishap.code))

    def _pull(self, pull: Callable[[], object], where: str) -> None:
        pull()
        raise LinkCut(where)


class FaultyStream:
    """A stream that breaks and stalls where the faults say."""

    def __init__(self, stream: ByteStream, injector: FaultInjector) -> None:
        self._stream = stream
        self.injector = injector

    def recv(self, limit: int) -> bytes:
        while (bytes_until_fault := self.injector.bytes_until_fault("received")) == 0:
            self.injector.trigger_at_byte("received")
        data = self._stream.recv(limit if bytes_until_fault is None else min(limit, bytes_until_fault))
        self.injector.passed_bytes("received", len(data))
        return data

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        left = memoryview(data)
        while left:
            bytes_until_fault = self.injector.bytes_until_fault("sent")
            if bytes_until_fault == 0:
                self.injector.trigger_at_byte("sent")
                continue
            part = left if bytes_until_fault is None else left[:bytes_until_fault]
            self._stream.sendall(part)
            self.injector.passed_bytes("sent", len(part))
            left = left[len(part) :]

    def close(self) -> None:
        self._stream.close()
