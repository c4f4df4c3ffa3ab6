"""Print docs/faq.md: every message that people see, word for word, with what it means and what to do.

`python -m tools.faq_page > docs/faq.md`. A test compares the two, so the page always has every message.
"""

from __future__ import annotations

import os
import sys

from migrate.problems import MigrateError, all_problems
from migrate.talk.help.explain import example_from_phone
from migrate.talk.help.trouble import FILES, Trouble, troubles_of

HEAD = """\
# “…”: what does this message mean?

Search this page for the words that you saw. Or let the program search, which also takes a whole log and does not need
the exact words: `migrate explain "the words you saw"`.

This page is made from the program: `python -m tools.faq_page > docs/faq.md`. [troubles.md](troubles.md) has the same
with numbers and sources."""
SECTIONS = (
    ("icloud", "On the iPhone: iCloud Backup"),
    ("apple", "In Finder, iTunes and Apple Devices"),
    ("people", "Before, during and after a move"),
    ("connection", "About cable, trust and connection"),
    ("computer", "About this computer"),
    ("backup_service", "From the backup service of the iPhone"),
)
"""Files of troubles, the ones that most people meet first."""
assert {name for name, _title in SECTIONS} == set(FILES)
OURS = """\
## From migrate itself

Names and numbers are examples. `migrate explain CODE` says more about each.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, "\n".join(f"- [{title}](#{_anchor(title)})" for _name, title in SECTIONS)]
    parts[-1] += "\n- [From migrate itself](#from-migrate-itself)\n"
    for name, title in SECTIONS:
        parts += [f"## {title}\n", *map(_trouble, troubles_of(name))]
    parts.append(OURS)
    for problem in all_problems():
        if issubclass(problem, MigrateError):
            shown = example_from_phone(problem)
            parts.append(f"- **“{shown.what}”** (`{problem.code}`) {shown.next}")
    return "\n".join(parts).replace(os.sep, "/") + "\n"  # example paths, where a system writes them the other way


def _trouble(trouble: Trouble) -> str:
    first, *others = trouble.says or trouble.asked
    lines = [f"### “{first}”\n"]
    if others:
        lines.append("Also: " + " · ".join(f"“{text}”" for text in others) + "\n")
    return "\n".join([*lines, f"{trouble.means}\n", f"**What to do:** {trouble.do}\n"])


def _anchor(title: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return "".join(char for char in title.lower().replace(" ", "-") if char.isalnum() or char in "-_")


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(page())
