"""Lint, format and types are part of the test command, the top level stays small, and a few phrases stay out."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

TOP_LEVEL = {
    *("pyproject.toml", "justfile", "LICENSE", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("docs", "migrate", "plans", "tests", "tools"),
}
BANNED_PHRASES = (
    "a hand on",
    "errand",
    "gone on with",
    "is no plain",
    "making sense of",
    "nobody here",
    "of one's own hand",
    "other eyes",
    "softphone",
    "stand-in",
    "the last word",
    "to be had",
    "whoever",
)
"""Phrases of the private dialect this project once had. CONTRIBUTING.md says how to write instead."""
BANNED = re.compile("|".join(rf"\b{re.escape(phrase)}\b" for phrase in BANNED_PHRASES), re.IGNORECASE)


@pytest.mark.parametrize(
    "arguments",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy", "--strict", "migrate")],
    ids=["lint", "format", "types"],
)
def test_lint_format_and_types_are_clean(arguments: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_top_level_holds_only_what_it_should() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} == TOP_LEVEL


def prose() -> Iterator[tuple[str, str]]:
    """The text to read, as (file:line, text): all lines of the program and the docs, and the names of tests."""
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for folder in ("migrate", "tools", "docs", "plans"):
        files += [file for file in sorted((ROOT / folder).rglob("*")) if file.suffix in (".py", ".toml", ".md")]
    for file in files:
        yield from lines_of(file)
    for file in sorted((ROOT / "tests").rglob("*.py")):
        for place, line in lines_of(file):
            if name := re.match(r"\s*(?:async )?def (test_\w+)", line):
                yield place, name[1].replace("_", " ")


def lines_of(file: Path) -> Iterator[tuple[str, str]]:
    """Every line of a file, with its place."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        yield f"{file.relative_to(ROOT)}:{number}", line


def test_banned_phrases_stay_out() -> None:
    hits = [f"{place}: {found[0]!r}" for place, text in prose() if (found := BANNED.search(text))]
    assert not hits, f"{len(hits)} banned phrases (CONTRIBUTING.md, 'Write plain English'):\n" + "\n".join(hits)
