"""A healthy stream on which things go wrong where the faults say, to the byte; and the watch over one connection that
everything wrapped around it shares."""

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
"""How often a phone that stalls looks whether its cable is still there."""


class Refused(Exception):
    """The phone refuses the request now, whatever it was about to do. It becomes the Response; nothing catches it on
    its way there, as the code of an MBError raised inside an operation would change."""

    def __init__(self, error: MBError) -> None:
        super().__init__(error.description)
        self.error = error


class FaultInjector:
    """What goes wrong on one connection. `replug` and `unplug` pull the cable of the whole phone, `is_cut` says whether
    somebody else did."""

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
        self._request_kind: RequestKind | None = None  # before the first request there is none
        self._bytes: Counter[Direction] = Counter()
        self._passed: Counter[tuple[TriggerPoint, Direction]] = Counter()  # messages and files of this request
        self._happened: list[Mishap] = []  # in this request; bytes: on this connection. An equal one may be set twice
        self._refusal: MBError | None = None

    # --- a request from its start to its end

    def begin_request(self, request_kind: RequestKind) -> None:
        """A request was heard. Raises Refused, LinkCut."""
        self._request_kind = request_kind
        self._passed.clear()
        self._happened = [mishap for mishap in self._happened if mishap.at == "bytes"]
        self._refusal = None
        self._look("start")
        self.refuse_if_due()

    def refuse_at_end(self) -> None:
        """All is done, and a refusal may still come instead of the Response. Raises Refused."""
        for mishap in self._due("end"):
            if mishap.do == "refuse":
                self._act(mishap)
        self.refuse_if_due()

    def end_request(self) -> None:
        """The Response is due. Raises LinkCut."""
        self._look("end")

    def refuse_if_due(self) -> None:
        """Called where a phone may answer instead of going on. Raises Refused."""
        if self._refusal is not None:
            error, self._refusal = self._refusal, None
            raise Refused(error)

    # --- what passes

    def passed(self, what: TriggerPoint, way: Direction) -> bool:
        """One more message or file has passed. Whether something happens now: then `trigger` must be called."""
        if not self.faults.mishaps or self._request_kind is None:
            return False
        self._passed[what, way] += 1
        return bool(self._due(what, way))

    def trigger(self, what: TriggerPoint, way: Direction) -> None:
        """Raises LinkCut."""
        self._look(what, way)

    def bytes_until_fault(self, way: Direction) -> int | None:
        """How many bytes may pass before something happens; None: any number."""
        faults, passed = self.faults, self._bytes[way]
        limits = [mishap.after - passed for mishap in faults.mishaps if self._may(mishap, "bytes", way)]
        dropping = faults.drop_save_after_bytes if way == "sent" else faults.drop_restore_after_bytes
        if dropping is not None:
            limits.append(dropping - passed)
        if (whole_for := faults.bytes_until_drop) is not None:
            limits.append(whole_for)
        return max(0, min(limits)) if limits else None

    def passed_bytes(self, way: Direction, count: int) -> None:
        self._bytes[way] += count
        self.faults.let_through(count)

    def trigger_at_byte(self, way: Direction) -> None:
        """There is no room left. Raises LinkCut, unless it was something else that happened."""
        faults, passed = self.faults, self._bytes[way]
        where = f"after {passed} bytes {way}"
        if way == "sent" and faults.drop_save_after_bytes is not None and passed >= faults.drop_save_after_bytes:
            faults.drop_save_after_bytes = None
            self._pull(self._replug, where)
        limit = faults.drop_restore_after_bytes
        if way == "received" and limit is not None and passed >= limit:
            faults.drop_restore_after_bytes = None
            self._pull(self._replug, where)
        if (whole_for := faults.bytes_until_drop) is not None and whole_for <= 0:
            faults.reset_drop()
            self._pull(self._replug, where)
        for mishap in self._due("bytes", way):
            self._act(mishap)

    def stall(self, seconds: float) -> None:
        """Nothing happens for so long, unless the cable is pulled meanwhile. Raises LinkCut then."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            self.check_link()
            Event().wait(min(left, POLL_INTERVAL_S))

    def check_link(self) -> None:
        """Raises LinkCut where somebody else pulled the cable."""
        if self._is_cut():
            raise LinkCut("while it said nothing")

    # --- what happens

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

    def _look(self, what: TriggerPoint, way: Direction = "sent") -> None:
        for mishap in self._due(what, way):
            self._act(mishap)

    def _act(self, mishap: Mishap) -> None:
        if mishap.do == "refuse" and self._refusal is not None:
            return  # it refuses already: this one is for another request
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
    """A healthy stream that breaks and stalls where the injector say."""

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
