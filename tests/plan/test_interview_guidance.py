"""What the interview tells a person on the way: the step, what stands in the way, what is selected at first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from migrate.plan.interview.answers import Answer
from migrate.plan.interview.observations import Computer, ExistingBackup, UnfinishedRun, resumed_run_id
from migrate.plan.interview.plan import answers_of, build_plan
from migrate.plan.interview.questions import Answers, MoveFacts, back, next_preparation, next_question, step_of
from migrate.plan.model import Plan
from migrate.problems import (
    BackupNewerThanPhone,
    EverythingMayNotFit,
    LittleRoomHere,
    RebuildDoesNotFit,
    TooLittleSpaceHere,
)
from tests.plan.test_interview import (
    ADAS,
    BOTH_HERE,
    BOTH_SAVED,
    CHATTER,
    GRANDMAS,
    NEW,
    OLD,
    OLD_SAVED,
    PASSWORD,
    answers_to,
    asked,
)

UP_TO_IN_USE = (("old", OLD), ("new", NEW), ("new-is", "in-use"))
UP_TO_ERASED = (("old", OLD), ("new", NEW), ("new-is", "erased"))


# -- step 3 of 7 -------------------------------------------------------------------------------------------------------


def walked(*moments: tuple[MoveFacts, str, Answer]) -> list[tuple[int, int]]:
    """The step of each page of a conversation, each page answered with the facts that are known by then."""
    answers, steps = Answers(), []
    for facts, name, answer in moments:
        assert asked(facts, answers).name == name
        step = step_of(facts, answers, name)
        assert step is not None
        steps.append(step)
        answers = answers.with_answer(name, answer)
    return steps


def test_every_page_says_which_step_it_is_and_the_last_step_is_the_last_page() -> None:
    in_use = walked(
        (BOTH_HERE, "old", OLD),
        (BOTH_HERE, "new", NEW),
        (BOTH_HERE, "new-is", "in-use"),
        (BOTH_HERE, "encryption", "on"),
        (BOTH_HERE, "chosen-password", PASSWORD),
        (OLD_SAVED, "chosen", ("messages",)),
        (BOTH_SAVED, "replace", "replace"),
        (BOTH_SAVED, "summary", "move"),
    )
    assert in_use == [(1, 7), (2, 7), (3, 7), (4, 7), (4, 7), (5, 7), (6, 7), (7, 7)]


def test_steps_that_are_skipped_are_not_counted() -> None:
    """Its password is known and an erased phone has nothing to replace."""
    known = replace(OLD_SAVED, backup_contents={})
    erased = walked(
        (known, "old", OLD),
        (known, "new", NEW),
        (known, "new-is", "erased"),
        (OLD_SAVED, "what", "everything"),
        (OLD_SAVED, "summary", "move"),
    )
    assert erased == [(1, 7), (2, 6), (3, 6), (4, 5), (5, 5)]


def test_the_total_never_grows_on_the_way_back_and_forth() -> None:
    answers = answers_to(*UP_TO_IN_USE, ("encryption", "on"), ("chosen-password", PASSWORD), ("chosen", ("messages",)))
    assert step_of(BOTH_SAVED, answers, "replace") == (6, 7)
    before = back(BOTH_SAVED, answers, "replace")
    assert asked(BOTH_SAVED, before).name == "chosen" and step_of(BOTH_SAVED, before, "chosen") == (5, 7)


def test_pages_about_unfinished_moves_are_outside_the_count() -> None:
    assert step_of(BOTH_HERE, Answers(), "start") is None


# -- what stands in the way --------------------------------------------------------------------------------------------

ROOMY = Computer(folder=Path("/home"), free_bytes=10**12, total_bytes=2 * 10**12, hard_links_work=True)


def test_a_new_phone_with_an_older_ios_is_noticed_as_soon_as_both_are_known() -> None:
    older = replace(BOTH_HERE, phones=(GRANDMAS, replace(ADAS, ios_version="17.4")))
    question = asked(older, answers_to(("old", OLD), ("new", NEW)))
    assert question.name == "version" and isinstance(question.obstacles[0], BackupNewerThanPhone)
    assert question.allowed_values == {"again"}, "there is no way on"
    assert asked(BOTH_HERE, answers_to(("old", OLD), ("new", NEW))).name == "new-is", "once it is updated"
    assert asked(older, back(older, answers_to(("old", OLD), ("new", NEW)), "version")).name == "new"


def test_a_backup_of_a_newer_ios_is_noticed_too() -> None:
    there = ExistingBackup(folder="/b", udid=OLD, name="G", ios_version="26.2", encrypted=True, backed_up_on="")
    facts = replace(BOTH_HERE, phones=(ADAS,), backups=(there,))
    assert asked(facts, answers_to(("old", "/b"), ("new", NEW))).name == "version"


@pytest.mark.parametrize(
    ("used", "free", "computer", "answers", "expected"),
    [
        (50, 40, ROOMY, UP_TO_ERASED, EverythingMayNotFit),
        (40, 50, ROOMY, UP_TO_ERASED, None),
        (40, 50, replace(ROOMY, free_bytes=100 << 20), UP_TO_ERASED, TooLittleSpaceHere),
        (10**10, 10**11, replace(ROOMY, free_bytes=10**10), UP_TO_ERASED, LittleRoomHere),
        (10**10, 10**11, ROOMY, UP_TO_ERASED, None),
        (0, 40, ROOMY, UP_TO_IN_USE, RebuildDoesNotFit),
        (0, 60, ROOMY, UP_TO_IN_USE, None),
        (50, None, replace(ROOMY, free_bytes=None), UP_TO_ERASED, None),
    ],
)
def test_too_little_space_is_noticed_before_any_backup(
    used: int, free: int | None, computer: Computer, answers: tuple[tuple[str, str], ...], expected: type | None
) -> None:
    phones = (replace(GRANDMAS, used_bytes=used), replace(ADAS, used_bytes=50, free_bytes=free))
    facts = replace(BOTH_HERE, phones=phones, computer=computer)
    question = asked(facts, answers_to(*answers))
    if expected is None:
        assert question.name == "encryption"
        return
    assert question.name == "space" and [type(one) for one in question.obstacles] == [expected]
    assert ("go-on" in question.allowed_values) is (expected is not TooLittleSpaceHere), "an estimate can be wrong"
    if expected is not TooLittleSpaceHere:
        assert asked(facts, answers_to(*answers, ("space", "go-on"))).name == "encryption"


def test_an_earlier_backup_leaves_less_to_store() -> None:
    phones = (replace(GRANDMAS, used_bytes=10**10), replace(ADAS, free_bytes=10**11))
    full = replace(BOTH_HERE, phones=phones, computer=replace(ROOMY, free_bytes=15 * 10**9))
    assert asked(full, answers_to(*UP_TO_ERASED)).name == "space"
    computer = replace(ROOMY, free_bytes=15 * 10**9, backup_bytes={OLD: 10**10})
    assert asked(replace(full, computer=computer), answers_to(*UP_TO_ERASED)).name == "encryption"


# -- what is selected at first -----------------------------------------------------------------------------------------

SAVED_IN_USE = (*UP_TO_IN_USE, ("encryption", "on"), ("chosen-password", PASSWORD))


def test_everything_is_selected_for_an_erased_phone_and_nothing_that_would_be_replaced() -> None:
    erased = asked(OLD_SAVED, answers_to(*UP_TO_ERASED, ("encryption", "on"), ("what", "some")))
    assert erased.name == "chosen" and set(erased.selected) == erased.allowed_values
    assert asked(OLD_SAVED, answers_to(*SAVED_IN_USE)).selected == ()


def test_what_was_selected_is_selected_again() -> None:
    facts = replace(OLD_SAVED, remembered=answers_to(("chosen", (CHATTER.id, "messages", "gone"))))
    assert asked(facts, answers_to(*SAVED_IN_USE)).selected == ("messages", CHATTER.id)
    facts = replace(OLD_SAVED, remembered=answers_to(("chosen", ("all-apps",))))
    assert asked(facts, answers_to(*SAVED_IN_USE)).selected == (CHATTER.id,)


# -- answers of another day --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("old", "/a/backup/that/is/gone"),
        ("old", "../../etc"),
        ("new", OLD),
        ("new", "x" * 200),
        ("new-is", "banana"),
        ("new-is", ("erased",)),
        ("encryption", "perhaps"),
        ("chosen", "messages"),
        ("chosen", ()),
        ("folder", "relative"),
    ],
)
def test_a_damaged_answer_and_what_came_after_it_is_asked_again(name: str, answer: Answer) -> None:
    whole = answers_to(*SAVED_IN_USE[:4], ("chosen", ("messages",)), ("replace", "replace"))
    assert whole.usable(()) == whole
    assert whole.with_answer(name, answer).usable(()) == whole.up_to(name)


def test_a_stored_selection_that_is_not_in_the_backup_is_asked_again() -> None:
    """Otherwise the plan would move nothing, and every start would end there."""
    answers = answers_to(*SAVED_IN_USE, ("chosen", ("no-such-category",)))
    assert asked(BOTH_SAVED, answers).name == "chosen"
    assert next_preparation(BOTH_HERE, answers) == "save-old", "until it is backed up nobody knows"


def test_keeping_what_is_there_is_asked_again_where_nothing_would_move() -> None:
    answers = answers_to(*SAVED_IN_USE, ("chosen", ("messages",)), ("replace", "leave"))
    assert asked(BOTH_SAVED, answers).name == "replace"


# -- unfinished moves --------------------------------------------------------------------------------------------------

RUN = UnfinishedRun(id="20260101-120000-ab12", plan="", old="Grandma", new="Ada", step="install-apps")


@pytest.mark.parametrize(
    ("run", "offered"),
    [
        (RUN, {"go-on", "change", "drop"}),
        (replace(RUN, is_sent=True), {"go-on", "drop"}),
        (replace(RUN, is_undo=True), {"go-on", "drop"}),
    ],
)
def test_an_unfinished_run_can_go_on_change_or_be_dropped(run: UnfinishedRun, offered: set[str]) -> None:
    facts, chosen = replace(BOTH_HERE, unfinished=(run,)), answers_to(("start", run.id))
    question = asked(facts, chosen)
    assert question.name == "unfinished" and question.allowed_values == offered and question.preferred == "go-on"
    assert resumed_run_id(facts, chosen) is None
    assert resumed_run_id(facts, chosen.with_answer("unfinished", "go-on")) == run.id
    dropping = asked(facts, chosen.with_answer("unfinished", "drop"))
    assert dropping.name == "drop" and dropping.preferred == "back"


@pytest.mark.parametrize(
    "answers",
    [
        answers_to(*UP_TO_ERASED, ("encryption", "on"), ("what", "everything")),
        answers_to(*UP_TO_ERASED, ("wipe", "wipe"), ("encryption", "off"), ("what", "some"), ("chosen", ("messages",))),
        answers_to(*UP_TO_IN_USE, ("encryption", "on"), ("chosen", ("messages", CHATTER.id)), ("replace", "replace")),
    ],
)
def test_a_plan_that_is_changed_begins_with_its_answers(answers: Answers) -> None:
    plan = build_plan(BOTH_SAVED, answers)
    assert answers_of(plan) == answers
    assert build_plan(BOTH_SAVED, answers_of(plan)) == plan


def test_a_written_plan_is_changed_without_what_it_left_out() -> None:
    plan = Plan.model_validate(
        {
            "version": 1,
            "new_phone": {"is": "erased"},
            "move": {"categories": ["everything"], "except": ["photos"], "apps": "none"},
        }
    )
    answers = answers_of(plan)
    assert answers.one("new") == "later" and answers.one("what") == "some"
    assert "messages" in answers.many("chosen") and "photos" not in answers.many("chosen")
    assert next_question(BOTH_HERE, answers.up_to("what")) is not None
