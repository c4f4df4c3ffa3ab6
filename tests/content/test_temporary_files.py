"""SQLite's temporary files hold rows in plain text: they may only be where the copies of databases are."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from migrate.content.open_database import open_copy

SORT = "SELECT a, zeroblob(2000) FROM numbers ORDER BY b"  # 60 MB are sorted


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / "copy" / "main"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE numbers (a INTEGER, b INTEGER)")
        connection.executemany(
            "INSERT INTO numbers VALUES (?, ?)", ((row, row * 7919 % 30_000) for row in range(30_000))
        )
        connection.commit()
    return path


def open_files() -> list[str]:
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the descriptor of this folder is closed again
            found.append(str(descriptor.readlink()))
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are listed on Linux only")
def test_what_is_sorted_spills_into_the_folder_of_copies(copy: Path, tmp_path: Path) -> None:
    spill = tmp_path / "it's the tmp"
    spill.mkdir()
    before = set(open_files())
    with open_copy(copy, spill) as database:
        rows = database.rows(SORT)
        next(rows)
        opened = set(open_files()) - before
        temporary = {name for name in opened if not name.startswith(str(copy))}
        assert len(list(rows)) == 29_999
    assert temporary, "nothing spilled, so the test shows nothing"
    assert all(name.startswith(f"{spill}/") for name in temporary), temporary
    assert list(spill.iterdir()) == []


def test_without_a_folder_that_can_be_written_nothing_spills(copy: Path, tmp_path: Path) -> None:
    with open_copy(copy, tmp_path / "missing") as database:
        assert list(database.rows("PRAGMA temp_store")) == [(2,)]  # MEMORY
        assert len(list(database.rows(SORT))) == 30_000
