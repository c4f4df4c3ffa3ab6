"""What the wizard does between its pages: earlier moves, passwords, and errors in the wizard's words."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from migrate.journey.context import RunContext
from migrate.journey.home import Home
from migrate.journey.journal import Journal
from migrate.plan.interview.observations import MoveFacts
from migrate.plan.interview.questions import Answers, next_question
from migrate.plan.model import Plan, to_toml
from migrate.problems import (
    MENU,
    AppsNotInstalled,
    Interrupted,
    MigrateError,
    NotAgreed,
    PasscodeNotEntered,
    PlanInvalid,
    Problem,
    WrongPassword,
    all_problems,
)
from migrate.talk.help.examples import example
from migrate.talk.passwords import Passwords
from migrate.talk.wizard import texts
from migrate.talk.wizard.actions import WizardActions
from migrate.talk.wizard.observations import earlier_backup, initial_state
from migrate.talk.wizard.page import Changes, Page, PageAnswer

OLD, NEW = "00008101-0001AAAA00000001", "00008140-0002BBBB00000002"
RUN = "20260101-120000-ab12"


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "person")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return Home(tmp_path / "migrate").open()


@dataclass
class Person:
    """Answers the pages of errors."""

    answers: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)

    async def __call__(self, page: Page, changes: Changes | None = None) -> PageAnswer:
        self.pages.append(page)
        return self.answers.pop(0)


def actions_of(home: Home, person: Person | None = None) -> WizardActions:
    context = cast(RunContext, replace(_CONTEXT, home=home, tmp=home.tmp))
    ask = person or Person()
    return WizardActions(context, Passwords(preset={"old": None, "new": None}), ask, home.path / "interview.json", {})


_CONTEXT = RunContext(home=cast(Any, None), tmp=Path(), usbmux=cast(Any, None), prompts=cast(Any, None))


def begin_run(home: Home, *entries: dict[str, Any], plan: dict[str, Any] | None = None) -> Path:
    """A run that was stopped; its journal has these lines."""
    folder = home.runs / RUN
    folder.mkdir(parents=True)
    journal = Journal.create(folder / "journal.ndjson", RUN, "a digest")
    for entry in ({"met": "old", "udid": OLD, "name": "Grandma's iPhone"}, {"started": "install-apps"}, *entries):
        journal.append(entry)
    whole = {
        "version": 1,
        "old_phone": {"udid": OLD},
        "new_phone": {"is": "in-use", "udid": NEW},
        "move": {"categories": ["messages"], "apps": ["com.example.chatter"], "may_replace": ["messages"]},
    }
    (folder / "plan.toml").write_text(to_toml(Plan.model_validate(plan or whole)), encoding="utf-8")
    return folder


def state(home: Home) -> MoveFacts:
    return initial_state(home, home.path / "interview.json")


def accept(actions: WizardActions, name: str, answer: str, facts: MoveFacts, answers: Answers) -> Any:
    return asyncio.run(actions.accept_answer(name, answer, facts, answers))


# -- earlier moves -----------------------------------------------------------------------------------------------------


def test_a_move_stopped_at_the_apps_can_be_answered_differently(opened: Home) -> None:
    """Its page asked for an app that is no longer in the App Store."""
    folder = begin_run(opened)
    facts = state(opened)
    (run,) = facts.unfinished
    assert (run.id, run.old, run.step, run.is_sent) == (RUN, "Grandma's iPhone", "install-apps", False)
    chosen = Answers().with_answer("start", RUN)
    facts, answers = accept(actions_of(opened), "unfinished", "change", facts, chosen)
    assert answers.one("old") == OLD and answers.one("new-is") == "in-use"
    assert "chosen" not in answers, "what moves is asked again"
    assert facts.remembered.many("chosen") == ("messages", "app:com.example.chatter"), "with what was selected"
    assert facts.phone(OLD).name == "Grandma's iPhone"
    assert folder.exists(), "the run stays until another one takes its place"
    question = next_question(facts, answers)
    assert question is not None and question.name not in ("start", "unfinished")


def test_a_move_is_dropped_only_after_a_second_answer(opened: Home) -> None:
    folder = begin_run(opened)
    facts, chosen = state(opened), Answers().with_answer("start", RUN)
    actions = actions_of(opened)
    facts, answers = accept(actions, "unfinished", "drop", facts, chosen)
    assert folder.exists()
    facts, answers = accept(actions, "drop", "drop", facts, answers)
    assert not folder.exists() and facts.unfinished == () and not answers
    assert state(opened).unfinished == ()


def test_a_move_that_was_being_sent_cannot_change(opened: Home) -> None:
    begin_run(opened, {"restore_begins": {}})
    question = next_question(state(opened), Answers().with_answer("start", RUN))
    assert question is not None and question.allowed_values == {"go-on", "drop"}


@pytest.mark.parametrize("damage", ["journal", "plan", "no journal"])
def test_a_damaged_move_never_keeps_the_wizard_from_starting(opened: Home, damage: str) -> None:
    folder = begin_run(opened)
    if damage == "journal":
        (folder / "journal.ndjson").write_bytes(b"\xff\xfe{]")
    elif damage == "no journal":
        (folder / "journal.ndjson").unlink()
    else:
        (folder / "plan.toml").write_text("[[[")
    facts = state(opened)
    assert bool(facts.unfinished) is (damage == "plan")
    if damage == "plan":  # it is offered, and only changing it is refused
        with pytest.raises(PlanInvalid):
            accept(actions_of(opened), "unfinished", "change", facts, Answers().with_answer("start", RUN))


def test_answers_that_name_a_deleted_backup_are_not_offered(opened: Home) -> None:
    Answers().with_answer("old", "/gone/backup").with_answer("new", NEW).write(opened.path / "interview.json", names={})
    assert state(opened).earlier_answers is None
    Answers().with_answer("old", OLD).with_answer("new", OLD).write(opened.path / "interview.json", names={})
    kept = state(opened).earlier_answers
    assert kept is not None and kept.given == (("old", OLD),)


# -- passwords ---------------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_noticed_with_the_backup_of_another_program(opened: Home, encrypted_backup: Path) -> None:
    """migrate has no backup of this phone yet; Finder has one."""
    finders = opened.path.parent / "finder" / encrypted_backup.name
    finders.parent.mkdir()
    shutil.move(encrypted_backup, finders)
    facts = MoveFacts(backups=(earlier_backup(_folder(finders)),))
    answers = Answers().with_answer("old", facts.backups[0].udid)
    actions = actions_of(opened)
    with pytest.raises(WrongPassword):
        accept(actions, "old-password", "not-the-horse", facts, answers)
    assert actions.tested == facts.backups[0].udid, "it may have been changed since: the person can insist"
    _, given = accept(actions, "old-password", "correct-horse-1947", facts, answers)
    assert "old-password" in given


def _folder(path: Path) -> Any:
    from migrate.backup.folder import BackupFolder

    return BackupFolder(path)


# -- errors in the wizard's words --------------------------------------------------------------------------------------


def shown(error: MigrateError, *, can_change: bool = True) -> str:
    return " ".join(" ".join(texts.error_page(error, can_change=can_change).lines).split())


def test_the_wizard_names_its_choices_and_the_command_line_its_commands() -> None:
    apps, declined = AppsNotInstalled("Ada's iPhone", ("Chatter",)), NotAgreed(RUN)
    assert "or remove them from the plan" in apps.next
    assert shown(apps).endswith("then choose: Try again. To move without them, choose: Change an answer")
    assert f"migrate resume {RUN}" in declined.next
    assert "migrate resume" not in shown(declined) and "choose: Try again" in shown(declined)
    assert "run the same command again" in PasscodeNotEntered("Ada's iPhone", "").next
    assert "choose: Try again" in shown(PasscodeNotEntered("Ada's iPhone", ""))


def test_an_error_is_told_to_a_script_as_before_after_its_page_was_shown(opened: Home) -> None:
    error = PasscodeNotEntered("Ada's iPhone", "")
    asyncio.run(actions_of(opened, Person(["again"])).handle_error(error, None))
    assert "run the same command again" in error.next


def test_the_choices_that_sentences_name_are_on_the_page() -> None:
    labels = {cell for row in texts.error_page(NotAgreed(RUN)).rows for cell in row.cells}
    assert set(MENU.values()) == labels


COMMAND_LINE = re.compile(
    r"migrate (resume|run|phones)\b| --(old|new|wait|yes|id|lose|password|new-password)\b|same command"
    r"|\b(in|from) the plan\b|under \[|\w = "
)
"""What nobody can follow on a page of the wizard."""
OUTSIDE = {
    "Interrupted": "Ctrl-C ends the wizard; its message is read at the shell",
    "StoppedBeforeBeginning": "the same",
    "StoppedBeforeResuming": "the same, of migrate resume",
    "JournalTooOld": "such a run is not offered",
    "RunHasOtherPlan": "the wizard names no run",
    "WhichRun": "the wizard names the run",
    "NoReceipt": "the wizard shows no receipt of another run",
    "WordMissing": "the wizard has a terminal",
    "NoTerminal": "the same",
    "WhichBackup": "the wizard names the backup",
    "NothingBackedUp": "the wizard always backs up",
    "UdidInvalid": "nobody types a UDID there",
    "PasswordFileUnusable": "no file is named there",
    "TwoPasswordsFromInput": "the same",
    "UndoNeedsRun": "the wizard asks before it drops a run",
    "UndoWouldLose": "the wizard has no choice for losing newer data",
    "ResendWouldLose": "the same",
    "StrategyRefused": "the wizard writes no experimental plan",
    "HalfGroup": "the wizard takes groups whole",
}
"""Problems whose commands stay in the wizard, and why."""
OF_PLANS_AND_FILES = ("migrate.problems.damage", "migrate.problems.proof")
"""A backup's damage is repaired with commands; the wizard has no choice for it."""


def _may_be_on_a_page() -> Iterator[type[Problem]]:
    for problem in all_problems():
        is_of_a_plan_file = issubclass(problem, PlanInvalid) or "file" in problem.facts
        if problem.__module__ not in OF_PLANS_AND_FILES and problem.__name__ not in OUTSIDE and not is_of_a_plan_file:
            yield problem


@pytest.mark.parametrize("problem", list(_may_be_on_a_page()), ids=lambda problem: problem.__name__)
def test_no_page_of_the_wizard_names_a_command_for_which_it_has_a_choice(problem: type[Problem]) -> None:
    for sentence in ("what", "why", "next"):
        said = example(problem).render(sentence, in_wizard=True)
        assert not COMMAND_LINE.search(said), said


def test_problems_outside_the_wizard_are_known() -> None:
    assert set(OUTSIDE) <= {problem.__name__ for problem in all_problems()}
    assert COMMAND_LINE.search(Interrupted(RUN, "").next), "the pattern finds what it is for"
