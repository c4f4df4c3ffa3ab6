"""Looks up what an error means: our own by code, a phone's by number or text, exit codes by number.

Our errors' sentences come from the error classes; what phones answer is in troubles.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

from migrate.problems import MigrateError, NothingToExplain, code_of
from migrate.talk.help.examples import example

EXIT_CODES: Mapping[int, str] = {
    0: "done",
    1: "a bug of ours",
    2: "the command line could not be understood, or something is still to be chosen",
    10: "the plan is wrong",
    11: "the plan does not fit the phones",
    20: "no phone, or not the one",
    21: "a phone is locked",
    22: "a phone does not trust this computer",
    23: "a phone was lost on the way",
    24: "a phone is not ready: Find My, its setup, a restore that waits",
    30: "a backup is damaged",
    31: "a backup cannot be read",
    32: "a password is missing or wrong",
    33: "the disk here is full",
    34: "a backup was never finished",
    35: "files could not be read on the phone",
    40: "no safe way for this iOS version",
    41: "the new phone is full",
    42: "the rehearsal failed",
    43: "the phone refused for another reason",
    50: "interrupted; it can be gone on with",
    60: "the proof failed",
    61: "nothing is wrong, but not everything could be proven yet",
    130: "Ctrl-C before anything began",
}
"""Contract for scripts; the README and docs/troubles.md show the same."""

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
    errors: tuple[type[MigrateError], ...] = ()
    troubles: tuple[PhoneMessage, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "exit_code": None if self.exit_code is None else [self.exit_code, EXIT_CODES[self.exit_code]],
            "errors": [example_from_phone(error).as_json() for error in self.errors],
            "troubles": [trouble.as_json() for trouble in self.troubles],
        }


def explain(asked: str) -> ErrorExplanation:
    """Look up an error code, a number, or a text that was seen.

    Raises:
        NothingToExplain: nothing matches; it names the nearest code.
    """
    wanted = asked.strip()
    ours = errors_by_code()
    if (error := ours.get(_as_code(wanted))) is not None:
        return ErrorExplanation(errors=(error,), troubles=tuple(t for t in troubles() if t.error == code_of(error)))
    if re.fullmatch(r"-?\d{1,4}", wanted):
        number = abs(int(wanted))
        rows = tuple(trouble for trouble in troubles() if number in trouble.codes)
        code = number if number in EXIT_CODES else None
        if rows or code is not None:
            return ErrorExplanation(exit_code=code, errors=_errors_of(rows), troubles=rows)
    elif rows := _match_text(wanted):
        return ErrorExplanation(errors=_errors_of(rows), troubles=rows)
    raise NothingToExplain(wanted, get_close_matches(_as_code(wanted), ours, n=1, cutoff=0.0)[0])


def _as_code(word: str) -> str:
    """`PhoneLocked`, `phone_locked` and `Phone locked` -> `phone-locked`."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", word)
    return re.sub(r"[\s_]+", "-", split).lower()


def _errors_of(rows: tuple[PhoneMessage, ...]) -> tuple[type[MigrateError], ...]:
    ours = errors_by_code()
    return tuple(ours[code] for code in dict.fromkeys(row.error for row in rows if row.error))


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


def errors_by_code() -> dict[str, type[MigrateError]]:
    """Every error class by its code."""
    return {code_of(error): error for error in _below(MigrateError)}


def _below(error: type[MigrateError]) -> Iterator[type[MigrateError]]:
    for child in error.__subclasses__():
        yield child
        yield from _below(child)


def example_from_phone(error: type[MigrateError]) -> MigrateError:
    """An example of the error, with the text a phone uses for it if that is known."""
    for trouble in troubles():
        if trouble.error == code_of(error) and trouble.codes:
            return example(error, said=f"{trouble.says[0]} (MBErrorDomain/{trouble.codes[0]})")
    return example(error)
