"""docs/verify.md lists every finding of verify, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.damaged.__main__ import FAMILIES, matrix
from tests.damaged.defect import ExpectedFinding

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"[a-z]+(?:-[a-z]+)+")
VERIFY_PACKAGE = ROOT / "migrate" / "backup" / "verify"


def codes() -> set[str]:
    """Every finding code in the verify package."""
    found = set()
    for name in ("findings.py", "record_findings.py"):
        for node in ast.walk(ast.parse((VERIFY_PACKAGE / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found.add(node.value)
    return found


def documented() -> set[str]:
    page = (ROOT / "docs" / "verify.md").read_text(encoding="utf-8")
    return set(re.findall(rf"`({CODE.pattern})`", page))


def test_the_docs_list_every_finding_and_no_other() -> None:
    assert documented() == codes()


def test_the_matrix_names_only_existing_findings() -> None:
    found = {e for defects in FAMILIES.values() for defect in defects for e in (defect.encrypted, defect.plain)}
    assert {each.code for each in found if isinstance(each, ExpectedFinding)} <= codes()
    assert len(matrix()) == 2 + len(FAMILIES) + sum(map(len, FAMILIES.values()))
