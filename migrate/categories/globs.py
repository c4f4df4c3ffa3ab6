"""The patterns of categories.toml: what `*`, `**` and `{a,b}` mean for a path inside a domain.

    *         any run of characters inside one component, also none; a leading dot is nothing special
    ?         one character inside a component
    {a,b}     one of these, inside a component
    **        a component of its own: any number of components, also none. So `Library/SMS/**` is the directory
              `Library/SMS` itself and all that is under it, `a/**/b` is also `a/b`, and `**` alone is a whole domain

A file that is named comes with what SQLite and Core Data keep beside it: `X` is also `X-wal`, `X-shm`, `X-journal`,
and a store `dir/Name.sqlite` also owns `dir/.Name_SUPPORT/**` (iOS expands its own allow-list in the first way; the
second is where Core Data puts large values). Case matters: it does on the phone's data volume.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from migrate.backup.companions import DATABASE_EXTENSIONS, SUFFIXES

_COMPANION = f"(?:{'|'.join(SUFFIXES)})?"


def glob_regex(glob: str) -> str:
    """The regular expression that must match a whole path, without any companions.

    Raises:
        ValueError: the pattern is ours and says something this language has no meaning for.
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
    """The same for a path and what SQLite and Core Data keep beside it."""
    regex = glob_regex(glob)
    if glob.endswith("**"):
        return regex
    *directory, name = glob.split("/")
    for suffix in DATABASE_EXTENSIONS:
        if name.endswith(suffix):
            support = f".{name.removesuffix(suffix)}_SUPPORT"
            return f"(?:{regex}){_COMPANION}|{glob_regex('/'.join([*directory, support, '**']))}"
    return f"(?:{regex}){_COMPANION}"


def pattern(regexes: Iterable[str]) -> re.Pattern[str]:
    """One expression for several, to be used with `fullmatch`. Names may hold newlines: DOTALL."""
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
