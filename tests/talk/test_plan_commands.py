"""`plan check` and `plan schema`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Migrate

ROOT = Path(__file__).resolve().parents[2]
PLAN = 'version = 1\n[new_phone]\nis = "erased"\n[move]\ncategories = ["everything"]\n'


@pytest.mark.parametrize("sample", sorted((ROOT / "plans").glob("*.toml")), ids=lambda path: path.stem)
def test_every_sample_plan_is_valid_and_shown_as_text(migrate: Migrate, sample: Path) -> None:
    answer = migrate("plan", "check", sample)
    assert answer.code == 0 and "a valid plan" in " ".join(answer.out.split())
    assert all(word in answer.out for word in ("From", "To", "Backup", "Moves", "Safety"))
    in_json = migrate("plan", "check", sample, "--json").json
    assert in_json["valid"] is True and len(in_json["digest"]) == 64 and in_json["findings"] == []


def test_the_text_shows_the_defaults_of_a_plan(migrate: Migrate, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN, encoding="utf-8")
    out = " ".join(migrate("plan", "check", plan).out.split())
    assert "all apps" in out and "what arrived is proven" in out and "refused if it is in use" in out
    plan.write_text(PLAN + "[safety]\nprove = false\n", encoding="utf-8")
    assert "NOT proven" in migrate("plan", "check", plan).out


def test_a_wrong_plan_exits_10_and_names_the_line(migrate: Migrate, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.replace("everything", "evrything"), encoding="utf-8")
    answer = migrate("plan", "check", plan)
    assert answer.code == 10 and "line 5" in answer.err and '"everything"' in answer.err and answer.out == ""
    assert migrate("plan", "check", tmp_path / "absent.toml", "--json").error["code"] == "plan-missing"


def test_a_plan_that_names_a_folder_without_a_backup_is_refused(
    migrate: Migrate, tmp_path: Path, plain_backup: Path
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN + '[old_phone]\nbackup = "nothing-here"\n', encoding="utf-8")
    assert migrate("plan", "check", plan, "--json").error["code"] == "backup-not-found"
    plan.write_text(PLAN + f"[old_phone]\nbackup = '{plain_backup.relative_to(tmp_path)}'\n", encoding="utf-8")
    assert migrate("plan", "check", plan).code == 0


def test_the_printed_schema_is_the_published_one(migrate: Migrate) -> None:
    assert migrate("plan", "schema").out == (ROOT / "plans" / "plan.schema.json").read_text(encoding="utf-8")


def test_plan_new_refuses_json(migrate: Migrate) -> None:
    assert migrate("plan", "new", "--json").error["code"] == "usage-wrong"
    assert migrate("demo", "--wizard", "--json").code == 2
    assert migrate("plan", "new").code == 2 and migrate("demo", "--wizard").code == 2, "and it needs a terminal"
