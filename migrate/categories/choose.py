"""From what a person chose to the records that move.

An owner moves whole: its records carry each other (a database and its -wal, Photos.sqlite and DCIM, sms.db and the
attachments in another domain, an app and its groups), because ownership is decided by the same rules for all of them;
what would be half of one all the same is refused (atomic.py).
A record with several owners moves as soon as one of them does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal

from migrate.backup.record import Kind, Record
from migrate.categories.atomic import refuse_excepted_siblings
from migrate.categories.catalogue import APP_PREFIX, EVERYTHING, nearest_of
from migrate.categories.claims import Claims
from migrate.problems import UnknownApp

AppSelection = Literal["all", "none"] | Collection[str]


@dataclass
class Amount:
    """What an owner has in a choice. Directories and symlinks are records, not files; bytes are the files' own."""

    records: int = 0
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The records that move, and for whom."""

    file_ids: frozenset[str]
    owners: frozenset[str]
    """Category ids and `app:<bundle>`: everything that was chosen, also what has no record in this backup."""
    by_owner: dict[str, Amount] = field(default_factory=dict)
    """Per chosen owner; a record with two chosen owners counts for both."""
    apps: frozenset[str] = frozenset()
    """Bundle ids: their placeholders go into the restore set."""
    shared_with_unchosen: frozenset[tuple[str, str]] = frozenset()
    """(domain, bundle id): shared data that comes along although that app was not chosen."""


def chosen_owners(
    claims: Claims, *, categories: Collection[str], except_: Collection[str] = (), apps: AppSelection | None = None
) -> frozenset[str]:
    """What a plan's `categories`, `except` and `apps` mean for one backup: category ids and `app:<bundle>`.

    `apps` None is the default: all of them with `everything`, else none. `except_` takes category ids,
    bundle ids and `app:<bundle>`, and wins over everything else.

    Raises:
        UnknownCategory, UnknownApp: the plan's fault; each names the nearest one there is.
        HalfGroup: an app is left out by name, and one that moves would bring a part of its data along.
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


def choose(
    records: Iterable[Record],
    claims: Claims,
    *,
    categories: Collection[str],
    except_: Collection[str] = (),
    apps: AppSelection | None = None,
) -> Choice:
    """The records (files, symlinks and the directories that belong to an owner) that move.

    Ancestor directories that belong to nobody in particular are not in it: the composer adds them.

    Raises:
        UnknownCategory, UnknownApp, HalfGroup: as `chosen_owners`.
    """
    owners = chosen_owners(claims, categories=categories, except_=except_, apps=apps)
    by_owner = {owner: Amount() for owner in sorted(owners)}
    file_ids: set[str] = set()
    shared_with_unchosen: set[tuple[str, str]] = set()
    for record in records:
        its_owners = claims.owners(record.domain, record.relative_path)
        moving = its_owners & owners
        if not moving:
            continue
        file_ids.add(record.file_id)
        for owner in moving:
            _count(by_owner[owner], record)
        for owner in its_owners - owners:
            if owner.startswith(APP_PREFIX):
                shared_with_unchosen.add((record.domain, owner.removeprefix(APP_PREFIX)))
    return Choice(
        file_ids=frozenset(file_ids),
        owners=owners,
        by_owner=by_owner,
        apps=frozenset(owner.removeprefix(APP_PREFIX) for owner in owners if owner.startswith(APP_PREFIX)),
        shared_with_unchosen=frozenset(shared_with_unchosen),
    )


def excepted_owners(claims: Claims, except_: Collection[str]) -> frozenset[str]:
    """What a plan's `except` means for one backup.

    Raises:
        UnknownCategory, UnknownApp: the plan's fault.
    """
    return frozenset(_owner(claims, word) for word in except_)


def files_by_owner(records: Iterable[Record], file_ids: Collection[str], claims: Claims) -> dict[str, int]:
    """How many of these files each category and app has; a file of several owners counts for each."""
    found: Counter[str] = Counter()
    for record in records if file_ids else ():
        if record.file_id in file_ids:
            found.update(claims.owners(record.domain, record.relative_path))
    return dict(found)


def _count(amount: Amount, record: Record) -> None:
    amount.records += 1
    if record.kind is Kind.FILE:
        amount.files += 1
        amount.bytes += record.size or 0


def _owner(claims: Claims, word: str) -> str:
    """A word of the plan: a category's id, `app:<bundle>`, or a bundle id (it has dots, no category has)."""
    if word.startswith(APP_PREFIX) or "." in word:
        return _app(claims, word.removeprefix(APP_PREFIX))
    return claims.catalogue.category(word).id


def _app(claims: Claims, bundle: str) -> str:
    if bundle not in claims.apps:
        raise UnknownApp(bundle, nearest_of(bundle, claims.apps.keys()))
    return APP_PREFIX + bundle
