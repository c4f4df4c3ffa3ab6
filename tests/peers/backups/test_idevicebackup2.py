"""Debian's idevicebackup2 1.3.0 backs up the simulated iPhone, changes its backup password and restores it."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.peers.pair import KEYCHAIN, sent_again

PEER = "idevicebackup2"
MakePair = Callable[..., Any]
ModificationTimes = Callable[[Path], dict[str, int]]


def test_a_full_backup_and_an_incremental_one_that_sends_only_the_change(
    make_pair: MakePair, modification_times: ModificationTimes
) -> None:
    phones = make_pair()
    command = (PEER, "-u", phones.old.udid)
    output = phones.run(*command, "backup", "--full", phones.backups)
    assert "Backup Successful." in output and "Full backup mode." in output and "Backup will be unencrypted." in output
    first = modification_times(phones.backup)
    assert len(first) == len(phones.expected_backup(encrypted=False))

    phones.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
    output = phones.run(*command, "backup", phones.backups)
    assert "Backup Successful." in output and "Incremental backup mode." in output
    second = modification_times(phones.backup)
    assert len(second) == len(first) + 1
    assert sent_again(first, second) == {KEYCHAIN}  # a phone writes it for every backup

    assert "Snapshot state: finished" in phones.run(*command, "info", phones.backups)
    listing = phones.run(*command, "list", phones.backups)
    assert all(path.partition("/")[2] in listing for path in phones.expected_backup(encrypted=False))


def test_an_encrypted_backup_is_made_and_restored_to_a_second_phone(make_pair: MakePair) -> None:
    phones = make_pair()
    command = (PEER, "-u", phones.old.udid)
    output = phones.run(*command, "encryption", "on", "secret", phones.backups)
    assert "Backup encryption has been enabled successfully." in output and phones.old.backup_password == "secret"
    output = phones.run(*command, "changepw", "wrong", "other", phones.backups, fails=True)
    assert "ErrorCode 207: Invalid password (MBErrorDomain/207)." in output and phones.old.backup_password == "secret"
    phones.run(*command, "changepw", "secret", "other", phones.backups)

    output = phones.run(*command, "backup", phones.backups)
    assert "Backup will be encrypted." in output and "Backup Successful." in output
    assert plistlib.loads((phones.backup / "Manifest.plist").read_bytes())["IsEncrypted"] is True
    assert "ErrorCode 207" in phones.run(*command, "info", phones.backups, fails=True)

    restore = (PEER, "-u", phones.new.udid, "-s", phones.old.udid, "restore", "--system")
    output = phones.run(*restore, "--password", "secret", phones.backups, fails=True)
    assert "MKBKeyBagUnlock error (-3)" in output
    output = phones.run(*restore, "--password", "other", phones.backups)
    assert "Restore Successful." in output
    phones.assert_new_phone_matches_old()
    assert phones.new.backup_password == "other"


def test_refusals_are_shown_with_their_error_codes(make_pair: MakePair) -> None:
    phones = make_pair()
    command = (PEER, "-u", phones.old.udid)
    phones.old.simulated_user.passcode = "decline"
    output = phones.run(*command, "backup", "--full", phones.backups, fails=True)
    assert "ErrorCode 208: Device locked (MBErrorDomain/208)" in output
    phones.old.simulated_user.passcode = "enter"
    phones.old.setup = "running"
    assert "ErrorCode 212" in phones.run(*command, "backup", "--full", phones.backups, fails=True)


def test_a_backup_resumes_after_the_cable_was_pulled(
    make_pair: MakePair, modification_times: ModificationTimes
) -> None:
    phones = make_pair()
    command = (PEER, "-u", phones.old.udid)
    phones.old.faults.drop_save_after_bytes = 900_000
    phones.run(*command, "backup", phones.backups, fails=True)
    snapshot = modification_times(phones.backup / "Snapshot")
    assert len(snapshot) > 3
    assert "Backup Successful." in phones.run(*command, "backup", phones.backups)
    kept = [name for name, when in snapshot.items() if modification_times(phones.backup).get(name) == when]
    assert len(kept) >= len(snapshot) - 1  # all but the interrupted one
    assert len(modification_times(phones.backup)) == len(phones.expected_backup(encrypted=False))
