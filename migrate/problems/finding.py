"""A finding: one problem as it stands in findings.json and in `--json` answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One problem that was noticed, with its sentences rendered. Scripts rely on the field names."""

    code: str
    severity: Severity
    what: str
    why: str
    next: str
    phone: str | None = None
    domain: str | None = None
    relative_path: str | None = None
    file_id: str | None = None
    categories: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "categories": list(self.categories)}
