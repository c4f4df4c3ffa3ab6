"""`migrate completion`: a script that completes commands and options in a shell."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from migrate.language import _
from migrate.talk.console import print_json, print_line, say
from migrate.talk.options import Exit, GlobalOptions, with_global_options


class Shell(StrEnum):
    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


def register(app: typer.Typer) -> None:
    app.command("completion")(with_global_options(completion))


def completion(
    options: GlobalOptions,
    context: typer.Context,
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish|powershell", help=_("The shell."))],
) -> Exit:
    """Prints a script that completes commands and options in a shell.

    Its first lines say how to install it, for example: migrate completion bash >> ~/.bashrc
    """
    from migrate.talk.help.command_tree import command_tree
    from migrate.talk.help.completion import INSTALL, completion_script

    script = completion_script(shell.value, command_tree(context))
    if options.json:
        print_json({"shell": shell.value, "install": INSTALL[shell.value], "script": script})
        return None
    print_line(script.rstrip("\n"))
    if sys.stdout is not None and sys.stdout.isatty():
        say(_("To install it: {command}").format(command=INSTALL[shell.value]))
    return None
