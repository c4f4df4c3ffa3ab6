"""Whole conversations at a real terminal: from two phones to a proven move, and the plan replayed on an equal pair."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.simulator.device.simulated_user import SimulatedUser
from tests.stories.kitchen import PASSWORD, SetTable, Table, new_phone, old_phone
from tests.stories.test_a_whole_move import assert_became, assert_private, assert_secret_stays_secret

if sys.platform == "win32":
    pytest.skip("pexpect needs a POSIX terminal", allow_module_level=True)

from tests.stories.terminal import Terminal, at_a_terminal


def only_plan(table: Table) -> Path:
    (plan,) = (table.home / "plans").iterdir()
    return plan


def replayed(plan: Path, on: Table, tmp_path: Path) -> Table:
    """`migrate run PLAN` on another pair of phones, from another home."""
    pair = replace(on, home=tmp_path / "another-home")
    done = pair.migrate("run", plan, "--yes", "--json")
    assert done.code == 0, str(done)
    return pair


def test_everything_moves_in_conversation_and_its_plan_replays_to_an_equal_phone(
    set_table: SetTable, tmp_path: Path
) -> None:
    table = set_table(
        old=old_phone(passcode="1947", simulated_user=SimulatedUser(passcode_delay_s=0.3)), new=new_phone()
    )
    before = table.old.files.digests()
    with at_a_terminal(table) as person:
        person.answers("Which is the old phone?", "1")
        person.answers("Which is the new phone?", "1")
        person.answers("What is Grandma's new iPhone now?", "1")
        person.answers("Encrypt the backup?", "1")
        person.chooses_password()
        person.sees("Now on Grandma's iPhone")  # its passcode is asked for, on its own screen
        person.sees("and the backup is complete")
        person.answers("What should move?", "1")
        person.answers("Ready to move?", "1")
        person.sees("Type yes to continue:")
        assert table.new.pending_restore is None, "nothing is sent before that word"
        person.types("yes\r")
        person.sees("Now on Grandma's new iPhone")
        assert person.end() == 0, person.text
    assert_became(table.new, before)
    assert_secret_stays_secret(table, person.seen)
    assert_private(table.home)
    assert "proven." in person.text and f"migrate run {only_plan(table)}" in person.words
    saves = (table.only_run / "journal.ndjson").read_text().count('"bytes": 0, "files": 0')
    assert saves == 1, "what was saved before the categories were chosen is not saved again"
    assert not (table.home / "interview.json").exists(), "there is nothing to go on with"

    pair = replayed(only_plan(table), set_table(old=old_phone(passcode="1947"), new=new_phone()), tmp_path)
    assert pair.new.files.digests() == table.new.files.digests()


def to_a_phone_in_use(person: Terminal) -> None:
    person.answers("Which is the old phone?", "1")
    person.answers("Which is the new phone?", "1")
    person.answers("What is Grandma's new iPhone now?", "2")
    person.answers("Encrypt the backup?", "1")
    person.chooses_password()
    person.page("What should move?", "many")
    person.types("\x1b[B  ")  # down to Messages, ticked and unticked
    person.types(" \x1b[B\x1b[B\x1b[B \r")  # Messages, and Photos three lines below


@pytest.mark.soak
def test_some_things_replace_their_counterparts_and_the_plan_replays_to_an_equal_phone(
    set_table: SetTable, tmp_path: Path
) -> None:
    table = set_table(new=new_phone(empty=False))
    with at_a_terminal(table, columns=60) as person:
        to_a_phone_in_use(person)
        person.sees("New backup password for")
        person.types("\r")  # the same as the old phone's
        person.page("Replace what is there?")
        assert "Messages: 60 replace 60" in person.words
        assert "Photos and videos: 13 replace 13" in person.words
        person.types("1\r")
        person.answers("Ready to move?", "1")
        person.sees("Type yes to continue:")
        person.types("yes\r")
        assert person.end() == 0, person.text
    now = table.new.files.digests()
    photo = "CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"
    assert now[photo] == table.old.files.digests()[photo]
    assert PASSWORD not in person.seen

    pair = replayed(only_plan(table), set_table(new=new_phone(empty=False)), tmp_path)
    assert pair.new.files.digests() == now


def test_one_cable_and_plain_lines(set_table: SetTable) -> None:
    """A voice reads the pages aloud; the new phone is plugged in only when its turn comes."""
    table = set_table(plugged="old")
    before = table.old.files.digests()
    with at_a_terminal(table, "--plain") as person:
        for title, typed in (
            ("Which is the old phone?", "1"),
            ("Which is the new phone?", "1"),
            ("What is the new phone now?", "1"),
            ("Encrypt the backup?", "1"),
        ):
            person.sees(title)
            person.sees("Your answer: ")
            person.types(f"{typed}\n")
        for prompt in ("New backup password", "Repeat it: "):
            person.sees(prompt)
            person.types(f"{PASSWORD}\n") if prompt.endswith(" ") else (
                person.sees("shown): "),
                person.types(f"{PASSWORD}\n"),
            )
        person.sees("What should move?")
        person.sees("Your answer: ")
        person.types("1\n")
        person.sees("Ready to move?")
        person.sees("Your answer: ")
        table.server.detach(table.old)
        person.types("1\n")
        person.sees("Connect the new phone")
        table.server.attach(table.new)
        person.sees("Type yes to continue:")
        person.types("yes\n")
        assert person.end() == 0, person.text
    assert_became(table.new, before)
    assert person.seen.isascii(), "no sign beyond ASCII"
    assert "\x1b" not in person.seen, "and nothing that a voice cannot read"
