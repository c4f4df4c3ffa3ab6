"""Reads the items of one kind from files that a test made, and makes databases in several schemas."""

from __future__ import annotations

import itertools
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from migrate.backup.reader import Backup
from migrate.content.item import Item, compare
from migrate.content.kinds import kind, source_places
from migrate.content.source import Source
from migrate.problems.finding import Finding
from tests.made_backups import Contents, MakeBackup

Rows = Iterable[tuple[str, Mapping[str, Any]]]
_CREATE_TABLE = re.compile(r"CREATE TABLE (\w+) \(")


class Reading(NamedTuple):
    items: list[Any]
    findings: list[Finding]
    source: Source

    @property
    def failed(self) -> set[tuple[str, str]]:
        """The files that could not be read."""
        return set(self.source.failed)


Read = Callable[..., Reading]


def read_items(backup: Backup, kind_id: str, tmp: Path) -> Reading:
    """All items of a kind in an open backup. They must be ordered, and nothing may be left in `tmp`."""
    tmp.mkdir(mode=0o700, exist_ok=True)
    findings: list[Finding] = []
    source = Source(backup, tmp, source_places(), findings.append)
    items = list(kind(kind_id).items(source))
    assert [item.id for item in items] == sorted(item.id for item in items)
    for item in items:
        sentence = item.describe()
        assert 0 < len(sentence) < 200
        assert sentence.isprintable()
    assert list(tmp.iterdir()) == []
    return Reading(items, findings, source)


def read_made(make_backup: MakeBackup, tmp_path: Path, kind_id: str, files: Contents) -> Reading:
    """All items of a kind in a backup with these files. A test may read several, one after the other."""
    shutil.rmtree(tmp_path / "backup", ignore_errors=True)
    return read_items(make_backup(files), kind_id, tmp_path / "reading")


@pytest.fixture
def read(make_backup: MakeBackup, tmp_path: Path) -> Read:
    """`read("wifi", {(domain, path): bytes}, ios_version="18.5")`. A test may read several backups."""
    numbers = itertools.count()

    def read_kind(kind_id: str, contents: Contents, **options: Any) -> Reading:
        with make_backup(contents, **options) as backup:
            reading = read_items(backup, kind_id, tmp_path / "reading")
        (tmp_path / "backup").rename(tmp_path / f"backup-{next(numbers)}")
        return reading

    return read_kind


def assert_same(one: list[Item], other: list[Item]) -> None:
    """The ids and fingerprints are equal, as far as both schemas have the fields."""
    assert [item.id for item in one] == [item.id for item in other]
    for first, second in zip(one, other, strict=True):
        comparison = compare(first, second)
        assert comparison.is_equal, (first, second, comparison)


def database_of(schema: str, rows: Rows) -> bytes:
    """A database with these rows. Values for columns that the schema does not have are left out."""
    schema = re.sub(r"CREATE TABLE sqlite_sequence[^;]*;", "", schema)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(schema)
            for table, row in rows:
                columns = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
                known = {name: value for name, value in row.items() if name in columns or name == "ROWID"}
                if columns:
                    marks = ", ".join("?" for _ in known)
                    connection.execute(f"INSERT INTO {table} ({', '.join(known)}) VALUES ({marks})", [*known.values()])
            connection.commit()
        return path.read_bytes()


def later_schema(schema: str) -> str:
    """What a later iOS may do to a schema (*guessed*): more columns in front, and a new table."""
    return _CREATE_TABLE.sub(r"CREATE TABLE \1 (later_flags INTEGER DEFAULT 7, ", schema) + (
        "\nCREATE TABLE LaterThings (ROWID INTEGER PRIMARY KEY, kind TEXT);"
    )
