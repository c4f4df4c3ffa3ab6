"""Debian's idevicebackup2 1.3.0 backs the software iPhone up, changes its password and restores it."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.peer

Written = Callable[[Path], dict[str, int]]


def test_a_full_backup_and_an_incremental_one_that_sends_less(
    bench: Any, idevicebackup2: str, written: Written
) -> None:
    ask = (idevicebackup2, "-u", bench.old.udid)
    said = bench.peer(*ask, "backup", "--full", str(bench.backups))
    assert "Backup Successful." in said and "Full backup mode." in said and "Backup will be unencrypted." in said
    first = written(bench.backup)
    assert len(first) == len(bench.holds(encrypted=False))

    bench.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
    said = bench.peer(*ask, "backup", str(bench.backups))
    assert "Backup Successful." in said and "Incremental backup mode." in said
    second = written(bench.backup)
    assert len(second) == len(first) + 1
    assert all(second[name] == when for name, when in first.items())  # nothing was sent twice

    assert "Snapshot state: finished" in bench.peer(*ask, "info", str(bench.backups))
    listing = bench.peer(*ask, "list", str(bench.backups))
    assert all(path.partition("/")[2] in listing for path in bench.holds(encrypted=False))


def test_a_whole_life_with_encryption_up_to_a_second_phone(bench: Any, idevicebackup2: str) -> None:
    ask = (idevicebackup2, "-u", bench.old.udid)
    said = bench.peer(*ask, "encryption", "on", "secret", str(bench.backups))
    assert "Backup encryption has been enabled successfully." in said and bench.old.backup_password == "secret"
    said = bench.peer(*ask, "changepw", "wrong", "other", str(bench.backups), fails=True)
    assert "ErrorCode 207: Invalid password (MBErrorDomain/207)." in said and bench.old.backup_password == "secret"
    bench.peer(*ask, "changepw", "secret", "other", str(bench.backups))

    said = bench.peer(*ask, "backup", str(bench.backups))
    assert "Backup will be encrypted." in said and "Backup Successful." in said
    assert plistlib.loads((bench.backup / "Manifest.plist").read_bytes())["IsEncrypted"] is True
    assert "ErrorCode 207" in bench.peer(*ask, "info", str(bench.backups), fails=True)

    restore = (idevicebackup2, "-u", bench.new.udid, "-s", bench.old.udid, "restore", "--system")
    said = bench.peer(*restore, "--password", "secret", str(bench.backups), fails=True)
    assert "MKBKeyBagUnlock error (-3)" in said
    said = bench.peer(*restore, "--password", "other", str(bench.backups))
    assert "Restore Successful." in said
    bench.assert_the_new_phone_is_like_the_old()
    assert bench.new.backup_password == "other"


def test_refusals_reach_the_person(bench: Any, idevicebackup2: str) -> None:
    ask = (idevicebackup2, "-u", bench.old.udid)
    bench.old.hand.passcode = "decline"
    said = bench.peer(*ask, "backup", "--full", str(bench.backups), fails=True)
    assert "ErrorCode 208: Device locked (MBErrorDomain/208)" in said
    bench.old.hand.passcode = "enter"
    bench.old.setup = "running"
    assert "ErrorCode 212" in bench.peer(*ask, "backup", "--full", str(bench.backups), fails=True)


def test_a_backup_goes_on_after_the_cable_was_pulled(bench: Any, idevicebackup2: str, written: Written) -> None:
    ask = (idevicebackup2, "-u", bench.old.udid)
    bench.old.faults.drop_save_after_bytes = 900_000
    bench.peer(*ask, "backup", str(bench.backups), fails=True)
    snapshot = written(bench.backup / "Snapshot")
    assert len(snapshot) > 3
    assert "Backup Successful." in bench.peer(*ask, "backup", str(bench.backups))
    kept = [name for name, when in snapshot.items() if written(bench.backup).get(name) == when]
    assert len(kept) >= len(snapshot) - 1  # all but the one that was cut
    assert len(written(bench.backup)) == len(bench.holds(encrypted=False))
