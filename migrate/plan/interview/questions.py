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
from migrate.plan.interview.observations import Deed, Option, Question, Seen, goes_on_with, new_udid, old_key
from migrate.plan.interview.plan import plan_of
from migrate.problems import MigrateError
from migrate.problems.finding import Finding

__all__ = ["Answers", "Deed", "Question", "Seen", "back", "next_deed", "next_question"]


def next_question(seen: Seen, said: Answers) -> Question | None:
    """The next thing worth asking, or None once the plan can be written (or an unfinished run is to go on)."""
    if goes_on_with(seen, said):
        return None
    for ask in INTERVIEW:
        if ask.name not in said and ask.matters(seen, said):
            return ask.about(seen, said)
    return None


def next_deed(seen: Seen, said: Answers) -> Deed | None:
    """What the next page needs to have been seen. Never for an interview without phones."""
    if not seen.with_phones or goes_on_with(seen, said):
        return None
    for ask in INTERVIEW:
        if ask.name in said:
            continue
        if (deed := ask.needs(seen, said)) is not None:
            return deed
        if ask.matters(seen, said):
            return None
    return None


def back(seen: Seen, said: Answers, name: str | None) -> Answers:
    """Going back from page `name`: without the last answer before it, and on, until another page is asked. What was
    done in between (a save, encryption turned on) stays done, so some pages do not matter any more."""
    while said:
        said = said.before(name)
        question = next_question(seen, said)
        if question is None or question.name != name:
            break
    return said


def summary(seen: Seen, said: Answers) -> Question:
    """The last page: with what preflight finds, or why it cannot be begun."""
    refused: MigrateError | None = None
    findings: tuple[Finding, ...] = ()
    old, new = seen.phone(old_key(said)), seen.phone(new_udid(seen, said))
    here = preflight.Seen(old=old if old and old.connected else None, new=new if new and new.ios_version else None)
    try:
        findings = tuple(preflight.preflight(plan_of(seen, said), here))
    except MigrateError as error:
        refused = error
    move = (Option(value="move", refused=refused),) if seen.with_phones else ()
    options = (*move, Option(value="write"))
    return Question(name="summary", options=options, phone=pages.new_called(seen, said), findings=findings)


INTERVIEW = (
    pages.Ask("start", pages.start, lambda seen, said: bool(seen.unfinished or seen.left)),
    pages.Ask("old", pages.which_is_old, lambda seen, said: seen.with_phones),
    pages.Ask("folder", pages.which_folder, lambda seen, said: said.one("old") == pages.FOLDER),
    pages.Ask("new", pages.which_is_new, lambda seen, said: seen.with_phones),
    pages.Ask("new-is", pages.what_new_is),
    pages.Ask("wipe", pages.may_be_wiped, pages.shows_signs_of_use, pages.look_at_new),
    pages.Ask("encryption", pages.whether_encrypted, pages.encryption_is_off, pages.meet_old),
    pages.Ask("chosen-password", pages.chosen_password, pages.wants_new_secret, pages.meet_old),
    pages.Ask("old-password", pages.old_password, pages.wants_old_secret, pages.meet_old),
    pages.Ask("what", pages.all_or_some, lambda seen, said: said.one("new-is") == pages.ERASED, pages.save_old),
    pages.Ask(
        "chosen", pages.chosen, lambda seen, said: pages.in_use(said) or said.one("what") == pages.SOME, pages.save_old
    ),
    pages.Ask("unreadable", pages.accept_unreadable, pages.some_unreadable),
    pages.Ask("new-password", pages.new_password, pages.wants_new_phone_secret, pages.meet_new),
    pages.Ask("replace", pages.may_replace, pages.something_is_replaced, pages.save_new),
    pages.Ask("summary", summary, needs=pages.all_is_seen),
)
assert tuple(ask.name for ask in INTERVIEW) == NAMES
