"""Print docs/migrate.1, the manual page, made from the help of the commands: `python -m tools.man_page`.

A test compares the two. To read it: `man docs/migrate.1`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import typer

from migrate.problems import EXIT_CODES
from migrate.talk.cli import COMMAND_GROUPS, build_app
from migrate.talk.help.command_tree import CommandEntry, OptionEntry, command_tree

EVERYWHERE = frozenset(("--home", "--usbmuxd", "--json", "--help"))
"""Options of every command, which are listed once."""

ENVIRONMENT = {
    "MIGRATE_HOME": "Folder for backups and runs, as with --home.",
    "MIGRATE_BACKUP_PASSWORD": "The backup password, where no --password-file is given.",
    "MIGRATE_NEW_BACKUP_PASSWORD": "The backup password of the new phone, where no --new-password-file is given.",
    "MIGRATE_PLAIN": "Plain lines without redraws, as with --plain.",
    "NO_COLOR": "No colours.",
    "USBMUXD_SOCKET_ADDRESS": "The usbmuxd to use, as with --usbmuxd.",
}


def page() -> str:
    """The whole page, as roff."""
    root = _tree()
    return "\n".join([*_head(root), *_commands(root), *_tail(root)]) + "\n"


def _tree() -> CommandEntry:
    command = typer.main.get_command(build_app())
    context = command.make_context("migrate", [], resilient_parsing=True)
    return command_tree(context)  # type: ignore[arg-type]


def _head(root: CommandEntry) -> Iterator[str]:
    yield '.\\" Made by tools/man_page.py from the help of the commands.'
    yield '.TH MIGRATE 1 "" "migrate" "User Commands"'
    yield ".SH NAME"
    yield "migrate \\- move data from an old iPhone to a new one, and prove what arrived"
    yield ".SH SYNOPSIS"
    yield ".B migrate"
    yield _escaped("[OPTIONS] [COMMAND [ARGS]...]")
    yield ".SH DESCRIPTION"
    yield from _paragraphs(root.help)
    yield ".SH OPTIONS"
    yield "The first three can stand before or after every command."
    yield from _options(root.options)


def _commands(root: CommandEntry) -> Iterator[str]:
    by_name = {command.words[0]: command for command in root.subcommands}
    grouped = [name for _heading, names in COMMAND_GROUPS for name in names]
    assert set(grouped) == set(by_name), set(grouped) ^ set(by_name)
    for heading, names in COMMAND_GROUPS:
        yield f'.SH "{_escaped(heading.upper())}"'
        for name in names:
            for command in by_name[name].walk():
                if not command.subcommands:
                    yield from _command(command)


def _command(command: CommandEntry) -> Iterator[str]:
    yield f'.SS "{_escaped(" ".join(("migrate", *command.words, command.usage)))}"'
    yield from _paragraphs(command.help)
    yield from _options(option for option in command.options if not EVERYWHERE & set(option.names))


def _options(options: Iterator[OptionEntry] | tuple[OptionEntry, ...]) -> Iterator[str]:
    for option in options:
        yield ".TP"
        names = ", ".join(f"\\fB{_escaped(name)}\\fR" for name in option.names)
        yield names + (f" \\fI{_escaped(option.value)}\\fR" if option.value else "")
        yield _line(option.help)


def _tail(root: CommandEntry) -> Iterator[str]:
    yield '.SH "EXIT STATUS"'
    for code, meaning in sorted(EXIT_CODES.items()):
        yield f".TP\n.B {code}\n{_line(meaning)}"
    yield ".SH ENVIRONMENT"
    for name, meaning in ENVIRONMENT.items():
        yield f".TP\n.B {name}\n{_line(meaning)}"
    yield ".SH SEE ALSO"
    yield "migrate explain CODE says what an error means and what to do. The documentation is in the folder docs."


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text)):
        if number:
            yield ".PP"
        yield _line(" ".join(paragraph.split()))


def _line(text: str) -> str:
    """One line of text: a dot or an apostrophe at its beginning would be a request."""
    text = _escaped(text)
    return f"\\&{text}" if text[:1] in (".", "'") else text


def _escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(page())
