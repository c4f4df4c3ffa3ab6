"""The wizard's pages in plain lines: for a voice that reads them aloud, a terminal without unicode, or a very old one.

Nothing is drawn anew and no key does anything by itself: a page is printed once, an answer is typed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from migrate.talk.asking import ctrl_c_at_a_prompt
from migrate.talk.output import safe, say
from migrate.talk.passwords import ask_hidden
from migrate.talk.wizard_page import BACK, CHANGED, Answered, Changes, Page, Row, heading

LOOK_AGAIN = "l"


async def ask(page: Page, changes: Changes | None = None) -> Answered:
    """Print a page and read its answer. It waits for Enter, so what changes meanwhile is shown with "look again"."""
    say()
    for line in (heading(page.title), *page.lines):
        say(line)
    with ctrl_c_at_a_prompt():
        match page.kind:
            case "one":
                return choose(page)
            case "many":
                return tick(page)
            case "path":
                return line_typed("Folder: ").strip().strip("'\"") or BACK
            case "secret":
                return ask_hidden("Password (nothing is shown): ") or BACK
            case "new-secret":
                return hide_twice()


def choose(page: Page) -> Answered:
    rows = [row for row in page.rows if not row.refused]
    put_rows(page, rows)
    if page.polls:
        say(f"  {LOOK_AGAIN}. Look again")
    if page.going_back:
        say(f"  b. {page.going_back}")
    while True:
        typed = line_typed("Your answer: ").strip().lower()
        if typed == LOOK_AGAIN and page.polls:
            return CHANGED
        if typed == "b" and page.going_back:
            return BACK
        if typed.isdecimal() and 0 < int(typed) <= len(rows):
            return rows[int(typed) - 1].value
        say(f"Type a number from 1 to {len(rows)}{', or b to go back' if page.going_back else ''}.")


def tick(page: Page) -> Answered:
    rows = list(page.rows)
    put_rows(page, rows)
    say("  b. Back")
    while True:
        typed = line_typed("What moves (for example 1 3 5-7, or all): ").strip().lower()
        if typed == "b":
            return BACK
        picked = numbers(typed, len(rows))
        if picked is None:
            say(f"Type numbers from 1 to {len(rows)}, with spaces between them, or all.")
            continue
        ticked = tuple(rows[number - 1].value for number in picked)
        say(page.total(ticked))
        if not (refusal := page.refusal(ticked)):
            return ticked
        say(refusal)


def put_rows(page: Page, rows: Sequence[Row]) -> None:
    labels = page.labels()
    for number, row in enumerate(rows, 1):
        say(f"  {number}. {' '.join(labels[row.value].split())}")


def numbers(typed: str, most: int) -> list[int] | None:
    """`1 3 5-7` -> [1, 3, 5, 6, 7]; None where it cannot be understood."""
    if typed == "all":
        return list(range(1, most + 1))
    found: set[int] = set()
    for word in typed.replace(",", " ").split():
        first, dash, last = word.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            return None
        found |= set(range(int(first), min(int(last or first), most + 1) + 1))
    return sorted(found) if found and min(found) >= 1 and max(found) <= most else None


def hide_twice() -> str:
    while first := ask_hidden("Password (nothing is shown): "):
        if ask_hidden("The same once more: ") == first:
            return first
        say("These were not the same. Once more.")
    return BACK


def line_typed(prompt: str) -> str:
    """One line. Raises KeyboardInterrupt at the end of input: nobody is there any more."""
    sys.stderr.write(safe(prompt))
    sys.stderr.flush()
    typed = sys.stdin.readline()
    if not typed:
        raise KeyboardInterrupt
    return typed
