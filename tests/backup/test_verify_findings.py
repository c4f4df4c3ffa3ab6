"""The collected findings of one check."""

from __future__ import annotations

import pytest

from migrate.backup.verify import findings
from migrate.backup.verify.findings import Findings
from migrate.problems.damage import PlistOdd

ERROR = PlistOdd("Manifest.plist", "IsEncrypted", needed=True)
WARNING = PlistOdd("Info.plist", "Applications", needed=False)


@pytest.mark.parametrize(
    ("problems", "errors"),
    [([], False), ([WARNING], False), ([ERROR], True), ([WARNING, ERROR], True), ([ERROR, WARNING], True)],
)
def test_a_warning_of_the_same_code_hides_no_error(problems: list[PlistOdd], errors: bool) -> None:
    found = Findings()
    for problem in problems:
        found.add(problem)
    assert found.errors is errors


def test_an_error_that_is_only_counted_is_still_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "SAME_CODE_LIMIT", 1)
    found = Findings()
    for problem in (WARNING, ERROR, WARNING):
        found.add(problem)
    assert found.errors
    assert [(each.code, each.severity) for each in found.all()] == [
        ("plist-odd", "warning"),
        ("more-of-the-same", "error"),
    ]
