"""What people meet in a conversation: second thoughts, Ctrl-C, a forgotten password, a full phone, a loose cable."""

from __future__ import annotations

import sys

import pytest

from migrate.simulator.faults.faults import Faults
from tests.stories.kitchen import OLD, PASSWORD, SetTable, Table, new_phone, old_phone
from tests.stories.test_a_whole_move import assert_became

if sys.platform == "win32":
    pytest.skip("pexpect needs a POSIX terminal", allow_module_level=True)

from tests.stories.terminal import Terminal, at_a_terminal

CTRL_C = "\x03"
WHICH_OLD, WHICH_NEW, NEW_IS = "Which is the old phone?", "Which is the new phone?", "What is Grandma's new iPhone now?"
CONTINUE, ENCRYPT, WHAT, READY_TO_MOVE = (
    "Continue where you stopped?",
    "Encrypt the backup?",
    "What should move?",
    "Ready to move?",
)
PASSWORD_OF = "Backup password (empty: back)"


def untouched(table: Table, before: dict[str, str]) -> bool:
    return table.new.files.digests() == before and table.new.pending_restore is None


def test_back_leads_to_the_page_before_at_every_page(set_table: SetTable) -> None:
    table = set_table(new=new_phone(empty=False))
    with at_a_terminal(table) as person:
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "b")
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "1")
        person.answers(NEW_IS, "b")
        person.answers(WHICH_NEW, "1")
        person.answers(NEW_IS, "1")  # erased, it is said; but it is in use
        person.answers("Empty it?", "")  # Enter alone does not agree to that
        person.answers(NEW_IS, "2")
        person.answers(ENCRYPT, "b")
        person.answers(NEW_IS, "2")
        person.answers(ENCRYPT, "1")
        person.answers("New backup password (empty: back)", "", "secret")
        person.answers(ENCRYPT, "1")
        person.chooses_password()
        person.page(WHAT, "many")
        person.types("b")
        person.answers(NEW_IS, "2")  # encryption is on by now, so neither it nor its password is asked about again
        person.page(WHAT, "many")
        person.types(" \r")  # Contacts; the password is known and the phone is saved: neither comes again
        person.sees("New backup password for")
        person.types("\r")  # the new phone's: the same as the old one's
        person.answers("Replace what is there?", "b")
        person.page(WHAT, "many")
        person.types(" \r")
        person.answers("Replace what is there?", "1")
        person.answers(READY_TO_MOVE, "b")
        person.answers("Replace what is there?", "1")
        person.answers(READY_TO_MOVE, "2")  # only write it down
        assert person.end() == 0, person.text
    assert person.text.count("Backing up the old phone") == 1
    (plan,) = (table.home / "plans").iterdir()
    assert 'categories = ["contacts"]' in plan.read_text() and 'may_replace = ["contacts"]' in plan.read_text()


def stops(person: Terminal, title: str, kind: str = "one") -> None:
    """Ctrl-C at a page: the answers are kept, and how to go on is said."""
    person.page(title, kind)
    person.types(CTRL_C)
    assert person.end() == 50, person.text
    assert "Continue where you stopped: migrate" in person.words
    assert "Traceback" not in person.text


def test_ctrl_c_at_every_page_and_on_again_each_time(set_table: SetTable) -> None:
    table = set_table()
    before = table.old.files.digests()
    with at_a_terminal(table) as person:
        person.page(WHICH_OLD)
        person.types(CTRL_C)
        assert person.end() == 130, "nothing was answered, so there is nothing to go on with"
    with at_a_terminal(table) as person:
        person.answers(WHICH_OLD, "1")
        stops(person, WHICH_NEW)
    for title, next_title in ((WHICH_NEW, NEW_IS), (NEW_IS, ENCRYPT)):
        with at_a_terminal(table) as person:
            person.answers(CONTINUE, "1")
            person.answers(title, "1")
            stops(person, next_title)
    with at_a_terminal(table) as person:
        person.answers(CONTINUE, "1")
        person.answers(ENCRYPT, "1")
        stops(person, "New backup password (empty: back)", "secret")
    with at_a_terminal(table) as person:
        person.answers(CONTINUE, "1")
        person.chooses_password()
        stops(person, WHAT)
    with at_a_terminal(table) as person:
        person.answers(CONTINUE, "1")
        person.answers(PASSWORD_OF, PASSWORD, "secret")  # it is kept nowhere, so it is asked for again
        person.answers(WHAT, "1")
        stops(person, READY_TO_MOVE)
    with at_a_terminal(table) as person:
        person.answers(CONTINUE, "1")
        person.answers(PASSWORD_OF, PASSWORD, "secret")
        person.answers(READY_TO_MOVE, "1")
        person.sees("Type yes to continue:")
        person.types(CTRL_C)
        assert person.end() == 50, person.text
        assert f"migrate resume {table.only_run.name}" in person.words
    with at_a_terminal(table) as person:
        person.answers(CONTINUE, "1")  # the run itself comes first
        person.sees("Backup password of Grandma's iPhone")
        person.types(f"{PASSWORD}\n")
        person.sees("Type yes to continue:")
        person.types("yes\n")
        assert person.end() == 0, person.text
    assert_became(table.new, before)


def test_a_wrong_password_three_times_and_the_right_one_another_day(set_table: SetTable) -> None:
    table = set_table(old=old_phone(backup_password=PASSWORD))
    assert table.migrate("backup", OLD).code == 0
    before = table.new.files.digests()
    with at_a_terminal(table) as person:
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "1")
        person.answers(NEW_IS, "1")
        for _ in range(2):
            person.answers(PASSWORD_OF, "battery-staple", "secret")
            person.sees("Try again")
        person.answers(PASSWORD_OF, "battery-staple", "secret")
        person.answers("What now?", "4")
        assert person.end() == 32, person.text
    assert "Continue where you stopped: migrate" in person.words
    assert "Backing up" not in person.text, "it was held against the last save at once, before anything was done"
    with at_a_terminal(table) as person:
        person.answers(CONTINUE, "1")
        person.answers(PASSWORD_OF, PASSWORD, "secret")
        person.sees("and the backup is complete")
        stops(person, WHAT)
    assert untouched(table, before)


@pytest.mark.soak
def test_a_wrong_password_that_only_the_save_can_tell_is_asked_for_again(set_table: SetTable) -> None:
    table = set_table(old=old_phone(backup_password=PASSWORD))
    with at_a_terminal(table) as person:
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "1")
        person.answers(NEW_IS, "1")
        person.answers(PASSWORD_OF, "battery-staple", "secret")
        person.sees("Saving")  # there is no earlier save to hold it against
        person.answers("What now?", "1")
        person.answers(PASSWORD_OF, PASSWORD, "secret")
        person.sees("and the backup is complete")
        stops(person, WHAT)


@pytest.mark.soak
def test_a_password_changed_since_the_last_save_is_believed(set_table: SetTable) -> None:
    table = set_table(old=old_phone(backup_password="an-older-word"))
    table.environment["MIGRATE_BACKUP_PASSWORD"] = "an-older-word"
    assert table.migrate("backup", OLD).code == 0
    table.old.backup_password = PASSWORD  # in Finder, meanwhile
    with at_a_terminal(table) as person:
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "1")
        person.answers(NEW_IS, "1")
        for _ in range(3):
            person.answers(PASSWORD_OF, PASSWORD, "secret")
        person.answers("What now?", "2")
        person.answers(PASSWORD_OF, PASSWORD, "secret")
        person.sees("and the backup is complete")
        stops(person, WHAT)


def test_a_new_phone_that_is_too_full_is_said_so_before_anything_moves(set_table: SetTable) -> None:
    table = set_table(new=new_phone(faults=Faults(free_bytes=1_000_000)))
    before = table.new.files.digests()
    with at_a_terminal(table) as person:
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "1")
        person.answers(NEW_IS, "1")
        person.answers(ENCRYPT, "2")
        person.page(WHAT)
        assert "Grandma's new iPhone has 1.0 MB free, and the chosen data takes" in person.words
        person.types("\r")  # Everything cannot be chosen, so this is what is left: to choose
        person.page(WHAT, "many")
        person.types("a\r")  # all of it
        person.sees("the chosen data takes")
        person.types("a \r")  # nothing, then Contacts
        person.page(READY_TO_MOVE)
        assert "Stays" in person.text
        person.types("2\r")
        assert person.end() == 0, person.text
    assert untouched(table, before)


def test_a_phone_unplugged_while_choosing_is_asked_for_and_nothing_is_lost(set_table: SetTable) -> None:
    table = set_table()
    with at_a_terminal(table) as person:
        person.page(WHICH_OLD)
        table.server.detach(table.new)
        person.page(WHICH_OLD)  # by itself
        table.server.attach(table.new)
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "1")
        person.page(NEW_IS)
        table.server.detach(table.old)
        person.types("1\r")
        person.answers(ENCRYPT, "1")
        person.chooses_password()
        person.sees("Connect Grandma's iPhone")
        table.server.attach(table.old)
        person.sees("and the backup is complete")
        table.server.detach(table.old)  # it is saved: from here on it is not needed
        person.answers(WHAT, "1")
        person.answers(READY_TO_MOVE, "1")
        person.sees("Type yes to continue:")
        person.types("no\r")
        person.answers("What now?", "2")  # change an answer
        person.page(WHAT)
        person.types(CTRL_C)
        assert person.end() == 50
    assert list((table.home / "runs").iterdir()) == [], "the run of the plan that was thought better of is gone"
    assert person.text.count("Backing up the old phone") == 1
