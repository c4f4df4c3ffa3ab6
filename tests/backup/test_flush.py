"""What counts as finished is on the disk, also on systems that cannot flush a whole file system."""

from __future__ import annotations

import ctypes
import errno
import os
import plistlib
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from migrate.backup import flush, seal_draft
from migrate.backup.folder import BackupFolder
from migrate.backup.links import link_tree, replace_folder
from migrate.backup.seal_draft import SealDraft

UDID = "00008101-000A1B2C3D4E5F60"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "backups" / UDID
    (place / "ab").mkdir(parents=True)
    (place / "ab" / ("ab" * 20)).write_bytes(b"x")
    status = {"UUID": "U-1", "Date": datetime(2026, 1, 1), "SnapshotState": "finished"}
    (place / "Status.plist").write_bytes(plistlib.dumps(status))
    (place / "Manifest.db").write_bytes(b"list")
    return place


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was flushed as a whole, in order."""
    asked: list[Path] = []

    def sync(folder: Path) -> bool:
        asked.append(folder)
        return True

    monkeypatch.setattr(flush, "sync_file_system", sync)
    monkeypatch.setattr(sys, "platform", "linux")
    return asked


def test_a_backup_is_on_the_disk_before_it_has_its_seal(folder: Path, tmp_path: Path, flushed: list[Path]) -> None:
    seals = tmp_path / "seals"
    with SealDraft.open(seals, UDID, None) as draft:
        draft.add("ab" * 20, "1" * 64, 1)
        draft.finish(BackupFolder(folder))
    assert flushed == [folder]


def test_a_backup_that_cannot_be_written_does_not_count_as_finished(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """syncfs also reports a write that failed after it had seemed to succeed."""

    def failing(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(seal_draft, "flush_to_disk", failing)
    with SealDraft.open(tmp_path / "seals", UDID, None) as draft, pytest.raises(OSError, match="Input/output"):
        draft.finish(BackupFolder(folder))
    assert [path.name for path in (tmp_path / "seals").iterdir()] == [f"{UDID}.draft.ndjson"]


def test_a_kept_copy_is_on_the_disk_before_it_takes_its_place(
    folder: Path, tmp_path: Path, flushed: list[Path]
) -> None:
    kept = tmp_path / "kept"
    link_tree(folder, kept)
    (building,) = flushed
    assert building.name.startswith(".kept.building-") and kept.exists()

    flushed.clear()
    with pytest.raises(RuntimeError), replace_folder(kept):
        raise RuntimeError
    assert flushed == [], "what is thrown away needs no flush"


@pytest.mark.skipif(sys.platform != "linux", reason="syncfs is Linux's")
def test_syncfs_is_asked_for_the_folders_own_file_system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    class Library:
        def syncfs(self, descriptor: int) -> int:
            status = os.fstat(descriptor)
            asked.append((status.st_dev, status.st_ino))
            return 0

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Library())
    assert SYNC_FILE_SYSTEM(folder)
    assert asked == [(folder.stat().st_dev, folder.stat().st_ino)]


@pytest.mark.skipif(sys.platform != "linux", reason="syncfs is Linux's")
def test_a_failed_syncfs_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        def syncfs(self, descriptor: int) -> int:
            ctypes.set_errno(errno.ENOSPC)
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Library())
    with pytest.raises(OSError) as failed:
        SYNC_FILE_SYSTEM(folder)
    assert failed.value.errno == errno.ENOSPC


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_every_new_file_is_flushed_and_then_the_drives_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    synced: list[int] = []
    emptied: list[Path] = []
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    monkeypatch.setattr(flush, "_empty_the_drives_cache", emptied.append)
    os.utime(folder / "Manifest.db", ns=(1, 1))
    flush.flush_to_disk(folder, since_ns=2)
    names = {path.stat().st_ino: path.name for path in (folder, *folder.rglob("*"))}
    assert {names[inode] for inode in synced} == {"ab" * 20, "Status.plist", "ab", UDID}, "files, then their folders"
    assert len(emptied) == (platform == "darwin")


SYNC_FILE_SYSTEM = flush.sync_file_system
"""Before the fixture for all tests replaces it."""
