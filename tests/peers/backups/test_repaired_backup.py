"""An independent client can continue a backup that migrate repaired."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.peers.pair import KEYCHAIN, sent_again

PASSWORD = "correct-horse-1947"
MakePair = Callable[..., Any]
ModificationTimes = Callable[[Path], dict[str, int]]


def repair(phones: Any, home: Path) -> dict[str, Any]:
    environment = {"USBMUXD_SOCKET_ADDRESS": phones._bench.server.address, "MIGRATE_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "migrate", "repair", str(phones.backup), "--json"],
        env=os.environ | environment | {"MIGRATE_BACKUP_PASSWORD": PASSWORD},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    repaired: dict[str, Any] = json.loads(done.stdout)
    return repaired


@pytest.mark.parametrize(
    "password", [pytest.param(None, id="plain", marks=pytest.mark.soak), pytest.param(PASSWORD, id="encrypted")]
)
def test_idevicebackup2_continues_its_backup_after_we_repaired_it(
    make_pair: MakePair, modification_times: ModificationTimes, tmp_path: Path, password: str | None
) -> None:
    phones = make_pair(backup_password=password)
    command = ("idevicebackup2", "-u", phones.old.udid)
    phones.run(*command, "backup", "--full", phones.backups)
    first = modification_times(phones.backup)
    lost = sorted(first)[:2]
    for name in lost:
        (phones.backup / name[:2] / name).unlink()
    repaired = repair(phones, tmp_path / "migrate")
    assert repaired["verdict"] == "whole" and {one["file_id"] for one in repaired["dropped"]} == set(lost)
    now = modification_times(phones.backup)
    assert now.keys() == first.keys() and sent_again(first, now) == {*lost, KEYCHAIN}

    phones.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
    output = phones.run(*command, "backup", phones.backups)
    assert "Incremental backup mode." in output and "Backup Successful." in output
    later = modification_times(phones.backup)
    assert len(later) == len(now) + 1 and sent_again(now, later) == {KEYCHAIN}
