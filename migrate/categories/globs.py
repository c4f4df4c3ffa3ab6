"""The path patterns of categories.toml.

    *         any number of characters inside one component; a leading dot is not special
    ?         one character inside a component
    {a,b}     one of these, inside a component
    **        any number of whole components, also none. So `Library/SMS/**` matches the directory `Library/SMS` and
              everything below it, `a/**/b` also matches `a/b`, and `**` alone matches a whole domain

A pattern for a file also matches what SQLite and Core Data keep beside it: for `X` also `X-wal`, `X-shm`, `X-journal`,
and for a store `dir/Name.sqlite` also `dir/.Name_SUPPORT/**` (iOS extends its own allow-list in the first way; Core
Data stores large values in the second). Patterns are case-sensitive, like the phone's data volume.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from migrate.backup.companions import DATABASE_EXTENSIONS, SUFFIXES

_COMPANION = f"(?:{'|'.join(SUFFIXES)})?"


def glob_regex(glob: str) -> str:
    """The regular expression for a whole path, without companions.

    Raises:
        ValueError: the pattern is invalid.
    """
    if glob == "**":
        return ".*"
    if not glob or glob.startswith("/") or glob.endswith("/"):
        raise ValueError(f"a pattern is a path inside its domain, without slashes at its ends: {glob!r}")
    components = glob.split("/")
    if components[-1] == "**":
        return _path(components[:-1]) + "(?:/.*)?"
    return _path(components)


def with_companions(glob: str) -> str:
    """Like `glob_regex`, but also matches what SQLite and Core Data keep beside the file."""
    regex, support = with_sqlite_companions(glob), support_folder(glob)
    return regex if support is None else f"{regex}|{support}"


def with_sqlite_companions(glob: str) -> str:
    """Like `glob_regex`, but also matches what SQLite keeps beside the file."""
    regex = glob_regex(glob)
    return regex if glob.endswith("**") else f"(?:{regex}){_COMPANION}"


def support_folder(glob: str) -> str | None:
    """The regular expression for where Core Data keeps the large values of a store; None if the file is not a store."""
    *directory, name = glob.split("/")
    for suffix in DATABASE_EXTENSIONS:
        if name.endswith(suffix):
            return glob_regex("/".join([*directory, f".{name.removesuffix(suffix)}_SUPPORT", "**"]))
    return None


def pattern(regexes: Iterable[str]) -> re.Pattern[str]:
    """One expression for several, for use with `fullmatch`. DOTALL, because names may contain newlines."""
    return re.compile("|".join(f"(?:{regex})" for regex in regexes), re.DOTALL)


def _path(components: list[str]) -> str:
    above = ("(?:[^/]+/)*" if name == "**" else _component(name) + "/" for name in components[:-1])
    return "".join(above) + _component(components[-1])


def _component(component: str) -> str:
    if "**" in component:
        raise ValueError(f"`**` stands for whole components and cannot be a part of one: {component!r}")
    depth, regex = 0, ""
    for character in component:
        match character:
            case "*":
                regex += "[^/]*"
            case "?":
                regex += "[^/]"
            case "{" if depth == 0:
                depth, regex = 1, regex + "(?:"
            case "}" if depth == 1:
                depth, regex = 0, regex + ")"
            case "," if depth == 1:
                regex += "|"
            case "{" | "}":
                raise ValueError(f"braces do not nest and come in pairs: {component!r}")
            case _:
                regex += re.escape(character)
    if depth:
        raise ValueError(f"a brace is never closed: {component!r}")
    return regex
