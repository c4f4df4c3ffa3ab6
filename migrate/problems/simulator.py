"""Problems of a simulated iPhone."""

from __future__ import annotations

from pathlib import Path

from migrate.problems.problem import MigrateError, when


class PhoneFileInvalid(MigrateError):
    """A file that describes a simulated iPhone cannot be used."""

    path: Path
    problem: str
    exit_code = 2
    what = "{path} does not describe a simulated iPhone."
    why = "{problem}."
    next = "Correct {path}. Then {again}"


class UnknownScenario(MigrateError):
    scenario: str
    nearest: str
    known: tuple[str, ...]
    exit_code = 2
    what = 'There is no scenario "{scenario}".'
    why = "The scenarios are: {known}."
    next = "Use --scenario {suggestion}, or one of the others."

    @property
    def suggestion(self) -> str:
        return self.nearest or self.known[0]


class CannotListen(MigrateError):
    """The simulated iPhone could not open its socket."""

    address: str
    reason: str
    exit_code = 2
    what = "The simulated iPhone cannot listen on {address}."
    why = "The system answered: {reason}."
    next = "Choose another address, or leave it out: --listen 127.0.0.1:0 uses any free port."


class DemoPhonesSilent(MigrateError):
    """The demo's simulated iPhones did not start."""

    said: str
    exit_code = 1
    what = "The demo's simulated iPhones did not start."
    why = when("said", "They reported: {said}", otherwise="They reported nothing.")
    next = "Try them alone with migrate simulator serve. If that fails too, report it: it is a bug in migrate."
