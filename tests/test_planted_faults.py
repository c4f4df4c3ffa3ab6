"""The list of planted faults stays in step with the code; `python -m tools.planted_faults` runs it."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

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


def test_a_text_that_is_not_there_exactly_once_is_an_error() -> None:
    fault = Fault("part", "name", "promise", "file.py", "old", "new", ())
    assert fault.planted("an old text") == "an new text"
    for text in ("a text", "old and old"):
        with pytest.raises(ValueError, match="occurs"):
            fault.planted(text)
