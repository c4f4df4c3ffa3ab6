"""The events of a run. Progress bars, JSON lines and plain lines are three listeners of the same events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from migrate.problems import MigrateError
from migrate.problems.finding import Finding
from migrate.progress import UserAction

Outcome = Literal["proven", "pending", "not-proven", "done", "rehearsed", "undone", "stopped", "failed"]
"""`pending`: all that could be compared is there; the rest is named."""
EXIT_CODE_PENDING = 61


def exit_code_of(outcome: Outcome) -> int:
    """The exit code of a run that ended without an error."""
    return EXIT_CODE_PENDING if outcome == "pending" else 0


@dataclass(frozen=True)
class RunStarted:
    """The first event of a run, also of a resumed one."""

    run_id: str


@dataclass(frozen=True)
class StepStarted:
    step: str


@dataclass(frozen=True)
class BytesMoved:
    step: str
    done: int
    total: int | None


@dataclass(frozen=True)
class FilesMoved:
    """For people only: not in the contract."""

    step: str
    done: int


@dataclass(frozen=True)
class PersonNeeded:
    phone: str
    action: UserAction
    apps: tuple[str, ...] = ()
    """For people only: the titles of the apps to install."""


@dataclass(frozen=True)
class PersonDone:
    """For people only: the action is done, so its message can be removed from the screen."""

    phone: str
    action: UserAction


@dataclass(frozen=True)
class TryingAgain:
    """For people only: a countdown, every second, until what failed on `phone` is tried again."""

    phone: str
    seconds_left: int
    what: str = ""
    """What failed; empty while a session is opened again, which is not worth a sentence."""


@dataclass(frozen=True)
class Found:
    finding: Finding


@dataclass(frozen=True)
class StepFinished:
    step: str


@dataclass(frozen=True)
class RunFinished:
    run_id: str | None  # None: it ended before the run existed
    outcome: Outcome
    exit_code: int
    receipt: str | None
    error: MigrateError | None


Event = (
    RunStarted
    | StepStarted
    | BytesMoved
    | FilesMoved
    | PersonNeeded
    | PersonDone
    | TryingAgain
    | Found
    | StepFinished
    | RunFinished
)
Listener = Callable[[Event], None]


def nobody(event: Event) -> None:
    """The default listener."""


def as_json(event: Event) -> dict[str, Any] | None:
    """The contract's object for an event (4), without `at`; None for what the contract does not name."""
    match event:
        case RunStarted(run_id):
            return {"event": "run_started", "run": run_id}
        case StepStarted(step):
            return {"event": "step_started", "step": step}
        case BytesMoved(step, done, total):
            return {"event": "bytes_moved", "step": step, "done": done, "total": total}
        case PersonNeeded(phone, action):
            return {"event": "person_needed", "phone": phone, "action": action}
        case Found(finding):
            return {"event": "found", "finding": finding.as_json()}
        case StepFinished(step):
            return {"event": "step_finished", "step": step}
        case RunFinished(run_id, outcome, exit_code, receipt, error):
            return {
                "event": "run_finished",
                "run": run_id,
                "outcome": outcome,
                "exit_code": exit_code,
                "receipt": receipt,
                "error": error.as_json() if error else None,
            }
        case FilesMoved() | PersonDone() | TryingAgain():
            return None
