"""Every text a person reads goes through the catalogue, and a translation of it is one file."""

from __future__ import annotations

import ast
import string
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from migrate import language
from migrate.journey.proof.fates import Verdict
from migrate.plan.interview.observations import MoveFacts
from migrate.plan.interview.questions import Answers, Question, next_question
from migrate.talk.receipt_page.content import VERDICTS, verdict_text
from migrate.talk.wizard.observations import without_phones
from migrate.talk.wizard.texts import question_page
from tools import messages

if TYPE_CHECKING:
    from conftest import Migrate

TALK = Path(messages.PACKAGE) / "talk"
LANGUAGE = "xx"


def compile_catalogue(translations: Mapping[str, str], folder: Path) -> Path:
    """A .mo file as msgfmt writes it: two tables of (length, offset), then the strings, sorted by message."""
    header = {"": "Content-Type: text/plain; charset=UTF-8\n"}
    pairs = sorted((key.encode(), text.encode()) for key, text in {**header, **translations}.items())
    start = 28 + 16 * len(pairs)
    tables: list[list[tuple[int, int]]] = [[], []]
    strings = b""
    for number, table in enumerate(tables):
        for pair in pairs:
            table.append((len(pair[number]), start + len(strings)))
            strings += pair[number] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    path = folder / LANGUAGE / "LC_MESSAGES" / f"{language.DOMAIN}.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(head + b"".join(struct.pack("<2I", *row) for table in tables for row in table) + strings)
    return path


@pytest.fixture
def translated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of translations in which every message without placeholders is written in capitals."""
    texts = [text for one in messages.messages() if (text := one.text) and "{" not in text]
    compile_catalogue({text: text.upper() for text in texts}, tmp_path)
    monkeypatch.setattr(language, "LOCALE", tmp_path)
    monkeypatch.setenv(language.LANGUAGE_VARIABLE, LANGUAGE)
    language._catalogue.cache_clear()
    yield tmp_path
    language._catalogue.cache_clear()


def first_question() -> tuple[Question, MoveFacts]:
    facts = without_phones()
    question = next_question(facts, Answers())
    assert question is not None
    return question, facts


def test_a_page_of_the_wizard_is_translated(translated: Path) -> None:
    question, facts = first_question()
    page = question_page(question, facts, Answers())
    assert page.rows[0].cells == ("NEW OR ERASED: IT BECOMES MY OLD PHONE",)


def test_a_page_is_english_without_a_translation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(language.LANGUAGE_VARIABLE, LANGUAGE)
    question, facts = first_question()
    assert question_page(question, facts, Answers()).rows[0].cells == ("New or erased: it becomes my old phone",)


def test_help_is_translated(translated: Path) -> None:
    for command, expected in (
        ([], ("BEFORE A MOVE:", "LISTS THE CONNECTED PHONES.", "PRINT JSON ONLY.", "WITHOUT A COMMAND IT ASKS")),
        (["verify"], ("CHECKS THAT A BACKUP IS COMPLETE", "CHECK ONLY NAMES AND SIZES")),
    ):
        script = (
            "import pathlib, migrate.language as language; "
            f"language.LOCALE = pathlib.Path({str(translated)!r}); "
            f"from migrate.talk.cli import main; main({[*command, '--help']!r})"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=messages.ROOT
        )
        shown = " ".join(done.stdout.split())
        assert all(part in shown for part in expected), shown


def test_plural_forms_are_translated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_catalogue({"{count} file\0{count} files": "ein {count}\0viele {count}"}, tmp_path)
    monkeypatch.setattr(language, "LOCALE", tmp_path)
    monkeypatch.setenv(language.LANGUAGE_VARIABLE, LANGUAGE)
    language._catalogue.cache_clear()
    try:
        assert language.plural("{count} file", "{count} files", 1).format(count=1) == "ein 1"
        assert language.plural("{count} file", "{count} files", 5).format(count=5) == "viele 5"
    finally:
        language._catalogue.cache_clear()


def test_categories_and_their_notes_are_translated(migrate: Migrate, plain_backup: Path, translated: Path) -> None:
    shown = migrate("show", plain_backup)
    assert "MESSAGES" in shown.out and "Messages" not in shown.out
    rows = {row["id"]: row for row in migrate("show", plain_backup, "--json").json["categories"]}
    assert rows["contacts"]["title"] == "CONTACTS"
    assert rows["health"]["notes"] == ["ONLY AN ENCRYPTED BACKUP CONTAINS THIS, AND THIS ONE IS NOT ENCRYPTED"]


def test_the_reasons_of_a_plan_are_translated(
    migrate: Migrate, plain_backup: Path, tmp_path: Path, translated: Path
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'version = 1\n[new_phone]\nis = "erased"\n[move]\ncategories = ["photos", "home-screen"]\n', encoding="utf-8"
    )
    found = migrate("plan", "explain", plan, plain_backup, "--json").json["categories"]
    why = {row["id"]: row["why"] for row in found}
    assert why["messages"] == "THE PLAN DOES NOT INCLUDE IT."
    assert why["photos"].startswith("IOS RESTORES IT IN THE BACKGROUND AFTER THE RESTART. WITH ICLOUD PHOTOS ON")
    assert "PHOTOS AND VIDEOS" in migrate("plan", "explain", plan, plain_backup).out


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_every_verdict_of_a_proof_is_worded_in_the_receipt(verdict: str) -> None:
    """The stored verdict stays English, because programs read it; the receipt words it for people."""
    assert verdict in VERDICTS and verdict_text(verdict)


# -- the messages ----------------------------------------------------------------------------------------------------


def placeholders(text: str) -> list[str]:
    """The names of a message's placeholders; "" for one without a name."""
    return [name for _literal, name, _format, _conversion in string.Formatter().parse(text) if name is not None]


IN_PROBLEMS = ["migrate/problems"]
"""Templates of problems have a format of their own; tests/problems renders each of them."""


def test_the_placeholders_of_a_message_have_names_and_format() -> None:
    """A translator may move a placeholder, so it needs a name; and each names one thing."""
    for message in (one for one in messages.messages() if one.places != IN_PROBLEMS):
        for text in filter(None, (message.text, message.plural)):
            if message.places[0].startswith("migrate/talk/progress.py") and "{bar}" in text:
                continue  # tqdm's own template
            names = placeholders(text)
            assert all(name.isidentifier() for name in names), text
            text.format(**dict.fromkeys(names, 7)) if "%Y" not in text else None
        if message.plural is not None:
            assert set(placeholders(message.plural)) == set(placeholders(message.text)), message.text


def test_the_template_lists_every_message_once() -> None:
    made = messages.pot(messages.messages())
    ids = [line for line in made.splitlines() if line.startswith("msgid ")]
    assert len(ids) > 1000 and len(ids) == len(set(ids))
    assert 'msgid "Which is the old phone?"' in made and 'msgid_plural "{count:,} files"' in made


def test_a_marked_text_that_is_computed_is_refused() -> None:
    with pytest.raises(messages.NotAMessage, match=r"x\.py:1"):
        list(messages.messages_of(ast.parse("mark('a' + name)"), "x.py"))


# -- what bypasses it ------------------------------------------------------------------------------------------------

SHOWN = {
    *("say", "print_line", "wrapped", "wrap_paragraphs", "heading"),
    *("Row", "Page", "Column", "UsageWrong"),
    *("ask", "ask_line", "ask_hidden", "line_typed"),
}
"""The functions whose text arguments a person reads."""
SHOWN_KEYWORDS = {"help", "title", "refused", "back_label"}
NOT_TRANSLATED = {
    *("one", "many", "path", "secret", "new-secret", "left", "right"),  # kinds of pages, alignments
    *("start", "old", "folder", "new", "new-is", "wipe", "encryption", "chosen-password", "old-password"),  # pages
    *("what", "chosen", "unreadable", "new-password", "replace", "summary", "refused"),
    *("hello", "no-password", "unknown-password", "keyring"),
    *("again", "insist", "change", "stop", "on", "off", "accept", "leave", "move", "write", "back"),  # rows
    "USBMUXD_SOCKET_ADDRESS=",
    "--match : .",
}
"""Literals without words to translate."""


def untranslated(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """String literals with words in them that are shown without `_`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        shown = list(node.args) if name in SHOWN else []
        shown += [keyword.value for keyword in node.keywords if keyword.arg in SHOWN_KEYWORDS]
        for argument in shown:
            yield from ((node.lineno, text) for text in literals(argument) if is_prose(text))


def literals(argument: ast.expr) -> Iterator[str]:
    """The literals of an argument, but not those inside the calls it makes."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value
    elif isinstance(argument, ast.JoinedStr):
        yield "".join(part.value for part in argument.values if isinstance(part, ast.Constant))  # type: ignore[misc]
    elif isinstance(argument, ast.Tuple | ast.List):
        for element in argument.elts:
            yield from literals(element)
    elif isinstance(argument, ast.IfExp):
        yield from literals(argument.body)
        yield from literals(argument.orelse)
    elif isinstance(argument, ast.BinOp):
        yield from literals(argument.left)
        yield from literals(argument.right)


def is_prose(text: str) -> bool:
    is_name = text in NOT_TRANSLATED or text.strip(" ,:;()") in ("iOS", "")
    return not is_name and not text.startswith("migrate") and sum(char.isalpha() for char in text) > 1


@pytest.mark.parametrize("file", sorted(TALK.rglob("*.py")), ids=lambda file: str(file.relative_to(TALK)))
def test_no_text_bypasses_the_catalogue(file: Path) -> None:
    found = list(untranslated(ast.parse(file.read_text(encoding="utf-8"))))
    assert not found, "\n".join(f"{file.name}:{line}: {text}" for line, text in found)


def test_a_text_that_bypasses_the_catalogue_is_found() -> None:
    source = (
        'say("Hello there")\nsay(_("Hello"))\nOption("--x", help="Some help")\nsay(f"{name} is here")\nsay(f"  {x}")'
    )
    assert [line for line, _text in untranslated(ast.parse(source))] == [1, 3, 4]
