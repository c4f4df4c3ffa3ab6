"""The result of an extraction."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.problems import ExtractNameImpossible
from migrate.problems.finding import Finding


@dataclass(frozen=True, kw_only=True)
class ExtractResult:
    """The result of an extraction. `bytes` counts the contents."""

    backup: Path
    to: Path
    files: int
    directories: int
    links: int
    bytes: int
    findings: tuple[Finding, ...] = field(repr=False)

    @property
    def exit_code(self) -> int:
        """30 where a chosen file is damaged or missing in the backup, 33 where this computer cannot hold one. A link
        that was left out does not count: no content is lost."""
        codes = {finding.code for finding in self.findings if finding.severity == "error"}
        if codes - {ExtractNameImpossible.code}:
            return 30
        return 33 if codes else 0

    def as_json(self) -> dict[str, Any]:
        return {
            "backup": str(self.backup),
            "to": str(self.to),
            "files": self.files,
            "directories": self.directories,
            "links": self.links,
            "bytes": self.bytes,
            "findings": [finding.as_json() for finding in self.findings],
        }
