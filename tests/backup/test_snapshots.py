"""Places keep earlier states of a backup as hard links, and are not removed while somebody needs them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from migrate.backup.reader import Backup
from migrate.backup.snapshots.place import Place, places_below
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
    assert [place.path for place in places_below(tmp_path / "run")] == [tmp_path / "run" / "safety"]


def test_a_protected_place_is_removed_only_on_purpose(backup: Path, tmp_path: Path) -> None:
    place = Place(tmp_path / "safety")
    kept = place.keep(backup, tmp_path)
    assert not place.has_been_protected
    place.protect("run-a", "undo")
    place.protect("run-b", "undo")
    place.release("run-a")
    assert dict(place.protections) == {"run-b": "undo"}
    with pytest.raises(ValueError, match="run-b"):
        place.remove()
    assert (kept / "Manifest.plist").exists()
    place.release("run-b")
    assert place.has_been_protected and not place.protections
    place.remove()
    assert not place.path.exists() and (backup / "Manifest.plist").exists()


def test_a_list_of_protections_that_cannot_be_read_protects(backup: Path, tmp_path: Path) -> None:
    place = Place(tmp_path / "safety")
    place.keep(backup, tmp_path)
    (place.path / "protected.json").write_text("[half")
    with pytest.raises(ValueError, match="protected"):
        place.remove()
    place.remove(although_protected=True)
    assert not place.path.exists()
