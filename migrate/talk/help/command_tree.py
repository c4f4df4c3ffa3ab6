"""The commands of the program as data, for `migrate help`, shell completion and the man page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from migrate.language import _
from migrate.problems import UsageWrong


@dataclass(frozen=True)
class OptionEntry:
    """An option as it is typed."""

    names: tuple[str, ...]
    value: str
    """What follows it: `DIR`; empty: nothing."""
    help: str
    is_path: bool


@dataclass(frozen=True)
class CommandEntry:
    """A command or a group of commands."""

    words: tuple[str, ...]
    """As it is typed, without `migrate`; () is the program itself."""
    usage: str
    """What follows its name."""
    summary: str
    help: str
    options: tuple[OptionEntry, ...]
    choices: tuple[str, ...]
    """What its argument can be, if that is known."""
    subcommands: tuple[CommandEntry, ...]

    def walk(self) -> Iterator[CommandEntry]:
        """This command and all below it, in the order of the help."""
        yield self
        for command in self.subcommands:
            yield from command.walk()


def command_tree(context: typer.Context) -> CommandEntry:
    """All commands."""
    root = context.find_root()
    return _entry(root.command, root, ())


def context_of(context: typer.Context, words: tuple[str, ...]) -> Any:
    """The context of a command, from which its help can be asked.

    Raises:
        UsageWrong: there is no such command.
    """
    found: Any = context.find_root()
    for word in words:
        commands = getattr(found.command, "commands", {})
        if word not in commands:
            message = _("There is no command {name}.").format(name=" ".join(words))
            raise UsageWrong(message, found.command_path)
        found = type(found)(commands[word], info_name=word, parent=found)
    return found


def _entry(command: Any, context: Any, words: tuple[str, ...]) -> CommandEntry:
    below = getattr(command, "commands", {})
    options, arguments = [], []
    for parameter in command.get_params(context):
        if parameter.param_type_name == "argument":
            arguments.append(parameter)
        elif not getattr(parameter, "hidden", False):
            options.append(_option(parameter))
    return CommandEntry(
        words=words,
        usage="[OPTIONS] COMMAND [ARGS]..." if below else " ".join(["[OPTIONS]", *map(_argument, arguments)]),
        summary=command.get_short_help_str(300),
        help=(command.help or "").strip(),
        options=tuple(options),
        choices=tuple(
            word
            for argument in arguments
            for word in (argument.metavar or "").split("|")
            if "|" in (argument.metavar or "")
        ),
        subcommands=tuple(
            _entry(below[name], type(context)(below[name], info_name=name, parent=context), (*words, name))
            for name in command.list_commands(context)
            if not below[name].hidden
        )
        if below
        else (),
    )


def _argument(parameter: Any) -> str:
    """`PLAN`, `[FILE]`, `TEXT...`; every version of typer draws it its own way."""
    name = (parameter.metavar or parameter.name.upper()).strip("[]") + ("..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _option(parameter: Any) -> OptionEntry:
    value = "" if parameter.is_flag else parameter.metavar or _("VALUE")
    return OptionEntry(
        names=tuple(sorted((*parameter.opts, *parameter.secondary_opts), key=len)),  # typer has no fixed order
        value=value,
        help=(parameter.help or "").strip(),
        is_path=any(word in value for word in ("DIR", "FILE", "PATH")),
    )
