"""What the wizard says about the new phone before its restore, and about its setup screens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from migrate.journey import events
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.observations import MoveFacts, Phone
from migrate.talk.console import display_width
from migrate.talk.progress import LineListener
from migrate.talk.wizard.hello_pages import GO_ON, LOOK, page_before_restore, state_of
from migrate.talk.wizard.waiting_pages import PlainActionPages

OLD, NEW = "00008101-000A1B2C3D4E001E", "00008140-000F5A6B7C8D002F"
OLD_PHONE = Phone(udid=OLD, name="Ada's iPhone", ios_version="18.5", trusted=True)
NEW_PHONE = Phone(udid=NEW, name="Ada's new iPhone", ios_version="26.1", trusted=True, activation="Activated")
ANSWERS = Answers((("old", OLD), ("new", NEW), ("new-is", "erased")))

STATES: dict[str, dict[str, Any]] = {
    "hello": {"activation": "Unactivated", "setup_finished": None, "trusted": None},
    "in-setup": {"setup_finished": False, "setup_state": None},
    "partly": {"setup_finished": False, "setup_state": "RestoredFromiTunesBackup"},
    "set-up": {"setup_finished": True, "setup_state": "SetupUsingAssistant"},
    "ios-too-old": {"ios_version": "17.7", "setup_finished": False},
}


def page_of(state: str, answers: Answers = ANSWERS, **more: Any) -> Any:
    phone = replace(NEW_PHONE, **STATES[state], **more)
    return page_before_restore(MoveFacts(phones=(OLD_PHONE, phone)), answers)


def text_of(state: str) -> str:
    page = page_of(state)
    return " ".join(" ".join((page.title, *page.lines)).split())


@pytest.mark.parametrize("state", STATES)
def test_each_state_is_told_from_what_lockdown_says(state: str) -> None:
    assert state_of(replace(NEW_PHONE, **STATES[state]), "18.5") == state


def test_what_lockdown_does_not_tell_is_not_guessed() -> None:
    assert state_of(replace(NEW_PHONE, setup_finished=None), "18.5") is None
    assert state_of(replace(NEW_PHONE, setup_finished=None, ios_version=None, activation=None), "18.5") is None
    assert state_of(replace(NEW_PHONE, setup_finished=True), None) == "set-up", "the old phone's iOS is not known"


def test_a_phone_at_hello_goes_as_far_as_the_transfer_screen_and_does_not_sign_in() -> None:
    said = text_of("hello")
    assert said.index("Choose your Wi-Fi") < said.index("Stop at the screen Transfer Your Apps & Data")
    assert "Do not sign in to your Apple Account yet" in said and "Find My" in said
    assert [row.value for row in page_of("hello").rows] == [GO_ON, LOOK]


def test_a_phone_in_setup_is_not_told_a_screen_that_nobody_can_see() -> None:
    said = text_of("in-setup")
    assert "cannot see which screen" in said and "Stop at the screen Transfer" in said and "Swipe up" not in said
    assert "If Ada's new iPhone refuses the restore there, it wants its setup finished first" in said


def test_a_partially_restored_phone_finishes_its_setup_first_and_is_told_why() -> None:
    said = text_of("partly")
    assert "may refuse to be restored again" in said and "Continue with Partial Setup" in said
    assert "choose Don't Transfer" in said


def test_a_phone_that_is_set_up_needs_nothing_so_nothing_is_asked() -> None:
    assert page_of("set-up").rows == ()
    assert "does not have to be erased first" in text_of("set-up") and "Find My" in text_of("set-up")


def test_a_phone_with_an_older_ios_cannot_go_on_before_its_update() -> None:
    page = page_of("ios-too-old")
    said = text_of("ios-too-old")
    assert [row.value for row in page.rows] == [LOOK] and page.back_label
    assert "has iOS 17.7, and the data comes from iOS 18.5" in said and "Software Update" in said
    assert "choose Don't Transfer" in said
    finished = replace(NEW_PHONE, ios_version="17.7", setup_finished=True)
    later = page_before_restore(MoveFacts(phones=(OLD_PHONE, finished)), ANSWERS)
    assert later is not None and "Don't Transfer" not in " ".join(later.lines)


@pytest.mark.parametrize(
    "answers",
    [ANSWERS.with_answer("new-is", "in-use"), ANSWERS.with_answer("new", "later")],
    ids=["in use", "connected later"],
)
def test_other_phones_have_no_page(answers: Answers) -> None:
    assert page_of("hello", answers) is None


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("state", STATES)
def test_every_page_fits(state: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    page = page_of(state)
    assert all(display_width(line) <= columns for text in page.lines for line in text.split("\n"))


@pytest.mark.parametrize(
    ("step", "says", "never"),
    [
        ("rehearse", "stop at", "until you see the home screen"),
        ("agree", "stop at", "until you see the home screen"),
        ("wait-for-phone", "Don't Transfer: the data is already on it", "Do not sign in"),
        ("prove", "Don't Transfer: the data is already on it", "Do not sign in"),
        ("back-up-new-phone", "until you see the home screen", "the data is already on it"),
    ],
)
@pytest.mark.parametrize("listener", [LineListener, PlainActionPages], ids=["run", "wizard"])
def test_the_setup_that_is_asked_for_fits_the_step(
    listener: Any, step: str, says: str, never: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a restore the phone only has to be activated; afterwards its setup has to be finished."""
    monkeypatch.setenv("MIGRATE_PLAIN", "1")
    hears = listener()
    hears(events.StepStarted(step))
    hears(events.PersonNeeded("Ada's new iPhone", "finish-setup"))
    said = " ".join(capsys.readouterr().err.split())
    assert says.lower() in said.lower() and never.lower() not in said.lower(), said
