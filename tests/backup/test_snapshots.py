"""Places keep earlier states of a backup as hard links, and are not removed while somebody needs them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from migrate.backup.reader import Backup
from migrate.backup.snapshots.place import Place
from tests.backup.small_backup import PASSWORD, SmallBackup

UDID = "00008101-000A1B2C3D4E5F60"


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    made = SmallBackup(tmp_path / "made" / UDID, encrypted=True)
    made.add_file("HomeDomain", "Library/SMS/sms.db", b"messages")
    made.write()
    (tmp_path / f"{made.path.name}.json").write_text("{}")
    return made.path


def test_a_kept_backup_shares_its_files_and_survives_the_original(backup: Path, tmp_path: Path) -> None:
    kept = Place(tmp_path / "run" / "safety").keep(backup, tmp_path)
    manifest = backup / "Manifest.plist"
    assert kept.name == backup.name and (kept / "Manifest.plist").samefile(manifest)
    shutil.rmtree(backup)
    with Backup.open(kept, PASSWORD) as opened:
        assert sum(1 for _ in opened.records())


def test_a_place_knows_who_still_needs_it(backup: Path, tmp_path: Path) -> None:
    place = Place(tmp_path / "safety")
    place.keep(backup, tmp_path)
    assert not place.has_been_protected
    place.protect("run-a", "undo")
    place.protect("run-b", "undo")
    place.release("run-a")
    assert dict(place.protections) == {"run-b": "undo"}
    place.release("run-b")
    assert place.has_been_protected and not place.protections


def test_a_list_of_protections_that_cannot_be_read_protects(backup: Path, tmp_path: Path) -> None:
    place = Place(tmp_path / "safety")
    place.keep(backup, tmp_path)
    (place.path / "protected.json").write_text("[half")
    assert place.protections


def test_a_place_that_is_kept_anew_has_the_seal_of_the_new_backup_or_none(backup: Path, tmp_path: Path) -> None:
    place, seals = Place(tmp_path / "safety"), tmp_path / "seals"
    beside = place.path / f"{UDID}.seal"
    seals.mkdir()
    (seals / beside.name).write_text('{"of": "the first"}')
    place.keep(backup, seals)
    (seals / beside.name).unlink()
    (seals / beside.name).write_text('{"of": "the second"}')
    place.keep(backup, seals)
    assert beside.read_text() == '{"of": "the second"}'
    (seals / beside.name).unlink()
    place.keep(backup, seals)
    assert not beside.exists(), "the seal of an earlier backup"
