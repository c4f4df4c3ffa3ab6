"""Print docs/troubles.md, made from the problem definitions and troubles.toml: `python -m tools.troubles_page`.

A test compares the two, so the page always has every problem.
"""

from __future__ import annotations

import os
import sys

from migrate.problems import EXIT_CODES, MigrateError, Problem, all_problems
from migrate.talk.help.explain import example_from_phone
from migrate.talk.help.trouble import Trouble, troubles

HEAD = """\
# Problems, and what to do

Every problem says what happened, why, and what to do next. `migrate explain CODE` prints the same text as this page.
Names, numbers and folders are examples. `migrate explain 211` and `migrate explain "the words you saw"` search the last
part, which lists what an iPhone itself, Apple's programs and others may report. A whole log can be pasted too.

This page is made from the program: `python -m tools.troubles_page > docs/troubles.md`. Sources: *lim* is
libimobiledevice, *pmd* pymobiledevice3, *umd* usbmuxd, *nug* Nugget, each with the number of an issue on GitHub;
*decompiled* is the backup service of iOS 26.1, as others decompiled it.
"""

FINDINGS = """\
Findings are listed by `verify`, `extract`, `repair`, `plan check`, `check`, a run and its receipt. An error makes the
result bad, a warning is worth knowing, and an info is for people who want every detail.
"""


def page() -> str:
    """The whole page."""
    by_exit: dict[int, list[type[Problem]]] = {}
    for problem in all_problems():
        if issubclass(problem, MigrateError):
            by_exit.setdefault(problem.exit_code, []).append(problem)
    parts = [HEAD, "## Errors, by exit code\n"]
    for exit_code in sorted(by_exit):
        parts.append(f"### {exit_code}: {EXIT_CODES[exit_code]}\n")
        parts += [_problem(problem) for problem in by_exit[exit_code]]
    parts += ["## Findings\n", FINDINGS]
    parts += [_problem(problem) for problem in all_problems() if not issubclass(problem, MigrateError)]
    parts.append("## What iPhones and other programs report\n")
    parts += [_trouble(trouble) for trouble in troubles()]
    return "\n".join(parts).replace(os.sep, "/")  # example paths, where a system writes them the other way


def _problem(problem: type[Problem]) -> str:
    shown = example_from_phone(problem)
    severity = "" if issubclass(problem, MigrateError) else f" ({shown.severity})"
    return f"**{problem.code}**{severity}: {shown.what}\n\n- Why: {shown.why}\n- Next: {shown.next}\n"


def _trouble(trouble: Trouble) -> str:
    numbers = ", ".join([*map(str, trouble.codes), *map(str, trouble.lockdown), *trouble.numbers])
    words = " · ".join(f"“{phrase}”" for phrase in trouble.says)
    ours = f" (`{trouble.error}`)" if trouble.error else ""
    heading = f"**{numbers}** {words}" if numbers else words
    only = f"- On: {', '.join(trouble.platforms)}\n" if trouble.platforms else ""
    return f"{heading}{ours}\n\n- {trouble.means}\n- Next: {trouble.do}\n{only}- Source: {trouble.source}.\n"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(page())
