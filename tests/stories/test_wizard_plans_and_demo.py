"""The wizard beyond a simple move: writing and checking plans, the demo, changes while it waits."""

from __future__ import annotations

import json
import re
import sys

import pytest

from migrate.plan.read import read_plan
from tests.stories.lab import EVERYTHING, NEW, OLD, PASSWORD, MakeLab, new_phone, old_phone
from tests.stories.test_a_whole_move import assert_became

if sys.platform == "win32":
    pytest.skip("pexpect needs a POSIX terminal", allow_module_level=True)

from tests.stories.terminal import Terminal, open_terminal

CTRL_C = "\x03"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|38|4[0-7]|48|9[0-7])[;m]")


def answer_up_to_the_choice(person: Terminal) -> None:
    """Answer the first pages, for an old phone with encryption on."""
    person.answers("Which is the old phone?", "1")
    person.answers("Which is the new phone?", "1")
    person.answers("What is Grandma's new iPhone now?", "1")
    person.answers("Backup password (empty: back)", PASSWORD, "secret")


def test_a_plan_is_written_without_any_phone_and_survives_ctrl_c(make_lab: MakeLab) -> None:
    lab = make_lab(plugged="")
    file = lab.home.parent / "mine.toml"
    with open_terminal(lab, "plan", "new", str(file)) as person:
        person.answers("What is the new phone now?", "2")
        person.page("Encrypt the backup?")
        person.types(CTRL_C)
        assert person.wait_for_exit() == 50 and "migrate plan new" in person.flat_text
    with open_terminal(lab, "plan", "new", str(file)) as person:
        person.answers("Continue where you stopped?", "1")
        person.answers("Encrypt the backup?", "1")
        person.page("What should move?", "many")
        person.types(" \r")
        person.answers("Replace what is there?", "1")
        person.answers("Is this right?", "1")
        assert person.wait_for_exit() == 0, person.text
    plan = read_plan(file)
    assert plan.move.categories == ("contacts",) and plan.move.may_replace == ("contacts",)
    assert lab.migrate("plan", "check", file).code == 0
    assert lab.migrate("plan", "new", file).code == 2, "there is no terminal"
    with open_terminal(lab, "plan", "new", str(file)) as person:
        assert person.wait_for_exit() == 2 and "already exists" in person.flat_text


@pytest.mark.soak
def test_a_plan_is_checked_against_the_connected_phones(make_lab: MakeLab) -> None:
    lab = make_lab(new=new_phone(find_my=True))
    plan = lab.plan(EVERYTHING + f'[old_phone]\nudid = "{OLD}"\n')
    refused = lab.migrate("plan", "check", plan, "--json")
    assert refused.code == 24 and json.loads(refused.out)["error"]["code"] == "find-my-on"
    lab.new.find_my = False
    fits = lab.migrate("plan", "check", plan, "--json")
    answer = json.loads(fits.out)
    assert fits.code == 0 and (answer["old_udid"], answer["new_udid"]) == (OLD, NEW)
    assert "It fits the new phone (Grandma's new iPhone)" in " ".join(lab.migrate("plan", "check", plan).out.split())
    lab.server.detach(lab.new)
    assert "The new phone is not connected" in lab.migrate("plan", "check", plan).out
    lab.server.detach(lab.old)
    assert "only the plan itself was checked" in " ".join(lab.migrate("plan", "check", plan).out.split())


def test_the_demo_runs_the_wizard(make_lab: MakeLab) -> None:
    lab = make_lab(plugged="")
    with open_terminal(lab, "demo", "--wizard") as person:
        person.answers("Which is the old phone?", "1")
        person.answers("Which is the new phone?", "1")
        person.answers("What is Ada's new iPhone now?", "1")
        person.answers("Encrypt the backup?", "1")
        person.chooses_password()
        person.sees("Now on Ada's old iPhone")
        person.answers("What should move?", "1")
        person.answers("Ready to move?", "1")
        person.sees("Type yes to continue:")
        person.types("yes\r")
        person.sees("Continue until you see the home screen")
        assert person.wait_for_exit() == 61, person.text
    assert "Arrived so far on Ada's new iPhone" in person.flat_text, "the first look comes before photos and apps do"
    assert person.flat_text.index("Arrived so far") < person.flat_text.index("Three things to try next:")
    assert "migrate prove" in person.flat_text


def test_ctrl_c_in_the_demo_offers_no_resume(make_lab: MakeLab) -> None:
    with open_terminal(make_lab(plugged=""), "demo", "--wizard") as person:
        person.answers("Which is the old phone?", "1")
        person.page("Which is the new phone?")
        person.types(CTRL_C)
        assert person.wait_for_exit() == 130
    assert "migrate demo --wizard" in person.flat_text and "Traceback" not in person.text


def test_the_wizard_waits_for_find_my_to_be_turned_off_and_honours_no_color(make_lab: MakeLab) -> None:
    lab = make_lab(old=old_phone(backup_password=PASSWORD), new=new_phone(find_my=True))
    with open_terminal(lab, NO_COLOR="1") as person:
        answer_up_to_the_choice(person)
        person.answers("What should move?", "1")
        person.sees("tap your name, then Find My")
        lab.new.find_my = False
        person.page("Ready to move?")  # without a key press
        person.types(CTRL_C)
        assert person.wait_for_exit() == 50
    assert not COLOUR.search(person.seen)
    assert lab.new.pending_restore is None


@pytest.mark.soak
def test_a_backup_made_meanwhile_by_another_command_is_not_mistaken_for_ours(make_lab: MakeLab) -> None:
    lab = make_lab(old=old_phone(backup_password=PASSWORD))
    before = lab.old.files.digests()
    with open_terminal(lab) as person:
        answer_up_to_the_choice(person)
        person.answers("What should move?", "1")
        person.page("Ready to move?")
        assert lab.migrate("backup", OLD).code == 0
        person.types("1\r")
        person.sees("Type yes to continue:")
        person.types("yes\r")
        assert person.wait_for_exit() == 0, person.text
    assert "before_back-up-old-phone" in (lab.only_run / "journal.ndjson").read_text(), "the run made its own backup"
    assert_became(lab.new, before)


@pytest.mark.soak
def test_a_phone_that_turns_out_to_be_in_use_can_be_erased_with_consent(
    make_lab: MakeLab,
) -> None:
    """It is connected later, on the same cable, so the wizard learns only then that it is in use."""
    lab = make_lab(old=old_phone(backup_password=PASSWORD), new=new_phone(empty=False), plugged="old")
    before = lab.old.files.digests()
    with open_terminal(lab) as person:
        person.answers("Which is the old phone?", "1")
        person.answers("Which is the new phone?", "1")
        person.answers("What is the new phone now?", "1")
        person.answers("Backup password (empty: back)", PASSWORD, "secret")
        person.answers("What should move?", "1")
        person.page("Ready to move?")
        lab.server.detach(lab.old)
        person.types("1\r")
        person.sees("Connect the new phone")
        lab.server.attach(lab.new)
        person.page("What now?")
        assert "is in use, and this plan would erase everything on it" in person.flat_text
        person.types("2\r")  # change an answer
        person.answers("Empty it?", "1")
        person.answers("What should move?", "1")
        person.answers("Ready to move?", "1")
        person.sees("Type yes to continue:")
        person.types("yes\r")
        assert person.wait_for_exit() == 0, person.text
    assert_became(lab.new, before)
    assert person.text.count("Backing up the old phone") == 1
