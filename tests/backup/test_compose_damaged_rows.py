"""Damaged rows and rows with another file's id: never in a restore set, and never left out in silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.record import file_id
from migrate.problems import RestoreWouldDelete
from tests.backup.small_backup import SmallBackup, healthy_backup
from tests.backup.test_compose import LEVEL, contents, ids, make_set
from tests.backup.test_compose_graft import MESSAGES, OWN_PHOTO, NewPhone, graft, new_phone

PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")


@pytest.fixture
def old(tmp_path: Path) -> SmallBackup:
    return healthy_backup(tmp_path, encrypted=False, name="old")


@pytest.fixture
def new(tmp_path: Path) -> NewPhone:
    return new_phone(tmp_path / "backups")


def test_a_chosen_row_with_the_id_of_another_file_is_left_out_and_named(small_backup: Any, tmp_path: Path) -> None:
    """It would bring the photo's bytes under the game's name."""
    photo = small_backup.records.pop(PHOTO)
    small_backup.records[LEVEL] = replace(small_backup.records[LEVEL], file_id=photo.file_id)
    small_backup.write_manifest()
    made = make_set(small_backup, tmp_path / "set", ids(small_backup, LEVEL))
    (dropped,) = made.dropped
    assert (dropped.domain, dropped.relative_path) == LEVEL and "another file's id" in dropped.reason
    assert not {LEVEL, PHOTO} & contents(made.path, small_backup.password).keys()


def test_a_chosen_row_that_is_damaged_is_left_out_and_named(small_backup: Any, tmp_path: Path) -> None:
    small_backup.bad_archives[LEVEL] = b"no archive"
    small_backup.write_manifest()
    made = make_set(small_backup, tmp_path / "set", ids(small_backup, LEVEL))
    (dropped,) = made.dropped
    assert (dropped.domain, dropped.relative_path) == LEVEL and "its row is damaged" in dropped.reason


def test_a_damaged_row_of_the_new_phones_own_backup_stops_the_graft(
    old: SmallBackup, new: NewPhone, tmp_path: Path
) -> None:
    """A set without it would delete the photo from the new phone."""
    new.bad_archives[OWN_PHOTO] = b"no archive"
    new.write_manifest()
    with pytest.raises(RestoreWouldDelete) as refused:
        graft(old, new, tmp_path / "set", MESSAGES)
    assert refused.value.relative_path == OWN_PHOTO[1] and "its row is damaged" in refused.value.why
    assert not list(tmp_path.glob("set/*"))


def test_a_row_of_the_new_phones_own_backup_with_another_files_id_stops_the_graft(
    old: SmallBackup, new: NewPhone, tmp_path: Path
) -> None:
    strange = file_id("CameraRollDomain", "another")
    new.records[OWN_PHOTO] = replace(new.records[OWN_PHOTO], file_id=strange)
    blob = new.blob(*OWN_PHOTO)
    place = new.path / strange[:2] / strange
    place.parent.mkdir(exist_ok=True)
    blob.rename(place)
    new.write_manifest()
    with pytest.raises(RestoreWouldDelete) as refused:
        graft(old, new, tmp_path / "set", MESSAGES)
    assert refused.value.relative_path == OWN_PHOTO[1] and "another file's id" in refused.value.why
