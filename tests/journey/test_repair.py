"""Repairing a backup: with a phone that sends missing files, with one that sends everything, and without a phone."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import open_manifest
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, file_id
from migrate.backup.seal import find_seal, read_seal, stored_seal, write_seal
from migrate.backup.seal_draft import SealDraft
from migrate.backup.verify.run import verify
from migrate.journey.context import RunContext
from migrate.journey.home import Home
from migrate.journey.phone_session import PhoneSession
from migrate.journey.repair.repair import Repair, RepairResult
from migrate.journey.repair.workspace import RepairNote, RepairWorkspace
from migrate.journey.second_look import forget_files
from migrate.phone.muxer import UsbmuxConfig
from migrate.problems import (
    BackupNotFound,
    BackupUnfinished,
    BackupUnreadable,
    CannotRepairWithoutPhone,
    RepairNeedsRoom,
    WrongPassword,
)
from migrate.problems.finding import Finding
from tests.backup.small_backup import UDID, SmallBackup, healthy_backup
from tests.backup.test_mbdb import OldBackup, flat_name
from tests.backup.test_mbdb import fill as fill_as_ios_9
from tests.journey.moves import Person

SMS = ("HomeDomain", "Library/SMS/sms.db")
PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")
SHARED = ("AppDomainGroup-group.com.example.notes", "shared.txt")
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


def flip(path: Path) -> None:
    """Replace the file with a damaged one of the same length. Hard links to the original do not change."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    path.write_bytes(data)


def truncate(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[: len(data) // 2 // 16 * 16 + 3])


def damage(backup: SmallBackup) -> set[str]:
    """Three defects of different kinds. Returns the damaged file ids."""
    flip(backup.blob(*SMS))
    backup.blob(*PHOTO).unlink()
    truncate(backup.blob(*SHARED))
    return {file_id(*name) for name in (SMS, PHOTO, SHARED)}


def inodes(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@dataclass
class Phone:
    """A phone that makes backups as in facts 2.3, by copying from a healthy copy of the backup."""

    healthy: Path
    password: str | None
    answer: str = "fetched"
    breaks: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def is_connected(self, udid: str) -> bool:
        return True

    async def find(self, udid: str, backup: Path, damaged: int) -> str:
        self.asked.append(udid)
        return UDID

    async def back_up(self, folder: Path, seals: Path) -> tuple[Finding, ...]:
        assert folder.name == UDID
        lacking = self._lacking(None if self.answer == "full" else folder)
        if self.answer == "full":
            shutil.rmtree(folder)
            folder.mkdir()
        with SealDraft.open(seals, UDID, None, fresh=True) as draft:
            for name in lacking:
                (folder / name[:2]).mkdir(exist_ok=True)
                (folder / name[:2] / name).write_bytes((self.healthy / name[:2] / name).read_bytes())
                if self.breaks is not None:
                    raise self.breaks
            for name in ("Manifest.db", "Manifest.plist", "Info.plist", "Status.plist"):
                content = (self.healthy / name).read_bytes().replace(b"7A6E3C51", b"00000002")
                (folder / f"{name}.arriving").write_bytes(content)
                (folder / f"{name}.arriving").replace(folder / name)
            draft.finish(BackupFolder(folder))
        return ()

    def _lacking(self, folder: Path | None) -> list[str]:
        there: set[str] = set()
        if folder is not None:
            with open_manifest(BackupFolder(folder), self.password) as manifest:
                there = {row.file_id for row in manifest.rows()}
        with open_manifest(BackupFolder(self.healthy), self.password) as manifest:
            return [one.file_id for one in manifest.records() if one.kind is Kind.FILE and one.file_id not in there]


def repair(path: Path, *, home: Path, phone: Any, password: str | None) -> RepairResult:
    here = Home(home).open()
    usbmux = UsbmuxConfig("127.0.0.1:1", here.pairing, here.tmp)
    context = RunContext(here, here.tmp, usbmux, Person({"old": password}))
    session = PhoneSession(context=context, old_udid=None, old_backup=None, new_udid=None, encrypts_backups=False)
    return asyncio.run(Repair(session=session, path=path, phone=phone, clock=lambda: NOW).run())


@dataclass
class RepairCase:
    """A damaged backup, a healthy copy of it, and the folder of the seals."""

    backup: SmallBackup
    phone: Phone
    seals: Path
    damaged_ids: set[str]
    sound: dict[str, tuple[int, int]]

    def repair(self, *, with_phone: bool = True, path: Path | None = None, password: str | None = "") -> RepairResult:
        word = self.backup.password if password == "" else password
        return repair(
            path or self.backup.path, home=self.seals.parent, phone=self.phone if with_phone else None, password=word
        )

    @property
    def verdict(self) -> str:
        return verify(self.backup.path, self.backup.password, seals=self.seals).verdict

    @property
    def beside(self) -> list[str]:
        return sorted(path.name for path in self.backup.path.parent.iterdir())


@pytest.fixture(params=[True, False], ids=["encrypted", "plain"])
def small_backup(request: pytest.FixtureRequest, tmp_path: Path) -> SmallBackup:
    """One healthy backup of each kind."""
    return healthy_backup(tmp_path, encrypted=request.param)


@pytest.fixture
def repair_case(small_backup: SmallBackup, tmp_path: Path) -> RepairCase:
    healthy, seals = tmp_path / "healthy", tmp_path / "seals"
    shutil.copytree(small_backup.path, healthy)
    small_backup.seal(seals)
    damaged_ids = damage(small_backup)
    phone = Phone(healthy, small_backup.password)
    return RepairCase(small_backup, phone, seals, damaged_ids, inodes(small_backup.path))


def test_only_damaged_files_are_fetched_again(repair_case: RepairCase) -> None:
    repaired = repair_case.repair()
    assert (repaired.answer, repaired.in_place, repaired.verdict.verdict, repaired.exit_code) == (
        "fetched",
        True,
        "whole",
        0,
    )
    assert {record.file_id for record in repaired.dropped} == repair_case.damaged_ids
    assert all(record.came_back for record in repaired.dropped) and repaired.fetched.files == 3
    now = inodes(repair_case.backup.path)
    stayed = {name for name in now if "/" in name and now[name] == repair_case.sound.get(name)}
    assert {name[3:] for name in now if "/" in name and name not in stayed} == repair_case.damaged_ids
    assert repair_case.verdict == "whole" and repair_case.beside == [UDID] and repaired.kept is None


def test_a_phone_that_starts_a_full_backup_repairs_it_too(repair_case: RepairCase) -> None:
    repair_case.phone.answer = "full"
    repaired = repair_case.repair()
    assert (repaired.answer, repaired.verdict.verdict) == ("full", "whole")
    assert repaired.fetched.files == len([name for name in inodes(repair_case.backup.path) if "/" in name])
    assert repair_case.verdict == "whole" and repair_case.beside == [UDID]


def test_the_repaired_backup_is_sealed(repair_case: RepairCase) -> None:
    repair_case.repair()
    seal = read_seal(repair_case.seals, BackupFolder(repair_case.backup.path))
    assert seal is not None and seal.uuid.startswith("00000002")


def test_the_seal_of_another_backup_of_this_phone_is_kept(repair_case: RepairCase) -> None:
    """Another program's backup is repaired, while the stored seal belongs to our own backup of this phone."""
    seal = stored_seal(repair_case.seals, UDID)
    assert seal is not None
    write_seal(repair_case.seals, UDID, replace(seal, uuid="99999999-0000-0000-0000-000000000000"))
    mine = find_seal(repair_case.seals, UDID)
    before = mine.read_bytes()
    flip(repair_case.backup.blob("HomeDomain", "Library/Preferences/com.apple.springboard.plist"))
    repair_case.repair()
    assert mine.read_bytes() == before and repair_case.beside == [UDID]


def test_an_undamaged_backup_is_not_changed(small_backup: SmallBackup, tmp_path: Path) -> None:
    phone = Phone(small_backup.path, small_backup.password)
    before = inodes(small_backup.path)
    repaired = RepairCase(small_backup, phone, tmp_path / "seals", set(), before).repair()
    assert (repaired.answer, repaired.exit_code, phone.asked) == ("nothing", 0, [])
    assert inodes(small_backup.path) == before


@pytest.mark.parametrize("readable", [True, False], ids=["the phone reads it now", "the phone still cannot read it"])
def test_a_file_that_the_phone_could_not_read_is_asked_for_again(
    small_backup: SmallBackup, tmp_path: Path, readable: bool
) -> None:
    """A phone sends a file once: while it has a row, every later backup leaves it as it came."""
    healthy, seals, unread = tmp_path / "healthy", tmp_path / "seals", file_id(*PHOTO)
    shutil.copytree(small_backup.path, healthy)
    small_backup.seal(seals)
    truncate(small_backup.blob(*PHOTO))
    with SealDraft.open(seals, UDID, read_seal(seals, BackupFolder(small_backup.path))) as draft:
        draft.mark_unreadable(unread, "Input/output error (5)")
        draft.finish(BackupFolder(small_backup.path))
    before = inodes(small_backup.path)
    if not readable:
        forget_files(healthy, small_backup.password, {unread})
    phone = Phone(healthy, small_backup.password)
    case = RepairCase(small_backup, phone, seals, {unread}, before)
    repaired = case.repair()
    assert repaired.exit_code == 0 and phone.asked == [UDID]
    if readable:
        assert (repaired.answer, [one.came_back for one in repaired.dropped]) == ("fetched", [True])
        assert case.beside == [UDID]
        assert small_backup.blob(*PHOTO).read_bytes() == (healthy / unread[:2] / unread).read_bytes()
    else:
        assert (repaired.answer, repaired.dropped) == ("nothing", ())
        assert inodes(small_backup.path) == before and case.beside == [UDID]


def test_without_its_phone_nothing_is_asked_for_again(small_backup: SmallBackup, tmp_path: Path) -> None:
    seals = tmp_path / "seals"
    small_backup.seal(seals)
    with SealDraft.open(seals, UDID, read_seal(seals, BackupFolder(small_backup.path))) as draft:
        draft.mark_unreadable(file_id(*PHOTO), "Input/output error (5)")
        draft.finish(BackupFolder(small_backup.path))
    repaired = repair(small_backup.path, home=seals.parent, phone=None, password=small_backup.password)
    assert (repaired.answer, repaired.exit_code) == ("nothing", 0)


# -- without the phone -------------------------------------------------------------------------------------------------


def test_without_the_phone_the_damaged_files_are_left_out_and_named(repair_case: RepairCase) -> None:
    repaired = repair_case.repair(with_phone=False)
    assert (repaired.answer, repaired.verdict.verdict, repaired.exit_code) == ("without-phone", "whole", 0)
    lost = {finding.file_id for finding in repaired.verdict.findings if finding.code == "heal-lost"}
    assert lost == repair_case.damaged_ids == {record.file_id for record in repaired.dropped if not record.came_back}
    with Backup.open(repair_case.backup.path, repair_case.backup.password) as opened:
        records = {(record.domain, record.relative_path): record for record in opened.records()}
        assert {name for name in repair_case.backup.records if name not in records} == {SMS, PHOTO, SHARED}
        for name, record in records.items():
            assert record == repair_case.backup.records[name]
            if record.kind is Kind.FILE:
                assert b"".join(opened.chunks(record)) == repair_case.backup.contents[name]
    assert repair_case.verdict == "whole"


def test_without_the_phone_the_original_backup_is_kept_too(repair_case: RepairCase) -> None:
    repaired = repair_case.repair(with_phone=False)
    assert repaired.kept is not None and repaired.kept.name == f"{UDID}-20260506-070809"
    assert inodes(repaired.kept) == repair_case.sound, "not a byte of it was touched"
    assert repair_case.beside == [UDID, repaired.kept.name]


def test_a_damaged_database_is_dropped_with_its_log(repair_case: RepairCase) -> None:
    """A log is useless without its database, and would corrupt another database in its place."""
    name = ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb")
    flip(repair_case.backup.blob(*name))
    repaired = repair_case.repair(with_phone=False)
    gone = {record.relative_path for record in repaired.dropped if "AddressBook" in record.relative_path}
    assert gone == {name[1], f"{name[1]}-wal", f"{name[1]}-shm"}
    assert not repair_case.backup.blob(name[0], f"{name[1]}-wal").exists()


def test_files_the_phone_no_longer_has_are_named_and_the_old_backup_is_kept(repair_case: RepairCase) -> None:
    with open_manifest(BackupFolder(repair_case.phone.healthy), repair_case.backup.password):
        pass
    twin = SmallBackup.__new__(SmallBackup)
    twin.__dict__.update(
        repair_case.backup.__dict__, path=repair_case.phone.healthy, records=dict(repair_case.backup.records)
    )
    del twin.records[PHOTO]
    twin.blob(*PHOTO).unlink()
    twin.write()
    repaired = repair_case.repair()
    assert [record.relative_path for record in repaired.dropped if not record.came_back] == [PHOTO[1]]
    assert (
        repaired.verdict.verdict == "whole" and repaired.kept is not None and inodes(repaired.kept) == repair_case.sound
    )
    assert [one.relative_path for one in repaired.verdict.findings if one.code == "heal-lost"] == [PHOTO[1]]


def test_defects_outside_of_files_need_the_phone(repair_case: RepairCase) -> None:
    (repair_case.backup.path / "Info.plist").unlink()
    with pytest.raises(CannotRepairWithoutPhone):
        repair_case.repair(with_phone=False)
    assert repair_case.repair().verdict.verdict == "whole" and repair_case.verdict == "whole"


def test_an_unreadable_manifest_needs_a_full_backup(repair_case: RepairCase) -> None:
    database = repair_case.backup.path / "Manifest.db"
    database.write_bytes(database.read_bytes()[:1003])
    with pytest.raises(BackupUnreadable):
        repair_case.repair(with_phone=False)
    repair_case.phone.answer = "full"
    assert repair_case.repair().verdict.verdict == "whole" and repair_case.verdict == "whole"


# -- what stops a repair -----------------------------------------------------------------------------------------------


def test_an_unfinished_backup_is_not_repaired(repair_case: RepairCase) -> None:
    repair_case.backup.write_plist("Status.plist", repair_case.backup.status(SnapshotState="uploading"))
    with pytest.raises(BackupUnfinished):
        repair_case.repair()


def test_a_wrong_password_changes_nothing(repair_case: RepairCase) -> None:
    if not repair_case.backup.encrypted:
        pytest.skip("there is no password to be wrong")
    with pytest.raises(WrongPassword):
        repair_case.repair(password="wrong")
    assert inodes(repair_case.backup.path) == repair_case.sound and repair_case.beside == [UDID]


def test_too_little_space_is_reported_before_anything_is_done(
    repair_case: RepairCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(repair_case.seals)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=0x8000000))
    with pytest.raises(RepairNeedsRoom) as refused:
        repair_case.repair()
    assert refused.value.exit_code == 33 and refused.value.needed_bytes > 0x8000000
    assert inodes(repair_case.backup.path) == repair_case.sound and repair_case.beside == [UDID]
    assert repair_case.repair(with_phone=False).verdict.verdict == "whole", "links need no room"


def test_a_phone_that_sends_damaged_data_changes_nothing(repair_case: RepairCase) -> None:
    """A damaged clone does not replace the backup."""
    (repair_case.phone.healthy / "Info.plist").write_bytes(b"garbage")
    repaired = repair_case.repair()
    assert (repaired.in_place, repaired.verdict.verdict, repaired.exit_code) == (False, "damaged", 30)
    assert inodes(repair_case.backup.path) == repair_case.sound and repair_case.beside == [UDID]


def test_a_cable_pulled_during_repair_leaves_the_clone_for_the_next_attempt(repair_case: RepairCase) -> None:
    repair_case.phone.breaks = ConnectionError("the cable")
    with pytest.raises(ConnectionError):
        repair_case.repair()
    assert inodes(repair_case.backup.path) == repair_case.sound
    clone = RepairWorkspace(repair_case.backup.path).clone(UDID)
    first = inodes(clone)
    repair_case.phone.breaks = None
    assert repair_case.repair().verdict.verdict == "whole"
    now = inodes(repair_case.backup.path)
    assert all(now[name] == about for name, about in first.items() if name[3:] in now and "/" in name)
    assert repair_case.beside == [UDID]


def test_a_clone_of_another_backup_is_discarded(repair_case: RepairCase) -> None:
    place = RepairWorkspace(repair_case.backup.path)
    place.begin(UDID).mkdir()
    place.note = RepairNote(udid=UDID, stamp=("another", "backup"), dropped=())
    assert repair_case.repair().verdict.verdict == "whole" and repair_case.beside == [UDID]


def test_stray_files_are_not_copied(repair_case: RepairCase) -> None:
    (repair_case.backup.path / "ab").mkdir(exist_ok=True)
    (repair_case.backup.path / "ab" / ("ab" + "0" * 38)).write_bytes(b"stray")
    (repair_case.backup.path / "thumbs").symlink_to("/etc")
    repaired = repair_case.repair(with_phone=False)
    assert repaired.verdict.verdict == "whole"
    assert not {finding.code for finding in repaired.verdict.findings} & {"stray-file", "foreign-entry"}


# -- killed at any point -----------------------------------------------------------------------------------------------

EVENTS = frozenset(("os.rename", "os.remove", "os.rmdir", "os.link", "os.mkdir", "open", "os.symlink"))


def run_and_kill_at(step: int, work: Callable[[], object], root: Path) -> bool:
    """Run `work` in a child process that exits just before its `step`th change to the disk.

    Returns True if it exited there, False if it finished first.
    """
    child = os.fork()
    if not child:
        count = 0

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal count
            if event not in EVENTS or not str(arguments[0]).startswith(str(root)):
                return
            if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
                return
            count += 1
            if count == step:
                os._exit(77)

        sys.addaudithook(hook)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 77), f"the child ended with {code}"
    return code == 77


def kill_at_each_change(
    repair_case: RepairCase, work: Callable[[], object], tmp_path: Path, every: int
) -> Iterator[int]:
    """Kill `work` before each of its changes to the disk, from a fresh copy of the damaged backup each time."""
    parent = repair_case.backup.path.parent
    pristine, seals = tmp_path / "pristine", tmp_path / "pristine-seals"
    shutil.copytree(parent, pristine)
    shutil.copytree(repair_case.seals, seals)
    step = 1
    while True:
        for now, before in ((parent, pristine), (repair_case.seals, seals)):
            shutil.rmtree(now)
            shutil.copytree(before, now)
        if not run_and_kill_at(step, work, parent):
            return
        yield step
        step += every


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a child process")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("with_phone", [True, False], ids=["with-phone", "without-phone"])
def test_a_repair_killed_at_any_point_keeps_a_backup_and_can_be_repeated(tmp_path: Path, with_phone: bool) -> None:
    backup = SmallBackup(tmp_path / "backups" / UDID, encrypted=False)
    for name in (SMS, PHOTO, SHARED, ("HomeDomain", "Library/Preferences/sound.plist")):
        backup.add_file(*name, b"some content of a file" * 30)
    backup.write()
    healthy, seals = tmp_path / "healthy", tmp_path / "seals"
    shutil.copytree(backup.path, healthy)
    backup.seal(seals)
    case = RepairCase(backup, Phone(healthy, None), seals, damage(backup), {})
    place = RepairWorkspace(backup.path)
    kill_count = between_count = 0
    for _ in kill_at_each_change(case, lambda: case.repair(with_phone=with_phone), tmp_path, every=1):
        kill_count += 1
        backups = [path for path in (backup.path, place.before) if (path / "Manifest.db").exists()]
        assert backups, "one backup always exists"
        verdicts = {verify(path, None, seals=None).verdict for path in backups}
        if not backup.path.exists():
            between_count += 1
            assert verify(place.clone(UDID), None, seals=None).verdict == "whole"
        assert verdicts & {"whole", "damaged"}
        case.repair(with_phone=with_phone)
        assert case.verdict == "whole"
        assert not place.folder.exists()
        kept = [name for name in case.beside if name != UDID]
        assert len(kept) == (0 if with_phone else 1), "the original is kept if files were lost"
    assert kill_count > 20 and between_count >= 1


def test_a_new_backup_between_the_two_renames_is_kept_with_the_old_one(repair_case: RepairCase) -> None:
    place = RepairWorkspace(repair_case.backup.path)
    clone = place.begin(UDID)
    shutil.copytree(repair_case.phone.healthy, clone)
    place.note = RepairNote(udid=UDID, stamp=("a", "b"), dropped=())
    repair_case.backup.path.rename(place.before)
    shutil.copytree(repair_case.phone.healthy, repair_case.backup.path)
    assert repair_case.repair().answer == "nothing"
    assert repair_case.beside == [UDID, f"{UDID}-20260506-070809"]
    assert inodes(repair_case.backup.path.parent / f"{UDID}-20260506-070809") == repair_case.sound


def test_if_the_clone_disappears_the_backup_is_moved_back(repair_case: RepairCase) -> None:
    place = RepairWorkspace(repair_case.backup.path)
    place.begin(UDID)
    place.note = RepairNote(udid=UDID, stamp=("a", "b"), dropped=())
    repair_case.backup.path.rename(place.before)
    assert repair_case.repair(path=repair_case.backup.path.parent).verdict.verdict == "whole"
    assert repair_case.beside == [UDID]


def test_a_missing_backup_is_reported(tmp_path: Path) -> None:
    with pytest.raises(BackupNotFound):
        repair(tmp_path, home=tmp_path, phone=None, password=None)


def test_the_repaired_manifest_is_valid_and_has_the_same_key(tmp_path: Path) -> None:
    backup = healthy_backup(tmp_path)
    damaged_ids = damage(backup)
    case = RepairCase(backup, Phone(tmp_path, backup.password), tmp_path / "seals", damaged_ids, {})
    plist = (backup.path / "Manifest.plist").read_bytes()
    case.repair(with_phone=False)
    assert (backup.path / "Manifest.plist").read_bytes() == plist, "keybag and ManifestKey stay"
    from migrate.backup.crypto.cipher import decrypted_chunks

    database = b"".join(decrypted_chunks([(backup.path / "Manifest.db").read_bytes()], backup.manifest_key))
    connection = sqlite3.connect(":memory:")
    connection.deserialize(database.replace(b"\x02\x02", b"\x01\x01", 1))
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT count(*) FROM Files").fetchone() == (len(backup.records) - 3,)
    connection.close()


def test_an_ios_9_backup_is_repaired_without_its_phone(tmp_path: Path) -> None:
    path = tmp_path / "ios9"
    path.mkdir()
    old = fill_as_ios_9(OldBackup(path)).write()
    (path / flat_name("HomeDomain", "Library/note.txt")).unlink()
    records = (path / "Manifest.mbdb").read_bytes()
    repaired = repair(path, home=tmp_path, phone=None, password=None)
    assert repaired.in_place and [record.relative_path for record in repaired.dropped] == ["Library/note.txt"]
    now = (path / "Manifest.mbdb").read_bytes()
    gone = next(entry for entry in old.entries if b"Library/note.txt" in entry)
    assert now == records.replace(gone, b"") and verify(path, None, seals=None).verdict == "whole"
