"""Debian's idevicebackup2 1.3.0 backs the simulated iPhone up, changes its password and restores it."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

PEER = "idevicebackup2"
MakePair = Callable[..., Any]
Written = Callable[[Path], dict[str, int]]


def test_a_full_backup_and_an_incremental_one_that_sends_less(pair: MakePair, written: Written) -> None:
    phones = pair()
    ask = (PEER, "-u", phones.old.udid)
    said = phones.ask(*ask, "backup", "--full", phones.backups)
    assert "Backup Successful." in said and "Full backup mode." in said and "Backup will be unencrypted." in said
    first = written(phones.backup)
    assert len(first) == len(phones.holds(encrypted=False))

    phones.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
    said = phones.ask(*ask, "backup", phones.backups)
    assert "Backup Successful." in said and "Incremental backup mode." in said
    second = written(phones.backup)
    assert len(second) == len(first) + 1
    assert all(second[name] == when for name, when in first.items())  # nothing was sent twice

    assert "Snapshot state: finished" in phones.ask(*ask, "info", phones.backups)
    listing = phones.ask(*ask, "list", phones.backups)
    assert all(path.partition("/")[2] in listing for path in phones.holds(encrypted=False))


def test_a_whole_life_with_encryption_up_to_a_second_phone(pair: MakePair) -> None:
    phones = pair()
    ask = (PEER, "-u", phones.old.udid)
    said = phones.ask(*ask, "encryption", "on", "secret", phones.backups)
    assert "Backup encryption has been enabled successfully." in said and phones.old.backup_password == "secret"
    said = phones.ask(*ask, "changepw", "wrong", "other", phones.backups, fails=True)
    assert "ErrorCode 207: Invalid password (MBErrorDomain/207)." in said and phones.old.backup_password == "secret"
    phones.ask(*ask, "changepw", "secret", "other", phones.backups)

    said = phones.ask(*ask, "backup", phones.backups)
    assert "Backup will be encrypted." in said and "Backup Successful." in said
    assert plistlib.loads((phones.backup / "Manifest.plist").read_bytes())["IsEncrypted"] is True
    assert "ErrorCode 207" in phones.ask(*ask, "info", phones.backups, fails=True)

    restore = (PEER, "-u", phones.new.udid, "-s", phones.old.udid, "restore", "--system")
    said = phones.ask(*restore, "--password", "secret", phones.backups, fails=True)
    assert "MKBKeyBagUnlock error (-3)" in said
    said = phones.ask(*restore, "--password", "other", phones.backups)
    assert "Restore Successful." in said
    phones.assert_the_new_phone_is_like_the_old()
    assert phones.new.backup_password == "other"


def test_refusals_reach_the_person(pair: MakePair) -> None:
    phones = pair()
    ask = (PEER, "-u", phones.old.udid)
    phones.old.simulated_user.passcode = "decline"
    said = phones.ask(*ask, "backup", "--full", phones.backups, fails=True)
    assert "ErrorCode 208: Device locked (MBErrorDomain/208)" in said
    phones.old.simulated_user.passcode = "enter"
    phones.old.setup = "running"
    assert "ErrorCode 212" in phones.ask(*ask, "backup", "--full", phones.backups, fails=True)


def test_a_backup_goes_on_after_the_cable_was_pulled(pair: MakePair, written: Written) -> None:
    phones = pair()
    ask = (PEER, "-u", phones.old.udid)
    phones.old.faults.drop_save_after_bytes = 900_000
    phones.ask(*ask, "backup", phones.backups, fails=True)
    snapshot = written(phones.backup / "Snapshot")
    assert len(snapshot) > 3
    assert "Backup Successful." in phones.ask(*ask, "backup", phones.backups)
    kept = [name for name, when in snapshot.items() if written(phones.backup).get(name) == when]
    assert len(kept) >= len(snapshot) - 1  # all but the one that was cut
    assert len(written(phones.backup)) == len(phones.holds(encrypted=False))
