"""What is in a backup, by category and app: files, bytes, things, and what is only in iCloud. `show` prints it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.categories.apps import AppEntry
from migrate.categories.catalogue import APP_PREFIX, OTHER_SYSTEM, Category
from migrate.categories.choose import Amount
from migrate.categories.claims import Claims
from migrate.categories.counts import Countables, Counted, count_category
from migrate.categories.only_in_icloud import CHECKS, Present
from migrate.errors import MigrateError


@dataclass(frozen=True, kw_only=True)
class CategoryTally:
    """One category. `items` and `complete` are None where nobody can say."""

    category: Category
    files: int
    bytes: int
    items: int | None
    complete: bool | None
    """False where a part is only in iCloud; None where there is nothing to judge, or no way to."""
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.category.id,
            "title": self.category.title,
            "files": self.files,
            "bytes": self.bytes,
            "items": self.items,
            "complete": self.complete,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, kw_only=True)
class AppTally:
    app: AppEntry
    files: int
    bytes: int
    notes: tuple[str, ...]
    """For people only: an app has none in JSON."""

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.app.id,
            "title": self.app.title,
            "version": self.app.version,
            "files": self.files,
            "bytes": self.bytes,
            "groups": list(self.app.groups),
            "shared_with": list(self.app.shared_with),
            "reinstallable": self.app.reinstallable,
        }


@dataclass(frozen=True, kw_only=True)
class Unclaimed:
    """Files of one domain that no rule and no app names. They travel with other-system and are not counted in it."""

    domain: str
    files: int
    bytes: int

    def as_json(self) -> dict[str, Any]:
        return {"domain": self.domain, "files": self.files, "bytes": self.bytes}


@dataclass(frozen=True, kw_only=True)
class Tally:
    """A whole backup. A file with several owners (a shared app group) counts for each of them."""

    backup: Path
    categories: tuple[CategoryTally, ...]
    apps: tuple[AppTally, ...]
    unclaimed: tuple[Unclaimed, ...]

    def category(self, category_id: str) -> CategoryTally:
        """Of a category that is in the catalogue: a KeyError is a bug."""
        for tally in self.categories:
            if tally.category.id == category_id:
                return tally
        raise KeyError(category_id)

    def as_json(self) -> dict[str, Any]:
        """The object of `migrate show --json`."""
        return {
            "backup": str(self.backup),
            "categories": [tally.as_json() for tally in self.categories],
            "apps": [tally.as_json() for tally in self.apps],
            "unclaimed": [unclaimed.as_json() for unclaimed in self.unclaimed],
        }


def tally(backup: Backup, claims: Claims, *, tmp: Path) -> Tally:
    """Counts an open backup in one pass over its records, then asks its databases.

    `tmp` (0700) holds a decrypted copy of one database at a time, and nothing afterwards. A damaged database or a
    missing blob costs a number and leaves a note.

    Raises:
        What `backup.records()` raises: the manifest's fault.
    """
    tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
    amounts: dict[str, Amount] = defaultdict(Amount)
    unclaimed: dict[str, Amount] = defaultdict(Amount)
    countables, present = Countables(claims.catalogue), Present()
    for record in backup.records():
        if record.kind is not Kind.FILE:
            continue
        countables.saw(record)
        present.saw(record)
        size = _size(backup, record)
        owners = claims.owners(record.domain, record.relative_path)
        if OTHER_SYSTEM in owners and claims.is_unclaimed(record.domain, record.relative_path):
            _add(unclaimed[record.domain], size)
            continue
        for owner in owners:
            _add(amounts[owner], size)
    encrypted = backup.manifest.is_encrypted
    return Tally(
        backup=backup.folder.path,
        categories=tuple(
            _category(
                category,
                amounts[category.id],
                count_category(backup, category, countables, present, tmp),
                encrypted=encrypted,
                orphans=_orphans(claims, category, unclaimed),
            )
            for category in claims.catalogue.categories
        ),
        apps=tuple(_app(app, amounts[APP_PREFIX + app.id]) for app in claims.apps.values()),
        unclaimed=tuple(
            Unclaimed(domain=domain, files=amount.files, bytes=amount.bytes)
            for domain, amount in sorted(unclaimed.items())
        ),
    )


def _size(backup: Backup, record: Record) -> int:
    """The file's own bytes; the stored ones where the manifest does not say; 0 where neither is there."""
    if record.size is not None:
        return record.size
    try:
        return backup.stored_path(record).stat().st_size
    except (OSError, MigrateError):
        return 0


def _add(amount: Amount, size: int) -> None:
    amount.records += 1
    amount.files += 1
    amount.bytes += size


def _orphans(claims: Claims, category: Category, unclaimed: Iterable[str]) -> int:
    return sum(map(claims.is_orphaned, unclaimed)) if category.id == OTHER_SYSTEM else 0


def _category(category: Category, amount: Amount, counted: Counted, *, encrypted: bool, orphans: int) -> CategoryTally:
    notes = [", ".join(f"{rows} {label}" for label, rows in counted.parts)] if len(counted.parts) > 1 else []
    notes += counted.notes
    complete: bool | None = amount.files > 0 or None
    if category.id in CHECKS and counted.only_in_icloud is None:
        complete = None
    if counted.only_in_icloud:
        complete = False
        notes.append(CHECKS[category.id][1].format(n=counted.only_in_icloud))
    if category.needs_encryption and not encrypted:
        complete = None
        notes.append(
            "this backup is not encrypted: another phone may not be able to use this"
            if amount.files
            else "only an encrypted backup holds this, and this one is not encrypted"
        )
    if orphans:
        whose = "1 container of an app that is" if orphans == 1 else f"{orphans} containers of apps that are"
        notes.append(f"{whose} not in this backup: listed as unclaimed, moves along")
    return CategoryTally(
        category=category,
        files=amount.files,
        bytes=amount.bytes,
        items=counted.items,
        complete=complete,
        notes=tuple(notes),
    )


def _app(app: AppEntry, amount: Amount) -> AppTally:
    notes = []
    if app.groups_guessed:
        notes.append("its groups were guessed from their names: the phone was not asked for this backup")
    if app.shared_with:
        notes.append(f"shares data with {', '.join(app.shared_with)}: choosing one brings that data along")
    return AppTally(app=app, files=amount.files, bytes=amount.bytes, notes=tuple(notes))
