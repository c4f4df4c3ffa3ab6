"""What bad input gets: one clear error with what, why and next, its exit code, and nothing lost or half-written."""

from __future__ import annotations

import contextlib
import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.simulator.device.simulated_user import SimulatedUser
from tests.stories.kitchen import (
    EVERYTHING,
    NEW,
    OLD,
    PASSWORD,
    PHOTOS_AND_MESSAGES,
    Done,
    SetTable,
    Table,
    new_phone,
    old_phone,
)

AWAY = SimulatedUser(trust_after_polls=None, unlocks=False)


def refused(done: Done, code: int, name: str) -> dict[str, Any]:
    """The error, after a look that it is one: three sentences, the right code, no traceback."""
    assert done.code == code, str(done)
    assert "Traceback" not in done.err
    error: dict[str, Any] = done.last["error"]
    assert error["code"] == name and error["exit_code"] == code
    assert all(error[part].strip() for part in ("what", "why", "next"))
    assert done.last["event"] == "run_finished" and done.last["exit_code"] == code
    return error


def untouched(table: Table, before: dict[str, str]) -> None:
    """The new phone is as it was, nothing waits for its reboot, and no run is left that could be resumed."""
    assert table.new.files.digests() == before
    assert table.new.pending_restore is None
    assert table.migrate("resume", "--json").code == 2


def test_no_phone_at_all(set_table: SetTable) -> None:
    table = set_table(plugged="")
    refused(table.move(table.plan(EVERYTHING), "--wait", "0"), 20, "no-phone")


def test_nobody_plugs_the_phone_in(set_table: SetTable) -> None:
    table = set_table(plugged="")
    done = table.move(table.plan(EVERYTHING), "--wait", "1")
    error = refused(done, 50, "waited-too-long")
    assert "migrate resume" in error["next"]
    assert [e["action"] for e in done.events if e["event"] == "person_needed"] == ["connect"]


def test_no_usbmuxd(set_table: SetTable, tmp_path: Path) -> None:
    table = set_table()
    done = table.move(table.plan(EVERYTHING), "--wait", "0", "--usbmuxd", str(tmp_path / "nothing-here"))
    refused(done, 20, "no-muxer")


def test_the_same_phone_twice(set_table: SetTable) -> None:
    table = set_table()
    done = table.migrate("run", table.plan(EVERYTHING), "--old", OLD, "--new", OLD, "--yes", "--json")
    refused(done, 11, "same-phone-twice")


def test_which_phone_is_which_is_a_choice(set_table: SetTable) -> None:
    table = set_table()
    error = refused(table.migrate("run", table.plan(EVERYTHING), "--yes", "--json"), 2, "which-phone")
    assert OLD in error["why"] and NEW in error["why"]


def test_the_other_phone_is_the_new_one_when_only_the_old_one_is_named(set_table: SetTable) -> None:
    """Looked at only as far as the refusal that the new phone earns: it was found without being named."""
    table = set_table(new=new_phone(find_my=True))
    done = table.migrate("run", table.plan(EVERYTHING), "--old", OLD, "--yes", "--json")
    assert "Grandma's new iPhone" in refused(done, 24, "find-my-on")["what"]


@pytest.mark.parametrize(
    ("trust", "action"), [("ask", "tap-trust"), ("locked", "unlock")], ids=["dialog pending", "locked"]
)
def test_a_phone_that_waits_for_its_person(set_table: SetTable, trust: Any, action: str) -> None:
    table = set_table(old=old_phone(trust=trust, simulated_user=AWAY))
    done = table.move(table.plan(EVERYTHING), "--wait", "2")
    error = refused(done, 50, "waited-too-long")
    assert error["next"].count("migrate resume") == 1 and "run the same command" not in error["next"]
    assert [(e["phone"], e["action"]) for e in done.events if e["event"] == "person_needed"] == [
        ("Grandma's iPhone", action)
    ]
    now = table.move(table.plan(EVERYTHING), "--wait", "0")
    refused(now, *{"ask": (22, "not-trusted"), "locked": (21, "phone-locked")}[trust])


def test_trust_denied(set_table: SetTable) -> None:
    table = set_table(old=old_phone(trust="denied"))
    refused(table.move(table.plan(EVERYTHING)), 22, "trust-denied")


def test_find_my_is_on(set_table: SetTable) -> None:
    table = set_table(new=new_phone(find_my=True))
    before = table.new.files.digests()
    refused(table.move(table.plan(EVERYTHING)), 24, "find-my-on")
    untouched(table, before)


def test_the_backup_is_from_a_newer_ios(set_table: SetTable) -> None:
    table = set_table(new=new_phone(ios_version="17.4"))
    refused(table.move(table.plan(EVERYTHING)), 40, "backup-newer-than-phone")


def test_a_phone_in_use_on_ios_27_is_refused_with_the_reason(set_table: SetTable) -> None:
    table = set_table(new=new_phone(empty=False, ios_version="27.0"))
    before = table.new.files.digests()
    error = refused(table.move(table.plan(PHOTOS_AND_MESSAGES)), 40, "strategy-refused")
    assert "27" in error["what"] + error["why"]
    untouched(table, before)


def test_an_erased_phone_that_is_in_use(set_table: SetTable) -> None:
    table = set_table(new=new_phone(empty=False))
    before = table.new.files.digests()
    error = refused(table.move(table.plan(EVERYTHING)), 11, "phone-in-use")
    assert "apps" in error["why"] or "photos" in error["why"]
    untouched(table, before)


def test_an_erased_phone_that_is_in_use_and_comes_late_is_refused_before_the_first_byte(set_table: SetTable) -> None:
    """It does not trust this computer yet, so that nobody could look; the save is kept and the new phone as it was."""
    table = set_table(new=new_phone(empty=False, trust="ask"))
    before = table.new.files.digests()
    done = table.move(table.plan(EVERYTHING))
    refused(done, 11, "phone-in-use")
    assert done.steps[-1] == "compose"
    assert table.new.files.digests() == before and table.new.pending_restore is None


def test_what_is_there_is_not_replaced_without_a_word(set_table: SetTable) -> None:
    table = set_table(new=new_phone(empty=False))
    before = table.new.files.digests()
    plan = table.plan(PHOTOS_AND_MESSAGES.replace('may_replace = ["photos", "messages"]', 'may_replace = ["photos"]'))
    error = refused(table.move(plan), 11, "would-replace")
    assert "Messages" in error["what"] and '"messages"' in error["next"]
    assert table.new.files.digests() == before and table.new.pending_restore is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (EVERYTHING.replace("categories", "categorys"), "categories"),
        (EVERYTHING.replace('"everything"', '"fotos"'), "photos"),
        (EVERYTHING.replace('"erased"', '"in-use"'), "in use"),
        ("[new_phone\n", "TOML"),
    ],
    ids=["unknown key", "unknown category", "everything onto a phone in use", "not TOML"],
)
def test_a_plan_that_says_nothing_sensible(set_table: SetTable, text: str, says: str) -> None:
    table = set_table()
    done = table.move(table.plan(text))
    assert done.code == 10, str(done)
    error = done.last["error"]
    assert says in f"{error['what']} {error['why']} {error['next']}"
    assert not (table.home / "runs").exists() or not any((table.home / "runs").iterdir())


def test_a_plan_for_other_phones(set_table: SetTable) -> None:
    table = set_table()
    plan = table.plan(EVERYTHING.replace('is = "erased"', f'is = "erased"\nudid = "{NEW[:-1]}9"'))
    done = table.migrate("run", plan, "--old", OLD, "--yes", "--json", "--wait", "0")
    assert done.code in (11, 20), str(done)
    assert table.new.pending_restore is None


def test_no_word_and_nobody_to_ask(set_table: SetTable) -> None:
    """Without --yes and a terminal the move stops right before the point of no return, and goes on with --yes."""
    table = set_table()
    done = table.migrate("run", table.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--json")
    error = refused(done, 2, "word-missing")
    assert table.new.pending_restore is None
    assert f"migrate resume {table.only_run.name} --yes" in error["next"]
    again = table.migrate("resume", "--yes", "--json")
    assert again.code == 0 and again.steps[0] == "agree", str(again)


# -- backups -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(set_table: SetTable) -> Table:
    """A table with a finished backup of the old phone, and only the new one left on the cable."""
    table = set_table(old=old_phone(backup_password=PASSWORD))
    done = table.migrate("backup", OLD, "--json")
    assert done.code == 0, str(done)
    table.server.detach(table.old)
    return table


def unfinished(folder: Path) -> None:
    status = folder / "Status.plist"
    status.write_bytes(plistlib.dumps({**plistlib.loads(status.read_bytes()), "SnapshotState": "uploading"}))


def rotten(folder: Path) -> None:
    blob = max((path for path in folder.glob("??/*") if path.is_file()), key=lambda path: path.stat().st_size)
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 0xFF
    blob.unlink()
    blob.write_bytes(data)


def foreign(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "holiday.txt").write_text("not a backup")


@pytest.mark.parametrize(
    ("harm", "code"), [(unfinished, 34), (rotten, 30), (foreign, 2)], ids=["unfinished", "rotten", "foreign"]
)
def test_a_backup_that_cannot_be_built_on(saved: Table, harm: Callable[[Path], None], code: int) -> None:
    folder = saved.home / "backups" / OLD
    harm(folder)
    before = saved.new.files.digests()
    done = saved.migrate("run", saved.plan(EVERYTHING), "--old-backup", folder, "--new", NEW, "--yes", "--json")
    assert done.code == code, str(done)
    assert all(done.last["error"][part] for part in ("what", "why", "next"))
    assert saved.new.files.digests() == before and saved.new.pending_restore is None


def test_the_wrong_password_of_a_saved_backup(saved: Table) -> None:
    folder = saved.home / "backups" / OLD
    saved.environment["MIGRATE_BACKUP_PASSWORD"] = "guess"
    for command in (["verify", folder], ["show", folder]):
        done = saved.migrate(*command, "--json")
        assert done.code == 32, str(done)
        assert done.last["error"]["code"] == "wrong-password"


# -- a full disk -------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A disk of so many megabytes of its own."""
    mounted: list[Path] = []

    def mount(size_mb: int) -> Path:
        place = tmp_path / "disk"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(place)]
        if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("a small disk can be mounted only by root on Linux")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)


def test_the_disk_is_too_small_before_the_save(set_table: SetTable, small_disk: Callable[[int], Path]) -> None:
    table = set_table()
    table.home = small_disk(20) / "home"
    done = table.move(table.plan(EVERYTHING))
    refused(done, 33, "too-little-space-here")


def test_the_disk_fills_up_during_the_save_and_the_move_goes_on_when_there_is_room(
    set_table: SetTable, small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(160)
    table = set_table()
    table.home = disk / "home"
    ballast = disk / "ballast"
    process = table.start("run", table.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--yes", "--json")
    assert process.stdout is not None
    out = ""
    for line in process.stdout:
        out += line
        if '"bytes_moved"' in line and '"back-up-old-phone"' in line and not ballast.exists():
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:  # the save goes on meanwhile
                file.write(bytes(max(0, free - 300_000)))
    err = process.stderr.read() if process.stderr else ""
    done = Done(process.wait(), out, err)
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
    refused(done, 33, done.last["error"]["code"])
    ballast.unlink()
    again = table.migrate("resume", "--yes", "--json")
    assert again.code == 0, str(again)
    assert again.steps[0] == "back-up-old-phone"
