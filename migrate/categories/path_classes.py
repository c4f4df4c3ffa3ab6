"""How a proof compares a file of the old phone with the new phone's: its path class.

    items         read as items (messages, contacts, photos …): the items are compared, the file has no fate
    verbatim      the plaintext is equal: photos, attachments, recordings, documents
    settings      a preference file that a person would miss: compared key by key, without `volatile_keys`
    database      a SQLite database with a person's data that is not read as items: its rows are compared
    housekeeping  caches, logs, what daemons keep for themselves, and what describes the device: never fails a proof

The first of these decides:

1. The `path_class` entries of categories.toml: those of the record's owners, then the general ones. The files that Core
   Data keeps beside a `database` (`.Name_SUPPORT`) are verbatim; those beside others have their database's class.
2. What iOS 16.4 leaves out of its own backups is housekeeping, because no backup of the new phone can show it.
3. In the containers of apps, their groups and extensions: caches and web stores (CONTAINER_HOUSEKEEPING) are
   housekeeping; `Library/Preferences/*.plist` is settings, and what else is there is housekeeping; a file with the name
   of a database is one; the rest is verbatim.
4. Everything else that only other-system owns is housekeeping.
5. In the other categories: `Library/Preferences/*.plist` is settings, a file with the name of a database is one, and
   the rest is verbatim.

A companion (`-wal`, `-shm`, `-journal`) has the class of its database. A directory is housekeeping. A symlink is
housekeeping if its class is, or if its target is a path of the system or names hardware, and verbatim otherwise.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from migrate.backup.companions import database_of, is_database
from migrate.backup.record import Kind
from migrate.categories.catalogue import OTHER_SYSTEM, PathClass, PathClassEntry, load_catalogue
from migrate.categories.domain_lists import is_listed
from migrate.categories.globs import pattern

Owners = frozenset[str]
VolatileKeys = Callable[[str], bool]
"""Whether iOS writes the key of this name for itself."""

_ONLY_OTHER_SYSTEM: Owners | None = frozenset({OTHER_SYSTEM})

CONTAINERS = ("AppDomain-", "AppDomainGroup-", "AppDomainPlugin-")
CONTAINER_HOUSEKEEPING = re.compile(
    "(?:Library/(?:Caches|WebKit|Cookies|SplashBoard|Saved Application State)|SystemData|tmp)(?:/.*)?", re.DOTALL
)
_PREFERENCE_FILE = re.compile(r"Library/Preferences/[^/]*\.plist", re.DOTALL)
_SYSTEM_TARGET = re.compile(
    r"/.*"  # absolute: a path of the system, or a container whose UUID is another one on each phone
    r"|(?:.*/)?(?:\.\./)+(?:private|var|System|Library|usr|Applications)/.*"
    r"|.*\b(?:iPhone|iPad|iPod|Watch)\d+,\d+.*"  # a model, such as iPhone9,3
    r"|.*\b[A-Z]\d{2,3}[a-z]?AP\b.*",  # a board, such as D101AP
    re.DOTALL,
)


def path_class(
    domain: str, relative_path: str, *, owner_ids: Owners, kind: Kind, target: str | None = None
) -> PathClass:
    """The class of a record.

    Args:
        owner_ids: as `Claims.owners` gives them.
        target: where a symlink leads.
    """
    if kind is Kind.DIRECTORY:
        return PathClass.HOUSEKEEPING
    found = _class_of_file(domain, relative_path, owner_ids)
    if kind is not Kind.SYMLINK:
        return found
    if found is PathClass.HOUSEKEEPING or target is None or _SYSTEM_TARGET.fullmatch(target):
        return PathClass.HOUSEKEEPING
    return PathClass.VERBATIM


def class_of_unowned(domain: str, relative_path: str) -> PathClass:
    """The class of a file for callers without its owners: the entries of all categories apply."""
    return _class_of_file(domain, relative_path, None)


def volatile_keys(domain: str, relative_path: str) -> VolatileKeys:
    """Which keys of a preference file iOS, or an app, writes for itself."""
    entries = tuple(
        number
        for number, entry in enumerate(load_catalogue().volatile_keys)
        if entry.is_about(domain) and entry.matches(relative_path)
    )
    return _matcher(entries)


def _class_of_file(domain: str, relative_path: str, owner_ids: Owners | None) -> PathClass:
    regex, classes = _entries(domain, owner_ids)
    if match := regex.fullmatch(relative_path) if regex else None:
        return classes[(match.lastindex or 0) - 1]
    if is_listed(("RelativePathsNotToBackup", "RelativePathsNotToBackupToDrive"), domain, relative_path):
        return PathClass.HOUSEKEEPING
    if domain.startswith(CONTAINERS):
        return _class_in_container(relative_path)
    if owner_ids == _ONLY_OTHER_SYSTEM:
        return PathClass.HOUSEKEEPING
    if _PREFERENCE_FILE.fullmatch(relative_path):
        return PathClass.SETTINGS
    return _class_by_name(relative_path)


def _class_in_container(relative_path: str) -> PathClass:
    if CONTAINER_HOUSEKEEPING.fullmatch(relative_path):
        return PathClass.HOUSEKEEPING
    if relative_path.startswith("Library/Preferences/"):
        return PathClass.SETTINGS if _PREFERENCE_FILE.fullmatch(relative_path) else PathClass.HOUSEKEEPING
    return _class_by_name(relative_path)


def _class_by_name(relative_path: str) -> PathClass:
    if is_database(relative_path) or database_of(relative_path) is not None:
        return PathClass.DATABASE
    return PathClass.VERBATIM


@lru_cache(maxsize=8192)  # a phone has about 1,400 domains, most with one set of owners
def _entries(domain: str, owner_ids: Owners | None) -> tuple[re.Pattern[str] | None, tuple[PathClass, ...]]:
    """One regular expression for a domain, and the class that each of its groups stands for."""
    alternatives = [
        alternative
        for entry in _entries_of(owner_ids)
        if entry.is_about(domain)
        for alternative in entry.regexes_by_class()
    ]
    if not alternatives:
        return None, ()
    return pattern(f"({regex})" for regex, _ in alternatives), tuple(path_class for _, path_class in alternatives)


def _entries_of(owner_ids: Owners | None) -> Iterator[PathClassEntry]:
    catalogue = load_catalogue()
    for category in catalogue.categories:
        if owner_ids is None or category.id in owner_ids:
            yield from category.path_classes
    yield from catalogue.path_classes


@lru_cache(maxsize=1024)
def _matcher(entries: tuple[int, ...]) -> VolatileKeys:
    keys = [key for number in entries for key in load_catalogue().volatile_keys[number].keys]
    if not keys:
        return lambda key: False
    regex = pattern(fnmatch.translate(key) for key in keys)
    return lambda key: regex.fullmatch(key) is not None
