"""docs/verify.md lists every finding of verify, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from migrate.problems import BackupUnfinished, KeybagUnreadable, PasswordMissing, SealDamaged, all_problems, damage
from tests.damaged.__main__ import FAMILIES, matrix
from tests.damaged.defect import ExpectedFinding

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"[a-z]+(?:-[a-z]+)+")


def codes() -> set[str]:
    """Every code that a check can find."""
    found = {problem.code for problem in all_problems() if problem.__module__ == damage.__name__}
    return found | {one.code for one in (BackupUnfinished, KeybagUnreadable, PasswordMissing, SealDamaged)}


def documented() -> set[str]:
    page = (ROOT / "docs" / "verify.md").read_text(encoding="utf-8")
    return set(re.findall(rf"`({CODE.pattern})`", page))


def test_the_docs_list_every_finding_and_no_other() -> None:
    assert documented() == codes()


def test_the_matrix_names_only_existing_findings() -> None:
    found = {e for defects in FAMILIES.values() for defect in defects for e in (defect.encrypted, defect.plain)}
    assert {each.code for each in found if isinstance(each, ExpectedFinding)} <= codes()
    assert len(matrix()) == 2 + len(FAMILIES) + sum(map(len, FAMILIES.values()))
