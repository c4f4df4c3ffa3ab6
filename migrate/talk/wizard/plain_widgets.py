"""The wizard's widgets in plain lines, for screen readers and for terminals that cannot draw.

A page is printed once, without redraws, and an answer is typed and ended with Enter.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence

from migrate.language import _
from migrate.plan.interview.observations import BACK
from migrate.talk.console import safe, say, wrapped
from migrate.talk.passwords import ask_hidden
from migrate.talk.prompts import interruptible_prompt
from migrate.talk.wizard.page import CHANGED, Changes, Left, Page, PageAnswer, Row, heading

LOOK_AGAIN_KEY = "l"


async def ask(page: Page, changes: Changes | None = None) -> PageAnswer:
    """Print a page and read its answer. Changes are announced in one line, and shown with "look again"."""
    say()
    for line in (heading(page.title, page.step), *page.lines):
        say(line)
    if page.kind == "one":
        return await ask_one(page, changes)
    with interruptible_prompt():
        match page.kind:
            case "many":
                return ask_many(page)
            case "path":
                return line_typed(_("Folder: ")).strip().strip("'\"") or BACK
            case "secret":
                return ask_hidden(_("Password (nothing is shown): ")) or BACK
            case "new-secret":
                return ask_new_secret()


async def ask_one(page: Page, changes: Changes | None) -> PageAnswer:
    rows = [row for row in page.rows if not row.refused]
    put_rows(rows)
    if page.is_live:
        say("  " + _("{key}. Look again").format(key=LOOK_AGAIN_KEY))
    if page.back_label:
        say(f"  b. {page.back_label}")
    while True:
        if changes is not None:
            await wait_for_input(_("Your answer: "), changes)
        with interruptible_prompt():
            typed = line_typed("" if changes is not None else _("Your answer: ")).strip().lower()
        if typed == LOOK_AGAIN_KEY and page.is_live:
            return CHANGED
        if typed == "b" and page.back_label:
            return BACK
        if typed.isdecimal() and 0 < int(typed) <= len(rows):
            return rows[int(typed) - 1].value
        if page.back_label:
            say(_("Type a number from 1 to {last}, or b to go back.").format(last=len(rows)))
        else:
            say(_("Type a number from 1 to {last}.").format(last=len(rows)))


def ask_many(page: Page) -> PageAnswer:
    rows = list(page.rows)
    if any(page.heads):
        say(_("Each line: number, name, {columns}").format(columns=", ".join(filter(None, page.heads))))
    put_rows(rows, page.selected)
    for line in filter(None, (page.warning, *(row.note for row in rows))):
        say(wrapped(line))
    say("  " + _("b. Back"))
    prompt = _("What should move (for example 1 3 5-7, or all): ")
    if page.selected:
        prompt = _("What should move (for example 1 3 5-7, or all; Enter: what is selected): ")
    while True:
        typed = line_typed(prompt).strip().lower()
        if typed == "b":
            return Left(page.selected)
        picked = numbers(typed, len(rows))
        if picked is None and not (page.selected and not typed):
            say(_("Type numbers from 1 to {last}, separated by spaces, or all.").format(last=len(rows)))
            continue
        ticked = page.selected if picked is None else tuple(rows[number - 1].value for number in picked)
        say(page.total(ticked))
        if not (refusal := page.refusal(ticked)):
            return ticked
        say(refusal)


def put_rows(rows: Sequence[Row], selected: Sequence[str] = ()) -> None:
    for number, row in enumerate(rows, 1):
        cells = [safe(cell).replace("\n", " ") for cell in row.cells]
        mark = f" ({_('selected')})" if row.value in selected else ""
        say(f"  {number}. {', '.join(cell for cell in cells if cell.strip())}{mark}")


def numbers(typed: str, most: int) -> list[int] | None:
    """`1 3 5-7` -> [1, 3, 5, 6, 7]; None if it cannot be parsed."""
    if typed in ("all", _("all")):
        return list(range(1, most + 1))
    found: set[int] = set()
    for word in typed.replace(",", " ").split():
        first, dash, last = word.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            return None
        found |= set(range(int(first), min(int(last or first), most + 1) + 1))
    return sorted(found) if found and min(found) >= 1 and max(found) <= most else None


def ask_new_secret() -> str:
    while first := ask_hidden(_("Password (nothing is shown): ")):
        if ask_hidden(_("Repeat it: ")) == first:
            return first
        say(_("The two did not match. Type it again."))
    return BACK


async def wait_for_input(prompt: str, changes: Changes) -> None:
    """Show the prompt and return once typing begins. A phone that comes or goes before that is announced, once.

    Only a POSIX terminal can be waited for; elsewhere this returns at once and announces nothing.
    """
    sys.stderr.write(safe(prompt))
    sys.stderr.flush()
    if os.name == "nt" or not sys.stdin.isatty():
        return
    loop, typed = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), typed.set)
    waiting = [asyncio.ensure_future(typed.wait()), asyncio.ensure_future(changes())]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not typed.is_set():
            say()
            changed = _("A phone was connected or disconnected, or now trusts this computer. Type {key} to look again.")
            say(changed.format(key=LOOK_AGAIN_KEY))
            sys.stderr.write(safe(prompt))
            sys.stderr.flush()
            await typed.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def line_typed(prompt: str) -> str:
    """Read one line. Raises KeyboardInterrupt at the end of input."""
    sys.stderr.write(safe(prompt))
    sys.stderr.flush()
    typed = sys.stdin.readline()
    if not typed:
        raise KeyboardInterrupt
    return typed
