"""`migrate snapshots` and `UDID@SNAPSHOT` on the command line."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from migrate.backup.seal import write_seal
from migrate.backup.snapshots.store import SnapshotStore
from migrate.backup.verify.run import verify
from tests.talk.conftest import CONTENTS, UDID, write_backup

if TYPE_CHECKING:
    from tests.talk.conftest import Answer, Migrate

FIRST = datetime(2026, 11, 1, 18, 0, tzinfo=UTC)
LIST_KEYS = {"udid", "taken", "ios_version", "bytes_own", "bytes_shared", "verified", "protected"}


def objects(answer: Answer) -> list[dict[str, Any]]:
    """One object a line."""
    return [json.loads(line) for line in answer.out.splitlines()]


def take(home: Path, day: int) -> str:
    """A working backup with a text of this day, and its snapshot."""
    working = home / "backups" / UDID
    shutil.rmtree(working, ignore_errors=True)
    write_backup(working, contents={**CONTENTS, ("HomeDomain", "Library/day.txt"): b"day %d" % day})
    status = plistlib.loads((working / "Status.plist").read_bytes())
    (working / "Status.plist").write_bytes(plistlib.dumps({**status, "UUID": f"day-{day}"}))
    seals = home / "seals"
    seals.mkdir(exist_ok=True)
    sealed = verify(working, None, seals=seals, make_seal=True).seal
    assert sealed is not None
    write_seal(seals, UDID, sealed)
    store = SnapshotStore(home / "snapshots")
    return store.take(working, seals, taken=FIRST + timedelta(days=day)).reference


@pytest.fixture
def four_days(home: Path) -> list[str]:
    home.mkdir()
    return [take(home, day) for day in range(4)]


def test_without_snapshots_it_says_how_they_come(migrate: Migrate) -> None:
    answer = migrate("snapshots")
    assert answer.code == 0 and "Every migrate backup makes one" in answer.err


def test_they_are_listed_for_people_and_scripts(migrate: Migrate, four_days: list[str]) -> None:
    answer = migrate("snapshots", "list", "--json")
    assert [one["snapshot"] for one in objects(answer)] == four_days
    assert all(set(one) >= LIST_KEYS for one in objects(answer))
    told = migrate("snapshots")
    assert all(name in told.out for name in four_days) and "\x1b" not in told.out


def test_every_command_takes_a_snapshot_by_name(migrate: Migrate, four_days: list[str], tmp_path: Path) -> None:
    assert migrate("show", four_days[0]).code == 0
    assert migrate("verify", f"{UDID}@latest", "--json").json["verdict"] == "whole"
    assert migrate("extract", four_days[1], "--to", tmp_path / "out", "--match", "day.txt").code == 0
    assert next((tmp_path / "out").rglob("day.txt")).read_bytes() == b"day 1"
    assert migrate("diff", four_days[0], UDID, "--json").json["files"]["changed"] == 1
    assert migrate("show", f"{UDID}@2019-01-01").code == 2


def test_rules_keep_and_say_why(migrate: Migrate, home: Path, four_days: list[str]) -> None:
    tried = migrate("snapshots", "forget", "--keep-last", "2", "--dry-run", "--json")
    assert [one["snapshot"] for one in objects(tried) if one["kept"]] == four_days[:1:-1]
    assert len(objects(migrate("snapshots", "list", "--json"))) == 4, "a dry run removes nothing"
    told = migrate("snapshots", "forget", UDID, "--keep-last", "2")
    assert told.code == 0 and "2 snapshots forgotten" in told.out and "one of the last" in told.out
    assert [one["snapshot"] for one in objects(migrate("snapshots", "list", "--json"))] == four_days[2:]
    assert migrate("verify", four_days[2]).code == 0


def test_without_a_rule_nothing_is_forgotten(migrate: Migrate, four_days: list[str]) -> None:
    assert migrate("snapshots", "forget").code == 2
    assert migrate("snapshots", "forget", "--keep-within", "soon").code == 2
    assert migrate("snapshots", "forget", four_days[0], "--keep-last", "1").code == 2
    assert len(objects(migrate("snapshots", "list", "--json"))) == 4


def test_the_only_finished_backup_stays(migrate: Migrate, home: Path, four_days: list[str]) -> None:
    shutil.rmtree(home / "backups" / UDID)
    assert migrate("snapshots", "forget", *four_days[:3]).code == 0
    refused = migrate("snapshots", "forget", four_days[3])
    assert refused.code == 2 and "only finished backup" in refused.err
    assert len(objects(migrate("snapshots", "list", "--json"))) == 1


def test_a_check_reads_the_one_that_waited_longest_and_remembers(migrate: Migrate, four_days: list[str]) -> None:
    for name in four_days:
        assert [one["snapshot"] for one in objects(migrate("snapshots", "check", "--json"))] == [name]
    assert all(one["verified"] for one in objects(migrate("snapshots", "list", "--json")))


def test_damage_in_a_shared_file_is_named_in_every_snapshot(migrate: Migrate, home: Path) -> None:
    home.mkdir()
    reference = take(home, 1)
    snapshot = SnapshotStore(home / "snapshots").find(*reference.split("@"))
    blob = next(file for file in snapshot.backup.glob("??/*") if file.read_bytes() == b"day 1")
    blob.write_bytes(b"rot 1")
    answer = migrate("snapshots", "check", "--all", "--json")
    assert answer.code == 30
    assert [(one["verdict"], one["verified"]) for one in objects(answer)] == [("damaged", None)]


def test_a_damaged_file_is_replaced_by_a_sound_copy_and_in_every_place_that_shares_it(
    migrate: Migrate, home: Path
) -> None:
    """The same bytes in two files: the second state was sent by the phone as a whole, and a third shares the first."""
    home.mkdir()
    take(home, 1)
    store = SnapshotStore(home / "snapshots")
    (first,) = store.all()
    copied = store.root / UDID / "20261110T000000Z"
    shutil.copytree(first.path, copied)
    linked = store.root / UDID / "20261111T000000Z"
    shutil.copytree(first.path, linked, copy_function=os.link)
    _first, second, third = store.all()
    blob = next(file for file in first.backup.glob("??/*") if file.read_bytes() == b"day 1")
    shutil.rmtree(home / "backups")
    blob.write_bytes(b"rot 1")
    answer = migrate("snapshots", "check", "--all", "--json")
    assert answer.code == 0
    assert [(one["verdict"], one["repaired"]) for one in objects(answer)] == [("whole", 1), ("whole", 0), ("whole", 0)]
    for one in (first, second, third):
        assert (one.backup / blob.parent.name / blob.name).read_bytes() == b"day 1"


def test_a_copy_that_is_not_what_the_phone_sent_repairs_nothing(migrate: Migrate, home: Path) -> None:
    home.mkdir()
    take(home, 1)
    store = SnapshotStore(home / "snapshots")
    (first,) = store.all()
    copied = store.root / UDID / "20261110T000000Z"
    shutil.copytree(first.path, copied)
    shutil.rmtree(home / "backups")
    for snapshot in store.all():
        next(file for file in snapshot.backup.glob("??/*") if file.read_bytes() == b"day 1").write_bytes(b"rot 1")
    told = migrate("snapshots", "check")
    assert told.code == 30 and "is damaged" in told.out and "replaced" not in told.out
