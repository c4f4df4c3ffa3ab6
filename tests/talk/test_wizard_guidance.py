"""What the wizard tells a person on its pages: the step, the space, the time, and what was selected before."""

from __future__ import annotations

import asyncio
import io
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.journey import events
from migrate.phone.facts import PhoneFacts
from migrate.plan.interview.observations import (
    BACK,
    BackupContents,
    CategoryEntry,
    Computer,
    MoveFacts,
    Phone,
    UnfinishedRun,
)
from migrate.plan.interview.questions import Answers, next_question
from migrate.talk import console
from migrate.talk.progress import LineListener
from migrate.talk.wizard import plain_widgets, waiting_pages
from migrate.talk.wizard.interview import run_interview
from migrate.talk.wizard.observations import phone_of
from migrate.talk.wizard.page import Left, Page, heading
from migrate.talk.wizard.summary import move_time
from migrate.talk.wizard.texts import error_page, question_page
from tests.talk.test_wizard import HAPPY, NEW, OLD, THERE, Script, told_on

GB = 10**9
MESSAGES = CategoryEntry(id="messages", title="Messages", files=30, items=12_402, bytes=2 * GB)
PHOTOS = CategoryEntry(
    id="photos",
    title="Photos and videos",
    files=82,
    items=4_210,
    bytes=30 * GB,
    only_in_icloud=7,
    cloud_notes=("7 of them are only in iCloud",),
)
MAPS = CategoryEntry(id="maps", title="Maps", files=3, bytes=1_000)
FACTS = MoveFacts(
    phones=(
        Phone(udid=OLD, name="Grandma's iPhone", ios_version="18.5", free_bytes=4 * GB, used_bytes=60 * GB,
              trusted=True, encrypts_backups=True),
        Phone(udid=NEW, name="Ada's iPhone", ios_version="26.1", free_bytes=100 * GB, used_bytes=28 * GB, trusted=True),
    ),
    backup_contents={
        OLD: BackupContents(
            name="Grandma's iPhone", ios_version="18.5", encrypted=True, category_entries=(MESSAGES, PHOTOS, MAPS)
        )
    },
    signs_of_use={NEW: ()},
    known_passwords=frozenset({OLD}),
    computer=Computer(folder=Path("/home"), free_bytes=300 * GB, total_bytes=500 * GB, hard_links_work=True),
)  # fmt: skip
ERASED = Answers().with_answer("old", OLD).with_answer("new", NEW).with_answer("new-is", "erased")


@pytest.fixture(autouse=True)
def _drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIGRATE_PLAIN", raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "24")


def page_after(answers: Answers, facts: MoveFacts = FACTS) -> Page:
    question = next_question(facts, answers)
    assert question is not None
    return question_page(question, facts, answers)


# -- the step ----------------------------------------------------------------------------------------------------------


def test_the_step_stands_at_the_end_of_the_title_and_in_words_in_front_of_a_plain_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = page_after(Answers())
    drawn = heading(page.title, page.step)
    assert drawn.startswith("Which is the old phone? ─") and drawn.endswith("─ Step 1 of 7")
    assert console.display_width(drawn) == 60
    long = heading("What is the very long name that somebody gave to it now?", (3, 7))
    assert long.split("\n")[0] == "Step 3 of 7" and all(console.display_width(one) <= 60 for one in long.split("\n"))
    monkeypatch.setenv("MIGRATE_PLAIN", "1")
    assert heading(page.title, page.step) == "Step 1 of 7. Which is the old phone?"


def test_no_choice_is_cut_on_a_narrow_terminal() -> None:
    from migrate.plan.interview.questions import INTERVIEW
    from migrate.problems import WrongPassword

    run = UnfinishedRun(
        id="20260101-120000-ab12", plan="", old="Ada's old iPhone", new="Ada's new iPhone", step="agree"
    )
    facts = replace(FACTS, unfinished=(run,), earlier_answers=ERASED)
    answers = ERASED.with_answer("start", run.id).with_answer("what", "everything")
    pages = [question_page(ask.about(facts, answers), facts, answers) for ask in INTERVIEW]
    for page in (*pages, error_page(WrongPassword(), can_use_untested=True)):
        cut = [label for label in page.labels().values() if "…" in label]
        assert not cut or page.name in ("old", "new"), "only what is known of a phone may be cut"


# -- the last page -----------------------------------------------------------------------------------------------------


def test_the_last_page_counts_what_moves_and_shows_the_space_and_the_time() -> None:
    page = page_after(ERASED.with_answer("what", "everything"))
    assert page.name == "summary"
    said = told_on(page)
    assert "Moves everything: 3 categories," in said and " 32.0 GB " in said
    assert re.search(r"Messages +12,402 +2.0 GB", said) and re.search(r"Photos and videos +4,210 +30.0 GB", said)
    assert "Grandma's iPhone: 4.0 GB of 64.0 GB" in said and "Ada's iPhone: 100.0 GB of 128.0 GB" in said
    assert "this computer: 300.0 GB of 500.0 GB" in said
    assert re.search(r"Takes (a few minutes|\d+ min to .+), without the apps", said)


def test_the_last_page_tells_about_the_old_phones_icloud_backup_if_it_is_known() -> None:
    old = PhoneFacts(udid=OLD, connection="usb", name="Grandma's iPhone", ios_version="18.5", icloud_backup_on=False)
    facts = replace(FACTS, phones=(phone_of(old), FACTS.phones[1]))
    answers = ERASED.with_answer("what", "everything")
    assert "iCloud iCloud Backup of Grandma's iPhone is off." in told_on(page_after(answers, facts))
    assert "iCloud Backup" not in told_on(page_after(answers))


def test_what_is_kept_on_the_new_phone_is_not_counted_as_moving() -> None:
    there = replace(FACTS.backup_contents[OLD], category_entries=(replace(MESSAGES, items=5),))
    facts = replace(FACTS, backup_contents={**FACTS.backup_contents, NEW: there})
    facts = replace(facts, phones=(FACTS.phones[0], replace(FACTS.phones[1], encrypts_backups=True)))
    in_use = ERASED.with_answer("new-is", "in-use").with_answer("chosen", ("messages", "photos"))
    said = told_on(page_after(in_use.with_answer("replace", "leave"), facts))
    assert "Moves 1 category, 30.0 GB" in said and "Stays Messages, Maps" in said


def test_a_long_list_is_summed_up_on_a_low_screen() -> None:
    many = tuple(replace(MAPS, id=f"c{number}", title=f"Category {number}") for number in range(30))
    facts = replace(
        FACTS, backup_contents={OLD: replace(FACTS.backup_contents[OLD], category_entries=(MESSAGES, PHOTOS, *many))}
    )
    page = page_after(ERASED.with_answer("what", "everything"), facts)
    said = told_on(page)
    assert "30 more 90 files 30.0 KB" in said and "Category 3" not in said
    assert "Messages" in said and "Photos" in said, "what can be counted is named"


def test_the_time_a_move_takes_grows_with_what_is_copied() -> None:
    assert [move_time(gigabytes * GB) for gigabytes in (0, 2, 20, 400)] == [
        "a few minutes", "4 min to 27 min", "23 min to 1 h 33 min", "6 h 56 min to 24 h 47 min",
    ]  # fmt: skip


# -- what was answered before ------------------------------------------------------------------------------------------


def conversation(*answers: object) -> tuple[Script, list[Page]]:
    """A person's answers, and the pages on which they were given."""
    pages: list[Page] = []
    script = Script(list(answers))  # type: ignore[arg-type]
    asked = script.ask

    async def ask(page: Page, changes: object = None) -> object:
        pages.append(page)
        return await asked(page)

    facts = replace(THERE, backup_contents={}, unfinished=(), earlier_answers=None, signs_of_use={NEW: ()})
    facts = replace(facts, phones=(replace(facts.phones[0], trusted=True), facts.phones[1]))
    asyncio.run(run_interview(ask, script, facts, Answers()))  # type: ignore[arg-type]
    return script, pages


def test_back_keeps_what_was_selected() -> None:
    some = (OLD, NEW, "erased", "on", "horse", "wipe", "some")
    _, pages = conversation(*some, Left(("health",)), "some", ("photos",), BACK, ("photos",), "accept", "move")
    lists = [page for page in pages if page.name == "chosen"]
    assert set(lists[0].selected) == {"photos", "health", "app:com.example.chatter"}, "everything at first"
    assert lists[1].selected == ("health",), "as it was when the page was left"
    assert lists[2].selected == ("photos",), "as it was answered"


def test_a_page_that_is_asked_again_begins_with_its_last_answer() -> None:
    _, pages = conversation(OLD, NEW, "in-use", BACK, *HAPPY[2:])
    again = [page for page in pages if page.name == "new-is"]
    assert [page.preferred for page in again] == [None, "in-use"]


def test_a_plain_list_says_what_is_selected_and_enter_takes_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = page_after(ERASED.with_answer("what", "some"))
    for typed, answer in (("\n", ("messages", "photos", "maps")), ("2\n", ("photos",)), ("b\n", Left(page.selected))):
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        assert asyncio.run(plain_widgets.ask(page)) == answer
    said = " ".join(capsys.readouterr().err.split())
    assert "name, items, size, only in iCloud" in said and "2. Photos and videos, 4,210, 30.0 GB, 7 (selected)" in said
    assert "7 of them are only in iCloud" in said


# -- on the phone ------------------------------------------------------------------------------------------------------


def test_nobody_is_thanked_for_a_passcode_that_may_have_been_declined(capsys: pytest.CaptureFixture[str]) -> None:
    """Its question disappears in the same way when it is entered and when it is cancelled."""
    for hears in (LineListener(), waiting_pages.ActionPages(), waiting_pages.PlainActionPages()):
        hears(events.StepStarted("back-up-old-phone"))
        hears(events.PersonNeeded("Ada's iPhone", "enter-passcode"))
        hears(events.PersonDone("Ada's iPhone", "enter-passcode"))
    assert "Thank you" not in capsys.readouterr().err
    hears(events.PersonNeeded("Ada's iPhone", "unlock"))
    hears(events.PersonDone("Ada's iPhone", "unlock"))
    assert "Thank you" in capsys.readouterr().err


def test_the_page_about_apps_names_the_choice_that_leaves_one_out() -> None:
    said = " ".join(" ".join(waiting_pages.action_page("Ada's iPhone", "install-apps", "x", ("Chatter",))).split())
    assert "Chatter" in said and "choose: Change what moves" in said
