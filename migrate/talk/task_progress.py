"""Long work outside a run (`verify`, `save`), told to the same listeners that tell a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from migrate.journey import events
from migrate.problems.finding import Finding
from migrate.progress import UserAction
from migrate.talk.progress import make_listener


@dataclass(frozen=True)
class EventProgress:
    """A Watcher that passes everything on as the events of one step. Called from any thread."""

    step: str
    listener: events.Listener
    findings: list[Finding] = field(default_factory=list)

    def bytes_moved(self, done: int, total: int | None) -> None:
        self.listener(events.BytesMoved(self.step, done, total))

    def files_moved(self, done: int) -> None:
        self.listener(events.FilesMoved(self.step, done))

    def person_needed(self, phone: str, action: UserAction) -> None:
        self.listener(events.PersonNeeded(phone, action))

    def person_done(self, phone: str, action: UserAction) -> None:
        self.listener(events.PersonDone(phone, action))

    def found(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.listener(events.Found(finding))


@contextmanager
def report_progress(step: str, *, quiet: bool) -> Iterator[EventProgress]:
    """Tell the work inside as `step`: bars on a terminal, lines elsewhere, nothing when `quiet` (JSON answers).

    Nothing is said at the end: how it ended is the command's own answer.
    """
    listener = events.nobody if quiet else make_listener(as_json=False)
    listener(events.StepStarted(step))
    try:
        yield EventProgress(step, listener)
    finally:
        listener(events.RunFinished(None, "done", 0, None, None))  # takes a bar off the screen
