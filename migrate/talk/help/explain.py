"""Looks up what an error means: our own by code, a phone's by number or text, exit codes by number.

The sentences of our problems come from their definitions; what phones report is in troubles.toml.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

from migrate.problems import EXIT_CODES, MigrateError, NothingToExplain, Problem, all_problems
from migrate.talk.help.examples import example

PHONE_ERROR_NUMBER = re.compile(r"(?:MBErrorDomain/|ErrorCode\W*|error\s+)(-?\d+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class PhoneMessage:
    """One row of troubles.toml."""

    says: tuple[str, ...]
    means: str
    do: str
    source: str
    codes: tuple[int, ...] = ()
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"codes": list(self.codes), "says": list(self.says), "means": self.means, "do": self.do}


@dataclass(frozen=True, kw_only=True)
class ErrorExplanation:
    """Everything known about an error code, a number or a text."""

    exit_code: int | None = None
    problems: tuple[type[Problem], ...] = ()
    troubles: tuple[PhoneMessage, ...] = ()

    def as_json(self) -> dict[str, Any]:
        examples = [example_from_phone(problem) for problem in self.problems]
        return {
            "exit_code": None if self.exit_code is None else [self.exit_code, EXIT_CODES[self.exit_code]],
            "errors": [shown.as_json() for shown in examples if isinstance(shown, MigrateError)],
            "findings": [shown.as_finding().as_json() for shown in examples if not isinstance(shown, MigrateError)],
            "troubles": [trouble.as_json() for trouble in self.troubles],
        }


def explain(asked: str) -> ErrorExplanation:
    """Look up an error code, a number, or a text that was seen.

    Raises:
        NothingToExplain: nothing matches; it names the nearest code.
    """
    wanted = asked.strip()
    ours = problems_by_code()
    if problems := ours.get(_as_code(wanted), ()):
        code = problems[0].code
        return ErrorExplanation(problems=problems, troubles=tuple(t for t in troubles() if t.error == code))
    if re.fullmatch(r"-?\d{1,4}", wanted):
        number = abs(int(wanted))
        rows = tuple(trouble for trouble in troubles() if number in trouble.codes)
        exit_code = number if number in EXIT_CODES else None
        if rows or exit_code is not None:
            return ErrorExplanation(exit_code=exit_code, problems=_problems_of(rows), troubles=rows)
    elif rows := _match_text(wanted):
        return ErrorExplanation(problems=_problems_of(rows), troubles=rows)
    raise NothingToExplain(wanted, get_close_matches(_as_code(wanted), ours, n=1, cutoff=0.0)[0])


def _as_code(word: str) -> str:
    """`PhoneLocked`, `phone_locked` and `Phone locked` -> `phone-locked`."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", word)
    return re.sub(r"[\s_]+", "-", split).lower()


def _problems_of(rows: tuple[PhoneMessage, ...]) -> tuple[type[Problem], ...]:
    ours = problems_by_code()
    return tuple(problem for code in dict.fromkeys(row.error for row in rows if row.error) for problem in ours[code])


def _match_text(text: str) -> tuple[PhoneMessage, ...]:
    """The rows whose phrase is in the text, or whose phrase contains the text; otherwise those with its number."""
    plain = _plain(text)
    whole = [trouble for trouble in troubles() if any(_plain(phrase) in plain for phrase in trouble.says)]
    if not whole and len(plain) >= 5:
        whole = [trouble for trouble in troubles() if any(plain in _plain(phrase) for phrase in trouble.says)]
    numbers = {abs(int(number)) for number in PHONE_ERROR_NUMBER.findall(text)}
    numbered = [trouble for trouble in troubles() if numbers & set(trouble.codes)]
    return tuple(dict.fromkeys(whole or numbered))


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")).strip().casefold()


@cache
def troubles() -> tuple[PhoneMessage, ...]:
    """Every row of troubles.toml."""
    text = resources.files("migrate.talk.help").joinpath("troubles.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["trouble"]
    return tuple(
        PhoneMessage(**{**row, "says": tuple(row["says"]), "codes": tuple(row.get("codes", ()))}) for row in rows
    )


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
