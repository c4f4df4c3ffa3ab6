"""`--id`, `last` and their mistakes, at the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Migrate

PLAN = 'version = 1\n[new_phone]\nis = "erased"\n[move]\ncategories = ["everything"]\n'


@pytest.mark.parametrize("name", ["../elsewhere", "last", "a/b"])
def test_an_id_that_cannot_be_a_folder_is_refused(migrate: Migrate, tmp_path: Path, name: str) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN, encoding="utf-8")
    for command in ("run", "rehearse"):
        answer = migrate(command, plan, "--id", name, "--json")
        error = json.loads(answer.out.splitlines()[-1])["error"]
        assert (answer.code, error["code"]) == (2, "usage-wrong") and name in error["what"]


def test_resume_of_two_runs_at_once_is_refused(migrate: Migrate) -> None:
    answer = migrate("resume", "one-run", "--id", "another")
    assert answer.code == 2 and "one-run" in answer.err and "another" in answer.err


@pytest.mark.parametrize("command", [("resume", "last"), ("resume", "--id", "mine"), ("receipt",), ("undo", "last")])
def test_without_any_run_there_is_none_to_name(migrate: Migrate, command: tuple[str, ...]) -> None:
    answer = migrate(*command)
    assert answer.code == 2 and "There is no run" in answer.err
