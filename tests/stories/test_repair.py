"""A backup was damaged on this computer's disk. `migrate repair` fixes it, with or without the phone."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.record import file_id
from migrate.backup.verify.run import verify
from tests.stories.lab import OLD, PASSWORD, Lab, MakeLab, old_phone

SMS = ("HomeDomain", "Library/SMS/sms.db")
CONTACTS = ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb")
KEYCHAIN = file_id("KeychainDomain", "keychain-backup.plist")
"""The phone writes this file for every backup."""


@pytest.fixture
def make_lab_with_backup(make_lab: MakeLab) -> Callable[..., Lab]:
    """`make_lab_with_backup()`: only the old phone is connected, and its backup is whole."""

    def make(**more: Any) -> Lab:
        lab = make_lab(old_phone(backup_password=PASSWORD, **more), plugged="old")
        done = lab.migrate("backup", "--json")
        assert done.code == 0, done
        return lab

    return make


def blobs(lab: Lab) -> dict[str, int]:
    """Name of every stored file -> its inode."""
    return {path.name: path.stat().st_ino for path in (lab.home / "backups" / OLD).glob("??/*")}


def damage(lab: Lab) -> set[str]:
    """Flip a byte, delete a file and truncate a file. Returns the three file ids."""
    folder = lab.home / "backups" / OLD
    pictures = sorted(lab.old.files.walk(), key=lambda node: node.relative_path)
    picture = next(node for node in pictures if node.relative_path.endswith(".JPG") and "DCIM" in node.relative_path)
    damaged = [file_id(*SMS), file_id(*CONTACTS), file_id(picture.domain, picture.relative_path)]
    flipped, deleted, cut = (folder / name[:2] / name for name in damaged)
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 1
    flipped.write_bytes(data)
    deleted.unlink()
    os.truncate(cut, cut.stat().st_size // 2)
    return set(damaged)


@pytest.mark.soak
@pytest.mark.parametrize("answer", ["fetched", "full"])
def test_a_damaged_backup_is_repaired_from_its_phone(make_lab_with_backup: Callable[..., Lab], answer: str) -> None:
    lab = make_lab_with_backup()
    lab.old.assume.missing_rows = "full" if answer == "full" else "fetch"
    intact = blobs(lab)
    damaged = damage(lab)
    assert lab.migrate("verify", lab.home / "backups" / OLD, "--json").code == 30
    done = lab.migrate("repair", lab.home / "backups" / OLD, "--json")
    assert done.code == 0, done
    repaired = json.loads(done.out)
    assert (repaired["answer"], repaired["verdict"], repaired["in_place"], repaired["kept"]) == (
        answer,
        "whole",
        True,
        None,
    )
    assert {record["file_id"] for record in repaired["dropped"] if record["came_back"]} == damaged
    now = blobs(lab)
    fresh = {name for name in now if intact.get(name) != now[name]}
    if answer == "fetched":
        assert fresh == {*damaged, KEYCHAIN} and repaired["fetched"]["files"] == len(fresh) < len(now)
    else:
        assert fresh == now.keys() and repaired["fetched"]["files"] == len(now)
    assert [path.name for path in (lab.home / "backups").iterdir()] == [OLD]
    # the next backup is incremental: it copies only the change
    lab.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
    assert lab.migrate("backup").code == 0
    later = blobs(lab)
    assert len(later) == len(now) + 1 and {name for name in now if later[name] != now[name]} == {KEYCHAIN}
    verdict = verify(lab.home / "backups" / OLD, PASSWORD, seals=lab.home / "seals")
    assert verdict.verdict == "whole" and "checked-by-length-only" not in {finding.code for finding in verdict.findings}


@pytest.mark.soak
def test_without_the_phone_damaged_files_are_named_and_the_rest_is_whole(
    make_lab_with_backup: Callable[..., Lab],
) -> None:
    lab = make_lab_with_backup()
    damaged = damage(lab)
    backup = lab.home / "backups" / OLD
    lab.server.detach(lab.old)
    done = lab.migrate("repair", backup, "--json")
    assert (done.code, json.loads(done.out)["error"]["code"]) == (20, "repair-needs-phone")
    done = lab.migrate("repair", backup, "--without-phone")
    assert done.code == 0 and "Repaired by leaving out" in done.out and "Library/SMS/sms.db" in done.out
    assert not damaged & blobs(lab).keys()
    kept = next(path for path in (lab.home / "backups").iterdir() if path.name.startswith(f"{OLD}-"))
    assert str(kept) in done.out and verify(kept, PASSWORD, seals=None).verdict == "damaged"
    assert verify(backup, PASSWORD, seals=lab.home / "seals").verdict == "whole"
    # with the phone back, a backup fetches the missing files
    lab.server.attach(lab.old)
    assert lab.migrate("backup").code == 0
    assert damaged <= blobs(lab).keys()


@pytest.mark.soak
def test_after_a_cable_is_pulled_during_repair_the_same_command_finishes(
    make_lab_with_backup: Callable[..., Lab],
) -> None:
    lab = make_lab_with_backup()
    damage(lab)
    before = blobs(lab)
    lab.old.faults.drop_save_after_bytes = 60_000
    broken = lab.migrate("repair", lab.home / "backups" / OLD)
    assert broken.code == 23, broken
    assert blobs(lab) == before, "the backup is unchanged"
    done = lab.migrate("repair", lab.home / "backups" / OLD, "--wait", "30", "--json")
    assert done.code == 0 and json.loads(done.out)["verdict"] == "whole", done


@pytest.mark.soak
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_during_the_passcode_prompt_changes_nothing(make_lab_with_backup: Callable[..., Lab]) -> None:
    lab = make_lab_with_backup(passcode="1947")
    damage(lab)
    before = blobs(lab)
    lab.old.simulated_user.passcode = "wait"
    started = lab.start("repair", lab.home / "backups" / OLD)
    assert started.stderr is not None and started.stdout is not None
    while "Enter the passcode" not in (line := started.stderr.readline()):
        assert line, "it ended before asking for the passcode"
    started.send_signal(signal.SIGINT)
    done = started.finish()
    assert done.code == 50 and "migrate repair" in done.err
    assert blobs(lab) == before
    lab.old.simulated_user.passcode = "enter"
    assert lab.migrate("repair", lab.home / "backups" / OLD).code == 0


@pytest.mark.soak
def test_a_repair_killed_between_its_renames_is_finished_by_any_command(
    make_lab_with_backup: Callable[..., Lab],
) -> None:
    from migrate.backup.folder import BackupFolder
    from migrate.journey.repair.workspace import RepairNote, RepairWorkspace, backup_stamp

    lab = make_lab_with_backup()
    backup: Path = lab.home / "backups" / OLD
    workspace = RepairWorkspace(backup)
    note = RepairNote(udid=OLD, stamp=backup_stamp(BackupFolder(backup)), dropped=())
    clone = workspace.begin(OLD)
    backup.rename(clone)
    workspace.note = note
    workspace.before.mkdir()
    assert not backup.exists()
    assert lab.migrate("verify", backup).code == 0
    assert backup.exists() and not workspace.folder.exists()
    assert verify(backup, PASSWORD, seals=lab.home / "seals").verdict == "whole"
