"""Looks up what an error means: our own by code, others by number or text, exit codes by number.

The sentences of our problems come from their definitions; what phones and other programs report is in `trouble`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from migrate.problems import EXIT_CODES, MigrateError, NothingToExplain, Problem, all_problems
from migrate.problems.problem import shortened
from migrate.talk.help.examples import example
from migrate.talk.help.matcher import MOST_MATCHES, Match, best_matches
from migrate.talk.help.pasted import clean, read_paste
from migrate.talk.help.trouble import Trouble, troubles

OUR_CODE_IN_JSON = re.compile(r'"code":\s*"([a-z-]+)"')
LONGEST_QUOTE = 80
"""Characters of a paste that an error message repeats."""


@dataclass(frozen=True, kw_only=True)
class ErrorExplanation:
    """Everything known about an error code, a number or a text."""

    exit_code: int | None = None
    problems: tuple[type[Problem], ...] = ()
    matches: tuple[Match, ...] = ()
    """The rows that fit, best first, each with the reason."""

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        return tuple(match.trouble for match in self.matches)

    def as_json(self) -> dict[str, Any]:
        examples = [example_from_phone(problem) for problem in self.problems]
        return {
            "exit_code": None if self.exit_code is None else [self.exit_code, EXIT_CODES[self.exit_code]],
            "errors": [shown.as_json() for shown in examples if isinstance(shown, MigrateError)],
            "findings": [shown.as_finding().as_json() for shown in examples if not isinstance(shown, MigrateError)],
            "troubles": [{**match.trouble.as_json(), "why": list(match.why)} for match in self.matches],
        }


def explain(asked: str) -> ErrorExplanation:
    """Look up an error code, a number, or a text that was seen.

    Raises:
        NothingToExplain: nothing fits; it names the nearest code if one is near.
    """
    wanted = clean(asked).strip()
    ours = problems_by_code()
    if problems := ours.get(_as_code(wanted), ()):
        return ErrorExplanation(problems=problems, matches=_rows_of(problems[0].code))
    exit_code = int(wanted) if re.fullmatch(r"\d{1,3}", wanted) and int(wanted) in EXIT_CODES else None
    matches = best_matches(read_paste(wanted))
    problems = tuple(
        dict.fromkeys(
            problem
            for code in (*OUR_CODE_IN_JSON.findall(wanted), *(row.trouble.error for row in matches))
            for problem in ours.get(code or "", ())
        )
    )
    if matches or problems or exit_code is not None:
        return ErrorExplanation(exit_code=exit_code, problems=problems, matches=matches)
    near = get_close_matches(_as_code(wanted[:LONGEST_QUOTE]), ours, n=1, cutoff=NEAR_CODE)
    raise NothingToExplain(shortened(" ".join(wanted.split()), LONGEST_QUOTE), near[0] if near else "")


NEAR_CODE = 0.8
"""How alike a word and a code of ours have to be for a suggestion (difflib's ratio)."""


def _rows_of(code: str) -> tuple[Match, ...]:
    """The first rows about an error of ours."""
    return tuple(Match(row, 0.0) for row in troubles() if row.error == code)[:MOST_MATCHES]


def _as_code(word: str) -> str:
    """`PhoneLocked`, `phone_locked` and `Phone locked` -> `phone-locked`."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", word)
    return re.sub(r"[\s_]+", "-", split).lower()


def problems_by_code() -> dict[str, tuple[type[Problem], ...]]:
    """Every problem by its code; findings may share one."""
    by_code: dict[str, tuple[type[Problem], ...]] = {}
    for problem in all_problems():
        by_code[problem.code] = (*by_code.get(problem.code, ()), problem)
    return by_code


def example_from_phone(problem: type[Problem]) -> Problem:
    """An example of the problem, with the text a phone uses for it if that is known."""
    for trouble in troubles():
        if trouble.error == problem.code and trouble.codes:
            return example(problem, said=f"{trouble.says[0]} (MBErrorDomain/{trouble.codes[0]})")
    return example(problem)
