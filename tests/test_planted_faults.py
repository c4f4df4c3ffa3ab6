"""The list of planted faults stays in step with the code; `python -m tools.planted_faults` runs it."""

from __future__ import annotations

import ast
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

from tools.planted_faults import __main__ as planted_faults
from tools.planted_faults.__main__ import PROJECT, Fault, read_faults

FAULTS = read_faults()


def test_every_fault_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter((fault.part, fault.name) for fault in FAULTS).items() if count > 1] == []


@pytest.mark.parametrize("file", sorted({fault.file for fault in FAULTS}))
def test_every_fault_can_be_planted(file: str) -> None:
    text = (PROJECT / file).read_text(encoding="utf-8")
    code = ast.unparse(ast.parse(text)) if file.endswith(".py") else ""
    for fault in (fault for fault in FAULTS if fault.file == file):
        planted = fault.planted(text)
        if code:
            assert ast.unparse(ast.parse(planted)) != code, f"{fault.name} changes nothing"


def test_the_nearest_tests_exist() -> None:
    places = {test.partition("::")[0] for fault in FAULTS for test in fault.tests}
    assert [place for place in sorted(places) if not (PROJECT / place).exists()] == []


@dataclass(frozen=True)
class ListedTest:
    """A test function, as its file's text shows it."""

    place: str
    """The file, relative to the project."""
    name: str
    words: str
    """What pytest's -k may find: the names of the file, class and function, and what its parameters are made of."""
    is_soak: bool


@cache
def find_tests(place: str) -> tuple[ListedTest, ...]:
    """The tests of a file or folder, read and not imported: that takes a second for all of them."""
    path = PROJECT / place
    if path.is_dir():
        files = sorted(path.rglob("test_*.py"))
        return tuple(test for file in files for test in find_tests(str(file.relative_to(PROJECT))))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assigned = {
        target.id: ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    return tuple(_tests_of(tree, place, assigned, place, is_soak="soak" in assigned.get("pytestmark", "")))


def _tests_of(
    tree: ast.Module | ast.ClassDef, place: str, assigned: Mapping[str, str], words: str, *, is_soak: bool
) -> Iterator[ListedTest]:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        marks = [ast.unparse(mark) for mark in node.decorator_list]
        soak = is_soak or "pytest.mark.soak" in marks
        if isinstance(node, ast.ClassDef):
            yield from _tests_of(node, place, assigned, f"{words} {node.name}", is_soak=soak)
        elif node.name.startswith("test_"):
            used = [one.id for mark in node.decorator_list for one in ast.walk(mark) if isinstance(one, ast.Name)]
            parameters = [*marks, *(assigned.get(name, "") for name in used)]
            yield ListedTest(place, node.name, " ".join((words, node.name, *parameters)).lower(), soak)


def is_selected(test: ListedTest, fault: Fault, place: str) -> bool:
    name = place.partition("::")[2].rpartition("::")[2].partition("[")[0]
    if name and test.name != name:
        return False
    return not fault.only or Expression.compile(fault.only).evaluate(lambda word, /, **_: word.lower() in test.words)


def has_a_test(fault: Fault) -> bool:
    """Whether a test that the test command runs is among the nearest tests."""
    chosen = ((test, place) for place in fault.tests for test in find_tests(place.partition("::")[0]))
    return any(not test.is_soak and is_selected(test, fault, place) for test, place in chosen)


def test_the_nearest_tests_are_in_the_test_command() -> None:
    """A word of the selection may also stand among the parameters, so a wrong word can go unseen here; then the tool
    says that no test was selected."""
    assert [f"{fault.part}: {fault.name}" for fault in FAULTS if not has_a_test(fault)] == []


@pytest.mark.parametrize(
    ("tests", "only", "found"),
    [
        ("tests/test_planted_faults.py", "exactly_once", True),
        ("tests/test_planted_faults.py", "exactly_once and not planted", False),
        ("tests/journey/test_undo.py", "wiped_phone", False),
        ("tests/journey/test_undo.py", "", True),
        ("tests/journey/test_undo.py::test_undo_of_a_wiped_phone_restores_its_data", "", False),
        ("tests/journey/matrices", "power_cut_at_every_journal_line", False),
        ("tests/journey/test_integrity_chain.py", "lacks and cut", True),
    ],
)
def test_a_selection_of_soak_tests_or_of_nothing_is_found_out(tests: str, only: str, found: bool) -> None:
    assert has_a_test(Fault("part", "name", "promise", "file.py", "old", "new", (tests,), only)) is found


def test_a_fault_for_which_no_test_is_selected_is_not_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file.py").write_text("old")
    empty = subprocess.CompletedProcess[str]([], int(pytest.ExitCode.NO_TESTS_COLLECTED), "", "")
    monkeypatch.setattr(planted_faults.subprocess, "run", lambda *given, **how: empty)
    fault = Fault("part", "name", "promise", "file.py", "old", "new", ("tests",))
    result = planted_faults.run(fault, tmp_path, whole=False)
    assert (result.is_noticed, result.by) == (False, "no test is selected")
    assert (tmp_path / "file.py").read_text() == "old"


def test_a_text_that_is_not_there_exactly_once_is_an_error() -> None:
    fault = Fault("part", "name", "promise", "file.py", "old", "new", ())
    assert fault.planted("an old text") == "an new text"
    for text in ("a text", "old and old"):
        with pytest.raises(ValueError, match="occurs"):
            fault.planted(text)
