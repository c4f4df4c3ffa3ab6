"""Rows of the manifest that say what cannot be: twice the same file, another's id, no archive, no size."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from migrate.backup.mbfile.encode import encode_mbfile
from tests.backup.small_backup import SmallBackup
from tests.damaged.defect import (
    LEVEL,
    MESSAGES,
    Defect,
    Undetectable,
    assert_found,
    database,
    error,
    flipped,
    listed,
    store_manifest,
)

WITHOUT_KEY = "CREATE TABLE Files (fileID TEXT, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB)"


def rows_of(data: bytes) -> list[tuple[object, ...]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "Manifest.db"
        path.write_bytes(data[:18] + b"\1\1" + data[20:])
        connection = sqlite3.connect(path)
        rows = connection.execute("SELECT fileID, domain, relativePath, flags, file FROM Files").fetchall()
        connection.close()
    return rows


def rewritten(data: bytes, statement: str, *values: object, schema: str = "") -> bytes:
    """The database after a statement that no phone would run."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "Manifest.db"
        path.write_bytes(data[:18] + b"\1\1" + data[20:])
        connection = sqlite3.connect(path, isolation_level=None)
        if schema:
            rows = rows_of(data)
            connection.execute("DROP TABLE Files")
            connection.execute(schema)
            connection.executemany("INSERT INTO Files VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute(statement, values)
        connection.close()
        return path.read_bytes()


def row(statement: str, *values: object, schema: str = "") -> Callable[[SmallBackup], None]:
    return database(lambda data: rewritten(data, statement, *values, schema=schema))


def listed_twice(backup: SmallBackup) -> None:
    """Another schema, in which nothing forbids it."""
    record = backup.records[LEVEL]
    row(
        "INSERT INTO Files VALUES (?, ?, ?, 1, ?)",
        record.file_id,
        *LEVEL,
        encode_mbfile(record, ios_version=backup.ios_version),
        schema=WITHOUT_KEY,
    )(backup)


def under_anothers_id(backup: SmallBackup) -> None:
    backup.records[LEVEL] = replace(backup.records[LEVEL], relative_path="Documents/level8.dat")
    backup.write_manifest()


def with_random_archive(backup: SmallBackup) -> None:
    row("UPDATE Files SET file = ? WHERE fileID = ?", os.urandom(400), backup.records[LEVEL].file_id)(backup)


BAD = error("record-bad", quick=True)
WHERE = f"WHERE domain = '{LEVEL[0]}' AND relativePath = '{LEVEL[1]}'"

DEFECTS = [
    Defect("listed twice", listed_twice, *[error("listed-twice", quick=True)] * 2, about=(LEVEL,)),
    Defect("under another file's id", under_anothers_id, *[error("file-id-wrong", quick=True)] * 2, says="level8.dat"),
    Defect("its archive is garbage", with_random_archive, BAD, BAD, about=(LEVEL,)),
    Defect("its archive is a text", row(f"UPDATE Files SET file = 'bplist' {WHERE}"), BAD, BAD, about=(LEVEL,)),
    Defect("its archive is missing", row(f"UPDATE Files SET file = NULL {WHERE}"), BAD, BAD, about=(LEVEL,)),
    Defect("its kind is none", row(f"UPDATE Files SET flags = 7 {WHERE}"), BAD, BAD, about=(LEVEL,)),
    Defect("its kind is a text", row(f"UPDATE Files SET flags = 'file' {WHERE}"), BAD, BAD, about=(LEVEL,)),
    Defect("its file id is no id", row(f"UPDATE Files SET fileID = '../../x' {WHERE}"), BAD, BAD, about=(LEVEL,)),
    Defect("its path is a number", row(f"UPDATE Files SET relativePath = x'ff00' {WHERE}"), BAD, BAD, says="damaged"),
    Defect(
        "its digest is another's",
        listed(MESSAGES, digest=flipped(0.5)),
        error("digest-differs"),
        error("digest-differs"),
        about=(MESSAGES,),
    ),
    Defect("it has no Size", listed(LEVEL, size=None), Undetectable("no defect"), Undetectable("no defect")),
]


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])
@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name for defect in DEFECTS])
def test_wrong_rows_are_found_by_name(defect: Defect, encrypted: bool, tmp_path: Path) -> None:
    assert_found(defect, tmp_path, encrypted=encrypted)


def test_the_rewritten_rows_are_as_intended(tmp_path: Path) -> None:
    from tests.damaged.defect import healthy_backup

    backup = healthy_backup(tmp_path, encrypted=False)
    store_manifest(backup, rewritten((backup.path / "Manifest.db").read_bytes()[:-16], "SELECT 1"))
    assert len(rows_of((backup.path / "Manifest.db").read_bytes()[:-16])) == len(backup.records)
