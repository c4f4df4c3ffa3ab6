"""The path patterns of categories.toml.

    *         any number of characters inside one component; a leading dot is not special
    ?         one character inside a component
    {a,b}     one of these, inside a component
    **        any number of whole components, also none. So `Library/SMS/**` matches the directory `Library/SMS` and
              everything below it, `a/**/b` also matches `a/b`, and `**` alone matches a whole domain

A pattern for a file also matches what SQLite and Core Data keep beside it: for `X` also `X-wal`, `X-shm`, `X-journal`,
and for a store `dir/Name.sqlite` also `dir/.Name_SUPPORT/**` (iOS extends its own allow-list in the first way; Core
Data stores large values in the second). Patterns are case-sensitive, like the phone's data volume.

Names come from strangers, and a pattern may come from a command line, so no pair of them may take minutes. Python's
`re` backtracks, but not into an atomic group, `(?>…)`: a `*` or `**` that has found its first match stays there. That
is exact for such patterns, as for `fnmatch` since Python 3.12, which does the same for `*`. It needs no further
library, and the catalogue's patterns keep their speed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from migrate.backup.companions import DATABASE_EXTENSIONS, SUFFIXES

MAX_LENGTH = 1024  # a path of iOS has at most as many bytes
MAX_ALTERNATIVES = 100

_COMPANION = f"(?:{'|'.join(SUFFIXES)})?"


@lru_cache(maxsize=4096)  # the catalogue's are read again for each backup
def glob_regex(glob: str) -> str:
    """The regular expression for a whole path, without companions.

    Raises:
        ValueError: the pattern is invalid.
    """
    if len(glob) > MAX_LENGTH:
        raise ValueError(f"a pattern has at most {MAX_LENGTH} characters")
    if glob == "**":
        return ".*"
    if not glob or glob.startswith("/") or glob.endswith("/"):
        raise ValueError(f"a pattern is a path inside its domain, without slashes at its ends: {glob!r}")
    components = glob.split("/")
    if components[-1] == "**":
        return _path(components[:-1], "(?:/.*)?")
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


def _path(components: list[str], end: str = "") -> str:
    """The regular expression for a path. Each `**` takes the first place where what follows it, up to the next `**`,
    matches: a later place would leave less for the rest."""
    runs: list[list[str]] = [[]]
    for name in components:
        if name == "**":
            runs.append([])
        else:
            runs[-1].append(name)
    first, *later = runs
    if not later:
        return "".join(map(_folder, first[:-1])) + _component(first[-1]) + end
    regex = "".join(map(_folder, first))
    for run in later[:-1]:
        regex += f"(?>(?:[^/]+/)*?{''.join(map(_folder, run))})" if run else ""
    if not later[-1]:
        raise ValueError(f"`**` stands for whole components and cannot follow another: {'/'.join(components)!r}")
    *above, name = later[-1]
    return f"{regex}(?:[^/]+/)*{''.join(map(_folder, above))}{_component(name)}{end}"


def _folder(component: str) -> str:
    """One component and its slash. Atomic: whichever alternative matches, it takes the same text."""
    return f"(?>{_component(component)}/)"


def _component(component: str) -> str:
    if "**" in component:
        raise ValueError(f"`**` stands for whole components and cannot be a part of one: {component!r}")
    alternatives = [_without_braces(each) for each in _expanded(component)]
    return alternatives[0] if len(alternatives) == 1 else f"(?:{'|'.join(alternatives)})"


def _without_braces(component: str) -> str:
    """`*` and `?` as a regular expression. All but the last `*` take the first place where the text after them fits,
    and never try another: with that, the time grows with the product of the two lengths and not with a power."""
    texts = ["".join("[^/]" if one == "?" else re.escape(one) for one in text) for text in component.split("*")]
    first, *later = texts
    if not later:
        return first
    return first + "".join(f"(?>[^/]*?{text})" for text in later[:-1] if text) + f"[^/]*{later[-1]}"


def _expanded(component: str) -> list[str]:
    """The patterns without braces that `component` stands for: `{a,b}c` is `ac` and `bc`."""
    found, alternatives, inside = [""], [""], False
    for character in component:
        if character == "{" and not inside:
            inside, alternatives = True, [""]
        elif character == "}" and inside:
            inside, found = False, [one + other for one in found for other in alternatives]
        elif character == "," and inside:
            alternatives.append("")
        elif character in "{}":
            raise ValueError(f"braces do not nest and come in pairs: {component!r}")
        elif inside:
            alternatives[-1] += character
        else:
            found = [one + character for one in found]
        if len(found) * (len(alternatives) if inside else 1) > MAX_ALTERNATIVES:
            raise ValueError(f"its braces stand for more than {MAX_ALTERNATIVES} names")
    if inside:
        raise ValueError(f"a brace is never closed: {component!r}")
    return found
