"""`migrate help`: the help of a command."""

from __future__ import annotations

from typing import Annotated

import typer

from migrate.language import _
from migrate.talk.console import print_json, print_line
from migrate.talk.options import Exit, GlobalOptions, with_global_options


def register(app: typer.Typer) -> None:
    app.command("help")(with_global_options(show_help))


def show_help(
    options: GlobalOptions,
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help=_("A command, such as run or plan new."), show_default=False),
    ] = None,
) -> Exit:
    """Shows the help of a command.

    The same as COMMAND --help. Without COMMAND: the list of all commands.
    """
    from migrate.talk.help.command_tree import context_of

    found = context_of(context, tuple(command or ()))
    text = found.get_help()
    if options.json:
        print_json({"command": " ".join(command or ()), "help": text})
    else:
        print_line(text)
    return None
