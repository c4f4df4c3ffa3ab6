"""Back up simulated iPhones over real sockets, with every kind of interruption."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import plistlib
import shutil
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.reader import Backup
from migrate.backup.seal import read_seal
from migrate.backup.seal_draft import SealDraft
from migrate.backup.verify.run import verify
from migrate.problems import (
    AnotherProgramSyncing,
    BackupDiskFull,
    CancelledOnPhone,
    CannotWriteHere,
    PasscodeNotEntered,
    PasscodeWaitOver,
    PhoneLocked,
    PhoneLost,
    PhoneSilent,
    SetupUnfinished,
    WrongPhonePassword,
)
from migrate.simulator.device.simulated_user import SimulatedUser

UDID = "00008110-000A1B2C3D4E5F60"
PHOTO = "CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"


def contents(folder: Path, password: str | None = None) -> dict[str, str]:
    """The files that a backup reader finds, in the form of `Filesystem.digests`."""
    backup = Backup.open(folder, password)
    return {
        f"{record.domain}/{record.relative_path}": hashlib.sha256(b"".join(backup.chunks(record))).hexdigest()
        for record in backup.records()
        if record.kind == 1
    }


def files_of(phone: Any) -> dict[str, str]:
    return {path: digest for path, digest in phone.files.digests().items() if len(digest) == 64}


def is_whole(home: Any, phone: Any, password: str | None = None) -> bool:
    verdict = verify(home.folder(phone), password, seals=home.seals)
    assert [finding for finding in verdict.findings if finding.severity == "error"] == []
    return verdict.verdict == "whole"


@pytest.fixture(scope="module")
def saved(attach_for_module: Any, a_phone: Any) -> Any:
    """A phone with a passcode, backed up once: (host, phone, report)."""
    phone = a_phone(passcode="1234")
    phone.afc_files["/iTunes_Control/iTunes/iTunesPrefs"] = b"prefs"
    phone.faults.frame_sizes = (1, 4096, 300_000, 17)
    home = attach_for_module(phone)
    return home, phone, asyncio.run(home.back_up(phone))


def test_a_first_backup_contains_what_is_on_the_phone(saved: Any) -> None:
    home, phone, report = saved
    folder = home.folder(phone)
    assert contents(folder) == files_of(phone)
    assert is_whole(home, phone)
    assert report.unreadable == ()
    assert report.bytes_received == home.progress.bytes[-1][0] > 380_000
    assert report.files_received == home.progress.files[-1]
    assert home.progress.asked == home.progress.done == ["enter-passcode"]
    assert home.progress.findings == []
    assert sorted(path.name for path in folder.parent.iterdir()) == [UDID]
    assert list(home.usbmux.tmp.iterdir()) == []


def test_the_seal_knows_every_blob_and_the_apps_groups(saved: Any) -> None:
    home, phone, _ = saved
    seal = read_seal(home.seals, BackupFolder(home.folder(phone)))
    assert seal is not None
    blobs = {path.name: path for path in home.folder(phone).glob("??/*")}
    assert seal.digests == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in blobs.items()}
    assert seal.app_groups == {"org.example.chat": ["group.org.example"]}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_backup_is_private(saved: Any) -> None:
    home, phone, _ = saved
    for path in [home.folder(phone), *home.folder(phone).rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_the_info_plist_has_the_keys_that_other_programs_need(saved: Any) -> None:
    home, phone, _ = saved
    info = plistlib.loads((home.folder(phone) / "Info.plist").read_bytes())
    assert info["Unique Identifier"] == UDID.upper()
    assert info["Target Identifier"] == UDID
    assert info["Target Type"] == "Device"
    assert info["Device Name"] == info["Display Name"] == "Anna's iPhone"
    assert info["Product Version"] == phone.ios_version
    assert info["Build Version"] == phone.build
    assert info["Serial Number"] == phone.serial
    assert info["Last Backup Date"].year >= 2024
    assert len(info["GUID"]) == 32
    assert int(info["GUID"], 16)
    assert info["Installed Applications"] == ["org.example.chat"]
    assert set(info["Applications"]["org.example.chat"]) >= {"ApplicationSINF", "iTunesMetadata"}
    assert info["iTunes Files"] == {"iTunesPrefs": b"prefs"}


def test_a_second_backup_transfers_only_changes(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach(phone)
    first = asyncio.run(home.back_up(phone))
    phone.files.add_file("HomeDomain", "Library/SMS/sms.db", b"SQLite format 3\0" + b"new" * 100)
    phone.files.remove("AppDomain-org.example.chat", "Documents/größe.txt")
    second = asyncio.run(home.back_up(phone))
    assert second.bytes_received < first.bytes_received - 300_000
    assert contents(home.folder(phone)) == files_of(phone)
    assert is_whole(home, phone)


def test_an_encrypted_backup_opens_with_its_password_and_has_no_plain_file(attach: Any, a_phone: Any) -> None:
    phone = a_phone(backup_password="correct-horse-1947", passcode="1234")
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    folder = home.folder(phone)
    assert BackupFolder(folder).is_encrypted
    assert contents(folder, "correct-horse-1947") == files_of(phone)
    assert is_whole(home, phone, "correct-horse-1947")
    photo = phone.files.get(*PHOTO.split("/", 1))
    assert all(b"".join(photo.content.chunks())[:64] not in path.read_bytes() for path in folder.glob("??/*"))


def test_a_fresh_backup_keeps_the_old_one_until_it_is_complete(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach(phone)
    first = asyncio.run(home.back_up(phone))
    before = BackupFolder(home.folder(phone)).status_uuid
    again = asyncio.run(home.back_up(phone, begin="fresh"))
    assert again.bytes_received >= first.bytes_received - 1000
    assert BackupFolder(home.folder(phone)).status_uuid != before
    assert is_whole(home, phone)
    assert [path.name for path in home.folder(phone).parent.iterdir()] == [UDID]


# -- interrupted -----------------------------------------------------------------------------------------------------


def add_recordings(phone: Any) -> None:
    """1.2 MB in 300 files, so that a backup can be interrupted after some of them."""
    for number in range(300):
        phone.files.add_file("MediaDomain", f"Media/Recordings/{number}.m4a", bytes([number % 251]) * 4000)


def assert_every_file_is_sealed(home: Any, phone: Any) -> None:
    seal = read_seal(home.seals, BackupFolder(home.folder(phone)))
    assert seal is not None
    assert set(seal.digests) == {path.name for path in home.folder(phone).glob("??/*")}


@pytest.mark.parametrize(("after_bytes", "password"), [(12_000, None), (60_000, "secret"), (430_000, None)])
def test_a_backup_resumes_after_the_cable_was_pulled(
    attach: Any, a_phone: Any, after_bytes: int, password: str | None
) -> None:
    phone = a_phone(backup_password=password)
    home = attach(phone)
    phone.faults.drop_save_after_bytes = after_bytes
    with pytest.raises(PhoneLost) as caught:
        asyncio.run(home.back_up(phone))
    assert caught.value.exit_code == 23
    assert phone.faults.drop_save_after_bytes is None, "the cable was never pulled"
    asyncio.run(home.back_up(phone))
    assert contents(home.folder(phone), password) == files_of(phone)
    assert is_whole(home, phone, password)
    assert_every_file_is_sealed(home, phone)


def test_a_file_whose_hash_was_lost_with_the_process_is_sent_again(attach: Any, a_phone: Any) -> None:
    """It is written before it is hashed. Killed in between, the backup kept a file that nothing could be held to."""
    phone = a_phone()
    add_recordings(phone)
    home = attach(phone)
    phone.faults.drop_save_after_bytes = 900_000
    with pytest.raises(PhoneLost):
        asyncio.run(home.back_up(phone))
    (draft,) = home.seals.glob("*.draft.ndjson")
    lines = draft.read_bytes().splitlines(keepends=True)
    lost = json.loads(lines[-1])["blob"]
    assert (home.folder(phone) / "Snapshot" / lost[:2] / lost).is_file()
    draft.write_bytes(b"".join(lines[:-2]))
    asyncio.run(home.back_up(phone))
    assert is_whole(home, phone)
    assert_every_file_is_sealed(home, phone)


def test_files_received_before_the_cable_was_pulled_are_not_sent_again(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    add_recordings(phone)
    home = attach(phone)
    phone.faults.drop_save_after_bytes = 1_200_000
    with pytest.raises(PhoneLost):
        asyncio.run(home.back_up(phone))
    report = asyncio.run(home.back_up(phone))
    assert report.bytes_received < 1_100_000  # of 1.6 million
    assert is_whole(home, phone)


def test_an_interrupted_incremental_backup_keeps_the_existing_seal(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    for number in range(200):
        phone.files.add_file("MediaDomain", f"Media/Recordings/{number}.m4a", bytes([number % 251]) * 2000)
    phone.faults.drop_save_after_bytes = 300_000
    with pytest.raises(PhoneLost):
        asyncio.run(home.back_up(phone))
    asyncio.run(home.back_up(phone))
    assert_every_file_is_sealed(home, phone)
    assert is_whole(home, phone)


def test_a_backup_killed_before_sealing_is_sealed_by_the_next_one(
    attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = a_phone()
    home = attach(phone)

    class Killed(Exception): ...

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(SealDraft, "finish", killed)
        with pytest.raises(Killed):
            asyncio.run(home.back_up(phone))
    assert BackupFolder(home.folder(phone)).is_finished
    asyncio.run(home.back_up(phone))
    assert_every_file_is_sealed(home, phone)


def test_ctrl_c_leaves_no_thread_and_a_backup_that_can_be_resumed(attach: Any, a_phone: Any) -> None:
    phone = a_phone(passcode="1234", simulated_user=SimulatedUser(passcode="wait"))
    home = attach(phone)

    class UntilAsked(type(home.progress)):  # type: ignore[misc]
        def person_needed(self, name: str, action: Any) -> None:
            super().person_needed(name, action)
            asked.set()

    asked = threading.Event()
    home.progress = UntilAsked()

    async def story() -> None:
        saving = asyncio.create_task(home.back_up(phone))
        await asyncio.to_thread(asked.wait, 5)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving

    asyncio.run(story())
    ours = ("device-link", "backup-writer", "backup-hasher")
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith(ours)] == []
    assert home.progress.done == ["enter-passcode"]
    phone.simulated_user = SimulatedUser()
    asyncio.run(home.back_up(phone))
    assert is_whole(home, phone)


def test_waiting_for_the_passcode_ends_after_the_given_time(attach: Any, a_phone: Any) -> None:
    phone = a_phone(passcode="1234", simulated_user=SimulatedUser(passcode="wait"))
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone) as met:
            met._connection.wait_s = 0.1
            await met.back_up(home.folder(phone), seals=home.seals, progress=home.progress)

    with pytest.raises(PasscodeWaitOver) as caught:
        asyncio.run(story())
    assert caught.value.exit_code == 50 and home.progress.done == ["enter-passcode"]
    phone.simulated_user = SimulatedUser()
    asyncio.run(home.back_up(phone))
    assert is_whole(home, phone)


def test_cancel_on_the_phone_ends_the_backup(attach: Any, a_phone: Any) -> None:
    phone = a_phone(passcode="1234", simulated_user=SimulatedUser(passcode="wait"))
    home = attach(phone)

    class Canceller(type(home.progress)):  # type: ignore[misc]
        def person_needed(self, name: str, action: Any) -> None:
            phone.post("com.apple.itunes-client.syncCancelRequest")

    home.progress = Canceller()
    with pytest.raises(CancelledOnPhone) as caught:
        asyncio.run(home.back_up(phone))
    assert caught.value.exit_code == 50


def test_a_session_dropped_after_plugging_in_is_tried_again(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    phone.faults.drop_sessions = 2
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    assert sum(home.time.slept) == pytest.approx(20, abs=2), "ten seconds before each, counted down"
    assert is_whole(home, phone)


def test_a_phone_that_drops_every_session_is_lost(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    phone.faults.drop_sessions = 3
    with pytest.raises(PhoneLost):
        asyncio.run(attach(phone).back_up(phone))


def test_a_phone_that_goes_silent_is_not_reported_as_lost(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    phone.faults.silence_s = 1.0
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone) as met:
            met._connection.silence_s = 0.2
            await met.back_up(home.folder(phone), seals=home.seals, progress=home.progress)

    with pytest.raises(PhoneSilent):
        asyncio.run(story())


# -- what the phone refuses ------------------------------------------------------------------------------------------


def test_an_exception_from_progress_stops_the_backup_and_is_raised(attach: Any, a_phone: Any) -> None:
    """To stop a run, the journey's progress raises in the thread that calls it."""
    phone = a_phone(passcode="1234", simulated_user=SimulatedUser(passcode="wait"))
    home = attach(phone)

    class Stopped(Exception): ...

    class Stopper(type(home.progress)):  # type: ignore[misc]
        at = "bytes_moved"

        def bytes_moved(self, done: int, total: int | None) -> None:
            if self.at == "bytes_moved" and done:
                raise Stopped

        def person_needed(self, name: str, action: Any) -> None:
            if self.at == "person_needed":
                raise Stopped
            phone.answer_passcode()

    home.progress = Stopper()
    for at in ("bytes_moved", "person_needed"):
        home.progress.at = at
        with pytest.raises(Stopped):
            asyncio.run(home.back_up(phone))
    home.progress.at = "never"
    asyncio.run(home.back_up(phone))
    assert is_whole(home, phone)


def test_declining_the_passcode_ends_the_backup(attach: Any, a_phone: Any) -> None:
    phone = a_phone(passcode="1234", simulated_user=SimulatedUser(passcode="decline"))
    home = attach(phone)
    with pytest.raises(PasscodeNotEntered) as caught:
        asyncio.run(home.back_up(phone))
    assert caught.value.exit_code == 50
    assert home.progress.asked == home.progress.done == ["enter-passcode"]


def test_a_passcode_sheet_that_shows_twice_is_asked_for_twice(attach: Any, a_phone: Any) -> None:
    phone = a_phone(passcode="1234", simulated_user=SimulatedUser(passcode_sheets=2))
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    assert home.progress.asked == home.progress.done == ["enter-passcode"] * 2


def test_a_locked_phone_that_was_unlocked_once_is_backed_up_with_the_escrow_bag(attach: Any, a_phone: Any) -> None:
    phone = a_phone(trust="ask", passcode="1234", simulated_user=SimulatedUser(unlocks=False))
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone) as met:
            phone.lock()
            await met.back_up(home.folder(phone), seals=home.seals, progress=home.progress)

    asyncio.run(story())
    assert home.progress.asked == ["tap-trust", "enter-passcode"]
    assert is_whole(home, phone)


def test_the_person_is_asked_to_unlock_a_phone_not_unlocked_since_it_was_switched_on(attach: Any, a_phone: Any) -> None:
    phone = a_phone(passcode="1234", simulated_user=SimulatedUser(unlocks=False))
    home = attach(phone)
    asked: list[str] = []

    class Unlocker(type(home.progress)):  # type: ignore[misc]
        def person_needed(self, name: str, action: Any) -> None:
            asked.append(action)
            if action == "unlock":
                phone.unlock()

    home.progress = Unlocker()
    phone.reboot()
    asyncio.run(home.back_up(phone))
    assert asked == ["unlock", "enter-passcode"]
    assert is_whole(home, phone)


def test_a_phone_never_unlocked_since_it_was_switched_on_is_reported_as_locked(attach: Any, a_phone: Any) -> None:
    phone = a_phone(passcode="1234", simulated_user=SimulatedUser(unlocks=False))
    home = attach(phone)
    phone.reboot()
    with pytest.raises(PhoneLocked):
        asyncio.run(home.back_up(phone))


def test_a_phone_without_a_passcode_is_backed_up_without_an_escrow_bag(attach: Any, a_phone: Any) -> None:
    phone = a_phone(trust="ask")
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    assert "EscrowBag" not in plistlib.loads((home.usbmux.pairing / f"{UDID}.plist").read_bytes())
    assert is_whole(home, phone)


def test_a_phone_in_its_setup_assistant_is_refused(attach: Any, a_phone: Any) -> None:
    phone = a_phone(setup="running", simulated_user=SimulatedUser(finishes_setup=False))
    with pytest.raises(SetupUnfinished) as caught:
        asyncio.run(attach(phone).back_up(phone))
    assert caught.value.exit_code == 24


def test_a_managed_phone_requires_encrypted_backups(attach: Any, a_phone: Any) -> None:
    phone = a_phone(requires_encryption=True)
    with pytest.raises(WrongPhonePassword) as caught:
        asyncio.run(attach(phone).back_up(phone))
    assert caught.value.exit_code == 32


def test_another_program_that_syncs_is_waited_for_ten_seconds(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    phone.faults.afc_lock_busy_tries = 49
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    assert is_whole(home, phone)

    phone.faults.afc_lock_busy_tries = 50
    with pytest.raises(AnotherProgramSyncing) as caught:
        asyncio.run(home.back_up(phone))
    assert caught.value.exit_code == 24
    assert is_whole(home, phone)


def test_a_backup_works_without_the_optional_services(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    for service in ("notification_proxy", "installation_proxy"):
        phone.faults.refuse_services[f"com.apple.mobile.{service}"] = "InvalidService"
    phone.faults.refuse_services["com.apple.afc"] = "InvalidService"
    phone.faults.refuse_services["com.apple.springboardservices"] = "InvalidService"
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    assert is_whole(home, phone)
    assert [finding.code for finding in home.progress.findings] == ["installed-apps-unknown"]


def test_only_the_missing_icon_is_left_out(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    phone.faults.no_icon = ("org.example.chat",)
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    info = plistlib.loads((home.folder(phone) / "Info.plist").read_bytes())
    assert set(info["Applications"]["org.example.chat"]) == {"ApplicationSINF", "iTunesMetadata"}


# -- files the phone cannot read -------------------------------------------------------------------------------------


def test_a_file_read_in_the_second_attempt_is_not_reported(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    phone.faults.unreadable_once[PHOTO] = "Input/output error (5)"
    home = attach(phone)
    report = asyncio.run(home.back_up(phone))
    assert report.unreadable == ()
    assert home.progress.findings == []
    assert contents(home.folder(phone)) == files_of(phone)
    assert is_whole(home, phone)


def test_a_file_that_stays_unreadable_is_reported_and_recorded_in_the_seal(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    phone.faults.unreadable[PHOTO] = "Input/output error (5)"
    home = attach(phone)
    report = asyncio.run(home.back_up(phone))
    (file_id,) = report.unreadable
    assert report.lost == (file_id,)
    (finding,) = home.progress.findings
    assert (finding.code, finding.severity, finding.file_id) == ("file-unreadable", "warning", file_id)
    assert "IMG_0001.JPG" in finding.what
    assert "Input/output error" in finding.why
    seal = read_seal(home.seals, BackupFolder(home.folder(phone)))
    assert seal is not None
    assert seal.unreadable == {file_id: "Input/output error (5)"}
    assert file_id not in seal.digests


def test_the_file_that_every_phone_fails_to_read_causes_no_second_attempt(attach: Any, a_phone: Any) -> None:
    phone = a_phone(passcode="1234")
    path = "Library/Application Support/FileProvider/backup/backup_manifest.db"
    phone.files.add_file("HomeDomain", path, b"x" * 100)
    phone.faults.unreadable[f"HomeDomain/{path}"] = "Input/output error (5)"
    home = attach(phone)
    report = asyncio.run(home.back_up(phone))
    assert home.progress.asked == ["enter-passcode"]
    assert (len(report.unreadable), report.lost) == (1, ())


# -- this computer's disk --------------------------------------------------------------------------------------------


def test_a_full_disk_is_reported_with_the_space_needed_and_the_old_backup_stays(
    attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = a_phone()
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    phone.files.add_file("MediaDomain", "Media/Recordings/long.m4a", b"x" * 500_000)
    usage = shutil.disk_usage(home.home)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(BackupDiskFull) as caught:
        asyncio.run(home.back_up(phone))
    assert caught.value.exit_code == 33
    assert caught.value.free_bytes == 1_000_000
    assert 0x800_0000 + 500_000 <= caught.value.needed_bytes < 0x800_0000 + 600_000
    assert "MB" in caught.value.why
    monkeypatch.undo()
    asyncio.run(home.back_up(phone))
    assert is_whole(home, phone)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_reported(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach(phone)
    home.folder(phone).parent.mkdir(parents=True, mode=0o500)
    with pytest.raises(CannotWriteHere):
        asyncio.run(home.back_up(phone))


def test_a_file_in_place_of_the_folder_is_reported(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach(phone)
    home.folder(phone).parent.mkdir(parents=True)
    home.folder(phone).write_bytes(b"")
    with pytest.raises(CannotWriteHere) as caught:
        asyncio.run(home.back_up(phone))
    assert caught.value.exit_code == 33


def test_an_unusable_staging_folder_is_not_reported_as_a_lost_phone(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach(phone)
    in_the_way = home.folder(phone).parent / f".{UDID}.receiving"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_bytes(b"a file")
    with pytest.raises(CannotWriteHere):
        asyncio.run(home.back_up(phone))


def test_an_empty_manifest_plist_from_another_program_does_not_fail_the_backup(attach: Any, a_phone: Any) -> None:
    """Facts row 9: with an empty Manifest.plist a phone always answers 205."""
    phone = a_phone()
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    (home.folder(phone) / "Manifest.plist").write_bytes(b"")
    asyncio.run(home.back_up(phone))
    assert is_whole(home, phone)


def test_another_phone_s_folder_is_refused_before_anything_is_written(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone) as met:
            await met.back_up(home.home / "backups" / "other", seals=home.seals)

    with pytest.raises(ValueError, match="not the place"):
        asyncio.run(story())
    assert not (home.home / "backups").exists()
