"""What is in a backup, by category and app: files, bytes, things, and what is only in iCloud. `show` prints it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.categories.account_owned import NOTE as ACCOUNT_OWNED_NOTE
from migrate.categories.apps import AppEntry
from migrate.categories.arrival import never_arrives_reason, why_later
from migrate.categories.catalogue import APP_PREFIX, OTHER_SYSTEM, Category
from migrate.categories.choose import Amount
from migrate.categories.claims import Claims
from migrate.categories.counting import Countables, Counted, count_owner
from migrate.categories.only_in_icloud import ICLOUD_CHECKS, PresentFiles
from migrate.problems import MigrateError


@dataclass
class OwnerContents:
    """What an owner has in a backup, and what of it a restore does not bring at once."""

    files: int = 0
    bytes: int = 0
    later: Amount = field(default_factory=Amount)
    """Arrives after the restart."""
    never: Amount = field(default_factory=Amount)
    """Another phone drops it."""
    why_later: str | None = None
    why_never: str | None = None

    def add(self, record: Record, size: int) -> None:
        self.files += 1
        self.bytes += size
        if why := never_arrives_reason(record.domain, record.relative_path):
            _add(self.never, size)
            self.why_never = self.why_never or why
        elif why := why_later(record.domain, record.relative_path):
            _add(self.later, size)
            self.why_later = self.why_later or why


@dataclass(frozen=True, kw_only=True)
class CategoryTally:
    """One category. `items` and `complete` are None where nobody can say."""

    category: Category
    files: int
    bytes: int
    items: int | None
    complete: bool | None
    """False where a part is only in iCloud or belongs to an account; None where there is nothing to judge, or no way
    to."""
    notes: tuple[str, ...]
    cloud_notes: tuple[str, ...] = ()
    """Those of the notes that say what is only in iCloud, or comes back by signing in."""
    only_in_icloud: int | None = None
    """Things whose row is here and whose content is not; None where nobody can say."""
    contents: OwnerContents = field(default_factory=OwnerContents)

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
    items: int | None = None
    """Chats, where a query knows the app."""
    contents: OwnerContents = field(default_factory=OwnerContents)

    @property
    def has_no_files(self) -> bool:
        """Listed, and nothing of it is here: it keeps its data out of backups, or has none."""
        return self.files == 0

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
    files: int
    """In the manifest."""
    bytes: int
    shared: Mapping[frozenset[str], Amount] = field(default_factory=dict)
    """What several own together (apps of one group), by those owners: it is in the numbers of each of them."""

    @property
    def shared_files(self) -> int:
        """How often a file counts for one more owner than its first."""
        return sum((len(owners) - 1) * amount.files for owners, amount in self.shared.items())

    @property
    def shared_bytes(self) -> int:
        return sum((len(owners) - 1) * amount.bytes for owners, amount in self.shared.items())

    @property
    def owned(self) -> tuple[int, int]:
        """Files and bytes of all categories, apps and what is unclaimed, each file once: the manifest's, or it is a
        bug of ours."""
        rows: list[CategoryTally | AppTally | Unclaimed] = [*self.categories, *self.apps, *self.unclaimed]
        return sum(row.files for row in rows) - self.shared_files, sum(row.bytes for row in rows) - self.shared_bytes

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
    seen = _Seen(claims)
    for record in backup.records():
        if record.kind is Kind.FILE:
            seen.add_record(record, _size(backup, record))
    encrypted = backup.manifest.is_encrypted

    def counted(owner: str) -> Counted:
        return count_owner(backup.chunks, owner, seen.countables, seen.present, tmp)

    return Tally(
        backup=backup.folder.path,
        categories=tuple(
            _category(
                category,
                seen.contents[category.id],
                counted(category.id),
                encrypted=encrypted,
                orphans=_orphans(claims, category, seen.unclaimed),
            )
            for category in claims.catalogue.categories
        ),
        apps=tuple(
            _app(app, seen.contents[APP_PREFIX + app.id], counted(APP_PREFIX + app.id)) for app in claims.apps.values()
        ),
        unclaimed=tuple(
            Unclaimed(domain=domain, files=amount.files, bytes=amount.bytes)
            for domain, amount in sorted(seen.unclaimed.items())
        ),
        files=seen.every.files,
        bytes=seen.every.bytes,
        shared=dict(seen.shared),
    )


class _Seen:
    """What one pass over the files of a manifest finds out."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self.countables, self.present = Countables(claims.catalogue), PresentFiles()
        self.contents: dict[str, OwnerContents] = defaultdict(OwnerContents)
        self.unclaimed: dict[str, Amount] = defaultdict(Amount)
        self.shared: dict[frozenset[str], Amount] = defaultdict(Amount)
        self.every = Amount()

    def add_record(self, record: Record, size: int) -> None:
        self.countables.add_record(record)
        self.present.add_record(record)
        _add(self.every, size)
        owners = self._claims.owners(record.domain, record.relative_path)
        if OTHER_SYSTEM in owners and self._claims.is_unclaimed(record.domain, record.relative_path):
            _add(self.unclaimed[record.domain], size)
            return
        for owner in owners:
            self.contents[owner].add(record, size)
        if len(owners) > 1:
            _add(self.shared[owners], size)


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


def _category(
    category: Category, contents: OwnerContents, counted: Counted, *, encrypted: bool, orphans: int
) -> CategoryTally:
    notes = _parts(counted)
    notes += counted.notes
    cloud = _cloud_notes(category, contents, counted)
    complete: bool | None = contents.files > 0 or None
    if category.id in ICLOUD_CHECKS and counted.only_in_icloud is None:
        complete = None
    if cloud:
        complete = False
    if category.needs_encryption and not encrypted:
        complete = None
        notes.append(
            "this backup is not encrypted: another phone may not be able to use this"
            if contents.files
            else "only an encrypted backup holds this, and this one is not encrypted"
        )
    if orphans:
        whose = "1 container of an app that is" if orphans == 1 else f"{orphans} containers of apps that are"
        notes.append(f"{whose} not in this backup: listed as unclaimed, moves along")
    return CategoryTally(
        category=category,
        files=contents.files,
        bytes=contents.bytes,
        items=counted.items,
        complete=complete,
        notes=(*notes, *cloud),
        cloud_notes=cloud,
        only_in_icloud=counted.only_in_icloud,
        contents=contents,
    )


def _parts(counted: Counted) -> list[str]:
    """What a number is made of, where one number does not say it all."""
    return [", ".join(f"{rows} {label}" for label, rows in counted.parts)] if len(counted.parts) > 1 else []


def _cloud_notes(category: Category, contents: OwnerContents, counted: Counted) -> tuple[str, ...]:
    notes = []
    if counted.only_in_icloud:
        _, one, several = ICLOUD_CHECKS[category.id]
        notes.append(one if counted.only_in_icloud == 1 else several.format(n=counted.only_in_icloud))
    if counted.account_owned:
        notes.append(ACCOUNT_OWNED_NOTE.format(n=counted.account_owned))
    if category.only_in_icloud and not contents.files:
        notes.append("no backup holds this: signing in to iCloud brings it")
    return tuple(notes)


def _app(app: AppEntry, contents: OwnerContents, counted: Counted) -> AppTally:
    notes = [*_parts(counted), *counted.notes]
    if app.groups_guessed:
        notes.append("its groups were guessed from their names: the phone was not asked for this backup")
    if app.shared_with:
        notes.append(f"shares data with {', '.join(app.shared_with)}: choosing one brings that data along")
    if not contents.files:
        notes.append("listed, and nothing of it is in this backup: it keeps its data out of backups, or has none")
    if app.reinstallable is False:
        notes.append("this backup cannot have it installed again: install it by hand")
    if app.caveat:
        notes.append(app.caveat.rstrip("."))
    return AppTally(
        app=app,
        files=contents.files,
        bytes=contents.bytes,
        notes=tuple(notes),
        items=counted.items,
        contents=contents,
    )
