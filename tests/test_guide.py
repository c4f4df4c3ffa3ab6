"""The guide for beginners: every command in it is one that migrate takes, and every message in it exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import typer

from migrate.journey.events import exit_code_of
from migrate.problems import all_problems
from migrate.talk.cli import build_app
from migrate.talk.commands.demo import STILL_ARRIVING, say_what_to_try
from migrate.talk.help.explain import example_from_phone
from migrate.talk.help.trouble import troubles
from tools import before_erasing_page, faq_page
from tools.guide_captures import COMMANDS, PAGES, answer_to
from tools.recording import Frame, animated_svg, asciicast, shortened, thinned

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "guide"
IMAGES = GUIDE / "images"
PAGES_OF_GUIDE = sorted(GUIDE.glob("*.md"))
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(migrate(?: [^`]+)?)`")
QUOTED = re.compile(r"“([^”]+)”")
LARGEST_BYTES = 80_000


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def typed(text: str) -> list[str]:
    """Every command line of migrate in the blocks of a page."""
    lines = [line for block in SHELL.findall(text) for line in block.splitlines()]
    return [line for line in lines if line.startswith("migrate")]


def mentioned(text: str) -> list[str]:
    """Every command line of migrate within the sentences of a page."""
    return INLINE.findall(SHELL.sub("", text))


def parse(line: str) -> None:
    """Let the real parser read a command line, without running anything.

    Raises:
        What typer raises about a wrong command line.
    """
    command: Any = typer.main.get_command(build_app())
    words = shlex.split(line)[1:]
    context = command.make_context("migrate", list(words))
    while hasattr(command, "resolve_command"):
        rest = [*getattr(context, "_protected_args", getattr(context, "protected_args", [])), *context.args]
        if not rest:
            return
        name, command, rest = command.resolve_command(context, rest)
        assert command is not None and name, f"{line}: there is no such command"
        context = command.make_context(name, list(rest), parent=context)


@pytest.mark.parametrize("page", [*PAGES_OF_GUIDE, ROOT / "README.md"], ids=lambda page: page.stem)
def test_every_command_of_the_guide_is_one_that_migrate_takes(page: Path) -> None:
    for line in typed(read(page)):
        parse(line)
    for line in mentioned(read(page)):
        try:
            parse(line)
        except Exception as error:  # typer does not export its errors
            if type(error).__name__ != "MissingParameter":  # `migrate verify` may be the name of the command
                raise


@pytest.mark.parametrize(
    "line",
    ["migrate bakup", "migrate verify", "migrate receipt --pages x", "migrate runs shw last", "migrate phones x"],
)
def test_the_parser_of_this_test_refuses_what_migrate_refuses(line: str) -> None:
    with pytest.raises((Exception, SystemExit)):
        parse(line)


def test_the_guide_has_commands_to_look_at() -> None:
    texts = [read(page) for page in PAGES_OF_GUIDE]
    assert sum(len(typed(text)) for text in texts) > 8 and sum(len(mentioned(text)) for text in texts) > 15


def known_messages() -> set[str]:
    said = {phrase for trouble in troubles() for phrase in (*trouble.says, *trouble.asked)}
    said |= {example_from_phone(problem).what for problem in all_problems()}
    return {said_one.lower().rstrip(".") for said_one in said}


@pytest.mark.parametrize("page", PAGES_OF_GUIDE, ids=lambda page: page.stem)
def test_every_quoted_message_exists(page: Path) -> None:
    messages = known_messages()
    unknown = [one for one in QUOTED.findall(read(page)) if one.lower() not in messages]
    assert not unknown, "no row of troubles/*.toml and no problem says that"


@pytest.mark.parametrize("page", PAGES_OF_GUIDE, ids=lambda page: page.stem)
def test_every_picture_says_what_it_shows(page: Path) -> None:
    pictures = re.findall(r"<img [^>]*>", read(page))
    assert all(len((re.search(r'alt="([^"]*)"', picture) or [""])[0]) > 25 for picture in pictures)
    assert "![" not in read(page), "every picture has a width"


def test_the_script_makes_every_picture_and_the_guide_shows_each() -> None:
    shown = {name for page in PAGES_OF_GUIDE for name in re.findall(r"images/([\w.-]+)", read(page))}
    made = {f"{name}.svg" for name in (*PAGES, *COMMANDS, "backing-up", "the-end", "a-move")} | {"a-move.cast"}
    there = {path.name for path in IMAGES.iterdir()}
    assert there == made, "run: python -m tools.guide_captures"
    assert shown <= made and made - shown <= {"summary.svg"}


@pytest.mark.parametrize("path", sorted(IMAGES.glob("*.svg")), ids=lambda path: path.stem)
def test_pictures_are_small_and_show_the_program(path: Path) -> None:
    assert path.stat().st_size < LARGEST_BYTES
    drawing = ElementTree.parse(path)
    assert drawing.findtext("{http://www.w3.org/2000/svg}title")
    text = "\n".join(drawing.getroot().itertext())
    assert "Traceback" not in text and str(Path.home()) not in text and "/tmp/" not in text and "/dev/shm" not in text


# -- pages that are made from the program ------------------------------------------------------------------------------


def test_the_faq_is_up_to_date() -> None:
    assert read(ROOT / "docs" / "faq.md") == faq_page.page(), "run: python -m tools.faq_page > docs/faq.md"


def test_the_faq_has_every_message_and_every_error_once() -> None:
    page = faq_page.page()
    assert {name for name, _title in faq_page.SECTIONS} == set(faq_page.FILES), "every file of troubles is a section"
    assert all(f"“{phrase}”" in page for trouble in troubles() for phrase in trouble.says)
    for anchor in re.findall(r"\]\(#([^)]+)\)", page):
        assert any(faq_page._anchor(title) == anchor for title in re.findall(r"^## (.*)$", page, re.MULTILINE)), anchor


def test_the_list_before_erasing_is_up_to_date() -> None:
    command = "python -m tools.before_erasing_page > docs/guide/before-you-erase.md"
    assert read(GUIDE / "before-you-erase.md") == before_erasing_page.page(), f"run: {command}"


def test_the_list_before_erasing_has_a_box_for_every_point() -> None:
    page = read(GUIDE / "before-you-erase.md")
    for words in ("eSIM", "Wallet", "Apple Watch", "banking apps", "sign-in codes", "Signal", "only in iCloud"):
        assert any(words in line for line in page.splitlines() if line.startswith(("- [ ] ", "  "))) or words in page
    rows = tomllib.loads(files("migrate.journey").joinpath("before_erasing.toml").read_text(encoding="utf-8"))["app"]
    assert all(re.search(rf"On the list: .*\b{re.escape(row['name'])}\b", page) for row in rows)


@pytest.mark.parametrize("wizard", [False, True])
def test_the_demo_ends_on_three_commands_that_migrate_takes(
    wizard: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    say_what_to_try(Path("/home/ada/my backups"), wizard=wizard)
    lines = [line.strip() for line in capsys.readouterr().err.splitlines()]
    commands = [line for line in lines if line.startswith("migrate ")]
    assert len(commands) == 3
    for command in commands:
        parse(command)
    assert exit_code_of("pending") == STILL_ARRIVING, "it is said after such a move, too"
    assert ("migrate demo --wizard" in commands) is not wizard, "it is no use to those who have just done that"


def test_the_readme_names_the_package_and_leads_to_the_guide() -> None:
    readme, project = read(ROOT / "README.md"), tomllib.loads(read(ROOT / "pyproject.toml"))["project"]
    for line in (f"uv tool install {project['name']}", f"pipx install {project['name']}"):
        assert line in readme
    assert "(docs/guide/README.md)" in readme and "(docs/faq.md)" in readme


# -- how the pictures are made -----------------------------------------------------------------------------------------

RULE = "─" * 20


@pytest.mark.parametrize(
    ("screen", "keys"),
    [
        (f"Which? {RULE}\n>  (a number or arrows, then Enter)\n » 1) Ada's iPhone\n   2) Other", ("Enter",)),
        (f"What? {RULE}\n » ○ Contacts\n   ○ Notes", ("Space", "Enter")),
        (f"What? {RULE}\n » ● Contacts\n   ○ Notes", ("Enter",)),
        (f"Password {RULE}\n? Password: ", ("correct-horse", "Enter")),
        (f"Password {RULE}\n? Password: *************", None),
        ("From here on …\nType yes to continue: ", ("yes", "Enter")),
        ("Press Enter to open the receipt in your browser, or any other key to leave. ", ("q",)),
        (f"What? {RULE}\n » 1) Everything\nBacking up the phone …\n  45 % |##   |", ("Enter",)),
        ("Backing up the phone …\n  45 % |##   |", None),
    ],
)
def test_a_page_that_waits_is_told_from_work(screen: str, keys: tuple[str, ...] | None) -> None:
    assert answer_to(screen) == keys


def test_a_recording_has_no_long_pause_and_no_frame_twice() -> None:
    frames = shortened([Frame(0, "a"), Frame(1, "a"), Frame(2, "b"), Frame(60, "c")])
    assert [(frame.at_s, frame.screen) for frame in frames] == [(0, "a"), (2, "b"), (4, "c")]


def test_a_thinned_recording_keeps_its_end() -> None:
    frames = thinned([Frame(number / 10, str(number)) for number in range(50)], most=10)
    assert len(frames) == 10 and frames[-1].screen == "49" and frames[0].screen == "0"


def test_an_animation_draws_equal_lines_once_and_stands_still_for_who_wants_that() -> None:
    film = animated_svg([Frame(0, "same\none"), Frame(1, "same\n\x1b[1mtwo\x1b[0m & <three>")], 20, 2, "A film")
    drawing = ElementTree.fromstring(film)
    texts = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert sorted(filter(None, texts)) == [" & <three>".strip(), "one", "same", "two"]
    assert "prefers-reduced-motion" in film and film.count("translateX") >= 3


def test_a_cast_can_be_played() -> None:
    import json

    head, *events = map(json.loads, asciicast([Frame(0.5, "a\nb\n")], 80, 24, "T").splitlines())
    assert (head["version"], head["width"], head["height"]) == (2, 80, 24)
    assert events == [[0.5, "o", "\x1b[0m\x1b[H\x1b[2Ja\r\nb"]]


@pytest.mark.soak
def test_the_pictures_can_be_made(tmp_path: Path) -> None:
    """The whole script: a session of the wizard, answered page by page, as text."""
    words = [sys.executable, "-m", "tools.guide_captures", "--pages", str(tmp_path), "--columns", "60"]
    subprocess.run(words, cwd=ROOT, check=True, timeout=600)
    pages = [path.read_text() for path in sorted(tmp_path.iterdir())]
    assert len(pages) > 6 and all(len(line) <= 60 for page in pages for line in page.splitlines())
