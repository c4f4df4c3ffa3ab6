"""The wizard's widgets on a terminal that can draw, one function each.

questionary is imported only here. It is always asked with `unsafe_ask_async`, which lets Ctrl-C through, and draws on
stderr.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Protocol, cast

import questionary
from prompt_toolkit.application import Application
from prompt_toolkit.output import create_output

from migrate.language import _, mark
from migrate.plan.interview.observations import BACK
from migrate.talk.console import say
from migrate.talk.progress import clear_bars
from migrate.talk.wizard.checklist import Checklist
from migrate.talk.wizard.page import CHANGED, Changes, Page, PageAnswer, erase_rows, heading, print_lines

STOPPED = object()
CHOOSING = mark("(a number or arrows, then Enter)")


class Asking(Protocol):
    """What waits for an answer: a question of questionary's, or our checklist."""

    @property
    def application(self) -> Application[Any]: ...

    async def unsafe_ask_async(self) -> Any: ...


async def ask(page: Page, changes: Changes | None = None, **terminal: Any) -> PageAnswer:
    """Show a page and wait for its answer, or for CHANGED if `changes` ends first. Raises KeyboardInterrupt."""
    clear_bars()
    rows = print_lines(["", heading(page.title, page.step), *page.lines])
    answer: PageAnswer = await WIDGETS[page.kind](page, changes, terminal or {"output": create_output(sys.stderr)})
    erase_rows(rows if answer is CHANGED else 0)
    return answer


async def ask_one(page: Page, changes: Changes | None, terminal: dict[str, Any]) -> PageAnswer:
    labels = page.labels()
    rows = [questionary.Choice(labels[one.value], one.value, disabled=one.refused or None) for one in page.rows]
    if page.back_label:
        rows.append(questionary.Choice(page.back_label, BACK, shortcut_key="b"))
    default = page.preferred if page.preferred in {row.value for row in rows} else None
    look: dict[str, Any] = {"use_shortcuts": True, "use_jk_keys": False, "qmark": ">", "instruction": _(CHOOSING)}
    return cast(PageAnswer, await run_question(questionary.select("", rows, default, **look, **terminal), changes))


async def ask_many(page: Page, changes: Changes | None, terminal: dict[str, Any]) -> PageAnswer:
    return cast(PageAnswer, await run_question(Checklist(page, **terminal), changes))


async def ask_path(page: Page, changes: Changes | None, terminal: dict[str, Any]) -> PageAnswer:
    typed: str = await run_question(questionary.path(_("Folder:"), **terminal), None)
    return typed.strip().strip("'\"") or BACK


async def ask_secret(page: Page, changes: Changes | None, terminal: dict[str, Any]) -> PageAnswer:
    typed: str = await run_question(questionary.password(_("Password:"), **terminal), None)
    return typed or BACK


async def ask_new_secret(page: Page, changes: Changes | None, terminal: dict[str, Any]) -> PageAnswer:
    while (first := await ask_secret(page, changes, terminal)) != BACK:
        say(_("Repeat it, so that a typing error does not lock you out:"))
        if await ask_secret(page, changes, terminal) == first:
            break
        say(_("The two did not match. Type it again:"))
    return first


WIDGETS = {"one": ask_one, "many": ask_many, "path": ask_path, "secret": ask_secret, "new-secret": ask_new_secret}


async def run_question(question: Asking, changes: Changes | None) -> Any:
    """The answer; or CHANGED, and the question is removed from the screen."""

    async def asking() -> Any:
        try:
            return await question.unsafe_ask_async()
        except (KeyboardInterrupt, EOFError):  # raised inside this task it would tear the event loop down
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
