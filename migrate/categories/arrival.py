"""What a restore does to a record on the new phone: it never arrives, arrives later, or is there and written on since.

Read from arrival.toml. A proof asks these three before it calls anything lost.
"""

from __future__ import annotations

import tomllib
from functools import cache, lru_cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from migrate.backup.companions import database_of, is_database
from migrate.categories.catalogue import Glob, Rule


class Fate(BaseModel):
    """Paths of a domain (or of those a pattern names) to which the phone does one thing, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    domain: Glob
    globs: tuple[Glob, ...] = Field(min_length=1)
    why: str
    source: str

    @property
    def rule(self) -> Rule:
        return Rule(domain=self.domain, globs=self.globs, source=self.source)


class Fates(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    never: tuple[Fate, ...]
    later: tuple[Fate, ...]
    rewritten: tuple[Fate, ...]


@cache
def fates() -> Fates:
    """arrival.toml, read and checked once."""
    text = files("migrate.categories").joinpath("arrival.toml").read_text(encoding="utf-8")
    return Fates.model_validate(tomllib.loads(text))


def never_arrives(domain: str, relative_path: str) -> str | None:
    """Why a record that was sent will not be on the new phone, None where it should be."""
    for rule, why in _of("never", domain):
        if rule.matches(relative_path):
            return why
    return None


def arrives_later(domain: str, relative_path: str) -> bool:
    """Whether it may still be missing when the phone is back, without anything being wrong."""
    return any(rule.matches(relative_path) for rule, _ in _of("later", domain))


def rewritten_by_phone(domain: str, relative_path: str) -> bool:
    """Whether the phone writes to it in the ordinary course of things, so that equal bytes cannot be asked for.

    Every SQLite database with its companions, and the places arrival.toml names. For databases a proof compares rows.
    """
    return is_database_file(relative_path) or any(rule.matches(relative_path) for rule, _ in _of("rewritten", domain))


def is_database_file(relative_path: str) -> bool:
    """Whether this is a SQLite database or one of its companions, judging by the name."""
    return is_database(relative_path) or database_of(relative_path) is not None


@lru_cache(maxsize=4096)  # a phone has about 1,400 domains
def _of(fate: str, domain: str) -> tuple[tuple[Rule, str], ...]:
    every: tuple[Fate, ...] = getattr(fates(), fate)
    return tuple((rule, each.why) for each in every if (rule := each.rule).is_about(domain))
