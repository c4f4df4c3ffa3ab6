"""Behaviour that depends on the iOS version, from versions.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

TESTED = ("16.4", "18.5", "26.1", "27.0")
"""One version of each kind: before and after the changes in 18.2 and 26.1, and 27 with its exact domains."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """The behaviour of one iOS version. versions.toml explains every field and names its source."""

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
    """The behaviour of a version such as `(17, 5, 1)`: all tables up to it, later ones overriding earlier ones."""
    values: dict[str, Any] = {}
    for since, table in _tables():
        if ios >= since:
            values |= table
    return Behaviour(**{**values, "exact_domains": frozenset(values["exact_domains"])})


@cache
def _tables() -> tuple[tuple[tuple[int, ...], dict[str, Any]], ...]:
    """The tables in the order of their versions. Raises ValueError for a key that Behaviour does not have."""
    by_version = tomllib.loads((files(__package__) / "versions.toml").read_text(encoding="utf-8"))
    known = {field.name for field in fields(Behaviour)}
    if unknown := {key for table in by_version.values() for key in table} - known:
        raise ValueError(f"versions.toml has unknown keys: {', '.join(sorted(unknown))}")
    tables = [(tuple(int(part) for part in since.split(".")), table) for since, table in by_version.items()]
    return tuple(sorted(tables, key=lambda since_and_table: since_and_table[0]))
