"""How long-running work reports progress. Rate, ETA and wording are up to the implementation of `Progress`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Literal, Protocol

from migrate.problems.finding import Finding

UserAction = Literal[
    "connect",
    "unlock",
    "tap-trust",
    "enter-passcode",
    "finish-setup",
    "turn-off-find-my",
    "restart-phone",
    "install-apps",
    "airplane-mode",
    "erase-phone",
]


Phase = Literal[
    "getting-ready", "copying", "moving-files", "finishing", "sending", "taking", "restarting", "checking-here"
]
"""What a backup or a restore is at, as far as it shows from this computer. In `copying` and `sending` bytes move; the
others are silent, and their length is unknown. `checking-here` ends with the next bytes."""
PHASES_THAT_MOVE_BYTES: frozenset[Phase] = frozenset({"copying", "sending"})


UNFINISHED = 0.99
"""The largest share of a total that is shown as done before the work has ended."""


def unfinished_total(done: int) -> int:
    """The smallest total that shows that `done` bytes are not everything yet: more than them, and no 100 %."""
    return max(done + 1, int(done / UNFINISHED))


class Progress(Protocol):
    """Called by long-running work."""

    def bytes_moved(self, done: int, total: int | None) -> None:
        """`done` of `total` bytes (None: unknown) of the current work are finished. Called often, from any thread."""

    def files_moved(self, done: int) -> None:
        """`done` files are finished."""

    def phase_began(self, phase: Phase) -> None:
        """A phase of a backup or restore begins, from any thread."""

    def person_needed(self, phone: str, action: UserAction) -> None:
        """The person has to do `action` on the phone named `phone`. The work waits meanwhile."""

    def person_done(self, phone: str, action: UserAction) -> None:
        """The action from `person_needed` is done, or no longer needed."""

    def trying_again(self, phone: str, seconds_left: int) -> None:
        """What just failed on `phone` is tried again in `seconds_left` seconds. Called every second; 0: now."""

    def found(self, finding: Finding) -> None: ...


class NoProgress:
    """The default: ignores every report."""

    def bytes_moved(self, done: int, total: int | None) -> None: ...
    def files_moved(self, done: int) -> None: ...
    def phase_began(self, phase: Phase) -> None: ...
    def person_needed(self, phone: str, action: UserAction) -> None: ...
    def person_done(self, phone: str, action: UserAction) -> None: ...
    def trying_again(self, phone: str, seconds_left: int) -> None: ...
    def found(self, finding: Finding) -> None: ...


no_progress = NoProgress()

key_derivation_notice: ContextVar[Callable[[], AbstractContextManager[object]]] = ContextVar(
    "deriving", default=nullcontext
)
"""A context manager entered while a key is derived from a password, which takes the phone's ten million rounds. The
terminal sets it, because a program that shows nothing for five seconds looks hung. asyncio's threads inherit it."""
