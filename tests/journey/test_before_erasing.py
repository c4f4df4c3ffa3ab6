"""What no backup moves: it is read from the old phone's backup and stands in the receipt."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.manifest.manifest import Row
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, file_id
from migrate.categories.catalogue import load_catalogue
from migrate.categories.choose import Chooser
from migrate.categories.claims import Claims
from migrate.journey.before_erasing import (
    CarefulApp,
    ManifestLook,
    OldPhoneInventory,
    before_erasing,
    known_apps,
    take_inventory,
)
from migrate.journey.opened_backup import OpenedBackup
from migrate.journey.results import from_json, to_json
from migrate.journey.steps.compose import ComposedSet
from tests.journey.moves import LITTLE, OLD, PASSWORD, Lab, old_phone

MakeLab = Callable[..., Lab]
REAL_MANIFEST = Path(__file__).resolve().parents[3] / "shared/data/ios14-real-manifest/backup/Manifest.db"
SIGNAL, CODES, BANK = "org.whispersystems.signal", "com.google.Authenticator", "org.example.citybank"
CAREFUL = LITTLE.model_copy(
    update={"icloud_only_photos": 7, "icloud_only_attachments": 2, "apps": (SIGNAL, CODES, BANK, "org.example.diary")}
)


def test_a_move_tells_what_it_found_on_the_old_phone(make_lab: MakeLab) -> None:
    """Only contacts move, and still the list is about the whole phone: it is the whole phone that is erased."""
    old = old_phone(spec=CAREFUL, backup_password=PASSWORD)
    old.files.add_file("HomeDomain", "Library/DeviceRegistry/watch.plist", b"a watch")
    lab = make_lab(old=old)
    lab.move(lab.plan(move={"categories": ["contacts"]}, safety={"prove": False}))
    receipt: dict[str, Any] = lab.last_run.receipt() or {}
    points = {one["id"]: one for one in receipt["before_erasing"]}
    assert {name: points[name]["apps"] for name in ("chats", "codes", "bank")} == {
        "chats": [SIGNAL],
        "codes": [CODES],
        "bank": [BANK],
    }
    assert points["watch"]["found"] and points["cards"]["found"] and not points["esim"]["found"]
    in_icloud = {row["owner"]: (row["items"], row["files"]) for row in receipt["only_in_icloud"]}
    assert in_icloud == {"photos": (7, 0), "messages": (0, 2)}
    assert "nothing" not in points, "every one of these apps has data in the backup"

    with Backup.open(lab.last_run.path / "old" / OLD, PASSWORD) as backup:
        opened = OpenedBackup(backup, Claims.of(backup), None)
        look = ManifestLook()
        chooser = Chooser(opened.claims, categories=["everything"], on_row=look.on_row)
        for row in backup.manifest.rows():
            chooser.takes(row, row.size())
        seen: Any = {"with_data": chooser.choice().owners_of_files, "look": look}
        found = take_inventory(opened, lab.tmp, **seen)
        opened.claims.apps["org.example.empty"] = replace(  # type: ignore[index]
            opened.claims.apps["org.example.diary"], id="org.example.empty", title="Empty"
        )
        with_empty = take_inventory(opened, lab.tmp, **seen)
    assert from_json(OldPhoneInventory, json.loads(json.dumps(to_json(found)))) == found, "a resume reads it back"
    assert with_empty.apps[-1] == CarefulApp("org.example.empty", "Empty", "nothing", True)
    (nothing,) = [one for one in before_erasing(with_empty) if one["id"] == "nothing"]
    assert "Empty: it keeps its data out of backups, or has none." in nothing["text"]


def test_a_journal_of_an_earlier_version_knows_nothing_of_the_old_phone() -> None:
    fields = dict.fromkeys(("records", "files", "bytes", "chosen_files"), 0)
    lists: dict[str, Any] = {name: [] for name in ("apps", "replaces", "left_out")}
    stored = {"set": "/x", **fields, **lists, "chosen": {}, "titles": {}}
    assert from_json(ComposedSet, stored).old_phone is None


def test_an_app_is_known_by_its_id_and_only_guessed_by_its_name() -> None:
    assert known_apps().keeps(SIGNAL) == ("chats", True)
    assert known_apps().keeps("COM.Example.MegaBank") == ("bank", False)
    assert known_apps().keeps("org.example.diary") == (None, False)
    assert set(known_apps().ids.values()) | set(known_apps().words.values()) == {"chats", "codes", "bank"}


def has_a_watch(*files: tuple[str, str]) -> bool:
    look = ManifestLook()
    chooser = Chooser(Claims(load_catalogue(), {}), categories=["contacts"], on_row=look.on_row)
    for domain, path in files:
        chooser.takes(Row(file_id(domain, path), domain, path, Kind.FILE, b""), 1)
    return look.has_watch


def test_a_phone_without_a_watch_is_not_said_to_have_one() -> None:
    """A real backup has none of the folders of a watch, and still files in DeviceRegistry.state."""
    assert has_a_watch(("HomeDomain", "Library/NanoBackup/1/backup.db"))
    assert not has_a_watch(("HomeDomain", "Library/DeviceRegistry.state/activeStateMachine.plist"))
    assert not has_a_watch(("AppDomain-org.example", "Library/NanoBackup/1/backup.db"))
    if not REAL_MANIFEST.exists():
        pytest.skip("the real backup is not on this computer")
    with closing(sqlite3.connect(f"{REAL_MANIFEST.as_uri()}?mode=ro&immutable=1", uri=True)) as manifest:
        paths = manifest.execute("SELECT domain, relativePath FROM Files WHERE flags = 1").fetchall()
    assert len(paths) > 100 and not has_a_watch(*paths)


def test_many_apps_are_counted_and_all_are_in_the_data() -> None:
    apps = tuple(CarefulApp(f"org.example.game{n}", f"Game {n}", "nothing", True) for n in range(30))
    (nothing,) = [one for one in before_erasing(OldPhoneInventory(apps)) if one["found"]]
    assert "Game 11 and 18 more: they keep their data out of backups" in nothing["text"] and len(nothing["apps"]) == 30
