"""pymobiledevice3's command line backs the simulated iPhone up, changes its password and restores it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

BACKUP2 = ("pymobiledevice3", "backup2")
MakePair = Callable[..., Any]
Written = Callable[[Path], dict[str, int]]


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_full_incremental_and_laid_out(pair: MakePair, written: Written) -> None:
    phones = pair()
    to, phone = phones.backups, ("--udid", phones.old.udid)
    phones.ask(*BACKUP2, "backup", "--full", to, *phone)
    first = written(phones.backup)
    assert len(first) == len(phones.holds(encrypted=False))

    phones.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
    phones.ask(*BACKUP2, "backup", to, *phone, "--unback")
    second = written(phones.backup)
    assert len(second) == len(first) + 1 and all(second[name] == when for name, when in first.items())
    assert digests(phones.backups / f"{phones.old.udid}.unback") == phones.holds(encrypted=False)

    assert "Snapshot state: finished" in phones.ask(*BACKUP2, "info", to, *phone)
    assert "Library/SMS/sms.db" in phones.ask(*BACKUP2, "list", to, *phone)


def test_a_whole_life_with_encryption_up_to_a_second_phone(pair: MakePair, written: Written) -> None:
    phones = pair()
    to, phone = phones.backups, ("--udid", phones.old.udid)
    at = ("--backup-directory", to)
    assert phones.ask(*BACKUP2, "encryption", *at, *phone).strip() == "off"
    phones.ask(*BACKUP2, "encryption", "on", "secret", *at, *phone)
    phones.ask(*BACKUP2, "backup", to, *phone)
    first = written(phones.backup)

    said = phones.ask(*BACKUP2, "change-password", "wrong", "other", *at, *phone, fails=True)
    assert "'ErrorCode': 207" in said and phones.old.backup_password == "secret"
    phones.ask(*BACKUP2, "change-password", "secret", "other", *at, *phone)
    phones.ask(*BACKUP2, "backup", to, *phone, "--unback", "--password", "other")
    assert written(phones.backup) == first  # the keybag was rewrapped, so nothing had to be sent again
    assert digests(phones.backups / f"{phones.old.udid}.unback") == phones.holds(encrypted=True)

    restore = ("restore", to, "--udid", phones.new.udid, "--source", phones.old.udid, "--system", "--remove")
    assert "'ErrorCode': 207" in phones.ask(*BACKUP2, *restore, "--password", "secret", fails=True)
    phones.new.find_my = True
    assert "'ErrorCode': 211" in phones.ask(*BACKUP2, *restore, "--password", "other", fails=True)
    phones.new.find_my = False
    phones.ask(*BACKUP2, *restore, "--password", "other")
    phones.assert_the_new_phone_is_like_the_old()

    assert "'ErrorCode': 207" in phones.ask(*BACKUP2, "encryption", "off", "wrong", *at, *phone, fails=True)
    phones.ask(*BACKUP2, "encryption", "off", "other", *at, *phone)
    assert phones.old.backup_password is None


def test_one_file_and_all_files_taken_out_by_the_phone(pair: MakePair) -> None:
    phones = pair(backup_password="secret")
    to, phone, password = phones.backups, ("--udid", phones.old.udid), ("--password", "secret")
    phones.ask(*BACKUP2, "backup", to, *phone)
    phones.ask(*BACKUP2, "extract", "HomeDomain", "Library/SMS/sms.db", to, *phone, *password)
    sms = hashlib.sha256((phones.backups / "sms.db").read_bytes()).hexdigest()
    assert sms == phones.holds(encrypted=True)["HomeDomain/Library/SMS/sms.db"]
    phones.ask(*BACKUP2, "unback", to, *phone, *password)
    assert digests(phones.backups / "_unback_" / phones.old.udid) == phones.holds(encrypted=True)


def test_a_file_the_phone_cannot_read_is_told_by_name(pair: MakePair) -> None:
    phones = pair()
    phones.old.faults.unreadable["HomeDomain/Library/SMS/sms.db"] = "Input/output error (5)"
    said = phones.ask(*BACKUP2, "backup", phones.backups, "--udid", phones.old.udid)
    assert "Failed to fully upload" in said and "/Library/SMS/sms.db" in said
