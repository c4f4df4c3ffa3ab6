"""docs/simulator.md documents every key of a phone file and every admin order, and the tests it names exist."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from migrate.simulator.admin import _COMMANDS, STATES
from migrate.simulator.contents import ContentsSpec
from migrate.simulator.device.assumptions import Assumptions
from migrate.simulator.device.conditions import Conditions
from migrate.simulator.device.simulated_user import SimulatedUser
from migrate.simulator.faults.faults import Faults
from migrate.simulator.phone_file import PhoneFile

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
WORDS = [
    *PhoneFile.model_fields,
    *ContentsSpec.model_fields,
    *(field.name for field in fields(SimulatedUser)),
    *(field.name for field in fields(Faults)),
    *(field.name for field in fields(Conditions)),
    *(field.name for field in fields(Assumptions)),
    *STATES,
    *_COMMANDS,
]


@pytest.mark.parametrize("word", sorted(set(WORDS)))
def test_the_page_documents_every_key_and_order(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_every_test_that_the_page_names_exists() -> None:
    tests = Path(__file__).resolve().parent.parent
    there = {
        name for path in tests.rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 50 and named <= there


def test_every_test_path_that_the_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert len(named) > 10
    for file, test in named:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in text, f"{file}::{test}"
