"""A saved backup was damaged on this computer's disk; its phone is still there, or it is not."""

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
from tests.stories.kitchen import OLD, PASSWORD, SetTable, Table, old_phone

SMS = ("HomeDomain", "Library/SMS/sms.db")
CONTACTS = ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb")


@pytest.fixture
def saved(set_table: SetTable) -> Callable[..., Table]:
    """`saved()`: the old phone alone on the cable, saved and whole."""

    def save(**more: Any) -> Table:
        table = set_table(old_phone(backup_password=PASSWORD, **more), plugged="old")
        done = table.migrate("backup", "--json")
        assert done.code == 0, done
        return table

    return save


def blobs(table: Table) -> dict[str, int]:
    """Every stored file -> its inode."""
    return {path.name: path.stat().st_ino for path in (table.home / "backups" / OLD).glob("??/*")}


def damage(table: Table) -> set[str]:
    """A byte flipped, a file deleted, a file cut short."""
    folder = table.home / "backups" / OLD
    pictures = sorted(table.old.files.walk(), key=lambda node: node.relative_path)
    picture = next(node for node in pictures if node.relative_path.endswith(".JPG") and "DCIM" in node.relative_path)
    wounded = [file_id(*SMS), file_id(*CONTACTS), file_id(picture.domain, picture.relative_path)]
    flipped, deleted, cut = (folder / name[:2] / name for name in wounded)
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 1
    flipped.write_bytes(data)
    deleted.unlink()
    os.truncate(cut, cut.stat().st_size // 2)
    return set(wounded)


@pytest.mark.parametrize("answer", ["fetched", "full"])
def test_a_damaged_backup_is_healed_by_its_phone(saved: Callable[..., Table], answer: str) -> None:
    table = saved()
    table.old.assume.missing_rows = "full" if answer == "full" else "fetch"
    sound = blobs(table)
    wounded = damage(table)
    assert table.migrate("verify", table.home / "backups" / OLD, "--json").code == 30
    done = table.migrate("repair", table.home / "backups" / OLD, "--json")
    assert done.code == 0, done
    healed = json.loads(done.out)
    assert (healed["answer"], healed["verdict"], healed["in_place"], healed["kept"]) == (answer, "whole", True, None)
    assert {record["file_id"] for record in healed["dropped"] if record["came_back"]} == wounded
    now = blobs(table)
    fresh = {name for name in now if sound.get(name) != now[name]}
    if answer == "fetched":
        assert fresh == wounded and healed["fetched"]["files"] == len(wounded) < len(now)
    else:
        assert fresh == now.keys() and healed["fetched"]["files"] == len(now)
    assert [path.name for path in (table.home / "backups").iterdir()] == [OLD]
    # and life goes on: what changes is saved, and only that
    table.old.files.add_file("HomeDomain", "Library/SMS/new.txt", b"one more")
    assert table.migrate("backup").code == 0
    later = blobs(table)
    assert len(later) == len(now) + 1 and all(later[name] == now[name] for name in now)
    verdict = verify(table.home / "backups" / OLD, PASSWORD, seals=table.home / "seals")
    assert verdict.verdict == "whole" and "checked-by-length-only" not in {finding.code for finding in verdict.findings}


def test_with_the_phone_gone_the_damaged_files_are_named_and_the_rest_is_whole(saved: Callable[..., Table]) -> None:
    table = saved()
    wounded = damage(table)
    backup = table.home / "backups" / OLD
    table.server.detach(table.old)
    done = table.migrate("repair", backup, "--json")
    assert (done.code, json.loads(done.out)["error"]["code"]) == (20, "repair-needs-phone")
    done = table.migrate("repair", backup, "--without-phone")
    assert done.code == 0 and "Repaired by leaving out" in done.out and "Library/SMS/sms.db" in done.out
    assert not wounded & blobs(table).keys()
    kept = next(path for path in (table.home / "backups").iterdir() if path.name.startswith(f"{OLD}-"))
    assert str(kept) in done.out and verify(kept, PASSWORD, seals=None).verdict == "damaged"
    assert verify(backup, PASSWORD, seals=table.home / "seals").verdict == "whole"
    # the phone is found again: it sends what was left out
    table.server.attach(table.old)
    assert table.migrate("backup").code == 0
    assert wounded <= blobs(table).keys()


@pytest.mark.soak
def test_the_cable_is_pulled_while_healing_and_the_same_command_goes_on(saved: Callable[..., Table]) -> None:
    table = saved()
    damage(table)
    before = blobs(table)
    table.old.faults.drop_save_after_bytes = 60_000
    broken = table.migrate("repair", table.home / "backups" / OLD)
    assert broken.code == 23, broken
    assert blobs(table) == before, "the backup is as it was"
    done = table.migrate("repair", table.home / "backups" / OLD, "--wait", "30", "--json")
    assert done.code == 0 and json.loads(done.out)["verdict"] == "whole", done


@pytest.mark.soak
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_while_the_phone_waits_for_its_passcode(saved: Callable[..., Table]) -> None:
    table = saved(passcode="1947")
    damage(table)
    before = blobs(table)
    table.old.simulated_user.passcode = "wait"
    started = table.start("repair", table.home / "backups" / OLD)
    assert started.stderr is not None and started.stdout is not None
    while "Enter the passcode" not in (line := started.stderr.readline()):
        assert line, "it ended by itself"
    started.send_signal(signal.SIGINT)
    done = started.to_its_end()
    assert done.code == 50 and "migrate repair" in done.err
    assert blobs(table) == before
    table.old.simulated_user.passcode = "enter"
    assert table.migrate("repair", table.home / "backups" / OLD).code == 0


@pytest.mark.soak
def test_killed_between_the_renames_any_command_finishes_it(saved: Callable[..., Table]) -> None:
    from migrate.backup.folder import BackupFolder
    from migrate.journey.repair.workspace import RepairNote, RepairWorkspace, backup_stamp

    table = saved()
    backup: Path = table.home / "backups" / OLD
    place = RepairWorkspace(backup)
    note = RepairNote(udid=OLD, stamp=backup_stamp(BackupFolder(backup)), dropped=())
    clone = place.begin(OLD)
    backup.rename(clone)
    place.note = note
    place.before.mkdir()
    assert not backup.exists()
    assert table.migrate("verify", backup).code == 0
    assert backup.exists() and not place.folder.exists()
    assert verify(backup, PASSWORD, seals=table.home / "seals").verdict == "whole"
