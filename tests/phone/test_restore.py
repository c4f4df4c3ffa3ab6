"""Restore a backup to a simulated iPhone, and wait for its reboot and return."""

from __future__ import annotations

import asyncio
import hashlib
import plistlib
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from migrate.phone.phone import RestoreOptions, wait_until_ready
from migrate.problems import (
    BackupUnfinished,
    FindMyOn,
    IncompatibleBackup,
    PasscodeNotEntered,
    PasswordMissing,
    PhoneFull,
    PhoneLost,
    ServiceRefused,
    WrongPhonePassword,
)
from migrate.simulator.device.simulated_user import SimulatedUser

OLD = "00008110-000A1B2C3D4E5F60"
NEW = "00008120-000000000000B0B0"

REPLACE = RestoreOptions(
    system_files=True,
    should_reboot=True,
    dont_copy_backup=True,
    preserve_settings=False,
    remove_items_not_restored=True,
)


def files_of(phone: Any) -> dict[str, str]:
    return {path: digest for path, digest in phone.files.digests().items() if len(digest) == 64}


@pytest.fixture(scope="module")
def old_phones(attach_for_module: Any, a_phone: Any) -> Any:
    """`old_phones(password)`: a phone and its backup, made once per password."""
    saved: dict[str | None, tuple[Any, Path]] = {}

    def with_password(password: str | None) -> tuple[Any, Path]:
        if password not in saved:
            phone = a_phone(backup_password=password)
            home = attach_for_module(phone)
            asyncio.run(home.back_up(phone))
            saved[password] = phone, home.folder(phone)
        return saved[password]

    return with_password


@pytest.fixture
def move(attach: Any, old_phones: Any, a_phone: Any, tmp_path: Path) -> Any:
    """`move(password, **about)`: the backup of an old phone, and a new, empty phone (`about` it) on the cable."""

    class Move:
        def __init__(self, password: str | None, about: dict[str, Any]) -> None:
            self.password = password
            self.old, backup = old_phones(password)
            self.new = a_phone(**{"udid": NEW, "name": "Ben's iPhone", **about})
            self.new.files = type(self.new.files)()
            self.home = attach(self.new)
            self.set = tmp_path / "set" / OLD
            shutil.copytree(backup, self.set)

        async def restore(self, options: RestoreOptions = REPLACE, applications: bool = True, **how: Any) -> Any:
            async with await self.home.meet(self.new) as phone:
                return await phone.restore(
                    self.set,
                    options=options,
                    password=how.get("password", self.password),
                    restore_applications=applications,
                    progress=self.home.progress,
                )

        async def come_back(self) -> Any:
            time = self.home.time.as_time()
            return await wait_until_ready(self.home.usbmux, NEW, progress=self.home.progress, wait_s=600, time=time)

    return lambda password=None, **about: Move(password, about)


@pytest.mark.parametrize("password", [None, "correct-horse-1947"], ids=["plain", "encrypted"])
def test_what_was_on_the_old_phone_is_on_the_new_one_after_its_reboot(move: Any, password: str | None) -> None:
    story = move(password)

    async def run() -> None:
        report = await story.restore()
        assert report.confirmed
        assert report.files_sent > 4
        async with await story.come_back() as phone:
            assert phone.facts.trusted
            assert phone.facts.setup_finished is True
            assert phone.facts.setup_state == "RestoredFromiTunesBackup"

    asyncio.run(run())
    assert files_of(story.new).items() >= files_of(story.old).items()
    done, total = story.home.progress.bytes[-1]
    assert done == total == sum(path.stat().st_size for path in story.set.rglob("*") if path.is_file())
    assert story.home.progress.files[-1] > 4
    asked = [action for action in story.home.progress.asked if action != "finish-setup"]
    assert asked == ["tap-trust"], "a replace ends trust, so it is asked for once more"
    assert sorted(path.name for path in story.set.parent.iterdir()) == [OLD]


def test_restore_only_reads_the_set(move: Any) -> None:
    story = move()
    before = {path: (path.stat().st_ino, path.read_bytes()) for path in story.set.rglob("*") if path.is_file()}
    asyncio.run(story.restore())
    after = {path: (path.stat().st_ino, path.read_bytes()) for path in story.set.rglob("*") if path.is_file()}
    assert after == before


def test_the_phone_is_told_which_apps_to_install_before_the_restore_begins(move: Any) -> None:
    story = move(find_my=True, simulated_user=SimulatedUser(turns_off_find_my=False))
    told: list[bytes | None] = []
    refuse = story.new.on_refused_by_find_my

    def look_then_refuse() -> None:
        told.append(story.new.afc_files.get("/iTunesRestore/RestoreApplications.plist"))
        refuse()

    story.new.on_refused_by_find_my = look_then_refuse
    with pytest.raises(FindMyOn) as caught:
        asyncio.run(story.restore())
    assert caught.value.exit_code == 24
    assert told[0] is not None
    assert set(plistlib.loads(told[0])) == {"org.example.chat"}
    assert "/iTunesRestore/RestoreApplications.plist" not in story.new.afc_files, (
        "a failed restore leaves no order behind"
    )


def test_apps_are_not_requested_unless_asked(move: Any) -> None:
    story = move()
    asyncio.run(story.restore(applications=False))
    assert "/iTunesRestore/RestoreApplications.plist" not in story.new.afc_files


def test_restore_stops_if_the_app_list_cannot_be_written(move: Any) -> None:
    story = move()
    story.new.faults.refuse_services["com.apple.afc"] = "InvalidService"
    with pytest.raises(ServiceRefused):
        asyncio.run(story.restore())
    assert story.new.pending_restore is None


def test_all_five_options_are_sent(move: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from migrate.phone.mobilebackup2 import session

    story, asked = move(), []
    send_request = session.Conversation.send_request
    monkeypatch.setattr(
        session.Conversation,
        "send_request",
        lambda self, request: (asked.append(request), send_request(self, request))[1],
    )
    asyncio.run(story.restore())
    assert asked == [
        {
            "MessageName": "Restore",
            "TargetIdentifier": NEW,
            "SourceIdentifier": OLD,
            "Options": {
                "RestoreSystemFiles": True,
                "RestoreShouldReboot": True,
                "RestoreDontCopyBackup": True,
                "RestorePreserveSettings": False,
                "RemoveItemsNotRestored": True,
            },
        }
    ]


# -- refusals --------------------------------------------------------------------------------------------------------


def test_an_encrypted_set_without_its_password_is_refused_before_sending(move: Any) -> None:
    story = move("correct-horse-1947")
    with pytest.raises(PasswordMissing):
        asyncio.run(story.restore(password=None))


def test_a_wrong_password_is_refused_by_the_phone(move: Any) -> None:
    story = move("correct-horse-1947")
    with pytest.raises(WrongPhonePassword) as caught:
        asyncio.run(story.restore(password="not it"))
    assert caught.value.exit_code == 32
    assert story.new.pending_restore is None


def test_an_unfinished_backup_is_refused_before_sending(move: Any) -> None:
    story = move()
    status = plistlib.loads((story.set / "Status.plist").read_bytes())
    (story.set / "Status.plist").write_bytes(plistlib.dumps({**status, "SnapshotState": "uploading"}))
    with pytest.raises(BackupUnfinished):
        asyncio.run(story.restore())


def test_a_backup_from_a_newer_ios_is_refused(move: Any) -> None:
    story = move(ios_version="16.7")
    with pytest.raises(IncompatibleBackup) as caught:
        asyncio.run(story.restore())
    assert caught.value.exit_code == 40


def test_a_full_phone_is_reported(move: Any) -> None:
    story = move()
    story.new.faults.free_bytes = 1000
    with pytest.raises(PhoneFull) as caught:
        asyncio.run(story.restore())
    assert caught.value.exit_code == 41


# -- the end of the link ---------------------------------------------------------------------------------------------


def test_a_cable_pulled_during_the_restore_changes_nothing_and_the_set_can_be_sent_again(move: Any) -> None:
    story = move()
    story.new.faults.drop_restore_after_bytes = 150_000
    with pytest.raises(PhoneLost) as caught:
        asyncio.run(story.restore())
    assert caught.value.exit_code == 23
    assert story.new.pending_restore is None
    assert files_of(story.new) == {}
    report = asyncio.run(story.restore())
    assert report.confirmed
    assert files_of(story.new).items() >= files_of(story.old).items()


def test_a_phone_that_reboots_before_its_response_counts_as_sent(move: Any) -> None:
    story = move()
    story.new.faults.drop_instead_of_response = True

    async def run() -> None:
        report = await story.restore()
        assert not report.confirmed
        async with await story.come_back():
            pass

    asyncio.run(run())
    assert files_of(story.new).items() >= files_of(story.old).items()


def test_ctrl_c_during_the_restore_cuts_the_link_and_removes_the_app_list(move: Any) -> None:
    story = move()
    begun = threading.Event()

    class UntilBegun(type(story.home.progress)):  # type: ignore[misc]
        def bytes_moved(self, done: int, total: int | None) -> None:
            if done:
                begun.set()
                hold.wait(5)

    hold = threading.Event()
    story.home.progress = UntilBegun()

    async def run() -> None:
        sending = asyncio.create_task(story.restore())
        await asyncio.to_thread(begun.wait, 5)
        sending.cancel()
        await asyncio.sleep(0)
        hold.set()
        with pytest.raises(asyncio.CancelledError):
            await sending

    asyncio.run(run())
    assert story.new.pending_restore is None
    assert "/iTunesRestore/RestoreApplications.plist" not in story.new.afc_files
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("device-link")] == []


def test_the_person_is_asked_to_restart_a_phone_that_does_not_reboot(move: Any) -> None:
    story = move(simulated_user=SimulatedUser())
    reboot_soon = story.new.reboot_soon
    story.new.reboot_soon = lambda *_, **__: None
    needed: list[str] = []

    class Restarter(type(story.home.progress)):  # type: ignore[misc]
        def person_needed(self, phone: str, action: Any) -> None:
            needed.append(action)
            if action == "restart-phone":
                reboot_soon()

    story.home.progress = Restarter()
    asyncio.run(story.restore())
    assert needed == ["restart-phone"]
    assert story.home.progress.done == ["restart-phone"]


# -- the backup password ---------------------------------------------------------------------------------------------


def test_the_backup_password_is_set_changed_and_removed(attach: Any, a_phone: Any) -> None:
    phone = a_phone(passcode="1234")
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone) as met:
            await met.change_backup_password(None, "first", progress=home.progress)
            assert phone.backup_password == "first"
            assert met.facts.encrypts_backups is True
            with pytest.raises(WrongPhonePassword):
                await met.change_backup_password("wrong", "second", progress=home.progress)
            with pytest.raises(WrongPhonePassword):
                await met.change_backup_password(None, "second", progress=home.progress)
            assert phone.backup_password == "first"
            await met.change_backup_password("first", "second", progress=home.progress)
            assert phone.backup_password == "second"
            await met.change_backup_password("second", None, progress=home.progress)
            assert phone.backup_password is None
            assert met.facts.encrypts_backups is False

    asyncio.run(story())
    assert set(home.progress.asked) == {"enter-passcode"}
    assert home.progress.asked == home.progress.done
    assert list(home.usbmux.tmp.iterdir()) == []


def test_declining_the_passcode_keeps_the_backup_password(attach: Any, a_phone: Any) -> None:
    phone = a_phone(passcode="1234", simulated_user=SimulatedUser(passcode="decline"))
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone) as met:
            await met.change_backup_password(None, "first", progress=home.progress)

    with pytest.raises(PasscodeNotEntered):
        asyncio.run(story())
    assert phone.backup_password is None


def test_a_backup_keeps_the_password_it_was_made_with(attach: Any, a_phone: Any) -> None:
    phone = a_phone(backup_password="first")
    home = attach(phone)

    async def story() -> dict[Path, str]:
        await home.back_up(phone)
        digests = digests_of(home.folder(phone))
        async with await home.meet(phone) as met:
            await met.change_backup_password("first", "second", progress=home.progress)
        return digests

    before = asyncio.run(story())
    assert digests_of(home.folder(phone)) == before


def digests_of(folder: Path) -> dict[Path, str]:
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}
