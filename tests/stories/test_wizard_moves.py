"""Whole wizard sessions on a real terminal, from two phones to a proven move. Their plans repeat the same move."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.simulator.device.simulated_user import SimulatedUser
from tests.stories.lab import PASSWORD, Lab, MakeLab, new_phone, old_phone
from tests.stories.test_a_whole_move import assert_became, assert_private, assert_secret_stays_secret

if sys.platform == "win32":
    pytest.skip("pexpect needs a POSIX terminal", allow_module_level=True)

from tests.stories.terminal import OFFER_OF_THE_PAGE, Terminal, open_terminal


def fake_browser(folder: Path) -> tuple[Path, Path]:
    """A browser that only notes what it was asked to open, and the file of its notes."""
    browser, opened = folder / "browser", folder / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" >> "{opened}"\n')
    browser.chmod(0o755)
    return browser, opened


def only_plan(lab: Lab) -> Path:
    (plan,) = (lab.home / "plans").iterdir()
    return plan


def replay(plan: Path, other: Lab, tmp_path: Path) -> Lab:
    """`migrate run PLAN` on another pair of phones, with another home folder."""
    pair = replace(other, home=tmp_path / "another-home")
    done = pair.migrate("run", plan, "--yes", "--json")
    assert done.code == 0, str(done)
    return pair


def test_the_wizard_moves_everything_and_its_plan_repeats_the_move(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(old=old_phone(passcode="1947", simulated_user=SimulatedUser(passcode_delay_s=0.3)), new=new_phone())
    before = lab.old.files.digests()
    browser, opened = fake_browser(tmp_path)
    with open_terminal(lab, BROWSER=str(browser)) as person:
        person.answers("Which is the old phone?", "1")
        person.answers("Which is the new phone?", "1")
        person.answers("What is Grandma's new iPhone now?", "1")
        person.answers("Encrypt the backup?", "1")
        person.chooses_password()
        person.sees("Now on Grandma's iPhone")  # the passcode is entered on the phone
        person.sees("and the backup is complete")
        person.answers("What should move?", "1")
        person.answers("Ready to move?", "1")
        person.sees("Type yes to continue:")
        assert lab.new.pending_restore is None, "nothing is sent before the yes"
        person.types("yes\r")
        person.sees("Now on Grandma's new iPhone")
        person.sees(OFFER_OF_THE_PAGE)
        assert not opened.exists(), "nothing opens by itself"
        person.types("\r")
        assert person.wait_for_exit() == 0, person.text
    assert opened.read_text().strip() == (lab.only_run / "receipt.html").as_uri()
    assert_became(lab.new, before)
    assert_secret_stays_secret(lab, person.seen)
    assert_private(lab.home)
    assert "proven." in person.text and f"migrate run {only_plan(lab)}" in person.flat_text
    backups = (lab.only_run / "journal.ndjson").read_text().count('"bytes": 0, "files": 0')
    assert backups == 1, "the phone is not backed up again after the categories are chosen"
    assert "backup-encryption-turned-on" in (lab.only_run / "findings.json").read_text(), "a page turned it on"
    assert not (lab.home / "interview.json").exists(), "no interview is left to continue"

    pair = replay(only_plan(lab), make_lab(old=old_phone(passcode="1947"), new=new_phone()), tmp_path)
    assert pair.new.files.digests() == lab.new.files.digests()


def choose_a_phone_in_use(person: Terminal) -> None:
    person.answers("Which is the old phone?", "1")
    person.answers("Which is the new phone?", "1")
    person.answers("What is Grandma's new iPhone now?", "2")
    person.answers("Encrypt the backup?", "1")
    person.chooses_password()
    person.page("What should move?", "many")
    person.types("\x1b[B  ")  # down to Messages, select and deselect it
    person.types(" \x1b[B\x1b[B\x1b[B \r")  # Messages, and Photos three lines below


@pytest.mark.soak
def test_the_wizard_replaces_chosen_categories_and_its_plan_repeats_the_move(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(new=new_phone(empty=False))
    with open_terminal(lab, columns=60) as person:
        choose_a_phone_in_use(person)
        person.sees("New backup password for")
        person.types("\r")  # the same as the old phone's
        person.page("Replace what is there?")
        assert "Messages: 60 replace 60" in person.flat_text
        assert "Photos and videos: 13 replace 13" in person.flat_text
        person.types("1\r")
        person.answers("Ready to move?", "1")
        person.sees("Type yes to continue:")
        person.types("yes\r")
        assert person.wait_for_exit() == 0, person.text
    now = lab.new.files.digests()
    photo = "CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"
    assert now[photo] == lab.old.files.digests()[photo]
    assert PASSWORD not in person.seen

    pair = replay(only_plan(lab), make_lab(new=new_phone(empty=False)), tmp_path)
    assert pair.new.files.digests() == now


@pytest.mark.soak
def test_the_wizard_works_with_one_cable_and_plain_lines(make_lab: MakeLab) -> None:
    """For a screen reader. The new phone is plugged in only when requested."""
    lab = make_lab(plugged="old")
    before = lab.old.files.digests()
    with open_terminal(lab, "--plain") as person:
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
            if not prompt.endswith(" "):
                person.sees("shown): ")
            person.types(f"{PASSWORD}\n")
        person.sees("What should move?")
        person.sees("Your answer: ")
        person.types("1\n")
        person.sees("Ready to move?")
        person.sees("Your answer: ")
        lab.server.detach(lab.old)
        person.types("1\n")
        person.sees("Connect the new phone")
        lab.server.attach(lab.new)
        person.sees("Type yes to continue:")
        person.types("yes\n")
        assert person.wait_for_exit() == 0, person.text
    assert_became(lab.new, before)
    assert person.seen.isascii(), "only ASCII"
    assert "\x1b" not in person.seen, "no control sequences for a screen reader"


@pytest.mark.soak
def test_the_wizard_shows_the_receipt_of_a_failed_proof(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: it showed only the error, and not what is wrong with which category."""
    new = new_phone()
    restart = new.reboot

    def restart_and_lose_messages() -> None:
        restart()
        new.files.remove("HomeDomain", "Library/SMS/sms.db")

    monkeypatch.setattr(new, "reboot", restart_and_lose_messages)
    lab = make_lab(old=old_phone(backup_password=PASSWORD), new=new)
    with open_terminal(lab) as person:
        person.answers("Which is the old phone?", "1")
        person.answers("Which is the new phone?", "1")
        person.answers("What is Grandma's new iPhone now?", "1")
        person.answers("Backup password (empty: back)", PASSWORD, "secret")
        person.answers("What should move?", "1")
        person.answers("Ready to move?", "1")
        person.sees("Type yes to continue:")
        person.types("yes\r")
        assert person.wait_for_exit() == 60, person.text
    assert "60 of 60 messages are not on the new iPhone" in person.flat_text
    assert str(lab.only_run / "receipt.html") in person.flat_text.replace(" ", "")
