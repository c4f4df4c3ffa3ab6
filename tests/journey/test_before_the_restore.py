"""What a run checks again, keeps and refuses before anything is sent, also when it is resumed."""

from __future__ import annotations

import asyncio
import json
import plistlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.backup.verify.run import Verdict
from migrate.journey.context import PresavedBackup, RunContext
from migrate.journey.home import Home
from migrate.journey.journal import Journal
from migrate.journey.phone_session import backup_stamp
from migrate.journey.run_state import Run
from migrate.journey.runner import Step, run_steps
from migrate.journey.steps import verify as verifying
from migrate.journey.steps.back_up import NewPhoneBackedUp, back_up_new_phone
from migrate.journey.steps.compose import ComposedSet
from migrate.journey.steps.verify import NewPhoneVerified, verify_and_link, verify_new_phone
from migrate.phone.muxer import UsbmuxConfig
from migrate.plan.model import Plan
from migrate.problems import (
    AppsNotInstalled,
    BackupBusy,
    BackupDamaged,
    FindMyOn,
    JournalTorn,
    MigrateError,
    NewPhoneTooFull,
    NotAgreed,
    PhonePasswordMissing,
    RestoreSetDamaged,
)
from tests.journey.moves import NEW_PASSWORD, OLD, PASSWORD, UNTOUCHED, Lab, Person, new_phone, old_phone
from tests.journey.test_installing_apps import SKETCHBOOK
from tests.journey.test_rehearsal import uninstall

MakeLab = Callable[..., Lab]
PLAN = Plan.model_validate(
    {"version": 1, "new_phone": {"is": "erased"}, "old_phone": {"udid": "A"}, "move": {"categories": ["everything"]}}
)


@pytest.fixture
def a_run(tmp_path: Path, old_phone_backup: Path) -> Run:
    """A run without phones, whose home has one finished backup; it plays the new phone's."""
    home = Home(tmp_path / "home").open()
    shutil.copytree(old_phone_backup, home.working_backup(OLD))
    for seal in (old_phone_backup.parent.parent / "seals").glob("*.seal"):
        shutil.copy(seal, home.seals)
    folder = home.runs / "a-run"
    folder.mkdir()
    journal = Journal.create(folder / "journal.ndjson", "a-run", "a digest")
    journal.append({"met": "new", "udid": OLD, "name": "Ada's iPhone"})
    usbmux = UsbmuxConfig("127.0.0.1:1", home.pairing, home.tmp)
    context = RunContext(home, home.tmp, usbmux, Person({"old": PASSWORD, "new": PASSWORD}), wait_s=0)
    return Run(
        context=context, folder=folder, journal=journal, old_udid=None, old_backup=None, new_udid=OLD,
        encrypts_backups=True, step="verify-new-phone",
    )  # fmt: skip


def backed_up(run: Run) -> NewPhoneBackedUp:
    return NewPhoneBackedUp(run.home.working_backup(OLD), bytes=0, files=0)


# -- backups ---------------------------------------------------------------------------------------------------------


def test_a_damaged_backup_of_the_new_phone_stops_the_run(a_run: Run) -> None:
    with Backup.open(a_run.home.working_backup(OLD), PASSWORD) as backup:
        stored = next(backup.stored_path(record) for record in backup.records() if (record.size or 0) > 1000)
    stored.write_bytes(stored.read_bytes()[:-16])
    with pytest.raises(BackupDamaged):
        asyncio.run(verify_new_phone(a_run, backed_up(a_run)))
    assert not (a_run.folder / "safety").exists(), "nothing that is damaged is kept as the way back"


def test_no_other_process_changes_a_backup_between_its_check_and_its_link(
    a_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def try_to_use(when: str) -> None:
        with pytest.raises(BackupBusy), a_run.home.lock_working_backup(OLD, "Ada's iPhone"):
            pass
        tried.append(when)

    check, link = verifying.check, verifying.link_into_run

    async def checking(*given: Any, **how: Any) -> Verdict:
        try_to_use("check")
        return await check(*given, **how)

    async def linking(*given: Any) -> Path:
        try_to_use("link")
        return await link(*given)

    monkeypatch.setattr(verifying, "check", checking)
    monkeypatch.setattr(verifying, "link_into_run", linking)
    asyncio.run(verify_and_link(NewPhoneVerified, a_run, a_run.home.working_backup(OLD), "new", "safety"))
    assert tried == ["check", "link"]
    with a_run.home.lock_working_backup(OLD, "Ada's iPhone"), pytest.raises(BackupBusy):
        asyncio.run(verify_new_phone(a_run, backed_up(a_run)))


def presaved(run: Run) -> Run:
    """The same run after the wizard has backed its phone up and verified that backup."""
    folder = run.home.working_backup(OLD)
    whole = asyncio.run(verifying.check(run, folder, "new"))
    kept = PresavedBackup("Ada's iPhone", tuple(backup_stamp(folder)), whole, ())
    return replace(run, context=replace(run.context, saved={OLD: kept}))


def test_the_wizards_backup_is_used_once_and_only_while_it_is_the_newest(a_run: Run) -> None:
    run = presaved(a_run)
    assert asyncio.run(back_up_new_phone(run)).bytes == 0, "it is not made twice"
    run.journal.append({"reopened": "back-up-new-phone", "why": "the new phone may have changed since"})
    with pytest.raises(MigrateError):  # no phone is there, which shows that it was looked for
        asyncio.run(back_up_new_phone(run))


def test_the_wizards_backup_is_not_used_after_another_one(a_run: Run) -> None:
    run = presaved(a_run)
    status = run.home.working_backup(OLD) / "Status.plist"
    later = {**plistlib.loads(status.read_bytes()), "UUID": "0B0B0B0B-0000-4000-8000-000000000000"}
    status.write_bytes(plistlib.dumps(later))
    assert run.presaved_backup(OLD) is None
    with pytest.raises(MigrateError):
        asyncio.run(back_up_new_phone(run))


def test_a_missing_password_is_noticed_before_the_backup_and_not_after_it(make_lab: MakeLab) -> None:
    lab = make_lab(old=old_phone(backup_password=PASSWORD, keybag_rounds=10))
    lab.person.passwords["old"] = None
    with pytest.raises(PhonePasswordMissing) as missing:
        lab.move(lab.plan())
    assert missing.value.exit_code == 32
    assert not list(lab.home.backups.glob("*/*")), "nothing was backed up"


# -- the last moment -------------------------------------------------------------------------------------------------


@contextmanager
def missing(path: Path) -> Iterator[None]:
    away = path.rename(path.with_name("away"))
    yield
    away.rename(path)


def test_everything_is_checked_again_when_a_confirmed_run_is_resumed(
    make_lab: MakeLab, old_phone_backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The computer crashed right after the confirmation. Since then a disk rotted, Find My was turned on … The
    restore checks all of it itself: a confirmation still counts where the phone is being erased."""
    monkeypatch.setattr("migrate.journey.run.reopen_stale_steps", lambda journal: None)
    lab = make_lab(new=new_phone(empty=False, aftermath=UNTOUCHED, backup_password=NEW_PASSWORD, keybag_rounds=10))
    lab.person = Person({"old": PASSWORD, "new": NEW_PASSWORD}, agrees=False)
    app = {"categories": [], "apps": [SKETCHBOOK], "may_replace": [SKETCHBOOK]}
    in_use = {"new_phone": {"is": "in-use", "experimental": ["overlay"]}, "safety": {"prove": False}, "move": app}
    with pytest.raises(NotAgreed):
        lab.move(lab.plan(**in_use, old_phone={"backup": str(old_phone_backup)}))
    journal = lab.last_run.journal()
    journal.append_result("agree", None)
    composed = journal.result(ComposedSet)
    with Backup.open(composed.set, PASSWORD) as backup:
        blob = next(backup.stored_path(record) for record in backup.records() if (record.size or 0) > 16)
    with missing(blob), pytest.raises(RestoreSetDamaged):
        lab.resume()
    lab.new.find_my = True
    with pytest.raises(FindMyOn):
        lab.resume()
    lab.new.find_my = False
    lab.new.faults.free_bytes = 10
    with pytest.raises(NewPhoneTooFull):
        lab.resume()
    lab.new.faults.free_bytes = None
    there = lab.new.apps[SKETCHBOOK]
    uninstall(lab.new, SKETCHBOOK)
    with pytest.raises(AppsNotInstalled):
        lab.resume()
    assert lab.last_run.journal().latest_value("restore_begins") is None and lab.new.pending_restore is None
    lab.new.apps[SKETCHBOOK], lab.person.agrees = there, True
    assert lab.resume().outcome == "done"


# -- the runner ------------------------------------------------------------------------------------------------------


def test_what_a_step_found_is_on_the_disk_when_the_next_one_begins(a_run: Run) -> None:
    class Crash(BaseException):
        pass

    async def finds(run: Run) -> None:
        run.found(JournalTorn().as_finding("warning"))

    async def crashes(run: Run) -> None:
        raise Crash

    steps = (Step("verify", finds), Step("compose", crashes))
    with pytest.raises(Crash):
        asyncio.run(run_steps(a_run.context, a_run.folder, PLAN, a_run.journal, steps))
    (found,) = json.loads((a_run.folder / "findings.json").read_text())
    assert found["code"] == "journal-torn"
