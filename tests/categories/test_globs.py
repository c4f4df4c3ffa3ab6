"""The path patterns of categories.toml."""

from __future__ import annotations

import pytest

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
