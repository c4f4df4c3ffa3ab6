"""`migrate explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from migrate.talk.console import put, put_json, three_sentences, wrapped
from migrate.talk.options import Everywhere, Exit, with_global_options

if TYPE_CHECKING:
    from migrate.talk.help.explain import Explained


def register(app: typer.Typer) -> None:
    app.command("explain")(with_global_options(explain))


def explain(
    said: Everywhere,
    what: Annotated[
        list[str], typer.Argument(metavar="CODE-or-text", help="An error's code, a number, or the words you saw.")
    ],
) -> Exit:
    """Explains an error.

    By its code (phone-locked), by the number a phone answered (211), or by the words you saw.
    """
    from migrate.talk.help.explain import explain as look_up

    known = look_up(" ".join(what))
    if said.json:
        put_json(known.as_json())
    else:
        put("\n\n".join(in_words(known)))
    return None


def in_words(known: Explained) -> list[str]:
    """One paragraph for each thing that is known."""
    from migrate.problems import code_of
    from migrate.talk.help.explain import EXIT_CODES, as_a_phone_says_it

    paragraphs = []
    if known.exit_code is not None:
        paragraphs.append(wrapped(f"Exit code {known.exit_code}: {EXIT_CODES[known.exit_code]}."))
    for error in known.errors:
        shown = as_a_phone_says_it(error)
        lines = three_sentences(shown.what(), shown.why(), shown.next())
        paragraphs.append("\n".join([wrapped(f"{code_of(error)} (exit code {error.exit_code}), for example:"), *lines]))
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
