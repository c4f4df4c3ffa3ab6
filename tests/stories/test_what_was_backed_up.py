"""The backup of the old phone: used as it is, made afresh, updated on resume, locked against a second run."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from migrate.journey.home import Home
from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.faults.faults import Faults
from tests.stories.lab import EVERYTHING, NEW, OLD, PASSWORD, Lab, MakeLab, new_phone, old_phone
from tests.stories.test_a_whole_move import assert_became
from tests.stories.test_interrupted import BIG
from tests.stories.test_refusals import refused

AS_IS = EVERYTHING + '[backup]\nbegin = "as-is"\n'
FRESH = EVERYTHING + '[backup]\nbegin = "fresh"\n'


def back_up_and_unplug(lab: Lab) -> None:
    assert lab.migrate("backup", OLD, "--json").code == 0
    lab.server.detach(lab.old)


def result_of(lab: Lab, step: str) -> dict[str, Any]:
    lines = [json.loads(line) for line in (lab.only_run / "journal.ndjson").read_text().splitlines()]
    found: dict[str, Any] = [line for line in lines if line.get("finished") == step][-1]["result"]
    return found


# -- as it is ----------------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_an_existing_backup_moves_without_the_old_phone_or_its_name(make_lab: MakeLab) -> None:
    lab = make_lab(old=old_phone(backup_password=PASSWORD))
    before = lab.old.files.digests()
    back_up_and_unplug(lab)
    done = lab.migrate("run", lab.plan(AS_IS), "--new", NEW, "--yes", "--json", "--wait", "5")
    assert done.code == 0, str(done)
    assert_became(lab.new, before)
    again = lab.migrate("run", lab.plan(AS_IS), "--new", NEW, "--yes", "--json", "--wait", "5")
    refused(again, 11, "phone-in-use")  # and not the new phone's backup, which the proof made


def test_as_is_without_a_backup_is_refused(make_lab: MakeLab) -> None:
    lab = make_lab()
    error = refused(lab.move(lab.plan(AS_IS)), 11, "nothing-backed-up")
    assert OLD in error["what"]
    refused(lab.migrate("run", lab.plan(AS_IS), "--new", NEW, "--yes", "--json"), 11, "nothing-backed-up")


@pytest.mark.soak
def test_as_is_with_two_backups_asks_which_one(make_lab: MakeLab) -> None:
    lab = make_lab(old=old_phone(backup_password=PASSWORD))
    back_up_and_unplug(lab)
    assert lab.migrate("backup", NEW, "--json").code == 0
    error = refused(lab.migrate("run", lab.plan(AS_IS), "--yes", "--json"), 2, "which-backup")
    assert OLD in error["why"] and NEW in error["why"]


@pytest.mark.soak
def test_a_plan_may_name_the_parent_folder_of_a_backup(make_lab: MakeLab) -> None:
    """The path is relative to the plan, and another program's backup is read in place."""
    lab = make_lab(old=old_phone(backup_password=PASSWORD))
    before = lab.old.files.digests()
    back_up_and_unplug(lab)
    shutil.copytree(lab.home / "backups" / OLD, lab.home.parent / "From Finder" / OLD)
    plan = lab.plan(
        '[old_phone]\nbackup = "From Finder"\n' + EVERYTHING.replace('name = "Everything, to an erased iPhone"', "")
    )
    done = lab.migrate("run", plan, "--new", NEW, "--yes", "--json", "--wait", "5")
    assert done.code == 0, str(done)
    assert result_of(lab, "verify")["backup"] == str(lab.home.parent / "From Finder" / OLD)
    assert_became(lab.new, before)


@pytest.mark.soak
def test_our_working_backup_named_as_a_folder_is_linked(make_lab: MakeLab) -> None:
    """The next backup must not change what compose and resume read."""
    lab = make_lab(old=old_phone(backup_password=PASSWORD))
    back_up_and_unplug(lab)
    done = lab.migrate(
        "run", lab.plan(EVERYTHING), "--old-backup", lab.home / "backups", "--new", NEW, "--yes", "--json"
    )
    assert done.code == 0, str(done)
    assert result_of(lab, "verify")["backup"] == str(lab.only_run / "old" / OLD)


# -- afresh ------------------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_a_requested_fresh_backup_is_still_made_after_an_early_stop(make_lab: MakeLab) -> None:
    """Regression: a run that stopped at a missing password resumed with an old backup instead."""
    lab = make_lab(old=old_phone(backup_password=PASSWORD))
    whole = lab.migrate("backup", OLD, "--json").last["files"]
    plan = lab.plan(FRESH)
    lab.environment["MIGRATE_BACKUP_PASSWORD"] = ""
    error = refused(lab.move(plan), 32, "phone-password-missing")
    assert "migrate resume" in error["next"]
    del lab.environment["MIGRATE_BACKUP_PASSWORD"]
    done = lab.migrate("resume", "--yes", "--json")
    assert done.code == 0, str(done)
    assert result_of(lab, "back-up-old-phone")["files"] >= whole


@pytest.mark.soak
def test_an_interrupted_fresh_backup_resumes_and_does_not_start_over(make_lab: MakeLab) -> None:
    old = old_phone(backup_password=PASSWORD)
    fill(old, ContentsSpec(extra_bytes=BIG), seed=3)
    lab = make_lab(old=old)
    whole = lab.migrate("backup", OLD, "--json").last["bytes"]
    old.faults.drop_save_after_bytes = whole - 1_500_000  # by then the video has been sent
    refused(lab.move(lab.plan(FRESH)), 23, "phone-lost")
    done = lab.migrate("resume", "--yes", "--json")
    assert done.code == 0, str(done)
    assert result_of(lab, "back-up-old-phone")["bytes"] < BIG


# -- updated on resume -------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_a_file_readable_after_a_restart_moves_on_resume(make_lab: MakeLab) -> None:
    """As the error advises, restart the old phone and resume. Regression: resume reused the old backup."""
    lost = "CameraRollDomain/Media/DCIM/100APPLE/IMG_0003.JPG"
    old = old_phone(faults=Faults(unreadable={lost: "Input/output error (5)"}))
    lab = make_lab(old=old)
    before = old.files.digests()
    error = refused(lab.move(lab.plan(EVERYTHING)), 35, "chosen-files-unreadable")
    assert "migrate resume" in error["next"]
    refused(lab.migrate("resume", "--yes", "--json"), 35, "chosen-files-unreadable")  # not restarted yet
    old.faults.unreadable.clear()
    done = lab.migrate("resume", "--yes", "--json")
    assert done.code == 0, str(done)
    assert done.steps[:2] == ["back-up-old-phone", "verify"]
    assert_became(lab.new, before)


# -- one at a time -----------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_a_second_run_on_a_busy_backup_is_refused_and_can_resume_later(make_lab: MakeLab) -> None:
    """Two backups into one folder would invalidate its seal, and verify would report false damage."""
    lab = make_lab(old=old_phone(backup_password=PASSWORD))
    with Home(lab.home).open().lock_working_backup(OLD, "Grandma's iPhone"):
        error = refused(lab.move(lab.plan(EVERYTHING)), 3, "backup-busy")
        assert "Grandma's iPhone" in error["what"] and "migrate resume" in error["next"]
        backup = lab.migrate("backup", OLD, "--json")
        assert backup.code == 3 and backup.last["error"]["code"] == "backup-busy"
    assert lab.migrate("backup", OLD, "--json").code == 0
    done = lab.migrate("resume", "--yes", "--json")
    assert done.code == 0, str(done)


@pytest.mark.soak
def test_two_simultaneous_runs_of_one_pair_damage_nothing(make_lab: MakeLab) -> None:
    lab = make_lab()
    before = lab.old.files.digests()
    plan = lab.plan(EVERYTHING)
    both = [lab.start("run", plan, "--old", OLD, "--new", NEW, "--yes", "--json") for _ in range(2)]
    results = [process.finish() for process in both]
    assert sorted(done.code for done in results)[0] == 0, "\n".join(map(str, results))
    assert {done.last["error"]["code"] for done in results if done.code} <= {
        "backup-busy",
        "phone-in-use",
        "restart-needed",
    }
    assert_became(lab.new, before)
    for udid in (OLD, NEW):
        assert lab.migrate("verify", lab.home / "backups" / udid, "--json").code == 0


# -- names -------------------------------------------------------------------------------------------------------------


def without_dash(udid: str) -> str:
    return udid.replace("-", "").lower()


@pytest.mark.soak
def test_a_udid_without_its_dash_is_the_same_phone(make_lab: MakeLab) -> None:
    """Some usbmuxd versions omit the dash, and so do people."""
    lab = make_lab(new=new_phone(find_my=True))
    refused_run = lab.migrate("run", lab.plan(EVERYTHING), "--new", without_dash(NEW), "--yes", "--json")
    refused(refused_run, 24, "find-my-on")
    assert refused_run.steps == ["meet"], "refused as soon as it is visible"
    lab.new.find_my = False
    done = lab.migrate(
        "run", lab.plan(EVERYTHING), "--old", without_dash(OLD), "--new", without_dash(NEW), "--yes", "--json"
    )
    assert done.code == 0, str(done)


@pytest.mark.soak
def test_resume_may_name_the_phone_that_was_not_chosen(make_lab: MakeLab) -> None:
    lab = make_lab()
    other = new_phone()
    other.udid = NEW.replace("B", "C")
    lab.server.attach(other)
    before = lab.old.files.digests()
    error = refused(lab.migrate("run", lab.plan(EVERYTHING), "--old", OLD, "--yes", "--json"), 2, "which-phone")
    assert "--new" in error["next"]
    refused(lab.migrate("resume", "--new", OLD, "--yes", "--json"), 11, "same-phone-twice")
    done = lab.migrate("resume", "--new", NEW, "--yes", "--json")
    assert done.code == 0, str(done)
    assert_became(lab.new, before)
    assert other.pending_restore is None
