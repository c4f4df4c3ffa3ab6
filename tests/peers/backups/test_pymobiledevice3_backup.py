"""pymobiledevice3's command line backs up the simulated iPhone, changes its backup password and restores it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.peers.pair import KEYCHAIN, sent_again

BACKUP2 = ("pymobiledevice3", "backup2")
MakePair = Callable[..., Any]
ModificationTimes = Callable[[Path], dict[str, int]]


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_full_and_an_incremental_backup_can_be_unpacked(
    make_pair: MakePair, modification_times: ModificationTimes
) -> None:
    phones = make_pair()
    to, phone = phones.backups, ("--udid", phones.old.udid)
    phones.run(*BACKUP2, "backup", "--full", to, *phone)
    first = modification_times(phones.backup)
    assert len(first) == len(phones.expected_backup(encrypted=False))

    phones.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
    phones.run(*BACKUP2, "backup", to, *phone, "--unback")
    second = modification_times(phones.backup)
    assert len(second) == len(first) + 1 and sent_again(first, second) == {KEYCHAIN}
    assert digests(phones.backups / f"{phones.old.udid}.unback") == phones.expected_backup(encrypted=False)

    assert "Snapshot state: finished" in phones.run(*BACKUP2, "info", to, *phone)
    assert "Library/SMS/sms.db" in phones.run(*BACKUP2, "list", to, *phone)


@pytest.mark.soak
def test_an_encrypted_backup_is_made_and_restored_to_a_second_phone(
    make_pair: MakePair, modification_times: ModificationTimes
) -> None:
    phones = make_pair()
    to, phone = phones.backups, ("--udid", phones.old.udid)
    at = ("--backup-directory", to)
    assert phones.run(*BACKUP2, "encryption", *at, *phone).strip() == "off"
    phones.run(*BACKUP2, "encryption", "on", "secret", *at, *phone)
    phones.run(*BACKUP2, "backup", to, *phone)
    first = modification_times(phones.backup)

    output = phones.run(*BACKUP2, "change-password", "wrong", "other", *at, *phone, fails=True)
    assert "'ErrorCode': 207" in output and phones.old.backup_password == "secret"
    phones.run(*BACKUP2, "change-password", "secret", "other", *at, *phone)
    phones.run(*BACKUP2, "backup", to, *phone, "--unback", "--password", "other")
    assert modification_times(phones.backup) == first  # the keybag was rewrapped, so nothing had to be sent again
    assert digests(phones.backups / f"{phones.old.udid}.unback") == phones.expected_backup(encrypted=True)

    restore = ("restore", to, "--udid", phones.new.udid, "--source", phones.old.udid, "--system", "--remove")
    assert "'ErrorCode': 207" in phones.run(*BACKUP2, *restore, "--password", "secret", fails=True)
    phones.new.find_my = True
    assert "'ErrorCode': 211" in phones.run(*BACKUP2, *restore, "--password", "other", fails=True)
    phones.new.find_my = False
    phones.run(*BACKUP2, *restore, "--password", "other")
    phones.assert_new_phone_matches_old()

    assert "'ErrorCode': 207" in phones.run(*BACKUP2, "encryption", "off", "wrong", *at, *phone, fails=True)
    phones.run(*BACKUP2, "encryption", "off", "other", *at, *phone)
    assert phones.old.backup_password is None


@pytest.mark.soak
def test_the_phone_extracts_one_file_or_all_files(make_pair: MakePair) -> None:
    phones = make_pair(backup_password="secret")
    to, phone, password = phones.backups, ("--udid", phones.old.udid), ("--password", "secret")
    phones.run(*BACKUP2, "backup", to, *phone)
    phones.run(*BACKUP2, "extract", "HomeDomain", "Library/SMS/sms.db", to, *phone, *password)
    sms = hashlib.sha256((phones.backups / "sms.db").read_bytes()).hexdigest()
    assert sms == phones.expected_backup(encrypted=True)["HomeDomain/Library/SMS/sms.db"]
    phones.run(*BACKUP2, "unback", to, *phone, *password)
    assert digests(phones.backups / "_unback_" / phones.old.udid) == phones.expected_backup(encrypted=True)


@pytest.mark.soak
def test_a_file_the_phone_cannot_read_is_named(make_pair: MakePair) -> None:
    phones = make_pair()
    phones.old.faults.unreadable["HomeDomain/Library/SMS/sms.db"] = "Input/output error (5)"
    output = phones.run(*BACKUP2, "backup", phones.backups, "--udid", phones.old.udid)
    assert "Failed to fully upload" in output and "/Library/SMS/sms.db" in output
