"""Independent clients can continue and restore the backups and restore sets that migrate makes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.peers.pair import KEYCHAIN, sent_again

PASSWORD = "correct-horse-1947"
PLAN = 'version = 1\n[new_phone]\nis = "erased"\n[move]\ncategories = ["everything"]\n'
MakePair = Callable[..., Any]
ModificationTimes = Callable[[Path], dict[str, int]]


def migrate(phones: Any, home: Path, *arguments: str | Path) -> int:
    """Run a command without a terminal. Returns the exit code."""
    environment = {"USBMUXD_SOCKET_ADDRESS": phones._bench.server.address, "MIGRATE_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "migrate", *map(str, arguments)],
        env=os.environ | environment | {"MIGRATE_BACKUP_PASSWORD": PASSWORD},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode


def test_idevicebackup2_continues_our_backup_and_we_continue_its_backup(
    make_pair: MakePair, modification_times: ModificationTimes, tmp_path: Path
) -> None:
    phones = make_pair()
    home = tmp_path / "migrate"
    assert migrate(phones, home, "backup", phones.old.udid) == 0
    phones.backups, phones.backup = home / "backups", home / "backups" / phones.old.udid
    command = ("idevicebackup2", "-u", phones.old.udid)
    assert "Snapshot state: finished" in phones.run(*command, "info", phones.backups)
    ours = modification_times(phones.backup)

    phones.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
    output = phones.run(*command, "backup", phones.backups)
    assert "Incremental backup mode." in output and "Backup Successful." in output
    theirs = modification_times(phones.backup)
    assert len(theirs) == len(ours) + 1 and sent_again(ours, theirs) == {KEYCHAIN}

    assert migrate(phones, home, "verify", phones.backup) == 0
    phones.old.files.add_file("HomeDomain", "Library/SMS/newer.txt", b"and another")
    assert migrate(phones, home, "backup", phones.old.udid) == 0
    again = modification_times(phones.backup)
    assert len(again) == len(theirs) + 1 and sent_again(theirs, again) == {KEYCHAIN}
    assert migrate(phones, home, "verify", phones.backup) == 0


def test_idevicebackup2_restores_our_restore_set(make_pair: MakePair, tmp_path: Path) -> None:
    """The new phone matches the old one."""
    phones = make_pair()
    home, plan = tmp_path / "migrate", tmp_path / "plan.toml"
    plan.write_text(PLAN)
    new = phones.new.udid
    stopped_before_the_restore = migrate(phones, home, "run", plan, "--old", phones.old.udid, "--new", new)
    assert stopped_before_the_restore == 2
    (restore_sets,) = home.glob("runs/*/set")
    output = phones.run(
        "idevicebackup2", "-u", new, "-s", phones.old.udid, "restore", "--system", "--password", PASSWORD, restore_sets
    )
    assert "Restore Successful." in output
    assert phones.new.settled.wait(60)
    digests, now = phones.old.files.digests(), phones.new.files.digests()
    lost = {path for path in now if path in digests and now[path] != digests[path]}
    assert lost <= {"HomeDomain/Library/DataAccess/DeviceSpecificInfo.plist"}  # never migrates
    assert len([path for path in now if path in digests]) > 300
