"""The old phone is gone, but a backup made by another program still moves to a new phone."""

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
from tests.peers.pair import transferable_files

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
    """A folder with everything in it, to compare later: path -> mode, inode, modification time and content."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_ino, status.st_mtime_ns, content)
    return found


def assert_everything_arrived(phones: Any) -> None:
    """The new phone also has the empty logs sent with every database (design 3)."""
    assert phones.new.settled.wait(60)
    old, new = transferable_files(phones.old), transferable_files(phones.new)
    assert {path for path in old if new.get(path) != old[path]} == set() and len(old) > 150


def test_an_idevicebackup2_backup_moves_to_a_new_phone_and_is_proven(make_pair: MakePair, tmp_path: Path) -> None:
    phones = make_pair(backup_password=PASSWORD)
    phones.run("idevicebackup2", "-u", phones.old.udid, "backup", "--full", phones.backups)
    phones._bench.server.detach(phones.old)
    before = tree(phones.backups)
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    environment = {"USBMUXD_SOCKET_ADDRESS": phones._bench.server.address, "MIGRATE_HOME": str(tmp_path / "migrate")}
    command = ["run", str(plan), "--old-backup", str(phones.backups), "--new", phones.new.udid, "--yes", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "migrate", *command],
        env=os.environ | environment | {"MIGRATE_BACKUP_PASSWORD": PASSWORD},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    last = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, last["outcome"]) == (0, "proven"), done.stdout[-3000:] + done.stderr
    assert_everything_arrived(phones)
    assert tree(phones.backups) == before


@pytest.mark.soak
def test_a_pymobiledevice3_backup_moves_to_a_new_phone(make_pair: MakePair, tmp_path: Path) -> None:
    phones = make_pair(backup_password=PASSWORD)
    to, phone = phones.backups, ("--udid", phones.old.udid)
    phones.run("pymobiledevice3", "backup2", "backup", "--full", to, *phone)
    phones._bench.server.detach(phones.old)
    before = tree(to)
    with Backup.open(to, PASSWORD) as backup:
        wanted = frozenset(record.file_id for record in backup.records())
    made = compose(SetRequest(source=to, password=PASSWORD, into=tmp_path / "set", strategy="replace", wanted=wanted))
    assert made.dropped == ()
    restore = ("restore", tmp_path / "set", "--udid", phones.new.udid, "--source", phones.old.udid, "--system")
    phones.run("pymobiledevice3", "backup2", *restore, "--remove", "--password", PASSWORD)
    assert_everything_arrived(phones)
    assert tree(to) == before
