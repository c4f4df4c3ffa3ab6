"""The interview: from what is seen and what was said to the next thing worth asking. Pure: no phone, no terminal.

    next_question(seen, said)   the next page, or None once the plan can be written
    next_deed(seen, said)       what is worth doing before that page: meet a phone, save it, count what is in it
    back(seen, said, name)      going back from a page: without the last answer
    Answers.read(path)          resuming (interview_answers.py)

A question carries facts; the words are talk's. What is asked, in which order and when, is the table INTERVIEW
(its pages are in interview_pages.py). A password is never an answer: only the fact that it was told is.
"""

from __future__ import annotations

from migrate.plan import preflight
from migrate.plan.interview import pages
from migrate.plan.interview.answers import NAMES, Answers
from migrate.plan.interview.observations import (
    MoveFacts,
    Option,
    Preparation,
    Question,
    new_udid,
    old_phone_key,
    resumed_run_id,
)
from migrate.plan.interview.plan import build_plan
from migrate.problems import MigrateError
from migrate.problems.finding import Finding

__all__ = ["Answers", "MoveFacts", "Preparation", "Question", "back", "next_preparation", "next_question"]


def next_question(facts: MoveFacts, answers: Answers) -> Question | None:
    """The next thing worth asking, or None once the plan can be written (or an unfinished run is to go on)."""
    if resumed_run_id(facts, answers):
        return None
    for page in INTERVIEW:
        if page.name not in answers and page.matters(facts, answers):
            return page.about(facts, answers)
    return None


def next_preparation(facts: MoveFacts, answers: Answers) -> Preparation | None:
    """What the next page needs to have been seen. Never for an interview without phones."""
    if not facts.with_phones or resumed_run_id(facts, answers):
        return None
    for page in INTERVIEW:
        if page.name in answers:
            continue
        if (preparation := page.needs(facts, answers)) is not None:
            return preparation
        if page.matters(facts, answers):
            return None
    return None


def back(facts: MoveFacts, answers: Answers, name: str | None) -> Answers:
    """Going back from page `name`: without the last answer before it, and on, until another page is asked. What was
    done in between (a save, encryption turned on) stays done, so some pages do not matter any more."""
    while answers:
        answers = answers.before(name)
        question = next_question(facts, answers)
        if question is None or question.name != name:
            break
    return answers


def summary(facts: MoveFacts, answers: Answers) -> Question:
    """The last page: with what preflight finds, or why it cannot be begun."""
    refused: MigrateError | None = None
    findings: tuple[Finding, ...] = ()
    old, new = facts.phone(old_phone_key(answers)), facts.phone(new_udid(facts, answers))
    here = preflight.MoveFacts(old=old if old and old.connected else None, new=new if new and new.ios_version else None)
    try:
        findings = tuple(preflight.preflight(build_plan(facts, answers), here))
    except MigrateError as error:
        refused = error
    move = (Option(value="move", refused=refused),) if facts.with_phones else ()
    options = (*move, Option(value="write"))
    return Question(name="summary", options=options, phone=pages.new_phone_name(facts, answers), findings=findings)


INTERVIEW = (
    pages.InterviewPage(
        "start", pages.ask_start, lambda facts, answers: bool(facts.unfinished or facts.earlier_answers)
    ),
    pages.InterviewPage("old", pages.ask_old_phone, lambda facts, answers: facts.with_phones),
    pages.InterviewPage("folder", pages.ask_backup_folder, lambda facts, answers: answers.one("old") == pages.FOLDER),
    pages.InterviewPage("new", pages.ask_new_phone, lambda facts, answers: facts.with_phones),
    pages.InterviewPage("new-is", pages.ask_new_phone_state),
    pages.InterviewPage("wipe", pages.ask_wipe, pages.has_signs_of_use, pages.prepare_signs_of_use),
    pages.InterviewPage("encryption", pages.ask_encryption, pages.is_encryption_off, pages.prepare_old_phone),
    pages.InterviewPage(
        "chosen-password", pages.ask_chosen_password, pages.needs_chosen_password, pages.prepare_old_phone
    ),
    pages.InterviewPage("old-password", pages.ask_old_password, pages.needs_old_password, pages.prepare_old_phone),
    pages.InterviewPage(
        "what",
        pages.ask_everything_or_some,
        lambda facts, answers: answers.one("new-is") == pages.ERASED,
        pages.prepare_old_backup,
    ),
    pages.InterviewPage(
        "chosen",
        pages.chosen,
        lambda facts, answers: pages.is_new_phone_in_use(answers) or answers.one("what") == pages.SOME,
        pages.prepare_old_backup,
    ),
    pages.InterviewPage("unreadable", pages.ask_accept_unreadable, pages.has_unreadable_files),
    pages.InterviewPage(
        "new-password", pages.ask_new_phone_password, pages.needs_new_phone_password, pages.prepare_new_phone
    ),
    pages.InterviewPage("replace", pages.ask_replace, pages.is_anything_replaced, pages.prepare_new_backup),
    pages.InterviewPage("summary", summary, needs=pages.prepare_summary),
)
assert tuple(page.name for page in INTERVIEW) == NAMES
