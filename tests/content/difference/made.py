"""Pairs of small backups, and what differs between them."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Collection, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path

from migrate.backup.reader import Backup
from migrate.backup.seal import Seal
from migrate.categories.claims import Claims
from migrate.content.counting import Counting, ItemCounts
from migrate.content.difference.difference import CategoryDifference, Difference, compare_backups
from migrate.content.side import Side
from tests.journey.proof.made import backup_of
from tests.made_backups import phones_files

Files = dict[tuple[str, str], bytes]
LIBRARY = ("CameraRollDomain", "Media/PhotoData/Photos.sqlite")
SMALL = {"photos": 6, "videos": 1, "messages": 8, "attachments": 2, "contacts": 3, "notes": 3, "memos": 2, "calls": 3}


def phone(ios_version: str = "18.5", *, domain: str = "", **contents: int) -> Files:
    """The files of a simulated iPhone, or those of the domains that begin so."""
    files = _files(ios_version, tuple((contents or SMALL).items()))
    return {place: content for place, content in files.items() if place[0].startswith(domain)}


@cache
def _files(ios_version: str, contents: tuple[tuple[str, int], ...]) -> Files:
    saved, _apps, _groups = phones_files(ios_version, **dict(contents))
    return {place: content for place, content in saved.items() if isinstance(content, bytes)}


def changed(files: Files, place: tuple[str, str], *statements: str) -> Files:
    """The files after these statements were executed in a database of them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "database"
        for suffix in ("", "-wal"):
            if (content := files.get((place[0], place[1] + suffix))) is not None:
                Path(f"{path}{suffix}").write_bytes(content)
        with closing(sqlite3.connect(path)) as database:
            for statement in statements:
                database.execute(statement)
            database.commit()
            database.execute("PRAGMA journal_mode = DELETE")
        kept = {
            at: content for at, content in files.items() if at[0] != place[0] or not at[1].startswith(f"{place[1]}-")
        }
        return {**kept, place: path.read_bytes()}


def without(files: Files, *places: tuple[str, str]) -> Files:
    return {place: content for place, content in files.items() if place not in places}


def side(backup: Backup, seal: Seal | None = None) -> Side:
    return Side(backup=backup, claims=Claims.of(backup), seal=seal)


class Pair:
    """Two backups in a folder, opened, and their difference."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tmp = folder / "tmp"
        self.tmp.mkdir(mode=0o700)

    def compare(
        self,
        old: Mapping[tuple[str, str], bytes],
        new: Mapping[tuple[str, str], bytes],
        *,
        owners: Collection[str] | None = None,
    ) -> Difference:
        number = len(list(self.folder.iterdir()))
        with (
            backup_of(self.folder / f"old{number}", old) as before,
            backup_of(self.folder / f"new{number}", new) as now,
        ):
            found = self.of(side(before), side(now), owners=owners)
            if owners is None:
                self._check_balance(found, before, now)
        return found

    def of(self, old: Side, new: Side, *, owners: Collection[str] | None = None) -> Difference:
        found = compare_backups(old, new, tmp=self.tmp, owners=owners)
        assert list(self.tmp.iterdir()) == [], "a copy of a database was left behind"
        return found

    def _check_balance(self, found: Difference, before: Backup, now: Backup) -> None:
        """OLD's items + added - gone - deleted are NEW's, as `show` counts them; and the same for Recently Deleted."""
        for category in found.categories:
            if category.kinds and not category.is_unknown:
                old, new = (Counting(backup, self.tmp).count(category.id) for backup in (before, now))
                numbers = category.as_json()
                assert _items(old) + numbers["added"] - numbers["gone"] - numbers["deleted"] == _items(new), category.id
        files = found.files
        assert files.old + files.changes["added"] - files.changes["gone"] == files.new
        assert files.unchanged + files.unreadable + files.changes["changed"] + files.changes["gone"] == files.old


def _items(counts: ItemCounts) -> int:
    return counts.items or 0


def category(found: Difference, category_id: str) -> CategoryDifference:
    return next(one for one in found.categories if one.id == category_id)


def numbers(found: Difference, category_id: str) -> dict[str, int | None]:
    """The numbers of a category that are not 0."""
    shown = category(found, category_id).as_json()
    names = ("added", "gone", "changed", "deleted", "only_in_icloud", "undecided", "deleted_added", "deleted_gone")
    return {name: shown[name] for name in names if shown[name] != 0}


def codes(found: Difference) -> set[str]:
    return {finding.code for finding in found.findings}
