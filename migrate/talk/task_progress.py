"""Progress of long work outside a run (`verify`, `backup`), reported to the listeners of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from migrate.journey import events
from migrate.journey.pace import stop_reporting
from migrate.problems.finding import Finding
from migrate.progress import Phase, UserAction
from migrate.talk.progress import make_listener


@dataclass(frozen=True)
class EventProgress:
    """A Progress that passes everything on as the events of one step. Called from any thread."""

    step: str
    listener: events.Listener
    findings: list[Finding] = field(default_factory=list)

    def bytes_moved(self, done: int, total: int | None) -> None:
        self.listener(events.BytesMoved(self.step, done, total))

    def files_moved(self, done: int) -> None:
        self.listener(events.FilesMoved(self.step, done))

    def phase_began(self, phase: Phase) -> None:
        self.listener(events.PhaseBegan(self.step, phase))

    def person_needed(self, phone: str, action: UserAction) -> None:
        self.listener(events.PersonNeeded(phone, action))

    def person_done(self, phone: str, action: UserAction) -> None:
        self.listener(events.PersonDone(phone, action))

    def trying_again(self, phone: str, seconds_left: int) -> None:
        self.listener(events.TryingAgain(phone, seconds_left))

    def found(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.listener(events.Found(finding))


@contextmanager
def report_progress(step: str, *, quiet: bool) -> Iterator[EventProgress]:
    """Report the work inside as `step`: bars on a terminal, lines elsewhere, nothing when `quiet` (JSON answers).

    Nothing is reported at the end: the command's own answer says how it ended.
    """
    listener = events.nobody if quiet else make_listener(as_json=False)
    listener(events.StepStarted(step))
    try:
        yield EventProgress(step, listener)
    finally:
        listener(events.RunFinished(None, "done", 0, None, None))  # removes a bar from the screen


@contextmanager
def report_events(step: str) -> Iterator[EventProgress]:
    """Report the work inside as a run's events on stdout (contract 4), of which the caller writes the last one."""
    listener = make_listener(as_json=True)
    listener(events.RunStarted(None))
    listener(events.StepStarted(step))
    try:
        yield EventProgress(step, listener)
    except BaseException:
        stop_reporting()
        raise
    listener(events.StepFinished(step))
