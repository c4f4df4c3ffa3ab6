"""The template for translations: every message of the program, as gettext's .pot.

    python -m tools.messages > migrate.pot

Messages are the arguments of `_`, `plural`, `mark` and `mark_plural`, also in the templates of pages, the docstrings
of commands (their help), the rows of talk/help/troubles, the titles and notes in categories.toml, the exit codes, and
the templates of the problems. A translation, compiled with `msgfmt`, goes to
`migrate/language/locale/LANGUAGE/LC_MESSAGES/migrate.mo`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from jinja2 import nodes

from migrate.categories.catalogue import load_catalogue
from migrate.problems import EXIT_CODES, all_problems, templates
from migrate.talk.help.trouble import troubles

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "migrate"
MARKERS = {"_": 1, "mark": 1, "plural": 2, "mark_plural": 2}
"""A function of migrate.language -> how many of its arguments are messages."""

HEAD = """\
msgid ""
msgstr ""
"Project-Id-Version: migrate\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""


@dataclass
class Message:
    """One message, with its plural form if it has one, and where it is used."""

    text: str
    plural: str | None = None
    places: list[str] = field(default_factory=list)


class NotAMessage(Exception):
    """A marked argument is not a string constant, so it cannot be collected."""


def messages() -> list[Message]:
    """Every message once, in the order of the files that use it."""
    found: dict[tuple[str, str | None], Message] = {}
    for text, plural, place in _all():
        message = found.setdefault((text, plural), Message(text, plural))
        if place not in message.places:
            message.places.append(place)
    return list(found.values())


def _all() -> Iterator[tuple[str, str | None, str]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.parent.name != "language":
            yield from messages_of(ast.parse(file.read_text(encoding="utf-8")), file.relative_to(ROOT).as_posix())
    for file in sorted(PACKAGE.rglob("templates/*.html")):
        yield from messages_of_template(file.read_text(encoding="utf-8"), file.relative_to(ROOT).as_posix())
    for code, meaning in EXIT_CODES.items():
        yield meaning, None, f"exit code {code}"
    for trouble in troubles():
        yield trouble.means, None, "migrate/talk/help/troubles"
        yield trouble.do, None, "migrate/talk/help/troubles"
    for text in catalogue_texts():
        yield text, None, "migrate/categories/categories.toml"
    for text, plural in problem_templates():
        yield text, plural, "migrate/problems"


def messages_of(tree: ast.AST, place: str) -> Iterator[tuple[str, str | None, str]]:
    """The messages of one module.

    Raises:
        NotAMessage: a marked argument is computed.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and is_command(node) and (help_text := ast.get_docstring(node)):
            yield help_text, None, f"{place}:{node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKERS:
            is_literal = isinstance(node.args[0], ast.Constant | ast.JoinedStr | ast.BinOp)
            if not is_literal and not node.func.id.startswith("mark"):
                continue  # a text that was marked, or collected as a template, where it is defined
            texts = [_constant(argument, f"{place}:{node.lineno}") for argument in node.args[: MARKERS[node.func.id]]]
            yield texts[0], texts[1] if len(texts) > 1 else None, f"{place}:{node.lineno}"


def messages_of_template(text: str, place: str) -> Iterator[tuple[str, str | None, str]]:
    """The messages of a template of a page.

    Raises:
        NotAMessage: a marked argument is computed.
    """
    for call in jinja2.Environment(autoescape=True).parse(text).find_all(nodes.Call):
        if not isinstance(call.node, nodes.Name) or call.node.name not in MARKERS:
            continue
        wanted = call.args[: MARKERS[call.node.name]]
        texts = [one.value for one in wanted if isinstance(one, nodes.Const) and isinstance(one.value, str)]
        if len(texts) == len(wanted):
            yield texts[0], texts[1] if len(texts) > 1 else None, f"{place}:{call.lineno}"
        elif not isinstance(wanted[0], nodes.Getattr):  # a text that was marked where it is defined
            raise NotAMessage(f"{place}:{call.lineno}")


def is_command(function: ast.FunctionDef) -> bool:
    """Whether a function is a command: it takes the global options and returns an exit code."""
    takes = function.args.args[:1]
    return (
        bool(takes)
        and isinstance(takes[0].annotation, ast.Name)
        and takes[0].annotation.id == "GlobalOptions"
        and isinstance(function.returns, ast.Name)
        and function.returns.id == "Exit"
    )


def _constant(argument: ast.expr, place: str) -> str:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    raise NotAMessage(f"{place}: {ast.unparse(argument)}")


def catalogue_texts() -> Iterator[str]:
    """The texts of categories.toml that a person reads."""
    catalogue = load_catalogue()
    for owner in (*catalogue.categories, *catalogue.known_apps):
        yield owner.title
        yield from filter(None, (owner.caveat, getattr(owner, "erased_only", None)))
    for group in (atomic for category in catalogue.categories for atomic in category.atomic):
        yield group.what
        yield from (part.title for part in group.parts)
    yield from (effect.why for effect in (*catalogue.restore_effects("never"), *catalogue.restore_effects("later")))


def problem_templates() -> Iterator[tuple[str, str | None]]:
    """The templates of every problem, each with its plural form if it has one."""
    for problem in all_problems():
        yield from templates(problem)


def pot(found: Iterable[Message]) -> str:
    """The template file."""
    return HEAD + "".join(map(_entry, found))


def _entry(message: Message) -> str:
    lines = [f"\n#: {' '.join(place.replace(' ', '-') for place in message.places)}"]
    if "{" in message.text:
        lines.append("#, python-brace-format")
    lines.append(f"msgid {_quoted(message.text)}")
    if message.plural is None:
        lines.append('msgstr ""')
    else:
        lines += [f"msgid_plural {_quoted(message.plural)}", 'msgstr[0] ""', 'msgstr[1] ""']
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


if __name__ == "__main__":
    sys.stdout.write(pot(messages()))
