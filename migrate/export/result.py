"""What an export wrote, and what it did not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.content.kind import Kind
from migrate.export.task import Numbers
from migrate.language import _
from migrate.problems.finding import Finding

COUNTED = ("items", "exported", "only_in_icloud", "unreadable", "filtered", "deleted", "deleted_exported")


@dataclass(frozen=True, kw_only=True)
class CategoryExport:
    """A category or app (`app:<bundle>`) of an export."""

    id: str
    title: str
    kinds: tuple[tuple[Kind, Numbers], ...] = ()
    """Empty if it is not read item by item."""
    files: int = 0
    """Files written, or found complete."""
    file_reasons: Mapping[str, int] = field(default_factory=dict)
    is_unread: bool = False
    """A file that is exported otherwise than as items could not be read."""

    def count(self, name: str) -> int | None:
        """One of COUNTED, over all its kinds; None if a kind could not be read, or it has none."""
        added = [numbers for kind, numbers in self.kinds if not kind.extra]
        if not added or any(numbers.is_unknown for numbers in added):
            return None
        return sum(int(getattr(numbers, name)) for numbers in added)

    @property
    def reasons(self) -> Counter[str]:
        """Why something is missing -> how often."""
        total = Counter(self.file_reasons)
        for _kind, numbers in self.kinds:
            total.update(numbers.reasons)
        return total

    @property
    def is_damaged(self) -> bool:
        """Whether a file could not be read, and should have been."""
        return self.is_unread or any(numbers.is_unknown and not numbers.is_closed for _kind, numbers in self.kinds)

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, **{name: self.count(name) for name in COUNTED}, "files": self.files}

    def as_record(self) -> dict[str, Any]:
        """The same with what explains it."""
        return {
            **self.as_json(),
            "title": self.title,
            "reasons": dict(self.reasons.most_common()),
            "kinds": [_kind_as_json(kind, numbers) for kind, numbers in self.kinds],
        }


def _kind_as_json(kind: Kind, numbers: Numbers) -> dict[str, Any]:
    known = not numbers.is_unknown
    return {
        "id": kind.id,
        "label": _(kind.label),
        **{name: getattr(numbers, name) if known else None for name in COUNTED},
    }


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """A whole export."""

    backup: Path
    to: Path
    categories: tuple[CategoryExport, ...]
    files: int
    findings: tuple[Finding, ...] = field(repr=False)

    @property
    def exit_code(self) -> int:
        """30 where something that was chosen is damaged or missing in the backup."""
        is_damaged = any(finding.severity == "error" for finding in self.findings)
        return 30 if is_damaged or any(category.is_damaged for category in self.categories) else 0

    def as_json(self) -> dict[str, Any]:
        """The object of `migrate export --json`."""
        return {
            "backup": str(self.backup),
            "to": str(self.to),
            "categories": [category.as_json() for category in self.categories],
            "findings": [finding.as_json() for finding in self.findings],
        }

    def as_record(self) -> dict[str, Any]:
        """The same with what explains it, for `export.json`."""
        return {**self.as_json(), "categories": [one.as_record() for one in self.categories], "files": self.files}
