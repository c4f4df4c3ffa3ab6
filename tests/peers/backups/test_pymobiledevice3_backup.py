"""pymobiledevice3's command line backs the software iPhone up, changes its password and restores it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.peer

Command = tuple[str, ...]
Written = Callable[[Path], dict[str, int]]


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_full_incremental_and_laid_out(bench: Any, backup2: Command, written: Written) -> None:
    to, phone = str(bench.backups), ("--udid", bench.old.udid)
    bench.peer(*backup2, "backup", "--full", to, *phone)
    first = written(bench.backup)
    assert len(first) == len(bench.holds(encrypted=False))

    bench.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
    bench.peer(*backup2, "backup", to, *phone, "--unback")
    second = written(bench.backup)
    assert len(second) == len(first) + 1 and all(second[name] == when for name, when in first.items())
    assert digests(bench.backups / f"{bench.old.udid}.unback") == bench.holds(encrypted=False)

    assert "Snapshot state: finished" in bench.peer(*backup2, "info", to, *phone)
    assert "Library/SMS/sms.db" in bench.peer(*backup2, "list", to, *phone)


def test_a_whole_life_with_encryption_up_to_a_second_phone(bench: Any, backup2: Command, written: Written) -> None:
    to, phone = str(bench.backups), ("--udid", bench.old.udid)
    at = ("--backup-directory", to)
    assert bench.peer(*backup2, "encryption", *at, *phone).strip() == "off"
    bench.peer(*backup2, "encryption", "on", "secret", *at, *phone)
    bench.peer(*backup2, "backup", to, *phone)
    first = written(bench.backup)

    said = bench.peer(*backup2, "change-password", "wrong", "other", *at, *phone, fails=True)
    assert "'ErrorCode': 207" in said and bench.old.backup_password == "secret"
    bench.peer(*backup2, "change-password", "secret", "other", *at, *phone)
    bench.peer(*backup2, "backup", to, *phone, "--unback", "--password", "other")
    assert written(bench.backup) == first  # the keybag was rewrapped, so nothing had to be sent again
    assert digests(bench.backups / f"{bench.old.udid}.unback") == bench.holds(encrypted=True)

    restore = ("restore", to, "--udid", bench.new.udid, "--source", bench.old.udid, "--system", "--remove")
    assert "'ErrorCode': 207" in bench.peer(*backup2, *restore, "--password", "secret", fails=True)
    bench.new.find_my = True
    assert "'ErrorCode': 211" in bench.peer(*backup2, *restore, "--password", "other", fails=True)
    bench.new.find_my = False
    bench.peer(*backup2, *restore, "--password", "other")
    bench.assert_the_new_phone_is_like_the_old()

    assert "'ErrorCode': 207" in bench.peer(*backup2, "encryption", "off", "wrong", *at, *phone, fails=True)
    bench.peer(*backup2, "encryption", "off", "other", *at, *phone)
    assert bench.old.backup_password is None


def test_one_file_and_all_files_taken_out_by_the_phone(bench: Any, backup2: Command) -> None:
    bench.old.backup_password = "secret"
    to, phone, password = str(bench.backups), ("--udid", bench.old.udid), ("--password", "secret")
    bench.peer(*backup2, "backup", to, *phone)
    bench.peer(*backup2, "extract", "HomeDomain", "Library/SMS/sms.db", to, *phone, *password)
    sms = hashlib.sha256((bench.backups / "sms.db").read_bytes()).hexdigest()
    assert sms == bench.holds(encrypted=True)["HomeDomain/Library/SMS/sms.db"]
    bench.peer(*backup2, "unback", to, *phone, *password)
    assert digests(bench.backups / "_unback_" / bench.old.udid) == bench.holds(encrypted=True)


def test_a_file_the_phone_cannot_read_is_told_by_name(bench: Any, backup2: Command) -> None:
    bench.old.faults.unreadable["HomeDomain/Library/SMS/sms.db"] = "Input/output error (5)"
    said = bench.peer(*backup2, "backup", str(bench.backups), "--udid", bench.old.udid)
    assert "Failed to fully upload" in said and "/Library/SMS/sms.db" in said
