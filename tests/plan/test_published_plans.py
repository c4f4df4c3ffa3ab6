"""The sample plans load, and the published schema is current."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.plan.model import schema, schema_text
from migrate.plan.read import read_plan

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted((ROOT / "plans").glob("*.toml"))


def test_each_of_the_three_samples_is_in_the_readme() -> None:
    assert [path.stem for path in SAMPLES] == ["everything-to-an-erased-iphone", "one-app", "photos-and-messages"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in SAMPLES if path.name not in readme] == []


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_loads_and_uses_only_supported_options(path: Path) -> None:
    plan = read_plan(path)
    assert plan.name and plan.safety.prove and plan.safety.rehearse
    assert plan.old_phone.udid is None and plan.new_phone.udid is None, "a sample fits everybody's phones"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_commented_out_lines_in_samples_are_valid_too(path: Path, tmp_path: Path) -> None:
    """Removing a `#` must give a valid plan."""
    commented = re.compile(r"^# ((?:udid|backup) = .*)$", re.MULTILINE)
    lines = commented.findall(path.read_text(encoding="utf-8"))
    for line in lines:
        text = path.read_text(encoding="utf-8").replace(f"# {line}", line)
        (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
        assert read_plan(tmp_path / "plan.toml") != read_plan(path)


def test_the_published_schema_is_the_current_one() -> None:
    published = (ROOT / "plans" / "plan.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(), "run: migrate plan schema > plans/plan.schema.json"


def properties(node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for section in (node, *node["$defs"].values()):
        yield from section["properties"].items()


def test_every_key_is_described_and_every_default_fits_its_own_schema() -> None:
    made = schema()
    for name, what in properties(made):
        target = made["$defs"][what["$ref"].split("/")[-1]] if "$ref" in what else what
        assert target.get("description"), name
        assert what.get("default", 0) is not None, name


def test_only_three_keys_are_required() -> None:
    made = json.loads(schema_text())
    assert made["required"] == ["version", "new_phone", "move"]
    required = {name: section.get("required") for name, section in made["$defs"].items() if "required" in section}
    assert required == {"NewPhone": ["is"], "MoveSelection": ["categories"]}
