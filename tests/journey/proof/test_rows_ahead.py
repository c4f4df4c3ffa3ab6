"""Rows that are read ahead are those that the manifest would give one by one."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.manifest.db_manifest import DbManifest
from migrate.backup.manifest.manifest import Row
from migrate.backup.reader import Backup
from migrate.backup.record import file_id
from migrate.journey.proof import rows_ahead
from migrate.journey.proof.rows_ahead import RowsAhead
from migrate.problems import BadRecord
from tests.journey.proof.made import backup_of

DOMAIN = "AppDomain-org.example.notes"
PATHS = [f"Documents/{number}.txt" for number in range(60)]


@pytest.fixture
def backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backup]:
    monkeypatch.setattr(rows_ahead, "AHEAD", 5)
    monkeypatch.setattr(rows_ahead, "HELD", 8)
    with backup_of(tmp_path / "b", {(DOMAIN, path): path.encode() for path in PATHS}) as opened:
        yield opened


def asked(rows: RowsAhead, path: str) -> Row | None:
    return rows.row(file_id(DOMAIN, path), DOMAIN, path)


@pytest.mark.parametrize("order", ["the same", "backwards", "every third", "shuffled"])
def test_every_row_is_found_in_whatever_order_it_is_asked_for(backup: Backup, order: str) -> None:
    paths = {
        "the same": PATHS,
        "backwards": PATHS[::-1],
        "every third": PATHS[::3],
        "shuffled": random.Random(3).sample(PATHS, len(PATHS)),
    }[order]
    rows = RowsAhead(backup.manifest)
    for path in paths:
        assert asked(rows, path) == backup.manifest.row(DOMAIN, path)
        assert len(rows._held) <= rows_ahead.HELD


def test_rows_in_the_same_order_are_not_looked_up(backup: Backup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DbManifest, "row", lambda *_: pytest.fail("it was looked up"))
    rows = RowsAhead(backup.manifest)
    assert [asked(rows, path) for path in PATHS[::2]]


def test_a_row_that_is_not_there_is_not_found(backup: Backup) -> None:
    assert asked(RowsAhead(backup.manifest), "Documents/gone.txt") is None


def test_a_row_with_the_id_of_another_path_is_not_taken_for_it(backup: Backup) -> None:
    """A strange backup may give a file another one's id; what is compared is the file at the path."""
    rows = RowsAhead(backup.manifest)
    assert rows.row(file_id(DOMAIN, PATHS[1]), DOMAIN, PATHS[0]) == backup.manifest.row(DOMAIN, PATHS[0])
    assert rows.row(file_id(DOMAIN, PATHS[2]), DOMAIN, "Documents/gone.txt") is None


def test_a_damaged_row_is_told(tmp_path: Path) -> None:
    backup_of(tmp_path / "b", {(DOMAIN, path): b"x" for path in PATHS[:3]}).close()
    with closing(sqlite3.connect(tmp_path / "b/Manifest.db")) as manifest, manifest:
        manifest.execute("UPDATE Files SET flags = 'one' WHERE relativePath = ?", (PATHS[1],))
    with Backup.open(tmp_path / "b") as damaged:
        rows: Any = RowsAhead(damaged.manifest)
        assert asked(rows, PATHS[0])
        with pytest.raises(BadRecord):
            asked(rows, PATHS[1])
        assert asked(rows, PATHS[2])
