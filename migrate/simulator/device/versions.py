"""What an iPhone does that depends on its iOS, out of versions.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

TESTED = ("16.4", "18.5", "26.1", "27.0")
"""One version of each kind: before and after the two turns that 18.2 and 26.1 took, and 27's exact domains."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """One iOS version's. What each word means and where it is known from stands beside its value in versions.toml."""

    passcode_for_password: bool
    passcode_for_backup: bool
    gestalt_answers: bool
    find_my_in_lockdown: bool
    slash_in_domain_refused: bool
    restore_reads_status_first: bool
    device_class_overrules: bool
    device_class_in_backup: bool
    exact_domains: frozenset[str]
    takes_mbdb: bool
    keybag_always_needed: bool


@cache
def behaviour_of(ios: tuple[int, ...]) -> Behaviour:
    """What iOS `(17, 5, 1)` does: every table up to that version, the later ones over the earlier."""
    values: dict[str, Any] = {}
    for since, table in _tables():
        if ios >= since:
            values |= table
    return Behaviour(**{**values, "exact_domains": frozenset(values["exact_domains"])})


@cache
def _tables() -> tuple[tuple[tuple[int, ...], dict[str, Any]], ...]:
    """By version. A key that no Behaviour has is a mistake in the file: ValueError."""
    told = tomllib.loads((files(__package__) / "versions.toml").read_text(encoding="utf-8"))
    known = {field.name for field in fields(Behaviour)}
    if strange := {key for table in told.values() for key in table} - known:
        raise ValueError(f"versions.toml has unknown keys: {', '.join(sorted(strange))}")
    tables = [(tuple(int(part) for part in since.split(".")), table) for since, table in told.items()]
    return tuple(sorted(tables, key=lambda since_and_table: since_and_table[0]))
