"""The export of a category or app that is not read item by item: its files, or what a writer makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.categories.claims import Claims
from migrate.content.source import Source
from migrate.export.choice import ExportChoice
from migrate.export.folder import ExportFolder, Place
from migrate.language import _
from migrate.problems import BadRecord, BlobMissing, BlobUnreadable, ExportFileUnreadable
from migrate.problems.finding import Finding


@dataclass
class FilesTask:
    """Given to the writer of a category without items."""

    owner: str
    title: str
    backup: Backup
    claims: Claims
    choice: ExportChoice
    export: ExportFolder
    tmp: Path
    report: Callable[[Finding], object]
    source: Source
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def top(self) -> Place:
        return self.export.top

    def formats(self, *possible: str, usual: str = "csv") -> frozenset[str]:
        """Those of the possible formats that were chosen; the usual one if none of them was."""
        return self.choice.formats & frozenset(possible) or frozenset({usual})

    def record(self, domain: str, relative_path: str) -> Record | None:
        """One file; None if the backup does not have it. A damaged row is reported."""
        try:
            found = self.backup.record(domain, relative_path)
        except BadRecord as bad:
            self._bad(bad)
            return None
        return found if found is not None and found.kind is Kind.FILE else None

    def records(self, *domains: str, below: tuple[str, ...] = ("",)) -> Iterator[Record]:
        """The files of these domains, below these folders, that belong to the owner. Damaged rows are reported."""
        for row in self.backup.manifest.rows_of(domains, self._bad):
            if not row.relative_path.startswith(below) or row.kind is not Kind.FILE:
                continue
            if self.owner in self.claims.owners(row.domain, row.relative_path):
                try:
                    yield row.record()
                except BadRecord as bad:
                    self._bad(bad)

    def copy(self, record: Record, place: Place, name: str, *, key: str, when: float | None = None) -> str | None:
        """Copy a file of the backup. If it is missing or damaged there, a finding names it, and None is returned."""
        try:
            return place.copy(self.backup, record, name, key=f"{self.owner}/{key}", when=when)
        except (BlobMissing, BlobUnreadable) as error:
            self.report(ExportFileUnreadable.of(record, reason=error.why).as_finding())
            return None

    def gap(self, reason: str, count: int = 1) -> None:
        """Something is missing. `reason`: marked for translation."""
        if count:
            self.reasons[_(reason)] += count

    def _bad(self, bad: BadRecord) -> None:
        self.report(ExportFileUnreadable.of(bad, reason=f"{bad.reason.capitalize()}.").as_finding())
