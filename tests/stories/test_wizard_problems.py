"""Problems during a wizard session: changed answers, Ctrl-C, a wrong password, a full phone, a loose cable."""

from __future__ import annotations

import sys

import pytest

from migrate.simulator.faults.faults import Faults
from tests.stories.lab import OLD, PASSWORD, Lab, MakeLab, new_phone, old_phone
from tests.stories.test_a_whole_move import assert_became

if sys.platform == "win32":
    pytest.skip("pexpect needs a POSIX terminal", allow_module_level=True)

from tests.stories.terminal import Terminal, open_terminal

CTRL_C = "\x03"
WHICH_OLD, WHICH_NEW, NEW_IS = "Which is the old phone?", "Which is the new phone?", "What is Grandma's new iPhone now?"
CONTINUE, WHAT_WITH_IT, ENCRYPT, WHAT, READY_TO_MOVE = (
    "Continue where you stopped?",
    "What should happen with it?",
    "Encrypt the backup?",
    "What should move?",
    "Ready to move?",
)
PASSWORD_OF = "Backup password (empty: back)"


def is_untouched(lab: Lab, before: dict[str, str]) -> bool:
    return lab.new.files.digests() == before and lab.new.pending_restore is None


@pytest.mark.soak
def test_back_returns_to_the_previous_page_from_every_page(make_lab: MakeLab) -> None:
    lab = make_lab(new=new_phone(empty=False))
    with open_terminal(lab) as person:
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "b")
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "1")
        person.answers(NEW_IS, "b")
        person.answers(WHICH_NEW, "1")
        person.answers(NEW_IS, "1")  # answered "erased", but the phone is in use
        person.answers("Empty it?", "")  # Enter alone is no consent
        person.answers(NEW_IS, "2")
        person.answers(ENCRYPT, "b")
        person.answers(NEW_IS, "2")
        person.answers(ENCRYPT, "1")
        person.answers("New backup password (empty: back)", "", "secret")
        person.answers(ENCRYPT, "1")
        person.chooses_password()
        person.page(WHAT, "many")
        person.types("b")
        person.answers(NEW_IS, "2")  # encryption is now on, so its pages are skipped
        person.page(WHAT, "many")
        person.types(" \r")  # Contacts; the password is known and the backup is made
        person.sees("New backup password for")
        person.types("\r")  # for the new phone: the same as the old one's
        person.answers("Replace what is there?", "b")
        person.page(WHAT, "many")
        person.types("\r")  # Contacts is still selected
        person.answers("Replace what is there?", "1")
        person.answers(READY_TO_MOVE, "b")
        person.answers("Replace what is there?", "1")
        person.answers(READY_TO_MOVE, "2")  # only write the plan
        assert person.wait_for_exit() == 0, person.text
    assert person.text.count("Backing up the old phone") == 1
    (plan,) = (lab.home / "plans").iterdir()
    assert 'categories = ["contacts"]' in plan.read_text() and 'may_replace = ["contacts"]' in plan.read_text()


def press_ctrl_c(person: Terminal, title: str, kind: str = "one") -> None:
    """Press Ctrl-C at a page: the answers are kept, and the way to continue is shown."""
    person.page(title, kind)
    person.types(CTRL_C)
    assert person.wait_for_exit() == 50, person.text
    assert "Continue where you stopped: migrate" in person.flat_text
    assert "Traceback" not in person.text


@pytest.mark.soak
def test_ctrl_c_at_every_page_can_be_continued_each_time(make_lab: MakeLab) -> None:
    lab = make_lab()
    before = lab.old.files.digests()
    with open_terminal(lab) as person:
        person.page(WHICH_OLD)
        person.types(CTRL_C)
        assert person.wait_for_exit() == 130, "no answer was given, so there is nothing to continue"
    with open_terminal(lab) as person:
        person.answers(WHICH_OLD, "1")
        press_ctrl_c(person, WHICH_NEW)
    for title, next_title in ((WHICH_NEW, NEW_IS), (NEW_IS, ENCRYPT)):
        with open_terminal(lab) as person:
            person.answers(CONTINUE, "1")
            person.answers(title, "1")
            press_ctrl_c(person, next_title)
    with open_terminal(lab) as person:
        person.answers(CONTINUE, "1")
        person.answers(ENCRYPT, "1")
        press_ctrl_c(person, "New backup password (empty: back)", "secret")
    with open_terminal(lab) as person:
        person.answers(CONTINUE, "1")
        person.chooses_password()
        press_ctrl_c(person, WHAT)
    with open_terminal(lab) as person:
        person.answers(CONTINUE, "1")
        person.answers(PASSWORD_OF, PASSWORD, "secret")  # never stored, so requested again
        person.answers(WHAT, "1")
        press_ctrl_c(person, READY_TO_MOVE)
    with open_terminal(lab) as person:
        person.answers(CONTINUE, "1")
        person.answers(PASSWORD_OF, PASSWORD, "secret")
        person.answers(READY_TO_MOVE, "1")
        person.sees("Type yes to continue:")
        person.types(CTRL_C)
        assert person.wait_for_exit() == 50, person.text
        assert f"migrate resume {lab.only_run.name}" in person.flat_text
    with open_terminal(lab) as person:
        person.answers(CONTINUE, "1")
        person.answers(WHAT_WITH_IT, "1")  # go on with the run itself
        person.sees("Type yes to continue:")
        person.types("yes\n")
        person.sees("Backup password of Grandma's iPhone")
        person.types(f"{PASSWORD}\n")
        assert person.wait_for_exit() == 0, person.text
    assert_became(lab.new, before)


@pytest.mark.soak
def test_after_three_wrong_passwords_the_right_one_works_another_day(make_lab: MakeLab) -> None:
    lab = make_lab(old=old_phone(backup_password=PASSWORD))
    assert lab.migrate("backup", OLD).code == 0
    before = lab.new.files.digests()
    with open_terminal(lab) as person:
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "1")
        person.answers(NEW_IS, "1")
        for _ in range(2):
            person.answers(PASSWORD_OF, "battery-staple", "secret")
            person.sees("Try again")
        person.answers(PASSWORD_OF, "battery-staple", "secret")
        person.answers("What now?", "4")
        assert person.wait_for_exit() == 32, person.text
    assert "where you stopped with: migrate" in person.flat_text
    assert "Backing up" not in person.text, "the last backup rejected it before anything was done"
    with open_terminal(lab) as person:
        person.answers(CONTINUE, "1")
        person.answers(PASSWORD_OF, PASSWORD, "secret")
        person.sees("and the backup is complete")
        press_ctrl_c(person, WHAT)
    assert is_untouched(lab, before)


@pytest.mark.soak
def test_a_wrong_password_found_only_by_the_backup_is_requested_again(make_lab: MakeLab) -> None:
    lab = make_lab(old=old_phone(backup_password=PASSWORD))
    with open_terminal(lab) as person:
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "1")
        person.answers(NEW_IS, "1")
        person.answers(PASSWORD_OF, "battery-staple", "secret")
        person.sees("Backing up")  # there is no earlier backup to check it with
        person.answers("What now?", "1")
        person.answers(PASSWORD_OF, PASSWORD, "secret")
        person.sees("and the backup is complete")
        press_ctrl_c(person, WHAT)


def test_a_password_changed_since_the_last_backup_is_accepted(make_lab: MakeLab) -> None:
    lab = make_lab(old=old_phone(backup_password="an-older-word"))
    lab.environment["MIGRATE_BACKUP_PASSWORD"] = "an-older-word"
    assert lab.migrate("backup", OLD).code == 0
    lab.old.backup_password = PASSWORD  # in Finder, meanwhile
    with open_terminal(lab) as person:
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "1")
        person.answers(NEW_IS, "1")
        for _ in range(3):
            person.answers(PASSWORD_OF, PASSWORD, "secret")
        person.answers("What now?", "2")
        person.answers(PASSWORD_OF, PASSWORD, "secret")
        person.sees("and the backup is complete")
        press_ctrl_c(person, WHAT)


def test_a_new_phone_without_enough_space_is_reported_before_anything_moves(make_lab: MakeLab) -> None:
    lab = make_lab(new=new_phone(faults=Faults(free_bytes=1_000_000)))
    before = lab.new.files.digests()
    with open_terminal(lab) as person:
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "1")
        person.answers(NEW_IS, "1")
        person.page("There may be too little space")
        assert "and Grandma's new iPhone has 1.0 MB free" in person.flat_text
        assert "Backing up" not in person.text, "it is said before hours are spent"
        person.types("2\r")  # go on all the same
        person.answers(ENCRYPT, "2")
        person.page(WHAT)
        assert "Grandma's new iPhone has 1.0 MB free, and the chosen data takes" in person.flat_text
        person.types("\r")  # "Everything" is disabled, so Enter opens the list
        person.page(WHAT, "many")
        person.types("\r")  # everything is selected
        person.sees("the chosen data takes")
        person.types("a \r")  # deselect all, then Contacts
        person.page(READY_TO_MOVE)
        assert "Stays" in person.text
        person.types("2\r")
        assert person.wait_for_exit() == 0, person.text
    assert is_untouched(lab, before)


@pytest.mark.soak
def test_a_phone_unplugged_during_the_wizard_is_requested_and_no_answer_is_lost(make_lab: MakeLab) -> None:
    lab = make_lab()
    with open_terminal(lab) as person:
        person.page(WHICH_OLD)
        lab.server.detach(lab.new)
        person.page(WHICH_OLD)  # redrawn without a key press
        lab.server.attach(lab.new)
        person.answers(WHICH_OLD, "1")
        person.answers(WHICH_NEW, "1")
        person.page(NEW_IS)
        lab.server.detach(lab.old)
        person.types("1\r")
        person.answers(ENCRYPT, "1")
        person.chooses_password()
        person.sees("Connect Grandma's iPhone")
        lab.server.attach(lab.old)
        person.sees("and the backup is complete")
        lab.server.detach(lab.old)  # backed up, so no longer needed
        person.answers(WHAT, "1")
        person.answers(READY_TO_MOVE, "1")
        person.sees("Type yes to continue:")
        person.types("no\r")
        person.answers("What now?", "2")  # change an answer
        person.page(WHAT)
        person.types(CTRL_C)
        assert person.wait_for_exit() == 50
    assert list((lab.home / "runs").iterdir()) == [], "the run of the discarded plan is deleted"
    assert person.text.count("Backing up the old phone") == 1
