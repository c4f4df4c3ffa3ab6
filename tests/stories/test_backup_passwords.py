"""Backup passwords at a real terminal: one that nobody knows, one that is chosen and tested, one that is changed."""

from __future__ import annotations

import sys

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import unlock
from migrate.simulator.contents import ContentsSpec
from migrate.simulator.device.simulated_user import SimulatedUser
from tests.stories.lab import OLD, PASSWORD, MakeLab, new_phone, old_phone

if sys.platform == "win32":
    pytest.skip("pexpect needs a POSIX terminal", allow_module_level=True)

from tests.stories.terminal import open_terminal

NEW_IS = "What is Grandma's new iPhone now?"
PASSWORD_OF = "Backup password (empty: back)"
EMPTY = ContentsSpec(empty=True)
ANOTHER = "battery-staple-1951"


def test_from_a_password_that_nobody_knows_to_a_tested_one_while_the_new_phone_is_at_hello(make_lab: MakeLab) -> None:
    old = old_phone(contents=EMPTY, backup_password="forgotten", passcode="1947")
    new = new_phone(activated=False, setup="never-begun")
    old.simulated_user = SimulatedUser(passcode_delay_s=0.2)
    lab = make_lab(old=old, new=new)
    with open_terminal(lab, columns=60) as person:
        person.answers("Which is the old phone?", "1")
        person.answers("Which is the new phone?", "1")
        person.answers(NEW_IS, "1")
        person.page("Grandma's new iPhone is not activated yet")
        assert "Stop at the screen Transfer Your Apps & Data" in person.flat_text
        new.activated = True
        person.types("2\r")
        person.answers("Grandma's new iPhone is in its setup", "b")
        person.answers(NEW_IS, "1")
        person.answers("Grandma's new iPhone is in its setup", "1")

        person.answers(PASSWORD_OF, "", "secret")
        person.answers("No password was typed", "2")
        person.page("When nobody knows the backup password")
        assert "Reset All Settings" in person.flat_text and "wait an hour" in person.flat_text
        old.backup_password = None  # reset on the phone
        person.types("2\r")

        person.page("Encrypt the backup?")
        assert "Only an encrypted backup contains: Call history, Health and" in person.flat_text
        person.types("1\r")
        person.chooses_password()
        person.sees("Now on Grandma's iPhone")
        person.sees("The password was tested")
        person.sees("and the backup is complete")
        person.page("What should move?")
    assert old.backup_password == PASSWORD and PASSWORD not in person.seen
    unlock(BackupFolder(lab.home / "backups" / OLD), PASSWORD)


@pytest.mark.soak
def test_a_declined_passcode_can_be_tried_again_and_the_password_is_not_typed_anew(make_lab: MakeLab) -> None:
    old = old_phone(contents=EMPTY, passcode="1947", simulated_user=SimulatedUser(passcode="decline"))
    lab = make_lab(old=old, plugged="old")
    with open_terminal(lab) as person:
        person.answers("Which is the old phone?", "1")
        person.answers("Which is the new phone?", "1")
        person.answers("What is the new phone now?", "1")
        person.answers("Encrypt the backup?", "1")
        person.chooses_password()
        person.page("What now?")
        assert "The passcode was not entered on Grandma's iPhone" in person.flat_text
        assert old.backup_password is None
        old.simulated_user.passcode = "enter"
        person.types("1\r")
        person.sees("The password was tested")
        person.sees("Backing up the old phone")
    assert old.backup_password == PASSWORD


def test_a_password_is_changed_after_one_that_was_mistyped(make_lab: MakeLab) -> None:
    old = old_phone(contents=EMPTY, backup_password=PASSWORD)
    lab = make_lab(old=old, plugged="old")
    with open_terminal(lab, "encryption", "change", columns=60) as person:
        person.sees("Backup password of Grandma's iPhone")
        person.types("correct-house-1947\r")
        person.sees("New backup password for Grandma's iPhone")
        person.types(f"{ANOTHER}\r")
        person.sees("Repeat it")
        person.types("battery-stable\r")
        person.sees("did not match")
        for prompt in ("New backup password", "Repeat it"):
            person.sees(prompt)
            person.types(f"{ANOTHER}\r")
        person.sees("does not accept that password")
        person.sees("Backup password of Grandma's iPhone")
        person.types(f"{PASSWORD}\r")
        assert person.wait_for_exit() == 0, person.text
    assert old.backup_password == ANOTHER
    assert "Nobody can recover this password" in person.flat_text and "It was tested" in person.flat_text
    assert PASSWORD not in person.seen and ANOTHER not in person.seen
