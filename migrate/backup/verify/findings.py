"""The findings of one check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace

from migrate.problems import MoreOfTheSame, Problem
from migrate.problems.finding import Finding, Severity
from migrate.problems.problem import SEVERITIES

Owners = Callable[[str, str], Collection[str]]
"""Which categories a record of this `(domain, relative_path)` belongs to."""

SAME_CODE_LIMIT = 50_000
"""So many findings of one code are kept, then they are only counted. A finding is about a kilobyte; a backup of a
million files on a disk that was wiped must not fill the memory."""


class Findings:
    """The findings of one check, in the order they were made. `owners`, once known, name the categories they touch."""

    owners: Owners | None = None

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._seen: Counter[str] = Counter()
        self._gravest: dict[str, Severity] = {}
        """The gravest severity of each code: some codes are an error in one record and a warning in another."""

    def add(self, found: Problem | Finding) -> None:
        self._seen[found.code] += 1
        self._gravest[found.code] = min(found.severity, self._gravest.get(found.code, "info"), key=SEVERITIES.index)
        if self._seen[found.code] > SAME_CODE_LIMIT:
            return  # before it is rendered, which takes 0.1 ms (measured)
        finding = found.as_finding() if isinstance(found, Problem) else found
        if self.owners and finding.domain and finding.relative_path is not None and not finding.categories:
            finding = replace(finding, categories=tuple(sorted(self.owners(finding.domain, finding.relative_path))))
        self._kept.append(finding)

    def has(self, code: str) -> bool:
        return code in self._seen

    @property
    def errors(self) -> bool:
        return "error" in self._gravest.values()

    def all(self) -> tuple[Finding, ...]:
        """Everything kept, and for each code that was cut how many more there were."""
        more = [
            MoreOfTheSame(count - SAME_CODE_LIMIT, code, SAME_CODE_LIMIT).as_finding(self._gravest[code])
            for code, count in self._seen.items()
            if count > SAME_CODE_LIMIT
        ]
        return (*self._kept, *more)
