"""The interview: from facts and answers to the next question. Pure: no phone, no terminal.

    next_question(facts, answers)     the next page, or None once the plan can be written
    next_preparation(facts, answers)  what to do before that page: meet a phone, back it up, count its contents
    back(facts, answers, name)        the answers without the last one, to go back from a page
    Answers.read(path)                resume (answers.py)

A question carries facts; the wizard writes the sentences. The table INTERVIEW defines what is asked, when, and in which
order (pages.py). The answers never contain a password, only that it was given.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.plan import preflight
from migrate.plan.interview import pages
from migrate.plan.interview.answers import NAMES, VALUES, Answers
from migrate.plan.interview.derived import (
    ERASED,
    FOLDER,
    IN_USE,
    SOME,
    category_entries,
    is_new_phone_in_use,
    new_phone,
    new_phone_name,
    old_phone,
)
from migrate.plan.interview.observations import (
    DROP,
    MoveFacts,
    Option,
    Preparation,
    Question,
    chosen_run,
    resumed_run_id,
)
from migrate.plan.interview.obstacles import refused_version, space_obstacles
from migrate.plan.interview.plan import build_plan
from migrate.problems import MigrateError
from migrate.problems.finding import Finding

__all__ = ["Answers", "MoveFacts", "Preparation", "Question", "back", "next_preparation", "next_question", "step_of"]


def next_question(facts: MoveFacts, answers: Answers) -> Question | None:
    """The next question, or None once the plan can be written or an unfinished run was chosen."""
    if resumed_run_id(facts, answers):
        return None
    for page in INTERVIEW:
        if not is_answered(page, facts, answers) and page.matters(facts, answers):
            return page.about(facts, answers)
    return None


def next_preparation(facts: MoveFacts, answers: Answers) -> Preparation | None:
    """What has to be done before the next page. Always None in an interview without phones."""
    if not facts.with_phones or resumed_run_id(facts, answers):
        return None
    for page in INTERVIEW:
        if is_answered(page, facts, answers):
            continue
        if (preparation := page.needs(facts, answers)) is not None:
            return preparation
        if page.matters(facts, answers):
            return None
    return None


def is_answered(page: pages.InterviewPage, facts: MoveFacts, answers: Answers) -> bool:
    """Whether a page has an answer that it offers. One that was stored earlier may not fit what is there now."""
    answer = answers.get(page.name)
    if answer is None or page.name not in (*VALUES, "chosen") or _is_unknown(page, facts, answers):
        return answer is not None
    if not page.matters(facts, answers):
        return True
    allowed = page.about(facts, answers).allowed_values
    return answer in allowed if isinstance(answer, str) else bool(allowed & set(answer))


def _is_unknown(page: pages.InterviewPage, facts: MoveFacts, answers: Answers) -> bool:
    return facts.with_phones and page.needs(facts, answers) is not None


def step_of(facts: MoveFacts, answers: Answers, name: str) -> tuple[int, int] | None:
    """Which step page `name` belongs to, and how many there are; None for a page outside the count.

    A step is counted as long as it may come: the total can become smaller on the way, and never larger.
    """
    if not any(name in step for step in STEPS):
        return None
    expected = {page.name for page in INTERVIEW for one in _possible(facts, answers) if _may_be_asked(page, facts, one)}
    counted = [step for step in STEPS if name in step or expected & set(step)]
    return next(number for number, step in enumerate(counted, 1) if name in step), len(counted)


def _possible(facts: MoveFacts, answers: Answers) -> Iterator[Answers]:
    """The answers completed with those that lead to the most pages."""
    for state in (ERASED, IN_USE) if "new-is" not in answers else (answers.one("new-is"),):
        one = answers.with_answer("new-is", str(state))
        every = tuple(entry.id for entry in category_entries(facts, one))
        yield one if "chosen" in one else one.with_answer("chosen", every)


def _may_be_asked(page: pages.InterviewPage, facts: MoveFacts, answers: Answers) -> bool:
    return page.name in answers or _is_unknown(page, facts, answers) or page.matters(facts, answers)


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
    old, new = old_phone(facts, answers), new_phone(facts, answers)
    known = preflight.MoveFacts(
        old=old if old and old.connected else None, new=new if new and new.ios_version else None
    )
    try:
        findings = tuple(preflight.preflight(build_plan(facts, answers), known))
    except MigrateError as error:
        refused = error
    move = (Option(value="move", refused=refused),) if facts.with_phones else ()
    options = (*move, Option(value="write"))
    return Question(name="summary", options=options, phone=new_phone_name(facts, answers), findings=findings)


INTERVIEW = (
    pages.InterviewPage(
        "start", pages.ask_start, lambda facts, answers: bool(facts.unfinished or facts.earlier_answers)
    ),
    pages.InterviewPage(
        "unfinished", pages.ask_unfinished, lambda facts, answers: chosen_run(facts, answers) is not None
    ),
    pages.InterviewPage("drop", pages.ask_drop, lambda facts, answers: answers.one("unfinished") == DROP),
    pages.InterviewPage("old", pages.ask_old_phone, lambda facts, answers: facts.with_phones),
    pages.InterviewPage("folder", pages.ask_backup_folder, lambda facts, answers: answers.one("old") == FOLDER),
    pages.InterviewPage("new", pages.ask_new_phone, lambda facts, answers: facts.with_phones),
    pages.InterviewPage(
        "version", pages.ask_version, lambda facts, answers: refused_version(facts, answers) is not None
    ),
    pages.InterviewPage("new-is", pages.ask_new_phone_state),
    pages.InterviewPage("wipe", pages.ask_wipe, pages.has_signs_of_use, pages.prepare_signs_of_use),
    pages.InterviewPage(
        "space", pages.ask_space, lambda facts, answers: bool(space_obstacles(facts, answers)), pages.prepare_old_phone
    ),
    pages.InterviewPage("encryption", pages.ask_encryption, pages.is_encryption_off, pages.prepare_old_phone),
    pages.InterviewPage(
        "chosen-password", pages.ask_chosen_password, pages.needs_chosen_password, pages.prepare_old_phone
    ),
    pages.InterviewPage("old-password", pages.ask_old_password, pages.needs_old_password, pages.prepare_old_phone),
    pages.InterviewPage(
        "what",
        pages.ask_everything_or_some,
        lambda facts, answers: answers.one("new-is") == ERASED,
        pages.prepare_old_backup,
    ),
    pages.InterviewPage(
        "chosen",
        pages.ask_chosen,
        lambda facts, answers: is_new_phone_in_use(answers) or answers.one("what") == SOME,
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

STEPS = (
    ("old", "folder"),
    ("new", "version"),
    ("new-is", "wipe", "space"),
    ("encryption", "chosen-password", "old-password"),
    ("what", "chosen", "unreadable"),
    ("new-password", "replace"),
    ("summary",),
)
"""The pages by the step that a person sees them as. The pages of one step ask about one thing."""
assert {name for step in STEPS for name in step} == set(NAMES) - {"start", "unfinished", "drop"}
