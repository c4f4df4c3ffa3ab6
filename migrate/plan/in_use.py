"""What a phone in use cannot take, and why (design 4). Pure: every refusal has a small test.

A phone in use gets its own complete backup back, with chosen categories replaced in it. To the phone that is its own
data, so it neither converts stores that a newer iOS keeps elsewhere, nor asks whether a deletion was meant for a cloud.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from migrate.categories.catalogue import Category, load_catalogue
from migrate.language import _
from migrate.plan.model import Plan
from migrate.plan.strategy import parse_version
from migrate.problems import CategoriesMovedStore, CategoriesSynced

SYNCED_BY = MappingProxyType(
    {"Bookmarks": "safari", "Calendars": "calendars", "Contacts": "contacts", "Notes": "notes"}
)
"""Keys of com.apple.mobile.data_sync, whose Sources name the accounts that hold the data (facts 6.1, REPORTED)."""


@cache
def erased_only_categories() -> frozenset[str]:
    """The ids of the categories that a phone in use cannot take."""
    return frozenset(one.id for one in load_catalogue().categories if one.erased_only is not None)


@dataclass(frozen=True)
class MovedStore:
    """A category that the new phone's iOS keeps in another place than the old phone's."""

    category: Category
    since: int


def moved_stores(owners: Iterable[str], old_ios: str | None, new_ios: str | None) -> tuple[MovedStore, ...]:
    """Those of `owners` whose store another iOS version keeps elsewhere. Unknown versions: none."""
    old, new = parse_version(old_ios), parse_version(new_ios)
    if old is None or new is None:
        return ()
    wanted = frozenset(owners)
    found = ((one, one.moved_since(old[0], new[0])) for one in load_catalogue().categories if one.id in wanted)
    return tuple(MovedStore(category, since) for category, since in found if since is not None)


def refuse_moved_stores(plan: Plan, old_ios: str | None, new_ios: str | None, *, phone: str) -> None:
    """Refuse categories that would lie where the new phone's iOS does not look for them. None has a converter yet.

    Raises:
        CategoriesMovedStore.
    """
    if plan.new_phone.is_ != "in-use":
        return
    moved = moved_stores(chosen_categories(plan), old_ios, new_ios)
    if moved:
        raise CategoriesMovedStore(
            phone,
            str(old_ios),
            tuple(
                _("{title} (since iOS {since})").format(title=_(one.category.title), since=one.since) for one in moved
            ),
            tuple(one.category.id for one in moved),
        )


def refuse_synced(plan: Plan, synced: Mapping[str, Collection[str]], *, phone: str) -> None:
    """Refuse categories that the new phone syncs: what is missing after the restore could be deleted in the account
    too (*guessed*). `synced`: category -> the accounts.

    Raises:
        CategoriesSynced.
    """
    if plan.new_phone.is_ != "in-use":
        return
    wanted = chosen_categories(plan)
    found = [one for one in load_catalogue().categories if one.id in wanted and synced.get(one.id)]
    if found:
        titles = tuple(
            _("{title} ({accounts})").format(title=_(one.title), accounts=", ".join(sorted(synced[one.id])))
            for one in found
        )
        raise CategoriesSynced(phone, titles, tuple(one.id for one in found))


def chosen_categories(plan: Plan) -> frozenset[str]:
    """The categories that a plan for a phone in use names: it cannot say "everything"."""
    return frozenset(plan.move.categories) - frozenset(plan.move.except_)
