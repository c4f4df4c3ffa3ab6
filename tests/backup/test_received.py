"""Which received files contradict what the phone described: a cut one does, a rewritten database does not."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.verify.received import find_contradicted

PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")
GAME = ("AppDomain-com.example.game", "Documents/level.dat")


def contradicted(backup: Any, *, only: set[str] | None = None) -> set[str]:
    received = {
        path.name: path.stat().st_size for path in backup.path.glob("??/*") if only is None or path.name in only
    }
    found = find_contradicted(BackupFolder(backup.path), backup.password, received)
    return {record.relative_path for record in found}


def resize(backup: Any, key: tuple[str, str], by: int) -> None:
    """Let the phone have announced another length, as it does for a file that it rewrites before it sends it."""
    backup.records[key] = replace(backup.records[key], size=backup.records[key].size + by)
    backup.write_manifest()


def test_a_backup_as_the_phone_sent_it_contradicts_nothing(small_backup: Any) -> None:
    assert contradicted(small_backup) == set()


@pytest.mark.parametrize("lost", [5, 16, 32, -16, -5])
@pytest.mark.parametrize("encrypted", [False, True])
def test_a_cut_or_lengthened_file_is_found(make_backup: Any, encrypted: bool, lost: int) -> None:
    backup = make_backup(encrypted=encrypted)
    blob = backup.blob(*PHOTO)
    whole = blob.read_bytes()
    blob.write_bytes(whole[: len(whole) - max(0, lost)] + b"\xa5" * max(0, -lost))
    assert contradicted(backup) == {PHOTO[1]}
    assert contradicted(backup, only=set()) == set(), "only what was received now is looked at"


def test_an_emptied_file_is_found(make_backup: Any) -> None:
    backup = make_backup(encrypted=True)
    backup.blob(*PHOTO).write_bytes(b"")
    assert contradicted(backup) == {PHOTO[1]}


def test_an_encrypted_file_that_ends_as_one_was_only_rewritten(make_backup: Any) -> None:
    backup = make_backup(encrypted=True)
    resize(backup, PHOTO, 5_000)
    assert contradicted(backup) == set()


def test_the_phones_own_digest_settles_it(make_backup: Any) -> None:
    backup = make_backup(encrypted=False)
    digested = next(key for key, record in backup.records.items() if record.digest is not None and record.size)
    resize(backup, digested, 5_000)
    assert contradicted(backup) == set()


def test_a_complete_database_was_only_rewritten_and_a_cut_one_was_not(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=False)
    database = sqlite3.connect(tmp_path / "app.sqlite")
    database.execute("CREATE TABLE t (a)")
    database.executemany("INSERT INTO t VALUES (?)", [("x" * 500,) for _ in range(100)])
    database.commit()
    database.close()
    content = (tmp_path / "app.sqlite").read_bytes()
    backup.blob(*GAME).write_bytes(content)
    resize(backup, GAME, 99_999)
    assert contradicted(backup) == set()
    backup.blob(*GAME).write_bytes(content[:-4096])
    assert contradicted(backup) == {GAME[1]}
