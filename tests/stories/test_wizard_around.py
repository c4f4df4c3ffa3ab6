"""What stands around the conversation: plans made and checked, the demo, errands on a phone, a run found unfinished."""

from __future__ import annotations

import json
import re
import sys

import pytest

from migrate.plan.read import read_plan
from tests.stories.kitchen import EVERYTHING, NEW, OLD, PASSWORD, SetTable, new_phone, old_phone
from tests.stories.test_a_whole_move import assert_became

if sys.platform == "win32":
    pytest.skip("pexpect needs a POSIX terminal", allow_module_level=True)

from tests.stories.terminal import Terminal, at_a_terminal

CTRL_C = "\x03"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|38|4[0-7]|48|9[0-7])[;m]")


def up_to_what(person: Terminal) -> None:
    """The first pages, for an old phone whose encryption is on."""
    person.answers("Which is the old phone?", "1")
    person.answers("Which is the new phone?", "1")
    person.answers("What is Grandma's new iPhone now?", "1")
    person.answers("Backup password (empty: back)", PASSWORD, "secret")


def test_a_plan_is_made_without_any_phone_and_kept_through_ctrl_c(set_table: SetTable) -> None:
    table = set_table(plugged="")
    file = table.home.parent / "mine.toml"
    with at_a_terminal(table, "plan", "new", str(file)) as person:
        person.answers("What is the new phone now?", "2")
        person.page("Encrypt the backup?")
        person.types(CTRL_C)
        assert person.end() == 50 and "migrate plan new" in person.words
    with at_a_terminal(table, "plan", "new", str(file)) as person:
        person.answers("Continue where you stopped?", "1")
        person.answers("Encrypt the backup?", "1")
        person.page("What should move?", "many")
        person.types(" \r")
        person.answers("Replace what is there?", "1")
        person.answers("Is this right?", "1")
        assert person.end() == 0, person.text
    plan = read_plan(file)
    assert plan.move.categories == ("contacts",) and plan.move.may_replace == ("contacts",)
    assert table.migrate("plan", "check", file).code == 0
    assert table.migrate("plan", "new", file).code == 2, "there is no terminal"
    with at_a_terminal(table, "plan", "new", str(file)) as person:
        assert person.end() == 2 and "already exists" in person.words


def test_a_plan_is_held_against_the_phones_that_are_here(set_table: SetTable) -> None:
    table = set_table(new=new_phone(find_my=True))
    plan = table.plan(EVERYTHING + f'[old_phone]\nudid = "{OLD}"\n')
    refused = table.migrate("plan", "check", plan, "--json")
    assert refused.code == 24 and json.loads(refused.out)["error"]["code"] == "find-my-on"
    table.new.find_my = False
    fits = table.migrate("plan", "check", plan, "--json")
    answer = json.loads(fits.out)
    assert fits.code == 0 and (answer["old_udid"], answer["new_udid"]) == (OLD, NEW)
    assert "It fits the new phone (Grandma's new iPhone)" in " ".join(table.migrate("plan", "check", plan).out.split())
    table.server.detach(table.new)
    assert "The new phone is not connected" in table.migrate("plan", "check", plan).out
    table.server.detach(table.old)
    assert "only the plan itself was checked" in " ".join(table.migrate("plan", "check", plan).out.split())


def test_the_demo_holds_the_conversation(set_table: SetTable) -> None:
    table = set_table(plugged="")
    with at_a_terminal(table, "demo", "--wizard") as person:
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
        assert person.end() == 0, person.text
    assert "proven." in person.text


def test_ctrl_c_in_the_demo_promises_nothing(set_table: SetTable) -> None:
    with at_a_terminal(set_table(plugged=""), "demo", "--wizard") as person:
        person.answers("Which is the old phone?", "1")
        person.page("Which is the new phone?")
        person.types(CTRL_C)
        assert person.end() == 130
    assert "migrate demo --wizard" in person.words and "Traceback" not in person.text


def test_find_my_is_waited_for_and_no_colour_is_used_where_none_is_wanted(set_table: SetTable) -> None:
    table = set_table(old=old_phone(backup_password=PASSWORD), new=new_phone(find_my=True))
    with at_a_terminal(table, NO_COLOR="1") as person:
        up_to_what(person)
        person.answers("What should move?", "1")
        person.sees("tap your name, then Find My")
        table.new.find_my = False
        person.page("Ready to move?")  # by itself
        person.types(CTRL_C)
        assert person.end() == 50
    assert not COLOUR.search(person.seen)
    assert table.new.pending_restore is None


@pytest.mark.soak
def test_a_save_that_somebody_else_made_meanwhile_is_not_taken_for_ours(set_table: SetTable) -> None:
    table = set_table(old=old_phone(backup_password=PASSWORD))
    before = table.old.files.digests()
    with at_a_terminal(table) as person:
        up_to_what(person)
        person.answers("What should move?", "1")
        person.page("Ready to move?")
        assert table.migrate("backup", OLD).code == 0
        person.types("1\r")
        person.sees("Type yes to continue:")
        person.types("yes\r")
        assert person.end() == 0, person.text
    assert "before_back-up-old-phone" in (table.only_run / "journal.ndjson").read_text(), "the run saved it itself"
    assert_became(table.new, before)


@pytest.mark.soak
def test_an_erased_phone_that_turns_out_to_be_in_use_can_still_be_emptied_on_the_persons_word(
    set_table: SetTable,
) -> None:
    """Its use does not show before its turn comes: it is connected later, on the same cable."""
    table = set_table(old=old_phone(backup_password=PASSWORD), new=new_phone(empty=False), plugged="old")
    before = table.old.files.digests()
    with at_a_terminal(table) as person:
        person.answers("Which is the old phone?", "1")
        person.answers("Which is the new phone?", "1")
        person.answers("What is the new phone now?", "1")
        person.answers("Backup password (empty: back)", PASSWORD, "secret")
        person.answers("What should move?", "1")
        person.page("Ready to move?")
        table.server.detach(table.old)
        person.types("1\r")
        person.sees("Connect the new phone")
        table.server.attach(table.new)
        person.page("What now?")
        assert "is in use, and this plan would erase everything on it" in person.words
        person.types("2\r")  # change an answer
        person.answers("Empty it?", "1")
        person.answers("What should move?", "1")
        person.answers("Ready to move?", "1")
        person.sees("Type yes to continue:")
        person.types("yes\r")
        assert person.end() == 0, person.text
    assert_became(table.new, before)
    assert person.text.count("Backing up the old phone") == 1
