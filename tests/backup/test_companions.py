"""Which files belong to a database, by their names alone."""

from __future__ import annotations

import pytest

from migrate.backup.companions import database_of, is_database


@pytest.mark.parametrize(
    "path", ["Library/SMS/sms.db", "Library/Recents/Recents", "Maps/MapsSync_0.0.1", "a/Login Data"]
)
def test_databases_and_companions_are_recognized_by_their_names(path: str) -> None:
    assert is_database(path)
    assert database_of(path) is None
    for suffix in ("-wal", "-shm", "-journal"):
        assert database_of(path + suffix) == path


@pytest.mark.parametrize(
    "path", ["Library/homed/transaction-journal", "a.db/letter.pdf", "Documents/my-wal", "-wal", ""]
)
def test_a_suffix_alone_does_not_make_a_companion(path: str) -> None:
    assert not is_database(path)
    assert database_of(path) is None
