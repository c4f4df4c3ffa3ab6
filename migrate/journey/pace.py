"""Add rate and time left to the events of a run, and report at least once a second that work goes on.

    work -> events -> Paced -> the listener that shows or writes them

`Pace` is the arithmetic, `Paced` the listener in between. A run's bytes come from a thread, its phases are silent for
minutes, and neither should be visible in how often a person or a script hears something.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import exp

from migrate.journey import events
from migrate.journey.estimate import BackupEstimate, transfer_duration
from migrate.progress import PHASES_THAT_MOVE_BYTES, Phase, unfinished_total

TICK_S = 1.0
"""How often something is reported when nothing else is. The contract promises two seconds (4)."""
FIRST_ESTIMATE_S = 3.0
"""How long to measure before a time left is derived from it."""
SHOWN_RATE_S = 6.0
LASTING_RATE_S = 60.0
"""How far back the two rates look. The time left comes from the second: a large file among small ones must not move it.
"""
TURN_PER_S = 0.04
"""How fast the time left may leave its course: by 4 % of itself a second, at least a second. At 20 minutes that is 48
seconds. Only the steps from the estimate to the first byte and the first measurement are taken at once."""

PHASES_WITH_A_PACE = PHASES_THAT_MOVE_BYTES | {None, "getting-ready"}
"""None: the step has no phases. While a phone gets ready, the estimate counts down."""

STALLED_S = 3.0
"""After this long without a byte, and longer than it should have taken, nobody can say what is left."""

RECEIVING_STEPS = frozenset({"back-up-old-phone", "back-up-new-phone", "backup", "prove", "fetch"})
"""Steps whose total comes from a phone: nothing is reported before it is known, so that the first event has it."""


@dataclass
class _Rate:
    """A moving average over about `reach_s` seconds; over everything there was at the beginning."""

    reach_s: float
    bytes_: float = 0.0
    seconds: float = 0.0

    def add(self, moved: int, passed_s: float) -> None:
        kept = exp(-passed_s / self.reach_s)
        self.bytes_, self.seconds = self.bytes_ * kept + moved, self.seconds * kept + passed_s

    @property
    def bytes_per_s(self) -> float:
        return self.bytes_ / self.seconds if self.seconds > 0 else 0.0


@dataclass
class Pace:
    """Rate and time left of one piece of work. `expected`: how long it was estimated to take."""

    expected: BackupEstimate | None = None
    _began: float | None = None
    _at: float = 0.0
    _done: int = 0
    _measured_s: float = 0.0
    _moved_at: float = 0.0
    _shown_rate: _Rate = field(default_factory=lambda: _Rate(SHOWN_RATE_S))
    _lasting_rate: _Rate = field(default_factory=lambda: _Rate(LASTING_RATE_S))
    _left: float | None = None
    _basis: tuple[bool, bool] = (False, False)
    """What the time left was derived from: whether it was measured, and whether anything had moved."""

    def update(self, now: float, done: int, total: int | None) -> tuple[int | None, int | None]:
        """Note that `done` of `total` bytes are finished at `now`.

        Returns:
            bytes per second and seconds left, each None while it is unknown.
        """
        if self._began is None:
            self._began, self._at, self._done = now, now, done
        passed, moved = max(0.0, now - self._at), max(0, done - self._done)
        has_begun = self._measured_s > 0 or moved > 0
        self._at, self._done = now, done
        if moved:
            self._moved_at = now
        if has_begun:  # the silence before the first byte is not slowness
            self._measured_s += passed
            for rate in (self._shown_rate, self._lasting_rate):
                rate.add(moved, passed)
        return self._rate(), self._seconds_left(now, passed, done, total)

    def _rate(self) -> int | None:
        return round(self._shown_rate.bytes_per_s) if self._measured_s > 0 else None

    def _seconds_left(self, now: float, passed: float, done: int, total: int | None) -> int | None:
        target = self._target(now, done, total)
        if target is None:
            self._left = None
            return None
        basis = self._is_measured, done > 0
        if self._left is None or basis != self._basis:
            self._left = target
        else:
            course = max(0.0, self._left - passed)
            turn = max(1.0, TURN_PER_S * course) * passed
            self._left = course + max(-turn, min(turn, target - course))
        self._basis = basis
        is_stalled = self._is_measured and now - self._moved_at > max(STALLED_S, self._left)
        return None if is_stalled else max(1, round(self._left))

    @property
    def _is_measured(self) -> bool:
        return self._measured_s >= FIRST_ESTIMATE_S and self._lasting_rate.bytes_per_s >= 1

    def _target(self, now: float, done: int, total: int | None) -> float | None:
        if total is None or done >= total:
            return None
        if self._is_measured:
            return (total - done) / self._lasting_rate.bytes_per_s
        if self.expected is None or self.expected.duration is None or self._began is None:
            return None
        if done:
            return transfer_duration(total - done, self.expected.link).likely_s
        return max(0.0, self.expected.duration.likely_s - (now - self._began))


_all: weakref.WeakSet[Paced] = weakref.WeakSet()


def stop_reporting() -> None:
    """Report nothing more by itself, because the last event follows or a question is asked at the end of a program."""
    for one in tuple(_all):
        one.stop()


class Paced:
    """A listener that completes `BytesMoved` and passes everything on to `listener`."""

    def __init__(
        self,
        listener: events.Listener,
        *,
        clock: Callable[[], float] = time.monotonic,
        tick_s: float | None = TICK_S,
    ) -> None:
        """`tick_s` None: there is no thread, and the caller calls `tick`."""
        self.listener = listener
        self.clock = clock
        self.tick_s = tick_s
        self.lock = threading.RLock()
        self.step = ""
        self.pace = Pace()
        self.last: events.BytesMoved | None = None
        self.reported_at = 0.0
        self.phase: Phase | None = None
        self.final: events.BytesMoved | None = None
        """The report that all bytes are there, held back until the step ends: flushing and checking follow."""
        self._ended = threading.Event()
        _all.add(self)

    def __call__(self, event: events.Event) -> None:
        with self.lock:
            match event:
                case events.StepStarted(step):
                    self._begin(step)
                case events.Estimated(estimate=estimate):
                    self.pace, self.phase, self.final = Pace(estimate), None, None
                    self.last = events.BytesMoved(event.step, 0, estimate.size_bytes or None)
                case events.PhaseBegan(phase=phase):
                    self.phase = phase
                    if phase in PHASES_THAT_MOVE_BYTES:  # the lists before are no measure
                        self.pace = Pace(self.pace.expected)
                case events.BytesMoved():
                    if self.phase == "checking-here":
                        self.pace, self.phase = Pace(), None
                    event = self._complete(event)
                case events.StepFinished() | events.RunFinished():
                    if self.final is not None:
                        self.listener(self.final)
                    self.stop()
                case _:
                    pass
            self.listener(event)

    def tick(self) -> None:
        """Report that the step goes on, if nothing was reported since the last tick."""
        with self.lock:
            if not self.step or self.clock() - self.reported_at < (self.tick_s or TICK_S) * 0.9:
                return
            if self.last is None and self.step in RECEIVING_STEPS:
                return
            final = self.final
            again = self._complete(self.last or events.BytesMoved(self.step, 0, None))
            self.final = final
            self.listener(replace(again, is_repeat=True))

    def stop(self) -> None:
        """End the thread that ticks. The next step starts another."""
        with self.lock:
            self.step, self.last, self.final = "", None, None
            self._ended.set()

    def _begin(self, step: str) -> None:
        self.stop()
        self.step, self.pace, self.phase = step, Pace(), None
        self.reported_at = self.clock()
        self._ended = threading.Event()
        if self.tick_s is not None:
            threading.Thread(target=self._keep_ticking, args=(self._ended, self.tick_s), daemon=True).start()

    def _complete(self, event: events.BytesMoved) -> events.BytesMoved:
        """`event` with rate and time left. The total stays above what is done until the step ends."""
        self.reported_at = self.clock()
        if self.last is not None and event.done < self.last.done:  # other work of the same step, or another try
            self.pace = Pace()
        moved = 0 if self.phase == "getting-ready" else event.done
        rate, seconds_left = self.pace.update(self.reported_at, moved, event.total)
        if self.phase not in PHASES_WITH_A_PACE:
            rate = seconds_left = None
        event = replace(event, rate=rate, seconds_left=seconds_left)
        self.final = None
        if event.total and event.done >= event.total:
            self.final = replace(event, seconds_left=0)
            event = replace(event, total=unfinished_total(event.done), seconds_left=None)
        self.last = event
        return event

    def _keep_ticking(self, ended: threading.Event, tick_s: float) -> None:
        while not ended.wait(tick_s):
            self.tick()
