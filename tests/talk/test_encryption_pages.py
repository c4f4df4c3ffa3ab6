"""The wizard's pages about backup passwords: what stays behind, and what to do when nobody knows the password."""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.journey import events
from migrate.journey.context import RunContext
from migrate.journey.home import Home
from migrate.phone.muxer import UsbmuxConfig
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.observations import BACK, MoveFacts, Phone
from migrate.plan.interview.pages import ask_encryption, ask_old_password
from migrate.problems import PasscodeNotEntered
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from migrate.talk.console import display_width
from migrate.talk.passwords import Passwords
from migrate.talk.prompts import TerminalPrompts
from migrate.talk.wizard.actions import WizardActions
from migrate.talk.wizard.encryption_pages import (
    CHANGED,
    PasswordPage,
    encryption_page,
    old_password_page,
    unknown_password_page,
    with_password_help,
)
from migrate.talk.wizard.page import Page

OLD, FOLDER = "00008101-000A1B2C3D4E001E", "/backups/one"
FACTS = MoveFacts(phones=(Phone(udid=OLD, name="Ada's iPhone", ios_version="18.5", encrypts_backups=False),))
ERASED = Answers((("old", OLD), ("new", "later"), ("new-is", "erased")))
PAGE = PasswordPage("old-password", "Backup password", "secret", phone="Ada's iPhone")


def text(page: Page) -> str:
    return " ".join(" ".join((page.title, *page.lines, *(row.cells[0] for row in page.rows))).split())


def coach(answers: Answers) -> str:
    return text(encryption_page(ask_encryption(FACTS, answers), FACTS, answers))


def test_what_stays_behind_is_said_of_what_can_move() -> None:
    erased = coach(ERASED)
    assert "The backups of Ada's iPhone are not encrypted" in erased
    assert "Health and Medical ID" in erased and "Passwords and passkeys" in erased and "Wi-Fi networks" in erased
    in_use = coach(ERASED.with_answer("new-is", "in-use"))
    assert "Health and Medical ID" in in_use and "Passwords and passkeys" not in in_use, "it never takes those"
    assert "needs an encrypted one" in in_use and "No; what is listed" not in in_use


def test_what_stays_behind_is_said_of_what_was_chosen() -> None:
    some = coach(ERASED.with_answer("what", "some").with_answer("chosen", ("photos", "health")))
    assert "Only an encrypted backup contains: Health and Medical ID." in some and "Wi-Fi" not in some
    none = coach(ERASED.with_answer("what", "some").with_answer("chosen", ("photos",)))
    assert "Of your choice, nothing needs an encrypted backup" in none


def test_an_unknown_password_has_a_page_that_says_what_the_way_out_costs() -> None:
    said = text(unknown_password_page(PAGE))
    assert "cannot be recovered" in said and "Reset All Settings" in said and "Do not choose Erase" in said
    for cost in ("Wi-Fi passwords", "home screen layout", "Apple Pay"):
        assert cost in said
    assert "Stolen Device Protection" in said and "an hour" in said and "company or a school" in said
    assert "Backups that exist stay locked" in said


def test_a_backup_in_a_folder_cannot_be_helped_by_resetting_a_phone() -> None:
    page = unknown_password_page(PasswordPage("old-password", "x", "secret", phone="Ada's iPhone", is_backup=True))
    assert "This backup cannot be opened without it" in text(page)
    assert [row.value for row in page.rows] == ["type"], "there is no phone to look at"


@pytest.mark.parametrize("columns", ["60", "80"])
def test_the_pages_fit(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    pages = [
        encryption_page(ask_encryption(FACTS, ERASED), FACTS, ERASED),
        old_password_page(ask_old_password(FACTS, ERASED), FACTS, ERASED),
        unknown_password_page(PAGE),
    ]
    lines = [line for page in pages for text in page.lines for line in text.split("\n")]
    assert max(map(display_width, lines)) <= int(columns)


class Person:
    """Answers pages in order, and notes them."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.pages: list[str] = []

    async def __call__(self, page: Page, changes: Any = None) -> Any:
        self.pages.append(page.name)
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("answers", "result", "pages"),
    [
        (["right"], "right", ["old-password"]),
        ([BACK, BACK], BACK, ["old-password", "no-password"]),
        ([BACK, "type", "right"], "right", ["old-password", "no-password", "old-password"]),
        ([BACK, "unknown", "look-again"], CHANGED, ["old-password", "no-password", "unknown-password"]),
        (
            [BACK, "unknown", BACK, "right"],
            "right",
            ["old-password", "no-password", "unknown-password", "old-password"],
        ),
    ],
    ids=["typed", "back", "typed after all", "reset", "remembered"],
)
def test_an_empty_password_leads_to_help(answers: list[Any], result: Any, pages: list[str]) -> None:
    person = Person(*answers)
    assert asyncio.run(with_password_help(person)(PAGE)) == result
    assert person.pages == pages


def test_other_pages_go_back_as_before() -> None:
    person = Person(BACK)
    assert asyncio.run(with_password_help(person)(Page("folder", "Which folder?", "path"))) == BACK
    assert person.pages == ["folder"]


# -- setting it --------------------------------------------------------------------------------------------------------


@pytest.fixture
def phone() -> SimulatedPhone:
    return SimulatedPhone(udid=OLD, name="Ada's iPhone", keybag_rounds=10)


@pytest.fixture
def actions(phone: SimulatedPhone, tmp_path: Path) -> Iterator[WizardActions]:
    """A wizard session's actions, with Ada's iPhone on the cable."""
    home = Home(tmp_path / "home").open()
    with SimulatedUsbmuxd([phone]) as server, home.private_tmp() as tmp:
        context = RunContext(
            home=home,
            tmp=tmp,
            usbmux=UsbmuxConfig(server.address, home.pairing, tmp),
            prompts=TerminalPrompts(Passwords(can_prompt=lambda: False), yes=False),
            listener=events.nobody,
            wait_s=60,
            saved={},
        )
        passwords = Passwords(can_prompt=lambda: False)
        yield WizardActions(context, passwords, Person(), home.path / "interview.json", {})


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """What is in this computer's keyring."""
    stored: dict[tuple[str, str], str] = {}
    ring = types.SimpleNamespace(
        get_keyring=lambda: types.SimpleNamespace(priority=5),
        get_password=lambda service, name: stored.get((service, name)),
        set_password=lambda service, name, word: stored.update({(service, name): word}),
    )
    monkeypatch.setitem(sys.modules, "keyring", ring)
    return stored


@pytest.mark.parametrize(("chosen", "kept"), [("keep", {("iphone-migrate", OLD): "secret"}), ("do-not-keep", {})])
def test_a_chosen_password_is_set_and_tested_at_once_and_offered_to_the_keyring(
    actions: WizardActions,
    phone: SimulatedPhone,
    keyring: dict[Any, str],
    chosen: str,
    kept: dict[Any, str],
    capsys: Any,
) -> None:
    person = Person(chosen)
    actions.ask = person
    answers = ERASED.with_answer("encryption", "on")
    facts, answers = asyncio.run(actions.accept_answer("chosen-password", "secret", FACTS, answers))
    assert phone.backup_password == "secret" and person.pages == ["keyring"] and keyring == kept
    assert "The password was tested" in capsys.readouterr().err
    assert facts.phones[0].encrypts_backups is True and "chosen-password" in answers
    assert [one.code for one in actions.turned_on.values()] == ["backup-encryption-turned-on"], "for the receipt"
    assert OLD in facts.known_passwords, "and it is not asked for again"


def test_a_phone_that_got_a_password_meanwhile_is_asked_for_that_one(
    actions: WizardActions, phone: SimulatedPhone, keyring: dict[Any, str]
) -> None:
    """Somebody turned encryption on in Finder while the page was open."""
    phone.backup_password = "theirs"
    actions.ask = Person("again")
    answers = ERASED.with_answer("encryption", "on")
    facts, answers = asyncio.run(actions.accept_answer("chosen-password", "secret", FACTS, answers))
    assert phone.backup_password == "theirs" and actions.secrets == {}
    assert facts.phones[0].encrypts_backups is True and "encryption" not in answers


def test_stopping_at_a_declined_passcode_stops_and_is_asked_once(
    actions: WizardActions, phone: SimulatedPhone, keyring: dict[Any, str]
) -> None:
    phone.passcode, phone.simulated_user = "1947", SimulatedUser(passcode="decline")
    person = Person("stop")
    actions.ask = person
    with pytest.raises(PasscodeNotEntered) as stopped:
        asyncio.run(actions.accept_answer("chosen-password", "secret", FACTS, ERASED.with_answer("encryption", "on")))
    with pytest.raises(PasscodeNotEntered):  # as the loop around the interview does
        asyncio.run(actions.handle_error(stopped.value, Page("chosen-password", "x", "new-secret")))
    assert person.pages == ["refused"] and phone.backup_password is None


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_a_phone_can_be_asked_for_its_password(actions: WizardActions, phone: SimulatedPhone, password: str) -> None:
    phone.backup_password = "right"

    async def ask() -> bool:
        async with actions.phone_session(replace(FACTS), ERASED).phone("old") as met:
            return await met.is_backup_password(password)

    assert asyncio.run(ask()) is (password == "right")
    assert phone.backup_password == "right"
