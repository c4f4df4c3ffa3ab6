"""The path patterns of categories.toml."""

from __future__ import annotations

import re
import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.categories.globs import glob_regex, pattern, with_companions


def matches(glob: str, path: str) -> bool:
    return pattern([glob_regex(glob)]).fullmatch(path) is not None


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("Library/SMS/**", "Library/SMS", True),
        ("Library/SMS/**", "Library/SMS/sms.db", True),
        ("Library/SMS/**", "Library/SMS/Attachments/a/b/c.jpg", True),
        ("Library/SMS/**", "Library", False),
        ("Library/SMS/**", "Library/SMSX/sms.db", False),
        ("Library/SMS/**", "Library/sms/sms.db", False),
        ("**", "", True),
        ("**", "a/b/c", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "a/xb", False),
        ("a/**/b/**", "a/1/2/b/3", True),
        ("**/x", "x", True),
        ("**/x", "a/b/x", True),
        ("*.plist", "a.plist", True),
        ("*.plist", ".plist", True),
        ("*.plist", "dir/a.plist", False),
        ("Data-*.sqlite", "Data-.sqlite", True),
        ("Data-*.sqlite", "Data-9C/3F.sqlite", False),
        ("changes*/**", "changes", True),
        ("changes*/**", "changes-1/x", True),
        ("?.db", "a.db", True),
        ("?.db", "/.db", False),
        ("{Caches,Sync}/**", "Sync/x", True),
        ("{Caches,Sync}/**", "Other/x", False),
        ("x.plist{,.backup}", "x.plist", True),
        ("x.plist{,.backup}", "x.plist.backup", True),
        ("x.plist", "xaplist", False),
        ("Cards/**", "Cards/line\nbreak.pkpass", True),
        ("Form Values/**", "Form Values", True),
        ("a+(b)[c]/**", "a+(b)[c]/d", True),
    ],
)
def test_what_a_pattern_matches(glob: str, path: str, expected: bool) -> None:
    assert matches(glob, path) is expected


@pytest.mark.parametrize("glob", ["", "/a", "a/", "a**", "**a/b", "a/**/**", "{a,{b}}", "{a", "a}"])
def test_an_invalid_pattern_is_refused(glob: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|stands for|brace"):
        glob_regex(glob)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_a_database_pattern_matches_its_companions(suffix: str) -> None:
    assert pattern([with_companions("Library/SMS/sms.db")]).fullmatch("Library/SMS/sms.db" + suffix)
    assert pattern([with_companions("Library/Recents/Recents")]).fullmatch("Library/Recents/Recents" + suffix)


def test_a_core_data_store_pattern_matches_its_support_folder() -> None:
    compiled = pattern([with_companions("Media/Recordings/*.sqlite")])
    assert compiled.fullmatch("Media/Recordings/.Cloud_SUPPORT/_EXTERNAL_DATA/77")
    assert compiled.fullmatch("Media/Recordings/.Cloud_SUPPORT")
    assert not compiled.fullmatch("Media/Recordings/.Cloud_SUPPORTED/x")


def test_a_file_pattern_matches_nothing_else() -> None:
    compiled = pattern([with_companions("a/b.db")])
    for path in ("a/b.db-wal2", "a/b.dbx", "a/b.db/x", "a", "a/b.db-wal-wal"):
        assert not compiled.fullmatch(path)


GLOBS = st.lists(
    st.one_of(st.just("**"), st.lists(st.sampled_from(["*", "?", "a", "b", "{a,ab}", "{b,}"]), min_size=1, max_size=4)),
    min_size=1,
    max_size=5,
).map(lambda parts: "/".join("".join(part) for part in parts))
PATHS = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=5).map("/".join)


@given(GLOBS, PATHS)
@settings(max_examples=150)
def test_taking_the_first_place_misses_no_match(glob: str, path: str) -> None:
    """Compared with a matcher that tries every place."""
    try:
        found = matches(glob, path)
    except ValueError:
        return
    assert found is slowly_matches(glob, path)


def slowly_matches(glob: str, path: str) -> bool:
    names = path.split("/")
    components = glob.split("/")

    @cache
    def from_here(component: int, name: int) -> bool:
        if component == len(components):
            return name == len(names)
        if components[component] == "**":
            return any(from_here(component + 1, later) for later in range(name, len(names) + 1))
        if name == len(names):
            return False
        regex = "".join(
            {"*": ".*", "?": "."}.get(part) or f"(?:{part[1:-1].replace(',', '|')})"
            if len(part) > 1 or part in "*?"
            else part
            for part in re.findall(r"\{[^}]*\}|.", components[component])
        )
        return re.fullmatch(regex, names[name]) is not None and from_here(component + 1, name + 1)

    return from_here(0, 0)


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("*a" * 40 + "*b", "a" * 255),
        ("*?a" * 40 + "b", "a" * 255),
        ("**/*a*/" * 20 + "b", "a/" * 500 + "c"),
        ("**/a/" * 200 + "b", "a/" * 500 + "c"),
        ("**/a/" * 200 + "b/**", "a/" * 500 + "c"),
        ("{a,aa}" * 6 + "*b", "a" * 255),
        ("*{a,b}" * 6 + "c", "ab" * 120),
    ],
)
def test_no_pattern_and_name_take_long(glob: str, path: str) -> None:
    """With Python's plain backtracking each of these would outlast the universe."""
    compiled = pattern([with_companions(glob)])
    began = time.process_time()
    assert not compiled.fullmatch(path)
    assert time.process_time() - began < 1


def test_a_pattern_with_too_many_alternatives_or_too_long_is_refused() -> None:
    for glob in ("{a,b}" * 20, "{" + ",".join("abcdefghij" * 20) + "}", "x" * 2000):
        with pytest.raises(ValueError, match=r"braces stand for|at most"):
            glob_regex(glob)
