"""What only makes sense together: a library's catalogue and its pictures, an app's container and its groups.

A choice by category or app takes all of it, because ownership is decided by one set of rules. Half of one comes about
in two ways, and both are refused: an app is left out by name while another that moves brings their common group along,
and a file without which the rest is worth nothing could not be read from the old phone.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from migrate.backup.record import Kind, Record
from migrate.categories.apps import APP_DOMAIN, GROUP_DOMAIN
from migrate.categories.catalogue import APP_PREFIX, Part
from migrate.categories.claims import Claims
from migrate.problems import HalfGroup


@dataclass(frozen=True, kw_only=True)
class PartialGroup:
    """Parts of one whole of which some move and some do not."""

    owner: str
    """Category id or `app:<bundle>`."""
    what: str
    moving: tuple[str, ...]
    left: tuple[str, ...]


@dataclass
class _AtomicGroup:
    """One atomic group of one backup: for each part, whether there are files of it, and whether any moves."""

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
    """Finds the atomic groups of a path; what applies to a domain is worked out once."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._by_domain: dict[str, list[tuple[_AtomicGroup, Part]]] = {}
        self._of_categories: list[tuple[_AtomicGroup, Part]] = [
            (atomic_group, part)
            for category in claims.catalogue.categories
            for atomic in category.atomic
            for atomic_group in [_AtomicGroup(category.id, atomic.what)]
            for part in atomic.parts
        ]
        self._of_apps: dict[str, list[tuple[_AtomicGroup, str]]] = {}
        self.every = [atomic_group for atomic_group, _ in self._of_categories]
        for app in claims.apps.values():
            if app.groups_guessed:  # a group that is perhaps another's is no reason to refuse anything
                continue
            atomic_group = _AtomicGroup(APP_PREFIX + app.id, f"the app {app.title}")
            self.every.append(atomic_group)
            self._of_apps.setdefault(APP_DOMAIN + app.id, []).append((atomic_group, "its container"))
            for group in app.groups:  # extensions keep settings of their own: no half without them
                self._of_apps.setdefault(GROUP_DOMAIN + group, []).append((atomic_group, f"its group {group}"))

    def add_record(self, record: Record, *, moves: bool) -> None:
        parts = self._by_domain.get(record.domain)
        if parts is None:
            parts = [(atomic_group, part) for atomic_group, part in self._of_categories if part.is_about(record.domain)]
            self._by_domain[record.domain] = parts
        found = [(atomic_group, part.title) for atomic_group, part in parts if part.matches(record.relative_path)]
        for atomic_group, part in (*found, *self._of_apps.get(record.domain, ())):
            atomic_group.present_parts[part] = None
            if moves:
                atomic_group.moving.add(part)


def partial_groups(
    records: Iterable[Record], moving: Container[str], claims: Claims, owners: Container[str]
) -> list[PartialGroup]:
    """Of which wholes a set of file ids would take a part and leave another. Directories are no part of anything.

    `owners` are the categories and apps that were chosen: what merely comes along with them (a group that an app which
    was not chosen uses too) is shown elsewhere, and is not half of anything the person wanted.
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
    """
    Raises:
        HalfGroup: what is to move holds half of what only makes sense together.
    """
    for partial_group in partial_groups(records, moving, claims, owners):
        raise HalfGroup(partial_group.what, partial_group.moving, partial_group.left)


def refuse_excepted_siblings(claims: Claims, owners: frozenset[str], excepted: Iterable[str]) -> None:
    """An app left out by name of whose data a part would move all the same, with an app that it shares a group with.

    Raises:
        HalfGroup: the plan's fault. Not where groups were only guessed: then the sharing is a guess as well.
    """
    for owner in excepted:
        app = claims.apps.get(owner.removeprefix(APP_PREFIX)) if owner.startswith(APP_PREFIX) else None
        if app is None or app.groups_guessed:
            continue
        for other in app.shared_with:
            sibling = claims.apps[other]
            common = tuple(group for group in app.groups if group in sibling.groups)
            if APP_PREFIX + other in owners and not sibling.groups_guessed and common:
                moving = (f"what it shares with {sibling.title}",)
                raise HalfGroup(f"the app {app.title}", moving, ("its own container",))
