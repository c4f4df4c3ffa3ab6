"""Which backup a move uses, what it accepts of it, and what it asks before it makes one."""

from __future__ import annotations

import asyncio
import plistlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migrate.backup.verify.run import Verdict
from migrate.journey.home import Home
from migrate.journey.run_state import Run
from migrate.journey.steps import back_up as backing_up
from migrate.journey.steps import meet as meeting
from migrate.journey.steps import verify as verifying
from migrate.journey.steps.agree import refuse_unready_phone
from migrate.phone.facts import PhoneFacts
from migrate.plan.model import Plan
from migrate.problems import (
    BackupBusy,
    BackupDamaged,
    BackupNewerThanPhone,
    BackupTooOld,
    NothingBackedUp,
    OtherPasswordThanBefore,
    PhoneInUse,
    PhonePasswordMissing,
    Problem,
    WhichBackup,
    WrongPassword,
    damage,
)
from tests.journey.moves import NEW, OLD, PASSWORD, Person, run_without_phones

OTHER = "00008110-0003CCCC00000003"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return run_without_phones(Home(tmp_path / "home").open())


def plan(**sections: Any) -> Plan:
    raw: dict[str, Any] = {"version": 1, "new_phone": {"is": "erased"}, "move": {"categories": ["everything"]}}
    return Plan.model_validate({**raw, **sections})


def leave_backup(
    run: Run, name: str, *, udid: str | None = None, state: str = "finished", encrypted: bool = False
) -> Path:
    """A backup folder with the plists that tell whose it is."""
    folder = run.home.backups / name
    folder.mkdir()
    identity = {"Target Identifier": udid or name, "Unique Identifier": udid or name}
    (folder / "Info.plist").write_bytes(plistlib.dumps(identity))
    (folder / "Status.plist").write_bytes(plistlib.dumps({"UUID": "U1", "SnapshotState": state}))
    manifest = {"IsEncrypted": encrypted, "Lockdown": {"UniqueDeviceID": udid or name, "ProductVersion": "18.5"}}
    (folder / "Manifest.plist").write_bytes(plistlib.dumps(manifest))
    (folder / "Manifest.db").write_bytes(b"SQLite format 3\0" * 9)
    return folder


# -- as it is --------------------------------------------------------------------------------------------------------


def test_the_only_other_phones_backup_is_used_as_it_is(run: Run) -> None:
    leave_backup(run, NEW)
    with pytest.raises(NothingBackedUp):
        backing_up.find_working_backup(run, None)
    old = leave_backup(run, OLD)
    leave_backup(run, f".{OTHER}.repairing")
    leave_backup(run, f"{OLD}-before-20260101", udid=OLD)
    assert backing_up.find_working_backup(run, None) == old


def test_between_two_backups_to_be_used_as_it_is_a_person_chooses(run: Run) -> None:
    old, other = leave_backup(run, OLD), leave_backup(run, OTHER)
    with pytest.raises(WhichBackup):
        backing_up.find_working_backup(run, None)
    assert [backing_up.find_working_backup(run, udid) for udid in (OLD, OTHER)] == [old, other]


def test_a_backup_too_old_for_any_phone_is_refused_at_once() -> None:
    flat: Any = SimpleNamespace(is_flat=True, path=Path("b"), ios_version="9.3.5")
    with pytest.raises(BackupTooOld):
        backing_up.refuse_too_old(flat)


def test_a_backup_newer_than_the_new_phone_is_refused_right_after_it_was_made(run: Run) -> None:
    made: Any = SimpleNamespace(ios_version="26.1", required_ios_version=None)
    backing_up.refuse_incompatible(run, made)  # nobody knows the new phone's iOS yet
    run.journal.append({"new_ios_version": "18.5"})
    with pytest.raises(BackupNewerThanPhone):
        backing_up.refuse_incompatible(run, made)


# -- making one ------------------------------------------------------------------------------------------------------


class FakePhone:
    def __init__(self, **facts: Any) -> None:
        self.facts = PhoneFacts(**{"udid": OLD, "connection": "USB", "name": "Ada", "ios_version": "26.1", **facts})
        self.changes: list[tuple[str | None, str | None]] = []

    async def change_backup_password(self, old: str | None, new: str | None, *, progress: Any) -> None:
        self.changes.append((old, new))

    async def refresh(self) -> PhoneFacts:
        return self.facts

    async def signs_of_use(self) -> tuple[str, ...]:
        return ("photos",)


def ensure_password(run: Run, phone: Any) -> None:
    asyncio.run(backing_up.ensure_password(run, phone, "old"))


def test_encryption_is_turned_on_with_the_chosen_password_and_a_person_is_told(run: Run) -> None:
    phone = FakePhone(encrypts_backups=False)
    ensure_password(run, phone)
    assert phone.changes == [(None, PASSWORD)]
    assert [finding.code for finding in run.findings] == ["backup-encryption-turned-on"]


def test_encryption_is_neither_turned_on_against_the_plan_nor_without_a_password(run: Run) -> None:
    phone = FakePhone(encrypts_backups=False)
    ensure_password(replace(run, encrypts_backups=False), phone)
    nobody = replace(run, context=replace(run.context, prompts=Person({"old": None, "new": None})))
    with pytest.raises(PhonePasswordMissing):
        ensure_password(nobody, phone)
    assert phone.changes == [] and run.findings == []


def test_a_working_backup_that_is_locked_is_not_written_to(run: Run) -> None:
    async def begin() -> None:
        phone: Any = FakePhone(encrypts_backups=True)
        async with backing_up.ready_to_back_up(run, phone, "old"):
            pass

    with run.home.lock_working_backup(OLD, "Ada"), pytest.raises(BackupBusy) as busy:
        asyncio.run(begin())
    assert busy.value.exit_code == 3
    asyncio.run(begin())


def test_a_password_that_was_changed_on_the_phone_is_accepted_by_a_fresh_backup(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = leave_backup(run, OLD, encrypted=True)

    async def opens_nothing(*_: object) -> str:
        raise WrongPassword(str(folder))

    async def begin(*, fresh: bool) -> Path:
        phone: Any = FakePhone(encrypts_backups=True)
        async with backing_up.ready_to_back_up(run, phone, "old", fresh=fresh) as ready:
            return ready

    monkeypatch.setattr(backing_up, "password_of", opens_nothing)
    with pytest.raises(OtherPasswordThanBefore):
        asyncio.run(begin(fresh=False))
    assert asyncio.run(begin(fresh=True)) == folder


def test_a_fresh_backup_that_was_interrupted_is_continued(run: Run) -> None:
    folder = leave_backup(run, OLD)
    assert [backing_up.resume_fresh_backup(run, folder) for _ in range(2)] == ["fresh", "fresh"], "it has not begun"
    (folder / "Status.plist").write_bytes(plistlib.dumps({"UUID": "U2", "SnapshotState": "uploading"}))
    assert backing_up.resume_fresh_backup(run, folder) == "incremental"


# -- what is accepted of it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "accepts"),
    [
        ({"old_phone": {"backup": "b"}, "safety": {"accept_unreadable": True}}, True),
        ({"backup": {"begin": "as-is"}, "safety": {"accept_unreadable": True}}, True),
        ({"old_phone": {"backup": "b"}}, False),
        ({"old_phone": {"udid": OLD}, "safety": {"accept_unreadable": True}}, False),
    ],
)
def test_losses_are_accepted_only_by_the_plan_and_where_the_phone_is_gone(
    sections: dict[str, Any], accepts: bool
) -> None:
    assert verifying.accepts_defects(plan(**sections)) is accepts


@pytest.mark.parametrize(
    ("defect", "accepted"), [(damage.StoredFileMissing("ab" * 20), True), (damage.ManifestChanged(), False)]
)
def test_damaged_files_are_accepted_and_a_damaged_list_of_them_is_not(
    run: Run, monkeypatch: pytest.MonkeyPatch, defect: Problem, accepted: bool
) -> None:
    folder = leave_backup(run, OLD)
    verdict = Verdict(
        backup=folder, udid=OLD, ios_version="18.5", encrypted=False, records=1, files=1, bytes=1, verdict="damaged",
        findings=(defect.as_finding(),),
    )  # fmt: skip
    monkeypatch.setattr(verifying, "verify", lambda *_, **__: verdict)

    def check() -> Verdict:
        return asyncio.run(verifying.check(run, folder, "old", accept_damaged_files=True))

    if accepted:
        assert check() is verdict
        return
    with pytest.raises(BackupDamaged):
        check()


def test_an_erased_phone_that_is_in_use_is_refused_right_before_the_restore(run: Run) -> None:
    composed: Any = SimpleNamespace(set=leave_backup(run, OLD), bytes=1, apps=())
    phone: Any = FakePhone(udid=NEW, setup_finished=True)
    with pytest.raises(PhoneInUse):
        asyncio.run(refuse_unready_phone(run, plan(), composed, phone))


def test_somebody_who_does_not_know_the_new_phones_ios_is_asked_once(run: Run) -> None:
    asked: list[str] = []
    listening = replace(run, context=replace(run.context, ask_ios_version=lambda: asked.append("asked")))
    for _ in range(2):  # and again by a resume
        meeting.refuse_told_version(listening, plan(), PhoneFacts(udid=OLD, connection="USB", ios_version="18.5"))
    assert asked == ["asked"]
