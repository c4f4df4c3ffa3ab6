"""Bad input gets one clear error with what, why, next and an exit code, and changes nothing."""

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
from tests.stories.lab import (
    EVERYTHING,
    NEW,
    OLD,
    PASSWORD,
    PHOTOS_AND_MESSAGES,
    CommandResult,
    Lab,
    MakeLab,
    new_phone,
    old_phone,
)

AWAY = SimulatedUser(trust_after_polls=None, unlocks=False)


def refused(done: CommandResult, code: int, name: str) -> dict[str, Any]:
    """The error of a refused command, checked: what, why and next, the right codes, no traceback."""
    assert done.code == code, str(done)
    assert "Traceback" not in done.err
    error: dict[str, Any] = done.last["error"]
    assert error["code"] == name and error["exit_code"] == code
    assert all(error[part].strip() for part in ("what", "why", "next"))
    assert done.last["event"] == "run_finished" and done.last["exit_code"] == code
    return error


def assert_untouched(lab: Lab, before: dict[str, str]) -> None:
    """Check that the new phone is unchanged, no restore is pending and no run can be resumed."""
    assert lab.new.files.digests() == before
    assert lab.new.pending_restore is None
    assert lab.migrate("resume", "--json").code == 2


def test_no_phone_is_connected(make_lab: MakeLab) -> None:
    lab = make_lab(plugged="")
    refused(lab.move(lab.plan(EVERYTHING), "--wait", "0"), 20, "no-phone")


def test_the_phone_is_never_plugged_in(make_lab: MakeLab) -> None:
    lab = make_lab(plugged="")
    done = lab.move(lab.plan(EVERYTHING), "--wait", "1")
    error = refused(done, 50, "waited-too-long")
    assert "migrate resume" in error["next"]
    assert [e["action"] for e in done.events if e["event"] == "person_needed"] == ["connect"]


def test_usbmuxd_is_missing(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab()
    done = lab.move(lab.plan(EVERYTHING), "--wait", "0", "--usbmuxd", str(tmp_path / "nothing-here"))
    refused(done, 20, "no-muxer")


def test_one_phone_as_both_old_and_new_is_refused(make_lab: MakeLab) -> None:
    lab = make_lab()
    done = lab.migrate("run", lab.plan(EVERYTHING), "--old", OLD, "--new", OLD, "--yes", "--json")
    refused(done, 11, "same-phone-twice")


def test_with_two_phones_the_old_one_must_be_named(make_lab: MakeLab) -> None:
    lab = make_lab()
    error = refused(lab.migrate("run", lab.plan(EVERYTHING), "--yes", "--json"), 2, "which-phone")
    assert OLD in error["why"] and NEW in error["why"]


@pytest.mark.soak
def test_the_other_phone_is_the_new_one_when_only_the_old_one_is_named(make_lab: MakeLab) -> None:
    """The refusal names the new phone, so the command found it."""
    lab = make_lab(new=new_phone(find_my=True))
    done = lab.migrate("run", lab.plan(EVERYTHING), "--old", OLD, "--yes", "--json")
    assert "Grandma's new iPhone" in refused(done, 24, "find-my-on")["what"]


@pytest.mark.parametrize(
    ("trust", "action"), [("ask", "tap-trust"), ("locked", "unlock")], ids=["dialog pending", "locked"]
)
def test_a_phone_that_is_never_unlocked_or_trusted_stops_the_wait(make_lab: MakeLab, trust: Any, action: str) -> None:
    lab = make_lab(old=old_phone(trust=trust, simulated_user=AWAY))
    done = lab.move(lab.plan(EVERYTHING), "--wait", "2")
    error = refused(done, 50, "waited-too-long")
    assert error["next"].count("migrate resume") == 1 and "run the same command" not in error["next"]
    assert [(e["phone"], e["action"]) for e in done.events if e["event"] == "person_needed"] == [
        ("Grandma's iPhone", action)
    ]
    now = lab.move(lab.plan(EVERYTHING), "--wait", "0")
    refused(now, *{"ask": (22, "not-trusted"), "locked": (21, "phone-locked")}[trust])


def test_a_phone_that_denies_trust_is_refused(make_lab: MakeLab) -> None:
    lab = make_lab(old=old_phone(trust="denied"))
    refused(lab.move(lab.plan(EVERYTHING)), 22, "trust-denied")


def test_a_new_phone_with_find_my_on_is_refused(make_lab: MakeLab) -> None:
    lab = make_lab(new=new_phone(find_my=True))
    before = lab.new.files.digests()
    refused(lab.move(lab.plan(EVERYTHING)), 24, "find-my-on")
    assert_untouched(lab, before)


def test_a_backup_from_a_newer_ios_is_refused(make_lab: MakeLab) -> None:
    lab = make_lab(new=new_phone(ios_version="17.4"))
    refused(lab.move(lab.plan(EVERYTHING)), 40, "backup-newer-than-phone")


def test_a_phone_in_use_without_room_for_its_own_backup_is_refused_at_once(make_lab: MakeLab) -> None:
    """Hours later the phone itself would refuse it."""
    lab = make_lab(new=new_phone(empty=False, ios_version="27.0"))
    lab.new.capacity_bytes = lab.new.used_bytes * 3 // 2
    before = lab.new.files.digests()
    error = refused(lab.move(lab.plan(PHOTOS_AND_MESSAGES)), 41, "rebuild-does-not-fit")
    assert "backup" in error["next"] and NEW in error["next"]
    assert_untouched(lab, before)
    assert not any((lab.home / "backups").iterdir()), "no phone was backed up"


def test_a_phone_in_use_is_refused_by_a_plan_for_an_erased_one(make_lab: MakeLab) -> None:
    lab = make_lab(new=new_phone(empty=False))
    before = lab.new.files.digests()
    error = refused(lab.move(lab.plan(EVERYTHING)), 11, "phone-in-use")
    assert "apps" in error["why"] or "photos" in error["why"]
    assert_untouched(lab, before)


def test_a_phone_found_in_use_after_the_backup_is_refused_before_the_restore(make_lab: MakeLab) -> None:
    """It was not trusted at first, so preflight could not check it. The backup stays, the phone is unchanged."""
    lab = make_lab(new=new_phone(empty=False, trust="ask"))
    before = lab.new.files.digests()
    done = lab.move(lab.plan(EVERYTHING))
    refused(done, 11, "phone-in-use")
    assert done.steps[-1] == "compose"
    assert lab.new.files.digests() == before and lab.new.pending_restore is None


def test_existing_data_is_not_replaced_without_consent(make_lab: MakeLab) -> None:
    lab = make_lab(new=new_phone(empty=False))
    before = lab.new.files.digests()
    plan = lab.plan(PHOTOS_AND_MESSAGES.replace('may_replace = ["photos", "messages"]', 'may_replace = ["photos"]'))
    error = refused(lab.move(plan), 11, "would-replace")
    assert "Messages" in error["what"] and '"messages"' in error["next"]
    assert lab.new.files.digests() == before and lab.new.pending_restore is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (EVERYTHING.replace("categories", "categorys"), "categories"),
        (EVERYTHING.replace('"everything"', '"fotos"'), "photos"),
        (EVERYTHING.replace('"erased"', '"in-use"'), "in use"),
        ("[new_phone\n", "TOML"),
    ],
    ids=["unknown key", "unknown category", "everything onto a phone in use", "not TOML"],
)
def test_an_invalid_plan_is_refused_with_its_error(make_lab: MakeLab, text: str, expected: str) -> None:
    lab = make_lab()
    done = lab.move(lab.plan(text))
    assert done.code == 10, str(done)
    error = done.last["error"]
    assert expected in f"{error['what']} {error['why']} {error['next']}"
    assert not (lab.home / "runs").exists() or not any((lab.home / "runs").iterdir())


@pytest.mark.soak
def test_a_plan_for_other_phones_is_refused(make_lab: MakeLab) -> None:
    lab = make_lab()
    plan = lab.plan(EVERYTHING.replace('is = "erased"', f'is = "erased"\nudid = "{NEW[:-1]}9"'))
    done = lab.migrate("run", plan, "--old", OLD, "--yes", "--json", "--wait", "0")
    assert done.code in (11, 20), str(done)
    assert lab.new.pending_restore is None


def test_a_run_without_a_terminal_needs_yes(make_lab: MakeLab) -> None:
    """Without --yes and a terminal the move stops before the point of no return. With --yes it resumes."""
    lab = make_lab()
    done = lab.migrate("run", lab.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--json")
    error = refused(done, 2, "word-missing")
    assert lab.new.pending_restore is None
    assert f"migrate resume {lab.only_run.name} --yes" in error["next"]
    again = lab.migrate("resume", "--yes", "--json")
    assert again.code == 0 and again.steps[0] == "agree", str(again)


# -- backups -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def lab_with_backup(make_lab: MakeLab) -> Lab:
    """A lab with a finished backup of the old phone and only the new phone connected."""
    lab = make_lab(old=old_phone(backup_password=PASSWORD))
    done = lab.migrate("backup", OLD, "--json")
    assert done.code == 0, str(done)
    lab.server.detach(lab.old)
    return lab


def unfinished(folder: Path) -> None:
    status = folder / "Status.plist"
    status.write_bytes(plistlib.dumps({**plistlib.loads(status.read_bytes()), "SnapshotState": "uploading"}))


def corrupted(folder: Path) -> None:
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
    ("damage", "code"), [(unfinished, 34), (corrupted, 30), (foreign, 2)], ids=["unfinished", "corrupted", "foreign"]
)
def test_an_unusable_backup_is_refused(lab_with_backup: Lab, damage: Callable[[Path], None], code: int) -> None:
    folder = lab_with_backup.home / "backups" / OLD
    damage(folder)
    before = lab_with_backup.new.files.digests()
    done = lab_with_backup.migrate(
        "run", lab_with_backup.plan(EVERYTHING), "--old-backup", folder, "--new", NEW, "--yes", "--json"
    )
    assert done.code == code, str(done)
    assert all(done.last["error"][part] for part in ("what", "why", "next"))
    assert lab_with_backup.new.files.digests() == before and lab_with_backup.new.pending_restore is None


def test_a_wrong_backup_password_is_refused(lab_with_backup: Lab) -> None:
    folder = lab_with_backup.home / "backups" / OLD
    lab_with_backup.environment["MIGRATE_BACKUP_PASSWORD"] = "guess"
    verified = lab_with_backup.migrate("verify", folder, "--json")
    assert (verified.code, verified.last["verdict"]) == (32, "locked"), str(verified)
    assert [finding["code"] for finding in verified.last["findings"]].count("password-wrong") == 1
    shown = lab_with_backup.migrate("show", folder, "--json")
    assert (shown.code, shown.last["error"]["code"]) == (32, "wrong-password"), str(shown)


# -- a full disk -------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """`small_disk(size_mb)` mounts a separate disk of that size."""
    mounted: list[Path] = []

    def mount(size_mb: int) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder)]
        if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("only root on Linux can mount a small disk")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_too_small_for_the_backup_is_refused(make_lab: MakeLab, small_disk: Callable[[int], Path]) -> None:
    lab = make_lab()
    lab.home = small_disk(20) / "home"
    done = lab.move(lab.plan(EVERYTHING))
    refused(done, 33, "too-little-space-here")


@pytest.mark.soak
def test_a_disk_that_fills_up_during_the_backup_stops_the_move_until_space_is_freed(
    make_lab: MakeLab, small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(160)
    lab = make_lab()
    lab.home = disk / "home"
    ballast = disk / "ballast"
    process = lab.start("run", lab.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--yes", "--json")
    assert process.stdout is not None
    out = ""
    for line in process.stdout:
        out += line
        if '"bytes_moved"' in line and '"back-up-old-phone"' in line and not ballast.exists():
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
            with (
                contextlib.suppress(OSError),
                ballast.open("wb", buffering=0) as file,
            ):  # the backup keeps writing meanwhile
                file.write(bytes(max(0, free - 300_000)))
    err = process.stderr.read() if process.stderr else ""
    done = CommandResult(process.wait(), out, err)
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
    refused(done, 33, done.last["error"]["code"])
    ballast.unlink()
    again = lab.migrate("resume", "--yes", "--json")
    assert again.code == 0, str(again)
    assert again.steps[0] == "back-up-old-phone"
