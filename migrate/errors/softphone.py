"""Errors of a software iPhone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from migrate.errors.root import MigrateError


@dataclass(eq=False)
class PhoneFileInvalid(MigrateError):
    """A file that describes a software iPhone cannot be used."""

    path: Path
    problem: str

    exit_code = 2

    def what(self) -> str:
        return f"{self.path} does not describe a software iPhone."

    def why(self) -> str:
        return f"{self.problem}."

    def next(self) -> str:
        return f"Correct {self.path}, then {self.again}."
