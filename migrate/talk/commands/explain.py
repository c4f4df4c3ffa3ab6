"""`migrate explain`: what an error means and what to do about it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.language import _
from migrate.talk.console import format_problem, print_json, print_line, say, wrapped
from migrate.talk.options import Exit, GlobalOptions, with_global_options

if TYPE_CHECKING:
    from migrate.talk.help.explain import ErrorExplanation
    from migrate.talk.help.matcher import Match


def register(app: typer.Typer) -> None:
    app.command("explain")(with_global_options(explain))


def explain(
    options: GlobalOptions,
    what: Annotated[
        list[str],
        typer.Argument(metavar="CODE-or-text", help=_("An error code, a number, or the text you saw; `-` reads it.")),
    ],
) -> Exit:
    """Explains an error.

    Give its code (phone-locked), the number from the phone (211), or the text you saw, from any program. For a whole
    log: migrate explain - < FILE, or type migrate explain - and paste it.
    """
    from migrate.talk.help.explain import explain as look_up

    known = look_up(read_input() if what == ["-"] else " ".join(what))
    if options.json:
        print_json(known.as_json())
    else:
        print_line("\n\n".join(format_explanation(known)))
    return None


def read_input() -> str:
    """What stands in standard input, as far as it is looked at.

    The first and the last part of a very long text are kept: `pasted.clean` looks at no more.
    """
    from migrate.talk.help.pasted import LONGEST_PASTE

    if sys.stdin is None:
        return ""
    if sys.stdin.isatty():
        say(_("Paste the message. Then press Enter and {end}.").format(end="Ctrl-Z" if os.name == "nt" else "Ctrl-D"))
    head = tail = sys.stdin.buffer.read(4 * LONGEST_PASTE)
    while more := sys.stdin.buffer.read(4 * LONGEST_PASTE):
        tail = (tail + more)[-4 * LONGEST_PASTE :]
    given = head if tail is head else head[:LONGEST_PASTE] + b"\n" + tail
    return given.decode("utf-8", "replace")


def format_explanation(known: ErrorExplanation) -> list[str]:
    """One paragraph for each match."""
    from migrate.problems import EXIT_CODES
    from migrate.talk.help.explain import example_from_phone

    paragraphs = []
    if known.exit_code is not None:
        heading = _("Exit code {code}: {meaning}.")
        paragraphs.append(wrapped(heading.format(code=known.exit_code, meaning=_(EXIT_CODES[known.exit_code]))))
    for problem in known.problems if not any(match.why for match in known.matches) else ():
        shown = example_from_phone(problem)
        heading = _("{code} (exit code {exit_code}), for example:")
        if not problem.exit_code:
            heading = _("{code} ({severity}), for example:")
        heading = heading.format(code=problem.code, exit_code=problem.exit_code, severity=shown.severity)
        lines = format_problem(shown.what, shown.why, shown.next)
        paragraphs.append("\n".join([wrapped(heading), *lines]))
    for match in known.matches:
        paragraphs.append("\n".join(format_match(match)))
    return paragraphs


def format_match(match: Match) -> list[str]:
    """A row that fits: what it is, why it fits, what it means, what to do."""
    row = match.trouble
    numbers = ", ".join([*map(str, row.codes), *map(str, row.lockdown), *row.numbers][:MOST_NUMBERS])
    heading = f'"{row.says[0]}" ({numbers}):' if numbers else f'"{row.says[0]}":'
    lines = [wrapped(heading)]
    if match.why:
        lines.append(wrapped(_("Matches {reasons}.").format(reasons="; ".join(match.why)), indent="   "))
    lines.append(wrapped(_(row.means), indent="   "))
    if row.platforms:
        systems = ", ".join(SYSTEMS[platform] for platform in row.platforms)
        lines.append(wrapped(_("Seen on: {systems}.").format(systems=systems), indent="   "))
    lines.append(wrapped(_(row.do), indent="         ", first=_("   Next: ")))
    if row.error:
        lines.append(wrapped(_("More: migrate explain {code}").format(code=row.error), indent="   "))
    return lines


SYSTEMS = {"linux": "Linux", "macos": "macOS", "windows": "Windows"}
MOST_NUMBERS = 6
"""Numbers of a row that are shown."""
