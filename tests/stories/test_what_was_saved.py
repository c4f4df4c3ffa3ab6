"""The saved backup of the old phone: taken as it is, made anew, asked for again, and never by two at once."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from migrate.journey.home import Home
from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.faults.faults import Faults
from tests.stories.kitchen import EVERYTHING, NEW, OLD, PASSWORD, SetTable, Table, new_phone, old_phone
from tests.stories.test_a_whole_move import assert_became
from tests.stories.test_interrupted import BIG
from tests.stories.test_refusals import refused

AS_IS = EVERYTHING + '[backup]\nbegin = "as-is"\n'
FRESH = EVERYTHING + '[backup]\nbegin = "fresh"\n'


def saved_then_unplugged(table: Table) -> None:
    assert table.migrate("backup", OLD, "--json").code == 0
    table.server.detach(table.old)


def result_of(table: Table, step: str) -> dict[str, Any]:
    lines = [json.loads(line) for line in (table.only_run / "journal.ndjson").read_text().splitlines()]
    found: dict[str, Any] = [line for line in lines if line.get("finished") == step][-1]["result"]
    return found


# -- as it is ----------------------------------------------------------------------------------------------------------


def test_as_is_needs_no_old_phone_and_no_name_for_it(set_table: SetTable) -> None:
    table = set_table(old=old_phone(backup_password=PASSWORD))
    before = table.old.files.digests()
    saved_then_unplugged(table)
    done = table.migrate("run", table.plan(AS_IS), "--new", NEW, "--yes", "--json", "--wait", "5")
    assert done.code == 0, str(done)
    assert_became(table.new, before)
    again = table.migrate("run", table.plan(AS_IS), "--new", NEW, "--yes", "--json", "--wait", "5")
    refused(again, 11, "phone-in-use")  # and the new phone's own backup, taken for the proof, was not meant


def test_as_is_with_nothing_saved_says_so(set_table: SetTable) -> None:
    table = set_table()
    error = refused(table.move(table.plan(AS_IS)), 11, "nothing-backed-up")
    assert OLD in error["what"]
    refused(table.migrate("run", table.plan(AS_IS), "--new", NEW, "--yes", "--json"), 11, "nothing-backed-up")


def test_as_is_with_two_phones_saved_is_a_choice(set_table: SetTable) -> None:
    table = set_table(old=old_phone(backup_password=PASSWORD))
    saved_then_unplugged(table)
    assert table.migrate("backup", NEW, "--json").code == 0
    error = refused(table.migrate("run", table.plan(AS_IS), "--yes", "--json"), 2, "which-backup")
    assert OLD in error["why"] and NEW in error["why"]


@pytest.mark.soak
def test_a_plan_may_name_the_folder_around_the_backup(set_table: SetTable) -> None:
    """Also on another folder's terms: relative to the plan, and a copy that is not ours is read where it lies."""
    table = set_table(old=old_phone(backup_password=PASSWORD))
    before = table.old.files.digests()
    saved_then_unplugged(table)
    shutil.copytree(table.home / "backups" / OLD, table.home.parent / "From Finder" / OLD)
    plan = table.plan(
        '[old_phone]\nbackup = "From Finder"\n' + EVERYTHING.replace('name = "Everything, to an erased iPhone"', "")
    )
    done = table.migrate("run", plan, "--new", NEW, "--yes", "--json", "--wait", "5")
    assert done.code == 0, str(done)
    assert result_of(table, "verify")["backup"] == str(table.home.parent / "From Finder" / OLD)
    assert_became(table.new, before)


@pytest.mark.soak
def test_our_own_working_backup_named_as_a_folder_is_linked_like_any_other(set_table: SetTable) -> None:
    """What compose and resume read must not change with the next save."""
    table = set_table(old=old_phone(backup_password=PASSWORD))
    saved_then_unplugged(table)
    done = table.migrate(
        "run", table.plan(EVERYTHING), "--old-backup", table.home / "backups", "--new", NEW, "--yes", "--json"
    )
    assert done.code == 0, str(done)
    assert result_of(table, "verify")["backup"] == str(table.only_run / "old" / OLD)


# -- anew --------------------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_a_wish_for_a_fresh_save_outlives_a_stop_before_it_began(set_table: SetTable) -> None:
    """The run stopped for want of a password, and its resume took what was saved long ago for the fresh save."""
    table = set_table(old=old_phone(backup_password=PASSWORD))
    whole = table.migrate("backup", OLD, "--json").last["files"]
    plan = table.plan(FRESH)
    table.environment["MIGRATE_BACKUP_PASSWORD"] = ""
    error = refused(table.move(plan), 32, "phone-password-missing")
    assert "migrate resume" in error["next"]
    del table.environment["MIGRATE_BACKUP_PASSWORD"]
    done = table.migrate("resume", "--yes", "--json")
    assert done.code == 0, str(done)
    assert result_of(table, "back-up-old-phone")["files"] >= whole


@pytest.mark.soak
def test_a_fresh_save_that_was_cut_goes_on_and_does_not_begin_again(set_table: SetTable) -> None:
    old = old_phone(backup_password=PASSWORD)
    fill(old, ContentsSpec(extra_bytes=BIG), seed=3)
    table = set_table(old=old)
    whole = table.migrate("backup", OLD, "--json").last["bytes"]
    old.faults.drop_save_after_bytes = whole - 1_500_000  # the film is through by then
    refused(table.move(table.plan(FRESH)), 23, "phone-lost")
    done = table.migrate("resume", "--yes", "--json")
    assert done.code == 0, str(done)
    assert result_of(table, "back-up-old-phone")["bytes"] < BIG


# -- once more ---------------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_a_file_that_can_be_read_after_a_restart_moves_with_a_resume(set_table: SetTable) -> None:
    """As the error says: restart the old phone and resume. It used to stop at the same old save for ever."""
    lost = "CameraRollDomain/Media/DCIM/100APPLE/IMG_0003.JPG"
    old = old_phone(faults=Faults(unreadable={lost: "Input/output error (5)"}))
    table = set_table(old=old)
    before = old.files.digests()
    error = refused(table.move(table.plan(EVERYTHING)), 35, "chosen-files-unreadable")
    assert "migrate resume" in error["next"]
    refused(table.migrate("resume", "--yes", "--json"), 35, "chosen-files-unreadable")  # not restarted yet
    old.faults.unreadable.clear()
    done = table.migrate("resume", "--yes", "--json")
    assert done.code == 0, str(done)
    assert done.steps[:2] == ["back-up-old-phone", "verify"]
    assert_became(table.new, before)


# -- one at a time -----------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_two_at_one_working_backup_the_second_is_refused_and_can_go_on_later(set_table: SetTable) -> None:
    """A second save into one folder spoils the first one's seal, and a verify beside it finds wounds that are none."""
    table = set_table(old=old_phone(backup_password=PASSWORD))
    with Home(table.home).open().lock_working_backup(OLD, "Grandma's iPhone"):
        error = refused(table.move(table.plan(EVERYTHING)), 3, "backup-busy")
        assert "Grandma's iPhone" in error["what"] and "migrate resume" in error["next"]
        saving = table.migrate("backup", OLD, "--json")
        assert saving.code == 3 and saving.last["error"]["code"] == "backup-busy"
    assert table.migrate("backup", OLD, "--json").code == 0
    done = table.migrate("resume", "--yes", "--json")
    assert done.code == 0, str(done)


@pytest.mark.soak
def test_two_runs_of_one_pair_begun_together_spoil_nothing(set_table: SetTable) -> None:
    table = set_table()
    before = table.old.files.digests()
    plan = table.plan(EVERYTHING)
    both = [table.start("run", plan, "--old", OLD, "--new", NEW, "--yes", "--json") for _ in range(2)]
    ends = [process.to_its_end() for process in both]
    assert sorted(done.code for done in ends)[0] == 0, "\n".join(map(str, ends))
    assert {done.last["error"]["code"] for done in ends if done.code} <= {
        "backup-busy",
        "phone-in-use",
        "restart-needed",
    }
    assert_became(table.new, before)
    for udid in (OLD, NEW):
        assert table.migrate("verify", table.home / "backups" / udid, "--json").code == 0


# -- names -------------------------------------------------------------------------------------------------------------


def plain(udid: str) -> str:
    return udid.replace("-", "").lower()


@pytest.mark.soak
def test_a_udid_without_its_dash_is_the_same_phone(set_table: SetTable) -> None:
    """Some usbmuxd versions, and people who copy, leave it out."""
    table = set_table(new=new_phone(find_my=True))
    early = table.migrate("run", table.plan(EVERYTHING), "--new", plain(NEW), "--yes", "--json")
    refused(early, 24, "find-my-on")
    assert early.steps == ["meet"], "what can be seen at once is refused at once"
    table.new.find_my = False
    done = table.migrate("run", table.plan(EVERYTHING), "--old", plain(OLD), "--new", plain(NEW), "--yes", "--json")
    assert done.code == 0, str(done)


@pytest.mark.soak
def test_a_resume_may_name_the_phone_that_was_left_open(set_table: SetTable) -> None:
    table = set_table()
    other = new_phone()
    other.udid = NEW.replace("B", "C")
    table.server.attach(other)
    before = table.old.files.digests()
    error = refused(table.migrate("run", table.plan(EVERYTHING), "--old", OLD, "--yes", "--json"), 2, "which-phone")
    assert "--new" in error["next"]
    refused(table.migrate("resume", "--new", OLD, "--yes", "--json"), 11, "same-phone-twice")
    done = table.migrate("resume", "--new", NEW, "--yes", "--json")
    assert done.code == 0, str(done)
    assert_became(table.new, before)
    assert other.pending_restore is None
