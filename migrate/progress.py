"""What long work tells whoever watches it. Deep code calls these four; rate, ETA and wording are the watcher's."""

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
]


class Progress(Protocol):
    def bytes_moved(self, done: int, total: int | None) -> None:
        """`done` bytes of `total` (None: not known) of the work at hand are through. Called often, from any thread."""

    def files_moved(self, done: int) -> None:
        """`done` files are through."""

    def person_needed(self, phone: str, action: UserAction) -> None:
        """Somebody must do `action` on the phone whose owner calls it `phone`. Work waits meanwhile."""

    def person_done(self, phone: str, action: UserAction) -> None:
        """What `person_needed` asked for has been done, or is no longer needed."""

    def found(self, finding: Finding) -> None: ...


class NoProgress:
    """The default watcher."""

    def bytes_moved(self, done: int, total: int | None) -> None: ...
    def files_moved(self, done: int) -> None: ...
    def person_needed(self, phone: str, action: UserAction) -> None: ...
    def person_done(self, phone: str, action: UserAction) -> None: ...
    def found(self, finding: Finding) -> None: ...


no_progress = NoProgress()

key_derivation_notice: ContextVar[Callable[[], AbstractContextManager[object]]] = ContextVar(
    "deriving", default=nullcontext
)
"""Entered while the key of a password is worked out, which takes a phone's ten million rounds: whoever talks to a
person sets it, because a program that is silent for five seconds looks dead. asyncio's threads inherit it."""
