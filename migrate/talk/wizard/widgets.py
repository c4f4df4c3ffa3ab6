"""The wizard: the loop around the interview, and one function per widget. Nothing is decided here.

What is asked next is `plan/interview`'s; the words are wizard_words'; what is done between pages is wizard_doing's.
questionary is imported here and nowhere else, always unsafe, so that Ctrl-C is seen; it draws on stderr.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import Any, cast

import questionary
from prompt_toolkit.filters import is_done
from prompt_toolkit.layout import ConditionalContainer, HSplit, Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.output import create_output
from questionary.prompts.common import InquirerControl

from migrate.plan.interview.questions import Answers, Seen, back, next_deed, next_question
from migrate.problems import MigrateError
from migrate.talk.console import say
from migrate.talk.progress import clear_bars
from migrate.talk.wizard.actions import Doing
from migrate.talk.wizard.page import BACK, CHANGED, Answered, Changed, Changes, Page, Widgets, heading, put, take_off
from migrate.talk.wizard.texts import page_of

STOPPED = object()
CHOOSING, TICKING = "(a number or arrows, then Enter)", "(space ticks, a: all, Enter: next, b: back)"


async def run_interview(ask: Widgets, doing: Doing, seen: Seen, said: Answers) -> tuple[Seen, Answers]:
    """Ask until the plan can be written, or a run is to go on. Every answer is kept at once."""
    while True:
        seen = await doing.refresh(seen, said)
        page: Page | None = None
        try:
            if deed := next_deed(seen, said):
                seen = await doing.do(deed, seen, said)
                continue
            if (question := next_question(seen, said)) is None:
                return seen, said
            page = page_of(question, seen, said)
            answer = await ask(page, partial(doing.changes, seen) if page.polls else None)
            if isinstance(answer, Changed):
                continue
            if answer == BACK:
                said = back(seen, said, page.name)
            else:
                seen, said = await doing.take(page.name, answer, seen, said)
        except MigrateError as error:
            if await doing.handle_error(error, page) == "change":
                seen = await doing.refresh(seen, said)
                question = next_question(seen, said)
                said = back(seen, said, question.name if question else None)
        doing.write_answers(seen, said)


# -- the widgets -----------------------------------------------------------------------------------------------------


async def ask(page: Page, changes: Changes | None = None, **terminal: Any) -> Answered:
    """Show a page and wait for its answer. Raises KeyboardInterrupt; CHANGED when `changes` came to its end first."""
    clear_bars()
    rows = put(["", heading(page.title), *page.lines])
    answer: Answered = await WIDGETS[page.kind](page, changes, terminal or {"output": create_output(sys.stderr)})
    take_off(rows if answer is CHANGED else 0)
    return answer


async def choose(page: Page, changes: Changes | None, terminal: dict[str, Any]) -> Answered:
    labels = page.labels()
    rows = [questionary.Choice(labels[one.value], one.value, disabled=one.refused or None) for one in page.rows]
    if page.going_back:
        rows.append(questionary.Choice(page.going_back, BACK, shortcut_key="b"))
    default = page.preferred if page.preferred in {row.value for row in rows} else None
    look: dict[str, Any] = {"use_shortcuts": True, "use_jk_keys": False, "qmark": ">", "instruction": CHOOSING}
    return cast(Answered, await answer_of(questionary.select("", rows, default, **look, **terminal), changes))


async def tick(page: Page, changes: Changes | None, terminal: dict[str, Any]) -> Answered:
    labels, rows, group = page.labels(), list[questionary.Choice](), ""
    for row in page.rows:
        if row.group != group:
            rows.append(questionary.Separator(f"  {row.group}"))
        group = row.group
        rows.append(questionary.Choice(labels[row.value], row.value))

    def below() -> str:
        ticked = [str(one.value) for one in control.get_selected_values()]
        refusal = page.refusal(ticked) if control.submission_attempted else ""
        return f"   {page.total(ticked)}" + (f"\n   {refusal}" if refusal else "")

    look: dict[str, Any] = {"validate": lambda ticked: not page.refusal(ticked) or " ", "qmark": ">"}
    question = questionary.checkbox("", rows, instruction=TICKING, **look, **terminal)
    control = next(one for one in question.application.layout.find_all_controls() if isinstance(one, InquirerControl))
    total = Window(FormattedTextControl(below), dont_extend_height=True, wrap_lines=True)
    shown = HSplit([question.application.layout.container, ConditionalContainer(total, filter=~is_done)])
    question.application.layout = Layout(shown)
    bindings = cast(Any, question.application.key_bindings)
    bindings.add("b", eager=True)(lambda event: event.app.exit(result=BACK))
    answer = await answer_of(question, changes)
    return tuple(answer) if isinstance(answer, list) else cast(Answered, answer)


async def write(page: Page, changes: Changes | None, terminal: dict[str, Any]) -> Answered:
    typed: str = await answer_of(questionary.path("Folder:", **terminal), None)
    return typed.strip().strip("'\"") or BACK


async def hide(page: Page, changes: Changes | None, terminal: dict[str, Any]) -> Answered:
    typed: str = await answer_of(questionary.password("Password:", **terminal), None)
    return typed or BACK


async def hide_twice(page: Page, changes: Changes | None, terminal: dict[str, Any]) -> Answered:
    while (first := await hide(page, changes, terminal)) != BACK:
        say("The same once more, so that a slip does not lock you out:")
        if await hide(page, changes, terminal) == first:
            break
        say("These were not the same. Once more:")
    return first


WIDGETS = {"one": choose, "many": tick, "path": write, "secret": hide, "new-secret": hide_twice}


async def answer_of(question: questionary.Question, changes: Changes | None) -> Any:
    """The answer, or CHANGED and the question taken off the screen."""

    async def asking() -> Any:
        try:
            return await question.unsafe_ask_async()
        except (KeyboardInterrupt, EOFError):  # raised inside a task of its own it would tear the loop down
            return STOPPED

    asked = asyncio.ensure_future(asking())
    changing = asyncio.ensure_future(changes()) if changes else None
    await asyncio.wait([one for one in (asked, changing) if one], return_when=asyncio.FIRST_COMPLETED)
    if not asked.done():
        question.application.erase_when_done = True
        question.application.exit(result=CHANGED)
    answer = await asked
    if changing:
        changing.cancel()
    if answer is STOPPED:
        raise KeyboardInterrupt
    return answer
