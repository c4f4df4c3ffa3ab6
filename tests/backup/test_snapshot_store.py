"""Snapshots: earlier states of a backup under the home folder, found by time, forgotten without harm to others."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from migrate.backup.reader import Backup
from migrate.backup.snapshots.store import SnapshotStore, named_backup
from migrate.problems import BackupUnfinished, SnapshotNotFound, SnapshotProtected
from tests.backup.small_backup import PASSWORD, SmallBackup

UDID = "00008101-000A1B2C3D4E5F60"
TAKEN = datetime(2026, 11, 24, 18, 3, 11, tzinfo=UTC)


def make(home: Path, day: int) -> Path:
    """The working backup as it is on that day."""
    shutil.rmtree(home / "backups", ignore_errors=True)
    made = SmallBackup(home / "backups" / UDID, encrypted=True)
    made.add_file("HomeDomain", "Library/SMS/sms.db", b"messages of day %d" % day)
    made.write()
    return made.path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("backups", "snapshots", "seals"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def store(home: Path) -> SnapshotStore:
    return SnapshotStore(home / "snapshots")


def take(store: SnapshotStore, home: Path, day: int) -> Path:
    working = make(home, day)
    _of_another_time(working, day)
    return store.take(working, home / "seals", taken=TAKEN + timedelta(days=day)).path


def _of_another_time(working: Path, day: int) -> None:
    import plistlib

    status = plistlib.loads((working / "Status.plist").read_bytes())
    status["UUID"] = f"state-{day}"
    (working / "Status.plist").write_bytes(plistlib.dumps(status))


def test_a_snapshot_is_an_ordinary_backup_that_shares_its_files(store: SnapshotStore, home: Path) -> None:
    take(store, home, 1)
    (snapshot,) = store.all()
    assert snapshot.sizes().own == 0 < snapshot.sizes().shared
    shutil.rmtree(home / "backups")
    assert snapshot.sizes().own > 0 == snapshot.sizes().shared, "now only the snapshot has them"
    with Backup.open(snapshot.backup, PASSWORD) as opened:
        assert sum(1 for _ in opened.records())


def test_the_same_state_is_kept_once(store: SnapshotStore, home: Path) -> None:
    working = make(home, 1)
    first = store.take(working, home / "seals", taken=TAKEN)
    assert store.take(working, home / "seals", taken=TAKEN + timedelta(hours=1)) == first
    assert len(store.all()) == 1


def test_it_is_found_by_name_time_day_and_as_the_latest(store: SnapshotStore, home: Path) -> None:
    first, second = take(store, home, 1), take(store, home, 2)
    assert store.find(UDID, "latest").path == second
    assert store.find(UDID, first.name).path == first
    assert store.find(UDID, "2026-11-25T18:03:11+00:00").path == first
    day = f"{(TAKEN + timedelta(days=1)).astimezone():%Y-%m-%d}"
    assert store.find(UDID, day).path == first
    assert named_backup(home, Path(f"{UDID}@latest")) == second / UDID
    assert named_backup(home, Path(UDID)) == home / "backups" / UDID
    for strange in ("2020-01-01", "..", "", "latest/../.."):
        with pytest.raises(SnapshotNotFound):
            store.find(UDID, strange)


def test_an_unfinished_backup_is_no_snapshot(store: SnapshotStore, home: Path) -> None:
    working = make(home, 1)
    (working / "Status.plist").unlink()
    with pytest.raises(BackupUnfinished):
        store.take(working, home / "seals", taken=TAKEN)
    assert store.all() == []


def test_what_a_killed_process_left_is_no_snapshot_and_goes_away(store: SnapshotStore, home: Path) -> None:
    kept = take(store, home, 1)
    half = kept.with_name("20261101T000000Z")
    shutil.copytree(kept, half)
    (half / "snapshot.json").unlink()
    assert [one.path for one in store.all()] == [kept]
    take(store, home, 2)
    assert not half.exists()


def test_forgetting_one_leaves_the_others_whole(store: SnapshotStore, home: Path) -> None:
    take(store, home, 1)
    take(store, home, 2)
    first, second = store.all()
    store.forget(first)
    assert store.all() == [second]
    with Backup.open(second.backup, PASSWORD) as opened:
        (record,) = (one for one in opened.records() if one.relative_path.endswith("sms.db"))
        assert opened.read(record, 100) == b"messages of day 2"


def test_a_protected_one_is_not_forgotten(store: SnapshotStore, home: Path) -> None:
    take(store, home, 1)
    (snapshot,) = store.all()
    snapshot.place.protect("run-a", "undo")
    with pytest.raises(SnapshotProtected):
        store.forget(snapshot)
    assert store.all() == [snapshot]


def test_a_snapshot_deleted_by_hand_and_a_damaged_list_are_left_out(store: SnapshotStore, home: Path) -> None:
    shutil.rmtree(take(store, home, 1) / UDID)
    (take(store, home, 2) / "snapshot.json").write_text("[]")
    third = take(store, home, 3)
    assert [one.path for one in store.all()] == [third]


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_a_link_among_the_snapshots_is_not_followed(store: SnapshotStore, home: Path, tmp_path: Path) -> None:
    kept = take(store, home, 1)
    (kept.parent / "20261102T000000Z").symlink_to(kept, target_is_directory=True)
    assert [one.path for one in store.all()] == [kept]
