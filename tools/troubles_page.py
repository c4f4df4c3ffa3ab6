"""docs/troubles.md, made from the error classes and troubles.toml: `python -m tools.troubles_page` prints it.

A test compares the two, so that no error can be met that the page does not know.
"""

from __future__ import annotations

import os
import sys

from migrate.problems import MigrateError, code_of
from migrate.talk.help.explain import EXIT_CODES, PhoneMessage, errors_by_code, example_from_phone, troubles

HEAD = """\
# Troubles, and what to do

Every error says what happened, why, and what to do next; `migrate explain CODE` says it again, and so does this page.
Names, numbers and folders are examples. `migrate explain 211` and `migrate explain "words you saw"` look at the second
half, which is about what a phone itself may answer.

This page is made from the program: `python -m tools.troubles_page > docs/troubles.md`. Sources: *lim* is
libimobiledevice, *pmd* pymobiledevice3, *umd* usbmuxd, *nug* Nugget, each with the number of an issue on GitHub;
*decompiled* is the backup service of iOS 26.1, as others decompiled it.
"""


def page() -> str:
    """The whole page."""
    by_exit: dict[int, list[type[MigrateError]]] = {}
    for _, error in sorted(errors_by_code().items()):
        by_exit.setdefault(error.exit_code, []).append(error)
    parts = [HEAD, "## By exit code\n"]
    for exit_code in sorted(by_exit):
        parts.append(f"### {exit_code}: {EXIT_CODES[exit_code]}\n")
        parts += [_error(error) for error in by_exit[exit_code]]
    parts.append("## What a phone may answer\n")
    parts += [_trouble(trouble) for trouble in troubles()]
    return "\n".join(parts).replace(os.sep, "/")  # example paths, where a system writes them the other way


def _error(error: type[MigrateError]) -> str:
    shown = example_from_phone(error)
    return f"**{code_of(error)}**: {shown.what()}\n\n- Why: {shown.why()}\n- Next: {shown.next()}\n"


def _trouble(trouble: PhoneMessage) -> str:
    numbers = ", ".join(map(str, trouble.codes))
    words = " · ".join(f"“{phrase}”" for phrase in trouble.says)
    ours = f" (`{trouble.error}`)" if trouble.error else ""
    heading = f"**{numbers}** {words}" if numbers else words
    return f"{heading}{ours}\n\n- {trouble.means}\n- Next: {trouble.do}\n- Source: {trouble.source}.\n"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(page())
