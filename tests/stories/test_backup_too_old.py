"""A person wants to move a backup that an iPad made in 2016."""

from __future__ import annotations

import json
from pathlib import Path

from tests.backup.test_mbdb import OldBackup, fill
from tests.stories.lab import EVERYTHING, MakeLab


def test_an_ios_9_backup_is_refused_with_the_command_that_extracts_it(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(plugged="new")
    (tmp_path / "ipad").mkdir()
    fill(OldBackup(tmp_path / "ipad")).write()
    plan = lab.plan(EVERYTHING)
    done = lab.migrate("run", plan, "--old-backup", tmp_path / "ipad", "--new", lab.new.udid, "--yes", "--json")
    assert (done.code, done.last["error"]["code"]) == (40, "backup-too-old"), done
    assert "9.3.5" in done.last["error"]["why"] and "migrate extract" in done.last["error"]["next"]
    extracted = lab.migrate("extract", tmp_path / "ipad", "--to", tmp_path / "out", "--json")
    assert extracted.code == 0 and json.loads(extracted.out)["files"] == 3
