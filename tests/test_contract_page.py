"""docs/contract.md, on which scripts rely, agrees with the code: commands, options, plan keys, ids and codes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from migrate.categories.catalogue import load_catalogue
from migrate.journey import events
from migrate.journey.run import STEPS
from migrate.plan.model import Plan
from migrate.problems import EXIT_CODES
from migrate.progress import UserAction
from migrate.talk.cli import build_app

DOCS = Path(__file__).resolve().parent.parent / "docs"
CONTRACT = (DOCS / "contract.md").read_text(encoding="utf-8")
REFERENCE = (DOCS / "reference.md").read_text(encoding="utf-8")
GLOBAL_OPTIONS = {"--home", "--usbmuxd", "--json", "--help"}
PASSWORD_OPTIONS = {"--password-file", "--new-password-file"}


def assert_agree(page: Iterable[object], code: Iterable[object]) -> None:
    named, real = set(page), set(code)
    assert named <= real, f"the page names what does not exist: {named - real}"
    assert real <= named, f"the page lacks: {real - named}"


def section(page: str, heading: str) -> str:
    """The text between the heading that begins so and the next one."""
    return page.partition(f"\n## {heading}")[2].partition("\n## ")[0]


def table(text: str, first_column: str) -> list[list[str]]:
    """The rows of the table whose first column has that heading, as their cells."""
    rows = text.partition(f"\n| {first_column} |")[2].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def commands(group: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command of the program as it is typed, without `migrate`."""
    for name, command in group.commands.items():
        if getattr(command, "commands", None):
            yield from commands(command, (*above, name))
        else:
            yield " ".join((*above, name)), command


COMMANDS = dict(commands(typer.main.get_command(build_app())))


def commands_in(cell: str) -> list[str]:
    """`migrate runs [list]`, `migrate runs show RUN` -> runs list, runs show. The wizard has no name: ''."""
    typed = [found.replace("[list]", "list") for found in re.findall(r"`migrate ?([^`]*)`", cell)]
    return [" ".join(re.match(r"(?:[a-z]+ ?)*", words)[0].split()) for words in typed]  # type: ignore[index]


def options_by_command() -> dict[str, set[str]]:
    """What the page says: a command's options; `as run`, with or without some, and `passwords` stand for others."""
    found: dict[str, set[str]] = {}
    for names, options in table(section(CONTRACT, "1."), "command"):
        named = set(re.findall(r"`(--[a-z-]+)", options))
        if re.search(r"(?<!-)\bpasswords\b", options):
            named |= PASSWORD_OPTIONS
        for name in commands_in(names):
            if "as `run`" in options:
                named = found["run"] - set(re.findall(r"without `(--[a-z-]+)", options))
                named |= set(re.findall(r"with `(--[a-z-]+)", options))
            found[name] = named - GLOBAL_OPTIONS
    return found


@pytest.mark.parametrize("page", ["contract.md", "reference.md"])
def test_the_pages_list_the_commands_that_exist(page: str) -> None:
    rows = table((DOCS / page).read_text(encoding="utf-8"), "command")
    assert sorted(name for row in rows for name in commands_in(row[0]) if name) == sorted(COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_contract_lists_the_options_of_a_command(command: str) -> None:
    real = {option for parameter in COMMANDS[command].params for option in parameter.opts if option.startswith("--")}
    assert command in options_by_command(), f"docs/contract.md lacks `{command}`: add it to the commands of section 1"
    assert_agree(options_by_command()[command], real - GLOBAL_OPTIONS)


def test_every_plan_key_is_in_the_contract() -> None:
    keys = " ".join(row[0] for row in table(section(CONTRACT, "3."), "key"))
    for name, field in Plan.model_fields.items():
        parts = getattr(field.annotation, "model_fields", None)
        for key in [part.alias or key for key, part in parts.items()] if parts else [name]:
            assert f"`{key}`" in keys, f"{name} {key}"
        assert not parts or f"`[{name}]`" in keys, name


def test_the_contract_lists_the_category_ids() -> None:
    named = CONTRACT.partition("Category ids: `")[2].partition("`")[0].split()
    assert tuple(named) == load_catalogue().ids


def test_the_contract_lists_the_outcomes() -> None:
    rows = table(section(CONTRACT, "4."), "outcome")
    assert_agree((row[0].strip("`") for row in rows), get_args(events.Outcome))


def test_the_contract_lists_the_events() -> None:
    assert events.__file__ is not None
    tree = ast.parse(Path(events.__file__).read_text(encoding="utf-8"))
    sent = {
        value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "event" and isinstance(value, ast.Constant)
    }
    assert_agree((row[0].strip("`") for row in table(section(CONTRACT, "4."), "event")), sent)


def test_the_contract_lists_the_steps_of_a_run() -> None:
    named = CONTRACT.partition("Steps of a run: `")[2].partition("`")[0].split()
    assert named == [step.name for step in STEPS]


def test_the_contract_lists_what_a_person_may_have_to_do() -> None:
    named = CONTRACT.partition("Actions: `")[2].partition("`")[0].split()
    assert set(named) == set(get_args(UserAction))


@pytest.mark.parametrize(
    ("page", "heading", "column"), [(CONTRACT, "4.", "exit code"), (REFERENCE, "Exit codes", "code")]
)
def test_the_pages_list_the_exit_codes(page: str, heading: str, column: str) -> None:
    rows = table(section(page, heading), column)
    assert_agree((int(code) for row in rows for code in row[0].split(",")), EXIT_CODES)
