"""The old phone is gone and its only backup is damaged: the run stops, or continues and names the losses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from migrate.backup.reader import Backup
from migrate.problems import BackupDamaged
from tests.journey.conftest import MakeLab
from tests.journey.moves import PASSWORD


def test_a_damaged_backup_moves_if_the_plan_accepts_it_and_the_losses_are_named(
    make_lab: MakeLab, old_phone_backup: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "kept" / old_phone_backup.name
    shutil.copytree(old_phone_backup, folder)
    with Backup.open(folder, PASSWORD) as backup:
        lost = next(record for record in backup.records() if record.relative_path.startswith("Media/DCIM/100APPLE/"))
        backup.stored_path(lost).unlink()
    lab = make_lab()
    gone = {"old_phone": {"backup": str(folder)}}
    with pytest.raises(BackupDamaged) as stopped:
        lab.move(lab.plan(**gone))
    assert stopped.value.exit_code == 30 and lab.new.pending_restore is None

    ended = lab.move(lab.plan(**gone, safety={"accept_unreadable": True}))
    receipt = lab.last_run.receipt()
    assert receipt is not None
    assert ended.outcome == "proven"
    (photos,) = [row for row in receipt["not_moved"] if row["id"] == "photos"]
    assert photos["items"] == 1 and photos["files"] == 1
    named = [found for found in receipt["findings"] if found["code"] == "left-out"]
    assert [found["relative_path"] for found in named] == [lost.relative_path]
    assert lab.new.files.get(lost.domain, lost.relative_path) is None
