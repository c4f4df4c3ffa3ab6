"""Somebody still has the backup of an iPad of 2016, and hopes that it moves."""

from __future__ import annotations

import json
from pathlib import Path

from tests.backup.test_mbdb import OldBackup, fill
from tests.stories.kitchen import EVERYTHING, SetTable


def test_a_backup_of_ios_9_is_refused_with_what_can_be_done_with_it(set_table: SetTable, tmp_path: Path) -> None:
    table = set_table(plugged="new")
    (tmp_path / "ipad").mkdir()
    fill(OldBackup(tmp_path / "ipad")).write()
    plan = table.plan(EVERYTHING)
    done = table.migrate("run", plan, "--old-backup", tmp_path / "ipad", "--new", table.new.udid, "--yes", "--json")
    assert (done.code, done.last["error"]["code"]) == (40, "backup-too-old"), done
    assert "9.3.5" in done.last["error"]["why"] and "migrate extract" in done.last["error"]["next"]
    out = table.migrate("extract", tmp_path / "ipad", "--to", tmp_path / "out", "--json")
    assert out.code == 0 and json.loads(out.out)["files"] == 3
