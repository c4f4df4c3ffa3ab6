"""What migrate saves and composes is an ordinary backup: clients nobody here wrote go on with it and restore it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PASSWORD = "correct-horse-1947"
PLAN = 'version = 1\n[new_phone]\nis = "erased"\n[move]\ncategories = ["everything"]\n'
MakePair = Callable[..., Any]
Written = Callable[[Path], dict[str, int]]


def migrate(phones: Any, home: Path, *arguments: str | Path) -> int:
    """The command line, with nobody to ask."""
    ours = {"USBMUXD_SOCKET_ADDRESS": phones._bench.server.address, "MIGRATE_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "migrate", *map(str, arguments)],
        env=os.environ | ours | {"MIGRATE_BACKUP_PASSWORD": PASSWORD},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode


def test_idevicebackup2_goes_on_with_our_save_and_we_with_its(pair: MakePair, written: Written, tmp_path: Path) -> None:
    phones = pair()
    home = tmp_path / "migrate"
    assert migrate(phones, home, "backup", phones.old.udid) == 0
    phones.backups, phones.backup = home / "backups", home / "backups" / phones.old.udid
    ask = ("idevicebackup2", "-u", phones.old.udid)
    assert "Snapshot state: finished" in phones.ask(*ask, "info", phones.backups)
    ours = written(phones.backup)

    phones.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
    said = phones.ask(*ask, "backup", phones.backups)
    assert "Incremental backup mode." in said and "Backup Successful." in said
    theirs = written(phones.backup)
    assert len(theirs) == len(ours) + 1 and all(theirs[name] == when for name, when in ours.items())

    assert migrate(phones, home, "verify", phones.backup) == 0
    phones.old.files.add_file("HomeDomain", "Library/SMS/newer.txt", b"and another")
    assert migrate(phones, home, "backup", phones.old.udid) == 0
    again = written(phones.backup)
    assert len(again) == len(theirs) + 1 and all(again[name] == when for name, when in theirs.items())
    assert migrate(phones, home, "verify", phones.backup) == 0


def test_idevicebackup2_restores_our_restore_set(pair: MakePair, tmp_path: Path) -> None:
    """Composed by us, sent by a client nobody here wrote: the new phone is like the old one."""
    phones = pair()
    home, plan = tmp_path / "migrate", tmp_path / "plan.toml"
    plan.write_text(PLAN)
    new = phones.new.udid
    stopped_before_the_restore = migrate(phones, home, "run", plan, "--old", phones.old.udid, "--new", new)
    assert stopped_before_the_restore == 2
    (restore_sets,) = home.glob("runs/*/set")
    said = phones.ask(
        "idevicebackup2", "-u", new, "-s", phones.old.udid, "restore", "--system", "--password", PASSWORD, restore_sets
    )
    assert "Restore Successful." in said
    assert phones.new.settled.wait(60)
    digests, now = phones.old.files.digests(), phones.new.files.digests()
    lost = {path for path in now if path in digests and now[path] != digests[path]}
    assert lost <= {"HomeDomain/Library/DataAccess/DeviceSpecificInfo.plist"}  # never migrates
    assert len([path for path in now if path in digests]) > 300
