"""Turn what a person chose into the records that move.

An owner moves as a whole: records that belong together (a database and its -wal, Photos.sqlite and DCIM, sms.db and its
attachments in another domain, an app and its groups) have the same owner. Selections that would still split such a
group are refused (atomic.py). A record with several owners moves if one of them is chosen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

from migrate.backup.file_ids import FileIdCollector, FileIds
from migrate.backup.manifest.manifest import Row
from migrate.backup.record import Kind, Record
from migrate.categories.atomic import refuse_excepted_siblings
from migrate.categories.catalogue import APP_PREFIX, EVERYTHING, nearest_of
from migrate.categories.claims import Claims, Owners
from migrate.problems import UnknownApp

AppSelection = Literal["all", "none"] | Collection[str]
OnRow = Callable[[Row], None]


@dataclass(slots=True)
class Amount:
    """How much of an owner was chosen. Directories and symlinks count as records only; bytes are those of the files."""

    records: int = 0
    files: int = 0
    bytes: int = 0

    def add(self, other: Amount) -> None:
        self.records += other.records
        self.files += other.files
        self.bytes += other.bytes


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The records that move, and their owners."""

    file_ids: Set[str] = frozenset()
    """Only where the chooser was asked to collect them: otherwise a record moves if one of its owners does."""
    owners: frozenset[str]
    """Category ids and `app:<bundle>`: everything that was chosen, even without a record in this backup."""
    records: int = 0
    files: int = 0
    """How many of the records are files."""
    bytes: int = 0
    """Their sizes, as the phone claims."""
    by_owner: dict[str, Amount] = field(default_factory=dict)
    """Per chosen owner; a record with two chosen owners counts for both."""
    apps: frozenset[str] = frozenset()
    """Bundle ids of the apps whose placeholders go into the restore set."""
    owners_of_files: frozenset[str] = frozenset()
    """Every owner, chosen or not, that has a file in this backup."""
    shared_with_unchosen: frozenset[tuple[str, str]] = frozenset()
    """(domain, bundle id): shared data that moves although that app was not chosen."""


def chosen_owners(
    claims: Claims, *, categories: Collection[str], except_: Collection[str] = (), apps: AppSelection | None = None
) -> frozenset[str]:
    """The owners that a plan's `categories`, `except` and `apps` choose in one backup: category ids and `app:<bundle>`.

    `apps` None means the default: all with `everything`, else none. `except_` takes category ids, bundle ids and
    `app:<bundle>`, and overrides everything else.

    Raises:
        UnknownCategory, UnknownApp: a mistake in the plan; each names the nearest match.
        HalfGroup: an app is excluded by name, but an app that moves would bring a part of its data along.
    """
    everything = EVERYTHING in categories
    if apps is None:
        apps = "all" if everything else "none"
    chosen: set[str] = set(claims.catalogue.ids) if everything else set()
    for word in categories:
        if word != EVERYTHING:
            chosen.add(_owner(claims, word))
    if apps == "all":
        chosen.update(APP_PREFIX + bundle for bundle in claims.apps)
    elif apps != "none":
        chosen.update(_app(claims, bundle.removeprefix(APP_PREFIX)) for bundle in apps)
    excepted = excepted_owners(claims, except_)
    owners = frozenset(chosen - excepted)
    refuse_excepted_siblings(claims, owners, sorted(excepted))
    return owners


class Chooser:
    """Chooses among the records of one backup, which it sees one by one: files, symlinks and the directories that
    belong to a chosen owner. Ancestor directories of other owners are not chosen; the composer adds them.

    Raises:
        UnknownCategory, UnknownApp, HalfGroup: like `chosen_owners`.
    """

    def __init__(
        self,
        claims: Claims,
        *,
        categories: Collection[str],
        except_: Collection[str] = (),
        apps: AppSelection | None = None,
        on_row: Mapping[str, OnRow] | None = None,
        file_ids: FileIdCollector | None = None,
    ) -> None:
        """`on_row`: by domain, who else is to see its rows, chosen or not. `file_ids` receives those of the choice."""
        self._claims = claims
        self.owners = chosen_owners(claims, categories=categories, except_=except_, apps=apps)
        self._file_ids = file_ids
        self._on_row = on_row or {}
        self._domains: dict[str, _Domain] = {}

    @property
    def apps(self) -> frozenset[str]:
        """Bundle ids of the chosen apps."""
        return frozenset(owner.removeprefix(APP_PREFIX) for owner in self.owners if owner.startswith(APP_PREFIX))

    def takes(self, row: Row, size: int | None) -> bool:
        """Whether this record moves."""
        file_id, domain, relative_path, flags, _ = row
        seen = self._domains.get(domain)
        if seen is None:
            seen = self._domains[domain] = _Domain(self._claims.owners_of_all(domain), self._on_row.get(domain))
        if seen.on_row is not None:
            seen.on_row(row)
        owners = seen.owners or self._claims.owners(domain, relative_path)
        counted = seen.counted.get(owners)
        if counted is None:
            counted = seen.counted[owners] = _Counted(moves=not owners.isdisjoint(self.owners))
        counted.records += 1
        if flags & 7 == Kind.FILE:
            counted.files += 1
            counted.bytes += size or 0
        if self._file_ids is not None and counted.moves:
            self._file_ids.add(file_id)
        return counted.moves

    def choice(self) -> Choice:
        """What was chosen among all records so far."""
        by_owner = {owner: Amount() for owner in sorted(self.owners)}
        total = Amount()
        owners_of_files: set[str] = set()
        shared_with_unchosen: set[tuple[str, str]] = set()
        for domain, seen in self._domains.items():
            for owners, counted in seen.counted.items():
                if counted.files:
                    owners_of_files |= owners
                moving = owners & self.owners
                for owner in moving:
                    by_owner[owner].add(counted)
                if moving:
                    total.add(counted)
                    unchosen = (owner for owner in owners - self.owners if owner.startswith(APP_PREFIX))
                    shared_with_unchosen.update((domain, owner.removeprefix(APP_PREFIX)) for owner in unchosen)
        return Choice(
            file_ids=frozenset() if self._file_ids is None else FileIds.of(self._file_ids),
            records=total.records,
            files=total.files,
            bytes=total.bytes,
            owners=self.owners,
            by_owner=by_owner,
            apps=self.apps,
            owners_of_files=frozenset(owners_of_files),
            shared_with_unchosen=frozenset(shared_with_unchosen),
        )


@dataclass(slots=True)
class _Counted(Amount):
    """The records of one domain that have the same owners."""

    moves: bool = False


@dataclass(slots=True)
class _Domain:
    owners: Owners | None
    """Those of all its records; None if they depend on the path."""
    on_row: OnRow | None
    counted: dict[Owners, _Counted] = field(default_factory=dict)


def choose(
    records: Iterable[Record],
    claims: Claims,
    *,
    categories: Collection[str],
    except_: Collection[str] = (),
    apps: AppSelection | None = None,
) -> Choice:
    """The records that move: see `Chooser`."""
    chooser = Chooser(claims, categories=categories, except_=except_, apps=apps, file_ids=FileIdCollector())
    for record in records:
        chooser.takes(Row(record.file_id, record.domain, record.relative_path, record.kind, b""), record.size)
    return chooser.choice()


def excepted_owners(claims: Claims, except_: Collection[str]) -> frozenset[str]:
    """The owners that a plan's `except` names in one backup.

    Raises:
        UnknownCategory, UnknownApp: a mistake in the plan.
    """
    return frozenset(_owner(claims, word) for word in except_)


def files_by_owner(records: Iterable[Record], file_ids: Collection[str], claims: Claims) -> dict[str, int]:
    """How many of these files each category and app has. A file with several owners counts for each."""
    found: Counter[str] = Counter()
    for record in records if file_ids else ():
        if record.file_id in file_ids:
            found.update(claims.owners(record.domain, record.relative_path))
    return dict(found)


def _owner(claims: Claims, word: str) -> str:
    """The owner for an entry in a plan: a category id, `app:<bundle>`, or a bundle id (which contains dots)."""
    if word.startswith(APP_PREFIX) or "." in word:
        return _app(claims, word.removeprefix(APP_PREFIX))
    return claims.catalogue.category(word).id


def _app(claims: Claims, bundle: str) -> str:
    if bundle not in claims.apps:
        raise UnknownApp(bundle, nearest_of(bundle, claims.apps.keys()))
    return APP_PREFIX + bundle
