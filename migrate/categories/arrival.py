"""What happens to a restored record on the new phone: it may never arrive, arrive later, or be rewritten.

Both categories.toml and the phone's own lists (domains_ios16.toml) decide. A proof applies them before it reports
anything as missing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from migrate.backup.companions import database_of, is_database
from migrate.categories.catalogue import PathClass, RestoreEffect, RestoreEffectName, load_catalogue
from migrate.categories.domain_lists import ListName, covered
from migrate.categories.globs import pattern
from migrate.categories.path_classes import class_of_unowned
from migrate.language import _, mark

PHONES_LISTS: Final[dict[RestoreEffectName, tuple[tuple[tuple[ListName, ...], str], ...]]] = {
    "never": (
        (("RelativePathsNotToRestore",), mark("iOS does not restore it")),
        (("RelativePathsNotToMigrate",), mark("iOS does not restore it to another phone")),
        (
            ("RelativePathsToRemoveOnRestore", "RelativePathsOfSystemFilesToAlwaysRemoveOnRestore"),
            mark("iOS deletes it after a restore and creates it again"),
        ),
    ),
    "later": ((("RelativePathsToBackgroundRestore",), mark("iOS restores it in the background after the restart")),),
}
"""What the phone's own lists mean for a restored record: why it never arrives, or arrives later."""


def never_arrives_reason(domain: str, relative_path: str) -> str | None:
    """Why a record that was sent will not be on the new phone; None if it should be."""
    return _shown(_why("never", domain, relative_path))


def arrives_later(domain: str, relative_path: str) -> bool:
    """Whether it may still be missing right after the restart although nothing is wrong."""
    return _why("later", domain, relative_path) is not None


def why_later(domain: str, relative_path: str) -> str | None:
    """Why it may still be missing right after the restart; None if it should be there."""
    return _shown(_why("later", domain, relative_path))


def rewritten_by_phone(domain: str, relative_path: str) -> bool:
    """Whether a running phone may rewrite it, so that its bytes cannot be expected to stay the same."""
    return class_of_unowned(domain, relative_path) is not PathClass.VERBATIM


def is_database_file(relative_path: str) -> bool:
    """Whether the name is that of a SQLite database or one of its companions."""
    return is_database(relative_path) or database_of(relative_path) is not None


def _shown(why: str | None) -> str | None:
    return None if why is None else _(why)


def _why(name: RestoreEffectName, domain: str, relative_path: str) -> str | None:
    regex, restore_effects = _effects(name, domain)
    if match := regex.fullmatch(relative_path) if regex else None:
        return restore_effects[(match.lastindex or 0) - 1].why
    for regex, why in _phones_lists(name, domain):
        if regex.fullmatch(relative_path):
            return why
    return None


@lru_cache(maxsize=8192)  # a phone has about 1,400 domains
def _effects(name: RestoreEffectName, domain: str) -> tuple[re.Pattern[str] | None, tuple[RestoreEffect, ...]]:
    """The entries for a domain, and one regular expression with a group for each of them."""
    restore_effects = tuple(effect for effect in load_catalogue().restore_effects(name) if effect.is_about(domain))
    return (pattern(f"({effect.regex})" for effect in restore_effects) if restore_effects else None), restore_effects


@lru_cache(maxsize=8192)
def _phones_lists(name: RestoreEffectName, domain: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """What the phone's lists for a domain cover, and why it is there: nothing, for most domains."""
    found = ((covered(lists, domain), why) for lists, why in PHONES_LISTS[name])
    return tuple((regex, why) for regex, why in found if regex is not None)
