"""The whole difference of two backups, by category and by file. Both are only read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.categories.catalogue import APP_PREFIX
from migrate.content.difference.files import CHANGES, Change, FileComparison, FilesDifference
from migrate.content.difference.items import TOLD, ItemComparison, ItemFate, KindDifference
from migrate.content.kinds import kinds, source_places
from migrate.content.side import Side
from migrate.content.source import AtPlaces, Source
from migrate.language import _
from migrate.problems import BadRecord, DiffEntriesDamaged
from migrate.problems.finding import Finding
from migrate.progress import Progress, no_progress


@dataclass(frozen=True, kw_only=True)
class CategoryDifference:
    """A category, or an app (`app:<bundle>`)."""

    id: str
    title: str
    kinds: tuple[KindDifference, ...] = ()
    """Empty if it is not read item by item, or neither backup has any."""
    files: Mapping[Change, int] = field(default_factory=dict)

    def count(self, fate: ItemFate) -> int | None:
        """How many of its items; None if one of its kinds could not be compared, or it has none."""
        added = [one for one in self.kinds if not one.kind.extra]
        if not added or any(one.is_unknown for one in added):
            return None
        return sum(one.counts[fate] for one in added)

    @property
    def is_unknown(self) -> bool:
        """Whether items of it could not be compared."""
        return any(one.is_unknown for one in self.kinds)

    @property
    def differs(self) -> bool:
        return any(one.counts[fate] for one in self.kinds if not one.is_unknown for fate in TOLD)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "title": self.title,
            **{fate.value: self.count(fate) for fate in (*TOLD, ItemFate.UNCHANGED)},
            "kinds": [_kind_as_json(one) for one in self.kinds],
            "files": {change: self.files.get(change, 0) for change in CHANGES},
        }


def _kind_as_json(one: KindDifference) -> dict[str, Any]:
    known = not one.is_unknown
    return {
        "id": one.kind.id,
        "label": _(one.kind.label),
        **{fate.value: one.counts[fate] if known else None for fate in (*TOLD, ItemFate.UNCHANGED)},
        "examples": {fate.value: found.named for fate, found in one.examples.items() if known},
        "changed_fields": dict(one.examples[ItemFate.CHANGED].fields)
        if known and ItemFate.CHANGED in one.examples
        else {},
    }


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What differs between OLD and NEW."""

    old: Path
    new: Path
    categories: tuple[CategoryDifference, ...]
    files: FilesDifference
    findings: tuple[Finding, ...]

    @property
    def only_in_old(self) -> dict[str, frozenset[str]]:
        """Kind -> the ids of the items that only OLD has, without kinds that could not be compared."""
        return {
            one.kind.id: frozenset(one.only_in_old)
            for category in self.categories
            for one in category.kinds
            if one.only_in_old and not one.is_unknown
        }

    def as_json(self) -> dict[str, Any]:
        """The object of `migrate diff --json`."""
        return {
            "old": str(self.old),
            "new": str(self.new),
            "categories": [category.as_json() for category in self.categories],
            "files": self.files.as_json(),
            "findings": [finding.as_json() for finding in self.findings],
        }


def compare_backups(
    old: Side,
    new: Side,
    *,
    tmp: Path,
    owners: Collection[str] | None = None,
    lists_gone: bool = False,
    progress: Progress = no_progress,
) -> Difference:
    """Compare two open backups. Blocking.

    Args:
        tmp: for copies of databases that are read (0700); empty afterwards.
        owners: category ids and `app:<bundle>`; None for everything.
        lists_gone: whether `Difference.only_in_old` is wanted.

    Raises:
        BackupUnreadable: a manifest is damaged.
        OSError: `tmp` cannot be written to.
    """
    bad_rows: tuple[list[BadRecord], list[BadRecord]] = ([], [])
    places = source_places()
    at_places = AtPlaces(places), AtPlaces(places)
    files = FileComparison(old, new, owners, bad_rows, at_places, progress)
    sources = tuple(
        Source(side.backup, tmp, places, at_places=found) for side, found in zip((old, new), at_places, strict=True)
    )
    items = ItemComparison((old, new), (sources[0], sources[1]), files.old_files, bad_rows, lists_gone=lists_gone)
    found: dict[str, list[KindDifference]] = {}
    for kind in kinds():
        if (owners is None or kind.owner in owners) and (one := items.run(kind)) is not None:
            found.setdefault(kind.owner, []).append(one)
    damaged = [
        DiffEntriesDamaged(len(bad), str(side.backup.folder.path)).as_finding()
        for side, bad in zip((old, new), bad_rows, strict=True)
        if bad
    ]
    return Difference(
        old=old.backup.folder.path,
        new=new.backup.folder.path,
        categories=_categories(old, new, found, files.difference, owners),
        files=files.difference,
        findings=tuple(dict.fromkeys((*damaged, *items.findings, *files.findings))),
    )


def _categories(
    old: Side,
    new: Side,
    found: Mapping[str, list[KindDifference]],
    files: FilesDifference,
    wanted: Collection[str] | None,
) -> tuple[CategoryDifference, ...]:
    """The categories in the order of the catalogue, then the apps."""
    apps = sorted({APP_PREFIX + bundle for side in (old, new) for bundle in side.claims.apps})
    return tuple(
        CategoryDifference(
            id=owner,
            title=title_of(owner, old, new),
            kinds=tuple(found.get(owner, ())),
            files=files.by_owner.get(owner, Counter()),
        )
        for owner in dict.fromkeys((*old.claims.catalogue.ids, *apps, *sorted(found)))
        if (owner in found or owner in files.by_owner) and (wanted is None or owner in wanted)
    )


def title_of(owner: str, old: Side, new: Side) -> str:
    """What a person calls a category or an app."""
    if not owner.startswith(APP_PREFIX):
        return _(old.claims.catalogue.category(owner).title)
    bundle = owner.removeprefix(APP_PREFIX)
    app = new.claims.apps.get(bundle) or old.claims.apps.get(bundle)
    return bundle if app is None else app.title
