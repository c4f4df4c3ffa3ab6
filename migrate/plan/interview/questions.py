"""The interview: from facts and answers to the next question. Pure: no phone, no terminal.

    next_question(facts, answers)     the next page, or None once the plan can be written
    next_preparation(facts, answers)  what to do before that page: meet a phone, back it up, count its contents
    back(facts, answers, name)        the answers without the last one, to go back from a page
    Answers.read(path)                resume (answers.py)

A question carries facts; the wizard writes the sentences. The table INTERVIEW defines what is asked, when, and in which
order (pages.py). The answers never contain a password, only that it was given.
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
    """The next question, or None once the plan can be written or an unfinished run was chosen."""
    if resumed_run_id(facts, answers):
        return None
    for page in INTERVIEW:
        if page.name not in answers and page.matters(facts, answers):
            return page.about(facts, answers)
    return None


def next_preparation(facts: MoveFacts, answers: Answers) -> Preparation | None:
    """What has to be done before the next page. Always None in an interview without phones."""
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
    """Go back from page `name`: drop answers before it until a different page is asked.

    What was done in between (a backup, turning encryption on) stays done, so some pages may not be asked again.
    """
    while answers:
        answers = answers.before(name)
        question = next_question(facts, answers)
        if question is None or question.name != name:
            break
    return answers


def summary(facts: MoveFacts, answers: Answers) -> Question:
    """The last page, with preflight's findings or the error that prevents the run."""
    refused: MigrateError | None = None
    findings: tuple[Finding, ...] = ()
    old, new = facts.phone(old_phone_key(answers)), facts.phone(new_udid(facts, answers))
    known = preflight.MoveFacts(
        old=old if old and old.connected else None, new=new if new and new.ios_version else None
    )
    try:
        findings = tuple(preflight.preflight(build_plan(facts, answers), known))
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
        pages.ask_chosen,
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
