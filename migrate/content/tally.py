"""Count what a backup contains, by category and app: files, bytes, items, and what is only in iCloud.

`show`, the wizard, `plan explain` and the confirmation of a move use these numbers.
"""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.categories.apps import AppEntry
from migrate.categories.arrival import never_arrives_reason, why_later
from migrate.categories.catalogue import APP_PREFIX, OTHER_SYSTEM, Category
from migrate.categories.choose import Amount
from migrate.categories.claims import Claims
from migrate.content.counting import Counting, ItemCounts
from migrate.language import _, plural
from migrate.problems import BadRecord, MigrateError

FILES_DOMAIN, FILES_TRASH = "AppDomainGroup-group.com.apple.FileProvider.LocalStorage", "File Provider Storage/.Trash/"
"""Where the Files app keeps what was deleted (*guessed*)."""


@dataclass
class OwnerContents:
    """What an owner has in a backup, and how much of it arrives later or never."""

    files: int = 0
    bytes: int = 0
    later: Amount = field(default_factory=Amount)
    """Arrives after the restart."""
    never: Amount = field(default_factory=Amount)
    """Dropped by the new phone."""
    missing: int = 0
    """Files of which the backup has no contents, or none of the bytes that the phone reported."""
    trashed: int = 0
    """Files that are in Recently Deleted of the Files app. They are among `files`."""
    bad_rows: int = 0
    """Entries of the list of files that are damaged. They are not among `files`."""
    why_later: str | None = None
    why_never: str | None = None

    @property
    def is_damaged(self) -> bool:
        return bool(self.missing or self.bad_rows)

    def damage_notes(self) -> tuple[str, ...]:
        """What of it is damaged in the backup."""
        notes = []
        if self.missing:
            text = plural(
                "{count:,} of its files is listed, but its contents are missing from the backup",
                "{count:,} of its files are listed, but their contents are missing from the backup",
                self.missing,
            )
            notes.append(text.format(count=self.missing))
        if self.bad_rows:
            text = plural(
                "{count:,} of its entries in the backup is damaged and not counted",
                "{count:,} of its entries in the backup are damaged and not counted",
                self.bad_rows,
            )
            notes.append(text.format(count=self.bad_rows))
        return tuple(notes)

    def deleted_notes(self) -> tuple[str, ...]:
        """What of it was deleted and is still there."""
        if not self.trashed:
            return ()
        text = plural(
            "{count:,} of its files is in Recently Deleted",
            "{count:,} of its files are in Recently Deleted",
            self.trashed,
        )
        return (text.format(count=self.trashed),)

    def add(self, record: Record, size: int) -> None:
        self.files += 1
        self.bytes += size
        self.trashed += record.domain == FILES_DOMAIN and record.relative_path.startswith(FILES_TRASH)
        if why := never_arrives_reason(record.domain, record.relative_path):
            _add(self.never, size)
            self.why_never = self.why_never or why
        elif why := why_later(record.domain, record.relative_path):
            _add(self.later, size)
            self.why_later = self.why_later or why


@dataclass(frozen=True, kw_only=True)
class OwnerTally(ABC):
    """What categories and apps have in common. Numbers are None if unknown, or if nothing can be counted."""

    files: int
    bytes: int
    items: int | None = None
    """Without what is in Recently Deleted, and with what is only in iCloud."""
    deleted: int | None = None
    """Items in Recently Deleted."""
    only_in_icloud: int | None = None
    """Those of `items` whose content is known to be in iCloud and not in the backup."""
    complete: bool | None = None
    """False if an original is known to be elsewhere, or something the backup lists is missing from it or damaged; None
    if it is empty or this is unknown."""
    notes: tuple[str, ...]
    """Everything a person should know, with the notes below."""
    cloud_notes: tuple[str, ...] = ()
    """The notes about data that is only in iCloud."""
    account_notes: tuple[str, ...] = ()
    """The notes about items that belong to an account."""
    counts: ItemCounts = field(default_factory=ItemCounts)
    contents: OwnerContents = field(default_factory=OwnerContents)

    @property
    @abstractmethod
    def title(self) -> str: ...

    @property
    def here(self) -> int | None:
        """Those of `items` that are in the backup."""
        return None if self.items is None else self.items - (self.only_in_icloud or 0)

    def items_as_json(self) -> dict[str, Any]:
        return {
            "items": self.items,
            "deleted": self.deleted,
            "here": self.here,
            "only_in_icloud": self.only_in_icloud,
            "complete": self.complete,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, kw_only=True)
class CategoryTally(OwnerTally):
    category: Category

    @property
    def title(self) -> str:
        return _(self.category.title)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.category.id,
            "title": _(self.category.title),
            "files": self.files,
            "bytes": self.bytes,
            **self.items_as_json(),
        }


@dataclass(frozen=True, kw_only=True)
class AppTally(OwnerTally):
    app: AppEntry

    @property
    def title(self) -> str:
        return self.app.title

    @property
    def has_no_files(self) -> bool:
        """Whether the app is listed but has no data in the backup."""
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
            **self.items_as_json(),
        }


@dataclass(frozen=True, kw_only=True)
class Unclaimed:
    """Files of one domain that no rule and no app matches. They move with other-system, but are not counted there."""

    domain: str
    files: int
    bytes: int

    def as_json(self) -> dict[str, Any]:
        return {"domain": self.domain, "files": self.files, "bytes": self.bytes}


@dataclass(frozen=True, kw_only=True)
class Tally:
    """The counts of a whole backup. A file with several owners (a shared app group) counts for each of them."""

    backup: Path
    categories: tuple[CategoryTally, ...]
    apps: tuple[AppTally, ...]
    unclaimed: tuple[Unclaimed, ...]
    files: int
    """Of the whole manifest, each file once."""
    bytes: int
    shared: Mapping[frozenset[str], Amount] = field(default_factory=dict)
    """Data with several owners (apps of one group), by these owners. Each owner's numbers include it."""
    bad_rows: int = 0
    """Entries of the manifest that are damaged. They are not among `files`."""

    @property
    def shared_files(self) -> int:
        """How many times files are counted again for further owners."""
        return sum((len(owners) - 1) * amount.files for owners, amount in self.shared.items())

    @property
    def shared_bytes(self) -> int:
        return sum((len(owners) - 1) * amount.bytes for owners, amount in self.shared.items())

    @property
    def owned(self) -> tuple[int, int]:
        """Files and bytes of categories, apps and unclaimed data, each file once. Equal to the manifest's totals."""
        rows: list[CategoryTally | AppTally | Unclaimed] = [*self.categories, *self.apps, *self.unclaimed]
        return sum(row.files for row in rows) - self.shared_files, sum(row.bytes for row in rows) - self.shared_bytes

    def owner(self, owner: str) -> OwnerTally | None:
        """The tally of a category, or of an app (`app:<bundle>`). None: the backup does not list this app."""
        if owner.startswith(APP_PREFIX):
            return next((row for row in self.apps if APP_PREFIX + row.app.id == owner), None)
        return self.category(owner)

    def title_of(self, owner: str) -> str:
        """The title of a category or an app, as a person sees it."""
        row = self.owner(owner)
        return owner.removeprefix(APP_PREFIX) if row is None else row.title

    def category(self, category_id: str) -> CategoryTally:
        """The tally of a category in the catalogue. A KeyError is a bug."""
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
    """Count an open backup: its files in one pass over its records, its items by reading its databases.

    `tmp` (0700) holds decrypted copies of the databases that are being read, and is empty afterwards. For a damaged
    database or a missing blob there is a note instead of a number.

    Raises:
        What `backup.records()` raises for a damaged manifest.
    """
    tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
    seen = _RecordPass(claims)
    for record in backup.records(seen.add_bad):
        if record.kind is Kind.FILE:
            stored = _stored_bytes(backup, record)
            size = (stored or 0) if record.size is None else record.size
            seen.add_record(record, size, is_missing=stored is None or (not stored and size > 0))
    encrypted = backup.manifest.is_encrypted
    counting = Counting(backup, tmp)
    return Tally(
        backup=backup.folder.path,
        categories=tuple(
            _category(
                category,
                seen.contents[category.id],
                counting.count(category.id),
                encrypted=encrypted,
                orphans=_orphans(claims, category, seen.unclaimed),
            )
            for category in claims.catalogue.categories
        ),
        apps=tuple(
            _app(app, seen.contents[APP_PREFIX + app.id], counting.count(APP_PREFIX + app.id))
            for app in claims.apps.values()
        ),
        unclaimed=tuple(
            Unclaimed(domain=domain, files=amount.files, bytes=amount.bytes)
            for domain, amount in sorted(seen.unclaimed.items())
        ),
        files=seen.every.files,
        bytes=seen.every.bytes,
        shared=dict(seen.shared),
        bad_rows=seen.bad_rows,
    )


class _RecordPass:
    """The results of one pass over the files of a manifest."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self.contents: dict[str, OwnerContents] = defaultdict(OwnerContents)
        self.unclaimed: dict[str, Amount] = defaultdict(Amount)
        self.shared: dict[frozenset[str], Amount] = defaultdict(Amount)
        self.every = Amount()
        self.bad_rows = 0

    def add_bad(self, bad: BadRecord) -> None:
        self.bad_rows += 1
        if bad.domain:
            for owner in self._claims.owners(bad.domain, bad.relative_path):
                self.contents[owner].bad_rows += 1

    def add_record(self, record: Record, size: int, *, is_missing: bool) -> None:
        _add(self.every, size)
        owners = self._claims.owners(record.domain, record.relative_path)
        if OTHER_SYSTEM in owners and self._claims.is_unclaimed(record.domain, record.relative_path):
            _add(self.unclaimed[record.domain], size)
            return
        for owner in owners:
            self.contents[owner].add(record, size)
            self.contents[owner].missing += is_missing
        if len(owners) > 1:
            _add(self.shared[owners], size)


def _stored_bytes(backup: Backup, record: Record) -> int | None:
    """The length of a file's stored bytes; None where they are missing."""
    name = record.file_id  # 40 hex digits: the manifest has checked it
    with suppress(OSError):  # one call instead of four, for hundreds of thousands of files
        status = os.lstat(f"{backup.folder.path}/{name[:2]}/{name}")
        if stat.S_ISREG(status.st_mode):
            return status.st_size
    try:
        return backup.stored_path(record).stat().st_size
    except (OSError, MigrateError):
        return None


def _add(amount: Amount, size: int) -> None:
    amount.records += 1
    amount.files += 1
    amount.bytes += size


def _orphans(claims: Claims, category: Category, unclaimed: Iterable[str]) -> int:
    return sum(map(claims.is_orphaned, unclaimed)) if category.id == OTHER_SYSTEM else 0


def _category(
    category: Category, contents: OwnerContents, counts: ItemCounts, *, encrypted: bool, orphans: int
) -> CategoryTally:
    notes = [*contents.damage_notes(), *counts.number_notes(), *counts.absent_notes()]
    notes += [*contents.deleted_notes(), *counts.trace_notes()]
    cloud, accounts = counts.elsewhere_notes(), counts.account_notes()
    complete = counts.is_complete if contents.files else None
    if category.only_in_icloud and not contents.files:
        complete, cloud = False, (_("backups do not contain this: it comes back after signing in to iCloud"), *cloud)
    if category.needs_encryption and not encrypted:
        complete = None
        notes.append(
            _("this backup is not encrypted: another phone may not be able to use this")
            if contents.files
            else _("only an encrypted backup contains this, and this one is not encrypted")
        )
    if orphans:
        note = plural(
            "{count} container belongs to an app that is not in this backup: it is listed as unclaimed and moves too",
            "{count} containers belong to apps that are not in this backup: they are listed as unclaimed and move too",
            orphans,
        )
        notes.append(note.format(count=orphans))
    return CategoryTally(
        category=category,
        complete=False if contents.is_damaged else complete,
        notes=(*notes, *cloud, *accounts),
        cloud_notes=cloud,
        account_notes=accounts,
        **_numbers(contents, counts),
    )


def _numbers(contents: OwnerContents, counts: ItemCounts) -> dict[str, Any]:
    return {
        "files": contents.files,
        "bytes": contents.bytes,
        "items": counts.items,
        "deleted": counts.deleted if counts.kinds else contents.trashed or None,
        "only_in_icloud": counts.only_in_icloud,
        "counts": counts,
        "contents": contents,
    }


def _app(app: AppEntry, contents: OwnerContents, counts: ItemCounts) -> AppTally:
    notes = [*contents.damage_notes(), *counts.number_notes(), *counts.absent_notes(), *counts.trace_notes()]
    cloud, accounts = counts.elsewhere_notes(), counts.account_notes()
    if app.groups_guessed:
        notes.append(_("its app groups are guessed from their names, because this backup does not list them"))
    if app.shared_with:
        shared = _("shares data with {apps}: choosing one also moves the shared data")
        notes.append(shared.format(apps=", ".join(app.shared_with)))
    if not contents.files:
        notes.append(_("this backup contains none of its data: the app excludes it from backups, or has none"))
    if app.reinstallable is False:
        notes.append(_("this backup lacks what the phone needs to install this app: install it yourself"))
    if app.caveat:
        notes.append(app.caveat.rstrip("."))
    return AppTally(
        app=app,
        complete=False if contents.is_damaged else counts.is_complete if contents.files else None,
        notes=(*notes, *cloud, *accounts),
        cloud_notes=cloud,
        account_notes=accounts,
        **_numbers(contents, counts),
    )
