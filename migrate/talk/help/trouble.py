"""What phones, their services, Apple's programs and this computer report: the rows of the folder `troubles`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

FILES = ("backup_service", "connection", "computer", "apple", "icloud", "people")
"""The files of the folder `troubles`, in the order of docs/troubles.md."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One cause with its fix; backup_service.toml explains the keys."""

    says: tuple[str, ...]
    means: str
    do: str
    source: str
    asked: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()
    lockdown: tuple[int, ...] = ()
    numbers: tuple[str, ...] = ()
    error: str | None = None
    platforms: tuple[str, ...] = ()
    facts: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "codes": list(self.codes),
            "lockdown": list(self.lockdown),
            "numbers": list(self.numbers),
            "says": list(self.says),
            "means": self.means,
            "do": self.do,
            "error": self.error,
            "platforms": list(self.platforms),
            "source": self.source,
        }


@cache
def troubles() -> tuple[Trouble, ...]:
    """Every row."""
    return tuple(row for name in FILES for row in troubles_of(name))


@cache
def troubles_of(name: str) -> tuple[Trouble, ...]:
    """The rows of one of FILES."""
    file = resources.files("migrate.talk.help").joinpath("troubles", f"{name}.toml")
    rows: list[dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))["trouble"]
    return tuple(Trouble(**{key: _frozen(value) for key, value in row.items()}) for row in rows)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
