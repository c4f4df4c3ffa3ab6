"""A backup that migrate healed is an ordinary one: a client nobody here wrote goes on with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "correct-horse-1947"
MakePair = Callable[..., Any]
Written = Callable[[Path], dict[str, int]]


def heal(phones: Any, home: Path) -> dict[str, Any]:
    ours = {"USBMUXD_SOCKET_ADDRESS": phones._bench.server.address, "MIGRATE_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "migrate", "repair", str(phones.backup), "--json"],
        env=os.environ | ours | {"MIGRATE_BACKUP_PASSWORD": PASSWORD},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    healed: dict[str, Any] = json.loads(done.stdout)
    return healed


@pytest.mark.parametrize("password", [None, PASSWORD], ids=["plain", "encrypted"])
def test_idevicebackup2s_own_backup_is_healed_and_idevicebackup2_goes_on_with_it(
    pair: MakePair, written: Written, tmp_path: Path, password: str | None
) -> None:
    phones = pair(backup_password=password)
    ask = ("idevicebackup2", "-u", phones.old.udid)
    phones.ask(*ask, "backup", "--full", phones.backups)
    first = written(phones.backup)
    lost = sorted(first)[:2]
    for name in lost:
        (phones.backup / name[:2] / name).unlink()
    healed = heal(phones, tmp_path / "migrate")
    assert healed["verdict"] == "whole" and {one["file_id"] for one in healed["dropped"]} == set(lost)
    now = written(phones.backup)
    assert now.keys() == first.keys() and {name for name in now if now[name] != first[name]} == set(lost)

    phones.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
    said = phones.ask(*ask, "backup", phones.backups)
    assert "Incremental backup mode." in said and "Backup Successful." in said
    later = written(phones.backup)
    assert len(later) == len(now) + 1 and all(later[name] == when for name, when in now.items())
