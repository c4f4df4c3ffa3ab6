"""All problems, and the way from a finding to an error. (From a problem to a finding: `Problem.as_finding`.)"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.problems.finding import Finding
from migrate.problems.problem import EVERY_SENTENCE, MigrateError, Problem, plural_forms


class FindingAsError(MigrateError):
    """A finding that ends the command. It keeps the finding's code and sentences."""

    finding: Finding
    exit_code = 30
    what = "{finding.what}"
    why = "{finding.why}"
    next = "{finding.next}"


def as_error(finding: Finding) -> FindingAsError:
    """The error that a finding of severity "error" ends a command with."""
    error = FindingAsError(finding)
    error.__dict__["code"] = finding.code
    error.__dict__["exit_code"] = exit_code_of(finding.code)
    return error


def exit_code_of(code: str) -> int:
    """The exit code that the problems of this code share.

    Raises:
        LookupError: no problem of this code ends a command.
    """
    for problem in all_problems():
        if problem.code == code and problem.exit_code:
            return problem.exit_code
    raise LookupError(f"No problem with the code {code!r} has an exit code. Give its definition one.")


def all_problems() -> tuple[type[Problem], ...]:
    """Every definition in `migrate.problems`, by code and name."""
    defined = {
        problem
        for problem in _subclasses(Problem)
        if problem.__module__.startswith("migrate.problems.") and not problem.abstract and problem is not FindingAsError
    }
    return tuple(sorted(defined, key=lambda problem: (problem.code, problem.__name__)))


def templates(problem: type[Problem]) -> Iterator[tuple[str, str | None]]:
    """Every text of a definition that a translation has to cover, with its plural form if it has one."""
    for sentence in EVERY_SENTENCE:
        if (defined := getattr(problem, sentence, None)) is not None:
            yield from plural_forms(defined.definition)


def _subclasses(problem: type[Problem]) -> Iterator[type[Problem]]:
    for child in problem.__subclasses__():
        yield child
        yield from _subclasses(child)
