"""The old phone is gone; what is left is a folder that another program saved. It moves to a new phone nevertheless."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.backup.restore_set.compose import SetRequest, compose
from tests.peers.pair import travelling

PASSWORD = "correct-horse-1947"
PLAN = """
version = 1
[new_phone]
is = "erased"
[move]
categories = ["everything"]
[safety]
rehearse = false
"""
MakePair = Callable[..., Any]


def tree(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """A whole folder: nothing may appear in it or change."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_ino, status.st_mtime_ns, content)
    return found


def assert_all_of_it_arrived(phones: Any) -> None:
    """Beside it the new phone has the empty logs that go with every database (design 3)."""
    assert phones.new.settled.wait(60)
    old, new = travelling(phones.old), travelling(phones.new)
    assert {path for path in old if new.get(path) != old[path]} == set() and len(old) > 150


def test_a_folder_of_idevicebackup2_moves_to_a_new_phone_and_is_proven(pair: MakePair, tmp_path: Path) -> None:
    phones = pair(backup_password=PASSWORD)
    phones.ask("idevicebackup2", "-u", phones.old.udid, "backup", "--full", phones.backups)
    phones._bench.server.detach(phones.old)
    before = tree(phones.backups)
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    ours = {"USBMUXD_SOCKET_ADDRESS": phones._bench.server.address, "MIGRATE_HOME": str(tmp_path / "migrate")}
    command = ["run", str(plan), "--old-backup", str(phones.backups), "--new", phones.new.udid, "--yes", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "migrate", *command],
        env=os.environ | ours | {"MIGRATE_BACKUP_PASSWORD": PASSWORD},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    last = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, last["outcome"]) == (0, "proven"), done.stdout[-3000:] + done.stderr
    assert_all_of_it_arrived(phones)
    assert tree(phones.backups) == before


@pytest.mark.soak
def test_a_folder_of_pymobiledevice3_moves_to_a_new_phone(pair: MakePair, tmp_path: Path) -> None:
    phones = pair(backup_password=PASSWORD)
    to, phone = phones.backups, ("--udid", phones.old.udid)
    phones.ask("pymobiledevice3", "backup2", "backup", "--full", to, *phone)
    phones._bench.server.detach(phones.old)
    before = tree(to)
    with Backup.open(to, PASSWORD) as backup:
        wanted = frozenset(record.file_id for record in backup.records())
    made = compose(SetRequest(source=to, password=PASSWORD, into=tmp_path / "set", strategy="replace", wanted=wanted))
    assert made.dropped == ()
    restore = ("restore", tmp_path / "set", "--udid", phones.new.udid, "--source", phones.old.udid, "--system")
    phones.ask("pymobiledevice3", "backup2", *restore, "--remove", "--password", PASSWORD)
    assert_all_of_it_arrived(phones)
    assert tree(to) == before
