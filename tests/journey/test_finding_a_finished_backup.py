"""After a kill: is the backup that was in doubt finished? Only a new one that has a seal of its own counts."""

from __future__ import annotations

import plistlib
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.seal import Seal, write_seal
from migrate.journey.home import Home
from migrate.journey.phone_session import backup_stamp
from migrate.journey.steps.back_up import find_finished_backup

UDID = "00008101-000A1B2C3D4E5F60"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").open()


def leave_backup(home: Home, uuid: str, *, state: str = "finished", sealed_as: str | None = None) -> Path:
    folder = home.working_backup(UDID)
    folder.mkdir(exist_ok=True)
    status = {"UUID": uuid, "Date": datetime(2026, 1, 1), "SnapshotState": state}
    (folder / "Status.plist").write_bytes(plistlib.dumps(status))
    if sealed_as is not None:
        date = datetime(2026, 1, 1, tzinfo=UTC)
        seal = Seal(uuid=sealed_as, date=date, digests={}, sizes={}, unreadable={}, app_groups=None)
        write_seal(home.seals, UDID, seal)
    return folder


def found(home: Home, before: list[str | None]) -> Path | None:
    journal = SimpleNamespace(latest_value=lambda name: before if name == "before_back-up-old-phone" else None)
    run: Any = SimpleNamespace(home=home, step="back-up-old-phone", journal=journal, udid_of=lambda role: UDID)
    return find_finished_backup(run, "old")


def test_a_new_and_sealed_backup_is_finished(home: Home) -> None:
    folder = leave_backup(home, "NEW", sealed_as="NEW")
    assert found(home, ["OLD", "2026"]) == folder
    assert BackupFolder(folder).is_finished


def test_the_backup_that_was_there_before_is_not_the_new_one(home: Home) -> None:
    folder = leave_backup(home, "OLD", sealed_as="OLD")
    assert found(home, backup_stamp(folder)) is None


def test_a_new_backup_without_a_seal_is_not_finished(home: Home) -> None:
    leave_backup(home, "NEW")
    assert found(home, ["OLD", "2026"]) is None


def test_an_old_seal_does_not_finish_a_new_backup(home: Home) -> None:
    """The process was killed after the phone's answer, before the new backup was sealed."""
    leave_backup(home, "NEW", sealed_as="OLD")
    assert found(home, ["OLD", "2026"]) is None


def test_an_unfinished_backup_is_not_finished(home: Home) -> None:
    leave_backup(home, "NEW", state="uploading", sealed_as="NEW")
    assert found(home, ["OLD", "2026"]) is None
