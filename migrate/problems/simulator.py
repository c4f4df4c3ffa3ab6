"""Errors of a simulated iPhone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from migrate.problems.root import MigrateError


@dataclass(eq=False)
class PhoneFileInvalid(MigrateError):
    """A file that describes a simulated iPhone cannot be used."""

    path: Path
    problem: str

    exit_code = 2

    def what(self) -> str:
        return f"{self.path} does not describe a simulated iPhone."

    def why(self) -> str:
        return f"{self.problem}."

    def next(self) -> str:
        return f"Correct {self.path}, then {self.again}."


@dataclass(eq=False)
class UnknownScenario(MigrateError):
    """`--scenario` names none of the simulated iPhone's."""

    scenario: str
    nearest: str
    known: tuple[str, ...]
    exit_code: ClassVar[int] = 2

    def what(self) -> str:
        return f"There is no scenario called {self.scenario}."

    def why(self) -> str:
        return f"Known are: {', '.join(self.known)}."

    def next(self) -> str:
        return f"Take --scenario {self.nearest or self.known[0]}, or one of the others."
