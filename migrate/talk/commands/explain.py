"""`migrate explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from migrate.talk.console import format_problem, print_json, print_line, wrapped
from migrate.talk.options import Exit, GlobalOptions, with_global_options

if TYPE_CHECKING:
    from migrate.talk.help.explain import ErrorExplanation


def register(app: typer.Typer) -> None:
    app.command("explain")(with_global_options(explain))


def explain(
    options: GlobalOptions,
    what: Annotated[
        list[str], typer.Argument(metavar="CODE-or-text", help="An error's code, a number, or the words you saw.")
    ],
) -> Exit:
    """Explains an error.

    By its code (phone-locked), by the number a phone answered (211), or by the words you saw.
    """
    from migrate.talk.help.explain import explain as look_up

    known = look_up(" ".join(what))
    if options.json:
        print_json(known.as_json())
    else:
        print_line("\n\n".join(format_explanation(known)))
    return None


def format_explanation(known: ErrorExplanation) -> list[str]:
    """One paragraph for each thing that is known."""
    from migrate.problems import EXIT_CODES
    from migrate.talk.help.explain import example_from_phone

    paragraphs = []
    if known.exit_code is not None:
        paragraphs.append(wrapped(f"Exit code {known.exit_code}: {EXIT_CODES[known.exit_code]}."))
    for problem in known.problems:
        shown = example_from_phone(problem)
        kind = f"exit code {problem.exit_code}" if problem.exit_code else shown.severity
        lines = format_problem(shown.what, shown.why, shown.next)
        paragraphs.append("\n".join([wrapped(f"{problem.code} ({kind}), for example:"), *lines]))
    for trouble in known.troubles:
        numbers = ", ".join(map(str, trouble.codes))
        words = " / ".join(f'"{phrase}"' for phrase in trouble.says)
        heading = f"A phone's {numbers}, {words}:" if numbers else f"{words}:"
        lines = [
            wrapped(heading),
            wrapped(trouble.means, indent="   "),
            wrapped(trouble.do, indent="         ", first="   Next: "),
        ]
        paragraphs.append("\n".join(lines))
    return paragraphs
