"""What a restore does to a record on the new phone: it never arrives, arrives later, or is there and written on since.

Read from categories.toml. A proof asks these three before it calls anything lost.
"""

from __future__ import annotations

import re
from functools import lru_cache

from migrate.backup.companions import database_of, is_database
from migrate.categories.catalogue import RestoreEffect, RestoreEffectName, load_catalogue
from migrate.categories.globs import pattern


def never_arrives_reason(domain: str, relative_path: str) -> str | None:
    """Why a record that was sent will not be on the new phone, None where it should be."""
    return _why("never", domain, relative_path)


def arrives_later(domain: str, relative_path: str) -> bool:
    """Whether it may still be missing when the phone is back, without anything being wrong."""
    return _why("later", domain, relative_path) is not None


def why_later(domain: str, relative_path: str) -> str | None:
    """Why it may still be missing when the phone is back, None where it should be there."""
    return _why("later", domain, relative_path)


def rewritten_by_phone(domain: str, relative_path: str) -> bool:
    """Whether the phone writes to it in the ordinary course of things, so that equal bytes cannot be asked for.

    The places categories.toml names: databases that the phone opens, with their companions, of which a proof compares
    rows, and files a daemon writes.
    """
    return _why("rewritten", domain, relative_path) is not None


def is_database_file(relative_path: str) -> bool:
    """Whether this is a SQLite database or one of its companions, judging by the name."""
    return is_database(relative_path) or database_of(relative_path) is not None


def _why(name: RestoreEffectName, domain: str, relative_path: str) -> str | None:
    asked, restore_effects = _of(name, domain)
    match = asked.fullmatch(relative_path) if asked else None
    return restore_effects[(match.lastindex or 0) - 1].why if match else None


@lru_cache(maxsize=8192)  # a phone has about 1,400 domains
def _of(name: RestoreEffectName, domain: str) -> tuple[re.Pattern[str] | None, tuple[RestoreEffect, ...]]:
    """What is said about a domain, as one expression with a group for each."""
    restore_effects = tuple(effect for effect in load_catalogue().restore_effects(name) if effect.is_about(domain))
    return (pattern(f"({effect.regex})" for effect in restore_effects) if restore_effects else None), restore_effects
