"""Atomic groups: data that is only useful together, such as a photo catalogue and its photos, or an app and its groups.

Choosing a category or app includes all parts, because the same rules own them all. A part can still be missing in two
ways, and both are refused: an app is excluded by name while an app that moves brings their shared group along, or an
essential file could not be read from the old phone.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from migrate.backup.record import Kind, Record
from migrate.categories.apps import APP_DOMAIN, GROUP_DOMAIN, AppEntry
from migrate.categories.catalogue import APP_PREFIX, Part
from migrate.categories.claims import Claims
from migrate.language import _
from migrate.problems import HalfGroup


@dataclass(frozen=True, kw_only=True)
class PartialGroup:
    """An atomic group of which some parts move and some do not."""

    owner: str
    """Category id or `app:<bundle>`."""
    what: str
    moving: tuple[str, ...]
    left: tuple[str, ...]


@dataclass
class _AtomicGroup:
    """One atomic group of one backup: which parts have files, and which of them move."""

    owner: str
    what: str
    present_parts: dict[str, None] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)

    def partial_group(self) -> PartialGroup | None:
        left = tuple(part for part in self.present_parts if part not in self.moving)
        if not self.moving or not left:
            return None
        return PartialGroup(
            owner=self.owner,
            what=self.what,
            moving=tuple(part for part in self.present_parts if part in self.moving),
            left=left,
        )


class _AtomicGroups:
    """Finds the atomic groups of each path; the groups of a domain are computed once."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._by_domain: dict[str, list[tuple[_AtomicGroup, Part]]] = {}
        self._of_categories: list[tuple[_AtomicGroup, Part]] = [
            (atomic_group, part)
            for category in claims.catalogue.categories
            for atomic in category.atomic
            for atomic_group in [_AtomicGroup(category.id, _(atomic.what))]
            for part in atomic.parts
        ]
        self._of_apps: dict[str, list[tuple[_AtomicGroup, str]]] = {}
        self.every = [atomic_group for atomic_group, _part in self._of_categories]
        for app in claims.apps.values():
            if app.groups_guessed:  # a guess must not lead to a refusal
                continue
            atomic_group = _AtomicGroup(APP_PREFIX + app.id, _the_app(app))
            self.every.append(atomic_group)
            self._of_apps.setdefault(APP_DOMAIN + app.id, []).append((atomic_group, _("its container")))
            for group in app.groups:  # extensions keep separate settings: the app works without them
                named = _("its group {group}").format(group=group)
                self._of_apps.setdefault(GROUP_DOMAIN + group, []).append((atomic_group, named))

    def add_record(self, record: Record, *, moves: bool) -> None:
        parts = self._by_domain.get(record.domain)
        if parts is None:
            parts = [(atomic_group, part) for atomic_group, part in self._of_categories if part.is_about(record.domain)]
            self._by_domain[record.domain] = parts
        found = [(atomic_group, _(part.title)) for atomic_group, part in parts if part.matches(record.relative_path)]
        for atomic_group, part in (*found, *self._of_apps.get(record.domain, ())):
            atomic_group.present_parts[part] = None
            if moves:
                atomic_group.moving.add(part)


def partial_groups(
    records: Iterable[Record], moving: Container[str], claims: Claims, owners: Container[str]
) -> list[PartialGroup]:
    """The atomic groups that `moving` (file ids) would split. Directories do not count.

    Only groups of `owners`, the chosen categories and apps, are checked. Shared data that moves along without its other
    app is reported elsewhere.
    """
    atomic_groups = _AtomicGroups(claims)
    for record in records:
        if record.kind is Kind.FILE:
            atomic_groups.add_record(record, moves=record.file_id in moving)
    found = {
        id(atomic_group): atomic_group.partial_group()
        for atomic_group in atomic_groups.every
        if atomic_group.owner in owners
    }
    return [partial_group for partial_group in found.values() if partial_group is not None]


def refuse_partial_groups(
    records: Iterable[Record], moving: Container[str], claims: Claims, owners: Container[str]
) -> None:
    """Refuse a selection that splits an atomic group.

    Raises:
        HalfGroup: some parts move and others do not.
    """
    for partial_group in partial_groups(records, moving, claims, owners):
        raise HalfGroup(partial_group.what, partial_group.moving, partial_group.left)


def refuse_excepted_siblings(claims: Claims, owners: frozenset[str], excepted: Iterable[str]) -> None:
    """Refuse to exclude an app by name if a part of its data would still move with an app that shares a group.

    Raises:
        HalfGroup: a mistake in the plan. Not raised for guessed groups, because then the sharing is a guess too.
    """
    for owner in excepted:
        app = claims.apps.get(owner.removeprefix(APP_PREFIX)) if owner.startswith(APP_PREFIX) else None
        if app is None or app.groups_guessed:
            continue
        for other in app.shared_with:
            sibling = claims.apps[other]
            common = tuple(group for group in app.groups if group in sibling.groups)
            if APP_PREFIX + other in owners and not sibling.groups_guessed and common:
                moving = (_("what it shares with {app}").format(app=sibling.title),)
                raise HalfGroup(_the_app(app), moving, (_("its own container"),))


def _the_app(app: AppEntry) -> str:
    return _("the app {app}").format(app=app.title)
