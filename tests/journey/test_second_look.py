"""Files that a phone could not read, or that were cut on their way: asked for again, and named if it does not help."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.reader import Backup
from migrate.backup.record import file_id
from migrate.backup.seal import read_seal
from migrate.journey.run import run
from migrate.problems import ChosenFilesDamaged, ChosenFilesUnreadable
from migrate.simulator.contents import ContentsSpec
from migrate.simulator.device.simulated_user import SimulatedUser
from tests.journey.moves import OLD, PASSWORD, Lab, a_phone

MakeLab = Callable[..., Lab]
PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")
FEW = ContentsSpec(empty=True)
PHOTO_BYTES = b"\xff\xd8 a picture \xff\xd9" * 700
PHOTOS: dict[str, Any] = {"categories": ["photos"]}


def lab_with(make_lab: MakeLab, *, encrypted: bool, **faults: Any) -> Lab:
    old = a_phone(OLD, "Ada's old iPhone", "18.5", FEW, 1, backup_password=PASSWORD if encrypted else None)
    old.keybag_rounds = 10
    old.files.add_file(*PHOTO, PHOTO_BYTES)
    old.files.add_file("HomeDomain", "Library/AddressBook/notes.txt", b"kept")
    for name, value in faults.items():
        setattr(old.faults, name, value)
    return make_lab(old=old)


def saved(lab: Lab, move: dict[str, Any], *, encrypted: bool) -> None:
    """Back up and verify the old phone, and compose the set."""
    plan = lab.plan(move=move, backup={"encrypted": encrypted}, new_phone={"is": "erased"}, safety={"prove": False})
    asyncio.run(run(plan, lab.context(), stop_after="compose"))


def photo_in(lab: Lab, *, encrypted: bool) -> bytes:
    with Backup.open(lab.home.working_backup(OLD), PASSWORD if encrypted else None) as backup:
        record = next(record for record in backup.records() if (record.domain, record.relative_path) == PHOTO)
        return b"".join(backup.chunks(record))


def seal_of(lab: Lab) -> Any:
    return read_seal(lab.home.seals, BackupFolder(lab.home.working_backup(OLD)))


@pytest.mark.parametrize(
    ("encrypted", "lost"),
    [
        (True, 32),
        *(pytest.param(*case, marks=pytest.mark.soak) for case in ((False, 100), (False, -7), (True, 5), (True, -160))),
    ],
)
def test_a_file_that_was_cut_on_its_way_is_asked_for_again(make_lab: MakeLab, encrypted: bool, lost: int) -> None:
    lab = lab_with(make_lab, encrypted=encrypted, cut_in_transit_once={"/".join(PHOTO): lost})
    saved(lab, PHOTOS, encrypted=encrypted)
    assert lab.old.faults.cut_in_transit_once == {}, "nothing was cut"
    assert photo_in(lab, encrypted=encrypted) == PHOTO_BYTES
    assert [code for code in lab.codes() if code.startswith(("file-", "damaged", "size", "form"))] == []
    blob = BackupFolder(lab.home.working_backup(OLD)).blob(file_id(*PHOTO))
    assert seal_of(lab).digests[file_id(*PHOTO)] == hashlib.sha256(blob.read_bytes()).hexdigest()
    assert not list(lab.home.backups.glob(".*forgetting*"))


@pytest.mark.parametrize(("encrypted", "lost"), [(False, 100), pytest.param(True, 32, marks=pytest.mark.soak)])
def test_a_file_cut_twice_is_named_and_stops_a_move_that_wants_it(
    make_lab: MakeLab, encrypted: bool, lost: int
) -> None:
    lab = lab_with(make_lab, encrypted=encrypted, cut_in_transit={"/".join(PHOTO): lost})
    with pytest.raises(ChosenFilesDamaged) as stopped:
        saved(lab, PHOTOS, encrypted=encrypted)
    assert stopped.value.exit_code == 35 and "IMG_0001.JPG" in stopped.value.what
    assert {"file-damaged-in-transit", "damaged-in-transit"} <= set(lab.codes("warning"))
    assert seal_of(lab).in_transit == {file_id(*PHOTO)} and file_id(*PHOTO) not in seal_of(lab).digests

    lab.old.faults.cut_in_transit.clear()  # another cable
    resume_until_composed(lab)
    assert photo_in(lab, encrypted=encrypted) == PHOTO_BYTES and seal_of(lab).in_transit == frozenset()


def resume_until_composed(lab: Lab) -> None:
    lab.resume()
    assert "compose" in lab.steps


def test_a_file_cut_twice_does_not_stop_a_move_that_does_not_want_it(make_lab: MakeLab) -> None:
    lab = lab_with(make_lab, encrypted=False, cut_in_transit={"/".join(PHOTO): 100})
    saved(lab, {"categories": ["contacts"]}, encrypted=False)
    assert "damaged-in-transit" in lab.codes("warning") and "compose" in lab.steps


@pytest.mark.parametrize("encrypted", [pytest.param(False, marks=pytest.mark.soak), True])
def test_a_file_that_stopped_being_readable_halfway_is_fetched_again_by_the_next_backup(
    make_lab: MakeLab, encrypted: bool
) -> None:
    """By a phone that takes a file as saved once something of it is stored."""
    lab = lab_with(make_lab, encrypted=encrypted, unreadable={"/".join(PHOTO): "Input/output error (5)"})
    lab.old.assume.unreadable_files = "as-they-are"
    with pytest.raises(ChosenFilesUnreadable) as stopped:
        saved(lab, PHOTOS, encrypted=encrypted)
    assert "IMG_0001.JPG" in stopped.value.what and "file-unreadable" in lab.codes("warning")
    with pytest.raises(ChosenFilesUnreadable):
        lab.resume()
    lab.old.faults.unreadable.clear()  # it was restarted
    resume_until_composed(lab)
    assert photo_in(lab, encrypted=encrypted) == PHOTO_BYTES and seal_of(lab).unreadable == {}


def test_a_file_that_could_be_read_the_second_time_is_whole(make_lab: MakeLab) -> None:
    lab = lab_with(make_lab, encrypted=False, unreadable_once={"/".join(PHOTO): "Input/output error (5)"})
    lab.old.assume.unreadable_files = "as-they-are"
    saved(lab, PHOTOS, encrypted=False)
    assert photo_in(lab, encrypted=False) == PHOTO_BYTES and "file-unreadable" not in lab.codes()


def test_the_one_file_that_no_phone_can_read_is_not_asked_for_twice(make_lab: MakeLab) -> None:
    """Each question costs the person a passcode."""
    path = "Library/Application Support/FileProvider/backup/backup_manifest.db"
    lab = lab_with(make_lab, encrypted=False, unreadable={f"HomeDomain/{path}": "Input/output error (5)"})
    lab.old.files.add_file("HomeDomain", path, b"SQLite format 3\0")
    lab.old.simulated_user = SimulatedUser(setup_delay_s=0.0)
    saved(lab, PHOTOS, encrypted=False)
    first = BackupFolder(lab.home.working_backup(OLD)).status_uuid
    assert lab.codes("info").count("file-unreadable") == 1 and "file-unreadable" not in lab.codes("warning")
    saved(lab, PHOTOS, encrypted=False)
    assert BackupFolder(lab.home.working_backup(OLD)).status_uuid != first
    with Backup.open(lab.home.working_backup(OLD), None) as backup:
        assert path in {record.relative_path for record in backup.records()}, "its row was never taken out"
