"""The events of a run. Progress bars, JSON lines and plain lines are three listeners of the same events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from migrate.journey.estimate import BackupEstimate, Duration, Space
from migrate.problems import MigrateError
from migrate.problems.finding import Finding
from migrate.progress import Phase, UserAction

Outcome = Literal["proven", "pending", "not-proven", "done", "rehearsed", "undone", "stopped", "failed"]
"""`pending`: all that could be compared is there; the rest is named."""
EXIT_CODE_PENDING = 61


def exit_code_of(outcome: Outcome) -> int:
    """The exit code of a run that ended without an error."""
    return EXIT_CODE_PENDING if outcome == "pending" else 0


@dataclass(frozen=True)
class RunStarted:
    """The first event of a run, also of a resumed one."""

    run_id: str | None  # None: of `migrate backup`, which is no run


@dataclass(frozen=True)
class StepStarted:
    step: str


@dataclass(frozen=True)
class BytesMoved:
    """`Paced` adds the last three; work that reports bytes leaves them out."""

    step: str
    done: int
    total: int | None
    rate: int | None = None
    """Bytes per second, smoothed; None: unknown yet, or nothing moves in this phase."""
    seconds_left: int | None = None
    is_repeat: bool = False
    """Nothing new: reported so that a listener sees that work goes on."""


@dataclass(frozen=True)
class FilesMoved:
    """For people only: not in the contract."""

    step: str
    done: int


@dataclass(frozen=True)
class PhaseBegan:
    """For people only: what a step is at. In most phases nothing moves for minutes."""

    step: str
    phase: Phase


@dataclass(frozen=True)
class Estimated:
    """For people only: what is expected of a step before it begins."""

    step: str
    estimate: BackupEstimate


@dataclass(frozen=True)
class MoveEstimated:
    """For people only: how long the whole move takes, and how much space each phone and this computer has."""

    step: str
    duration: Duration | None
    spaces: tuple[tuple[str, Space], ...]


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
    answer: Mapping[str, Any] | None = None
    """The answer of a command that is no run, such as `migrate backup`."""


Event = (
    RunStarted
    | StepStarted
    | BytesMoved
    | FilesMoved
    | PhaseBegan
    | Estimated
    | MoveEstimated
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
        case BytesMoved(step, done, total, rate, seconds_left):
            moved = {"step": step, "done": done, "total": total, "rate": rate, "seconds_left": seconds_left}
            return {"event": "bytes_moved", **moved}
        case PersonNeeded(phone, action):
            return {"event": "person_needed", "phone": phone, "action": action}
        case Found(finding):
            return {"event": "found", "finding": finding.as_json()}
        case StepFinished(step):
            return {"event": "step_finished", "step": step}
        case RunFinished(run_id, outcome, exit_code, receipt, error, answer):
            return {
                "event": "run_finished",
                "run": run_id,
                "outcome": outcome,
                "exit_code": exit_code,
                "receipt": receipt,
                "error": error.as_json() if error else None,
                **(answer or {}),
            }
        case FilesMoved() | PhaseBegan() | Estimated() | MoveEstimated() | PersonDone() | TryingAgain():
            return None
