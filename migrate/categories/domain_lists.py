"""The phone's own lists of what it backs up, restores, removes and restores later, from domains_ios16.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal

from pydantic import TypeAdapter

from migrate.backup.companions import SUFFIXES
from migrate.categories.globs import pattern

ListName = Literal[
    "RelativePathsNotToBackup",
    "RelativePathsNotToBackupToDrive",
    "RelativePathsNotToMigrate",
    "RelativePathsNotToRemoveIfNotRestored",
    "RelativePathsNotToRestore",
    "RelativePathsOfSystemFilesToAlwaysRemoveOnRestore",
    "RelativePathsOfSystemFilesToAlwaysRestore",
    "RelativePathsToBackgroundRestore",
    "RelativePathsToRemoveOnRestore",
    "RelativePathsToRestoreOnly",
]
"""As Domains.plist of iOS 16.4 names them. "Drive" is a computer: `NotToBackupToDrive` is not in a backup by cable."""

DomainLists = dict[str, dict[ListName, tuple[str, ...]]]

_COVERED = f"(?:{'|'.join(SUFFIXES)})?(?:/.*)?"
"""A path also covers its database companions and what is below it (*read*: MBDomain)."""


@cache
def domain_lists() -> DomainLists:
    """The lists by domain, read and checked once."""
    text = files("migrate.categories").joinpath("domains_ios16.toml").read_text(encoding="utf-8")
    return TypeAdapter(DomainLists).validate_python(tomllib.loads(text))


def is_listed(names: Iterable[ListName], domain: str, relative_path: str) -> bool:
    """Whether one of the domain's lists with these names covers the path."""
    regex = covered(tuple(names), domain)
    return regex is not None and regex.fullmatch(relative_path) is not None


@lru_cache(maxsize=8192)  # most of a phone's 1,400 domains have no list
def covered(names: tuple[ListName, ...], domain: str) -> re.Pattern[str] | None:
    """What the domain's lists with these names cover; None if they are empty."""
    found = [path for name in names for path in _paths(domain, name)]
    return pattern(re.escape(path) + _COVERED for path in found) if found else None


def _paths(domain: str, name: ListName) -> Iterable[str]:
    lists = domain_lists().get(domain, {})
    paths = lists.get(name, ())
    if name in ("RelativePathsToRemoveOnRestore", "RelativePathsOfSystemFilesToAlwaysRemoveOnRestore"):
        # Health is removed so that the restored Health replaces it, not so that it stays away
        paths = tuple(path for path in paths if path not in lists.get("RelativePathsToRestoreOnly", ()))
    return paths
