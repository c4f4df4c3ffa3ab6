"""Whole moves: real sockets, the real command line, and the verdict held against the phones' own dumps."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser
from tests.stories.kitchen import (
    EVERYTHING,
    NEW,
    OLD,
    PASSWORD,
    PHOTOS_AND_MESSAGES,
    SetTable,
    Table,
    new_phone,
    old_phone,
)

NEVER_SAVED = ("/Library/Caches", "/tmp", "/Media/PhotoData/Caches", "/Health/Local", "/Library/Voicemail/OfflineCache",
               "/Library/Mail/Envelope Index", "/Library/Safari/CloudTabs.db")  # fmt: skip
NEVER_MIGRATED = (  # facts 4.1: dropped when the backup comes from another phone
    "HomeDomain/Library/DataAccess/DeviceSpecificInfo.plist",
    "HomeDomain/Library/Preferences/com.apple.GMM.plist",
    "HomeDomain/Library/Preferences/com.apple.MobileBluetooth.devices.plist",
    "DatabaseDomain/lsd/com.apple.lsdidentifiers.plist",
)
COMPANIONS = ("-wal", "-shm", "-journal")


def should_cross(path: str) -> bool:
    inside = path.partition("/")[2]
    return path not in NEVER_MIGRATED and not any(
        f"/{inside}".startswith(f"{never}/") or f"/{inside}" == never for never in NEVER_SAVED
    )


def invented_companion(path: str, known: dict[str, str]) -> bool:
    """An empty -wal, -shm or -journal that was sent beside its database, so that no stale one can spoil it."""
    return any(path.endswith(tail) and path.removesuffix(tail) in known for tail in COMPANIONS)


def assert_became(new: SimulatedPhone, before: dict[str, str]) -> None:
    """The new phone holds all that can cross of what the old one held, to the byte, and nothing else."""
    now = new.files.digests()
    wanted = {path: digest for path, digest in before.items() if should_cross(path)}
    assert {path: now.get(path) for path in wanted} == wanted
    extra = {path for path in now if path not in before and not invented_companion(path, before)}
    assert extra == set()


def test_everything_moves_to_an_erased_iphone_and_is_proven(set_table: SetTable) -> None:
    person = SimulatedUser(passcode_delay_s=0.3)  # long enough for a sheet to be seen
    table = set_table(old=old_phone(passcode="1947", simulated_user=person))
    before = table.old.files.digests()
    done = table.move(table.plan(EVERYTHING))
    assert done.code == 0, str(done)
    assert_became(table.new, before)
    assert table.old.files.digests() == before

    events = done.events
    assert [event["event"] for event in events].count("run_finished") == 1
    assert events[-1] | {"at": None} == {
        "event": "run_finished",
        "at": None,
        "run": table.only_run.name,
        "outcome": "proven",
        "exit_code": 0,
        "receipt": str(table.only_run / "receipt.json"),
        "error": None,
    }
    names = [
        "meet",
        "preflight",
        "back-up-old-phone",
        "verify",
        "compose",
        "agree",
        "restore",
        "wait-for-phone",
        "prove",
        "receipt",
    ]
    assert done.steps == names
    assert {"tap-trust", "enter-passcode"} <= {e["action"] for e in events if e["event"] == "person_needed"}
    assert [e["action"] for e in events if e["event"] == "person_needed" and e["phone"] == "Grandma's iPhone"] == [
        "enter-passcode",  # encryption is turned on
        "enter-passcode",  # the save
    ]
    assert {app for app in table.new.apps if app.startswith("com.example")} == {
        "com.example.chatter",
        "com.example.sketchbook",
    }

    assert_secret_stays_secret(table, done.out + done.err)
    assert_private(table.home)
    receipt = json.loads((table.only_run / "receipt.json").read_text())
    assert receipt["proof"]["verdict"] == "proven"
    assert (table.only_run / "receipt.html").read_text().startswith("<!doctype html>")


def assert_secret_stays_secret(table: Table, said: str) -> None:
    """The password is nowhere: not in what was said, not in any file under home."""
    assert PASSWORD not in said
    for path in table.home.rglob("*"):
        assert PASSWORD not in path.name
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path


def assert_private(home: Path) -> None:
    if os.name != "posix":
        return
    for path in [home, *home.rglob("*")]:
        if not path.is_symlink():
            allowed = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) & ~allowed == 0, path
    assert not any((home / "tmp").iterdir())


def test_photos_and_messages_replace_their_counterparts_on_a_phone_in_use_and_nothing_else(set_table: SetTable) -> None:
    table = set_table(new=new_phone(empty=False))
    old, new = table.old.files.digests(), table.new.files.digests()
    done = table.move(table.plan(PHOTOS_AND_MESSAGES))
    assert done.code == 0, str(done)
    assert done.last["outcome"] == "proven"

    now = table.new.files.digests()
    roll = "CameraRollDomain/Media"
    moved = (f"{roll}/DCIM/", f"{roll}/PhotoData/Photos.sqlite", "HomeDomain/Library/SMS/", "MediaDomain/Library/SMS/")
    chosen = {path: digest for path, digest in old.items() if path.startswith(moved) and should_cross(path)}
    assert len(chosen) > 20
    assert {path: now.get(path) for path in chosen} == chosen
    untouched = {
        path: digest
        for path, digest in new.items()
        if not path.startswith(("CameraRollDomain", "HomeDomain/Library/SMS", "MediaDomain/Library/SMS"))
        and path not in old
    }
    assert {path: now.get(path) for path in untouched} == untouched
    contacts = "HomeDomain/Library/AddressBook/AddressBook.sqlitedb-wal"
    assert new[contacts] != old[contacts] and now[contacts] == new[contacts]

    safety = table.only_run / "safety" / NEW
    assert table.migrate("verify", safety, "--json").code == 0
    kept = json.loads((table.only_run / "receipt.json").read_text())["proof"]["kept"]
    assert kept.get("same", 0) > 50 and set(kept) <= {"same", "rewritten"}


@pytest.mark.soak
def test_one_app_moves_to_a_phone_that_has_it(set_table: SetTable) -> None:
    table = set_table(new=new_phone(empty=False))
    old, new = table.old.files.digests(), table.new.files.digests()
    plan = table.plan(
        '[new_phone]\nis = "in-use"\n[move]\ncategories = []\napps = ["com.example.chatter"]\n'
        'may_replace = ["com.example.chatter"]\n'
    )
    done = table.move(plan)
    assert done.code == 0, str(done)
    now = table.new.files.digests()
    mine = ("AppDomain-com.example.chatter/Documents/", "AppDomainGroup-group.com.example.chatter")
    chosen = {path: digest for path, digest in old.items() if path.startswith(mine) and should_cross(path)}
    assert chosen and {path: now.get(path) for path in chosen} == chosen
    photos = {path: digest for path, digest in new.items() if path.startswith("CameraRollDomain")}
    assert {path: now.get(path) for path in photos} == photos


def test_one_cable_is_enough_and_a_phone_without_a_passcode_works(set_table: SetTable) -> None:
    """The new phone is plugged in only when it is asked for, and nothing is encrypted because the plan says so."""
    table = set_table(plugged="old")
    before = table.old.files.digests()
    plan = table.plan(EVERYTHING + "[backup]\nencrypted = false\n")
    process = table.start("run", plan, "--old", OLD, "--new", NEW, "--yes", "--json")
    assert process.stdout is not None and process.stderr is not None
    asked: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] == "person_needed" and events[-1]["action"] == "connect" and not asked:
            asked.append(events[-1])
            table.server.detach(table.old)
            table.server.attach(table.new)
    assert process.wait(60) == 0, process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    assert len(asked) == 1
    assert events[-1]["outcome"] == "proven"
    now = table.new.files.digests()
    assert now["HomeDomain/Library/SMS/sms.db"] == before["HomeDomain/Library/SMS/sms.db"]
    assert table.new.backup_password is None and table.old.backup_password is None
    assert any(e["event"] == "found" and e["finding"]["code"] == "not-encrypted" for e in events)


@pytest.mark.soak
def test_a_saved_backup_stands_in_for_a_phone_that_is_gone(set_table: SetTable) -> None:
    table = set_table(old=old_phone(backup_password=PASSWORD))
    before = table.old.files.digests()
    saved = table.migrate("backup", OLD, "--json")
    assert saved.code == 0, str(saved)
    table.server.detach(table.old)
    folder = table.home / "backups" / OLD
    tree = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = table.migrate("run", table.plan(EVERYTHING), "--old-backup", folder, "--new", NEW, "--yes", "--json")
    assert done.code == 0, str(done)
    assert_became(table.new, before)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == tree


@pytest.mark.parametrize("sample", ["everything-to-an-erased-iphone", "photos-and-messages", "one-app"])
def test_every_sample_plan_is_loaded_by_the_command_line(set_table: SetTable, sample: str) -> None:
    plans = Path(__file__).resolve().parent.parent.parent / "plans"
    assert set_table().migrate("plan", "check", plans / f"{sample}.toml").code == 0


def test_two_threads_are_not_left_behind() -> None:
    assert [t.name for t in threading.enumerate() if t.name.startswith("simulator")] == []
