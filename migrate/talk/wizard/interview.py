"""The loop around the interview: prepare, show a page, take the answer in, write it down.

`plan/interview` decides what to ask, `texts` and `choice_pages` word it, `actions` does what is needed between pages.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from migrate.plan.interview.answers import Answer
from migrate.plan.interview.observations import AGAIN, BACK
from migrate.plan.interview.questions import Answers, MoveFacts, back, next_preparation, next_question
from migrate.problems import MigrateError
from migrate.talk.wizard.actions import WizardActions
from migrate.talk.wizard.page import Changed, Left, Page, Widgets
from migrate.talk.wizard.texts import question_page


async def run_interview(
    ask: Widgets, actions: WizardActions, facts: MoveFacts, answers: Answers
) -> tuple[MoveFacts, Answers]:
    """Ask until the plan is complete or a run is to be resumed. Every answer is stored at once."""
    while True:
        facts = await actions.refresh(facts, answers)
        page: Page | None = None
        try:
            if preparation := next_preparation(facts, answers):
                facts = await actions.prepare(preparation, facts, answers)
                continue
            if (question := next_question(facts, answers)) is None:
                return facts, answers
            page = question_page(question, facts, answers)
            answer = await ask(page, partial(actions.changes, facts) if page.is_live else None)
            if isinstance(answer, Changed) or answer == AGAIN:
                continue
            if isinstance(answer, Left):
                facts, answer = remembering(facts, page.name, answer.selected), BACK
            if answer == BACK:
                answers = back(facts, answers, page.name)
            else:
                facts, answers = await actions.accept_answer(page.name, answer, facts, answers)
                facts = remembering(facts, page.name, answer)
        except MigrateError as error:
            if await actions.handle_error(error, page) == "change":
                facts = await actions.refresh(facts, answers)
                question = next_question(facts, answers)
                answers = back(facts, answers, question.name if question else None)
        actions.write_answers(facts, answers)


def remembering(facts: MoveFacts, name: str, answer: Answer) -> MoveFacts:
    """Remember an answer, so that its page begins with it when it is asked again."""
    return replace(facts, remembered=facts.remembered.with_answer(name, answer))
