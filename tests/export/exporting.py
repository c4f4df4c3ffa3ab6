"""Export made and simulated backups in tests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.categories.claims import Claims
from migrate.content.kinds import source_places
from migrate.content.source import Source
from migrate.export.choice import ExportChoice
from migrate.export.people import person_called
from migrate.export.result import CategoryExport, ExportResult
from migrate.export.run import export_backup

DETAILS = ("exported", "only_in_icloud", "unreadable", "filtered")


@dataclass(frozen=True)
class Exported:
    """A finished export."""

    result: ExportResult
    root: Path

    def category(self, owner: str) -> CategoryExport:
        return next(one for one in self.result.categories if one.id == owner)

    def paths(self) -> list[str]:
        """Every file, with `/`, without the export's own."""
        own = {"export.json", "index.html"}
        found = (path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())
        return sorted(name for name in found if name not in own and not name.startswith(".migrate-export/"))

    def text(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8-sig")

    @property
    def json(self) -> Any:
        return json.loads((self.root / "export.json").read_text(encoding="utf-8"))

    def check(self) -> None:
        """What holds for every export: the numbers add up, nothing is forgotten, every file is as listed."""
        for category in self.result.categories:
            for kind, numbers in category.kinds:
                settled = sum(getattr(numbers, name) for name in DETAILS)
                assert numbers.items == settled, (kind.id, numbers)
                assert numbers.deleted_exported <= numbers.deleted, (kind.id, numbers)
                assert not any("mistake in migrate" in reason for reason in numbers.reasons), (kind.id, numbers)
        written = {file["path"]: file for file in self.json["written"]}
        is_kept = any(finding.code == "export-kept-yours" for finding in self.result.findings)
        assert set(written) <= set(self.paths()) if is_kept else sorted(written) == self.paths()
        for path, file in written.items():
            content = (self.root / path).read_bytes()
            assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest()), path
        assert not list((self.root / ".migrate-export").glob("*.part"))


Export = Callable[..., Exported]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """`export(backup, owners={"calls"}, person="Mum", deleted="only", …)`: exported and checked."""

    def run(
        backup: Backup,
        *,
        owners: Collection[str] | None = None,
        person: str | None = None,
        groups: Mapping[str, Collection[str]] | None = None,
        to: str = "export",
        **choice: Any,
    ) -> Exported:
        tmp = tmp_path / "tmp"
        tmp.mkdir(mode=0o700, exist_ok=True)
        if person is not None:
            choice["person"] = person_called(person, Source(backup, tmp, source_places()))
        claims = Claims.of(backup, {app: tuple(of) for app, of in groups.items()} if groups else None)
        chosen = ExportChoice(owners=None if owners is None else frozenset(owners), **choice)
        exported = Exported(export_backup(backup, claims, tmp_path / to, chosen, tmp=tmp), tmp_path / to)
        assert list(tmp.iterdir()) == [], "a copy of a database was left behind"
        exported.check()
        return exported

    return run
