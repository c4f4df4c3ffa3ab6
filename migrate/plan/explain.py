"""Explain what a plan does with each category and app of a backup. Pure: reads no phone and no disk.

goes           it is on the new phone when that comes back
arrives-later  most of it arrives after the restart
cannot-go      it is in no backup, not in this one, or bound to the old phone
only-in-icloud the backup holds only references to it
not-chosen     it does not move
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from migrate.categories.apps import AppEntry
from migrate.categories.catalogue import APP_PREFIX, OTHER_SYSTEM, Category
from migrate.content.tally import AppTally, CategoryTally, OwnerContents, Tally
from migrate.language import _, mark, plural
from migrate.plan.in_use import moved_stores
from migrate.plan.strategy import FULL_RESTORES, Strategy

Fate = Literal["goes", "arrives-later", "cannot-go", "only-in-icloud", "not-chosen"]


@dataclass(frozen=True, kw_only=True)
class CategoryExplanation:
    """What happens to one category or app (`app:<bundle>`). The numbers count what the backup holds."""

    id: str
    title: str
    fate: Fate
    items: int | None
    """None if unknown, or if it has no items that can be counted."""
    files: int
    bytes: int
    why: str

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "fate": self.fate,
            "items": self.items,
            "files": self.files,
            "bytes": self.bytes,
            "why": self.why,
        }


@dataclass(frozen=True, kw_only=True)
class Explanation:
    strategy: Strategy | None
    """None: the plan names an experimental one, and the new phone's iOS version is unknown."""
    categories: tuple[CategoryExplanation, ...]

    def as_json(self) -> dict[str, Any]:
        """The object of `migrate plan explain --json` (contract 4)."""
        return {
            "strategy": None if self.strategy is None else self.strategy.value,
            "categories": [explained.as_json() for explained in self.categories],
        }


@dataclass(frozen=True, kw_only=True)
class ExplainContext:
    """What `explain` has to know besides the backup's contents."""

    owners: frozenset[str]
    """The categories and apps that the plan chooses in this backup (`chosen_owners`)."""
    strategy: Strategy | None
    encrypted: bool
    excluded: frozenset[str] = frozenset()
    """The owners that the plan excludes by name."""
    unreadable: Mapping[str, int] = field(default_factory=dict)
    """Owner -> how many of its files the old phone could not read."""
    installed: Collection[str] | None = None
    """Bundle ids of the apps on the new phone; None: unknown."""
    old_ios: str | None = None
    new_ios: str | None = None
    """None: the new phone is not connected."""

    @property
    def in_use(self) -> bool:
        return self.strategy is not Strategy.REPLACE


def explain(tally: Tally, context: ExplainContext) -> Explanation:
    """What happens to everything in `tally`. Unclaimed files move with other-system and are counted there."""
    unclaimed = sum(row.files for row in tally.unclaimed), sum(row.bytes for row in tally.unclaimed)
    return Explanation(
        strategy=context.strategy,
        categories=(
            *(_category(row, context, unclaimed) for row in tally.categories),
            *(_app(row, context, tally) for row in tally.apps),
        ),
    )


def _category(row: CategoryTally, context: ExplainContext, unclaimed: tuple[int, int]) -> CategoryExplanation:
    category, files, size = row.category, row.files, row.bytes
    if category.id == OTHER_SYSTEM:
        files, size = files + unclaimed[0], size + unclaimed[1]
    fate, why = _fate_of_category(row, files, context)
    more = _partial_reasons(row.contents, fate, context.unreadable.get(category.id, 0))
    if fate in ("goes", "arrives-later", "only-in-icloud"):
        more += [note for note in (*row.cloud_notes, *row.account_notes) if note not in why]
    return CategoryExplanation(
        id=category.id,
        title=_(category.title),
        fate=fate,
        items=row.items,
        files=files,
        bytes=size,
        why=_sentences(fate, [*why, *more]),
    )


def _fate_of_category(row: CategoryTally, files: int, context: ExplainContext) -> tuple[Fate, list[str]]:
    category = row.category
    if (not_chosen := _reason_not_chosen(category.id, context)) is not None:
        return "not-chosen", [not_chosen]
    caveat = [_(category.caveat).rstrip(".")] if category.caveat else []
    if not files:
        return _fate_of_empty(row, category, context, caveat)
    if context.in_use and (refused := _reason_not_in_use(category, context)) is not None:
        return "cannot-go", [refused]
    if category.bound_unless_encrypted and not context.encrypted:
        return "cannot-go", [_("this backup is not encrypted, so only the phone it was made on can read it")]
    if row.contents.never.files == files:
        return "cannot-go", [row.contents.why_never or ""]
    if row.items and row.only_in_icloud is not None and row.only_in_icloud >= row.items:
        return "only-in-icloud", [_("sign in to iCloud on the new phone to get it"), *caveat]
    return _fate_of_moved(row.contents, files, caveat)


def _reason_not_in_use(category: Category, context: ExplainContext) -> str | None:
    """Why a phone in use cannot take this category; None: it can."""
    if category.erased_only is not None:
        return _("only an erased phone can take it: {why}").format(why=_(category.erased_only))
    for moved in moved_stores([category.id], context.old_ios, context.new_ios):
        text = _("iOS {since} began to keep it in another place, where a phone in use has its own: erase it first")
        return text.format(since=moved.since)
    return None


def _fate_of_empty(
    row: CategoryTally, category: Category, context: ExplainContext, caveat: list[str]
) -> tuple[Fate, list[str]]:
    if category.only_in_icloud:
        return "only-in-icloud", list(row.cloud_notes)
    if category.needs_encryption and not context.encrypted:
        return "cannot-go", [_("only an encrypted backup contains it, and this one is not encrypted")]
    return "cannot-go", [_("this backup contains none of it"), *caveat]


def _fate_of_moved(contents: OwnerContents, files: int, caveat: list[str]) -> tuple[Fate, list[str]]:
    """`arrives-later` if most of it comes later, by bytes, or by files if all of them are empty."""
    part, whole = (contents.later.bytes, contents.bytes) if contents.bytes else (contents.later.files, contents.files)
    if contents.later.files and 2 * part > whole:
        return "arrives-later", [contents.why_later or "", *caveat]
    return "goes", caveat


def _app(row: AppTally, context: ExplainContext, tally: Tally) -> CategoryExplanation:
    app, owner = row.app, APP_PREFIX + row.app.id
    caveat = [app.caveat.rstrip(".")] if app.caveat else []
    missing = context.installed is not None and app.id not in context.installed
    by_hand = context.strategy not in (None, *FULL_RESTORES) or app.reinstallable is False
    why: list[str]
    if (not_chosen := _reason_not_chosen(owner, context)) is not None:
        fate: Fate = "not-chosen"
        why = [not_chosen, *_shared_data_reasons(app, context, tally)]
    elif row.has_no_files:
        fate, why = (
            "cannot-go",
            [_("this backup contains none of its data: the app excludes it from backups, or has none")],
        )
        why += caveat
    else:
        fate, why = _fate_of_moved(row.contents, row.files, caveat)
        if context.in_use and missing and by_hand:
            first = _("install it on the new phone first: a phone in use takes data only for apps that are installed")
            why.insert(0, first)
        elif app.reinstallable is False and not context.in_use:
            why.insert(0, _("this backup lacks what the phone needs to install the app: install it yourself"))
        if app.shared_with:
            why.append(_("shares data with {apps}").format(apps=", ".join(_titles(app.shared_with, tally))))
    why += _partial_reasons(row.contents, fate, context.unreadable.get(owner, 0))
    if fate in ("goes", "arrives-later"):
        why += (*row.cloud_notes, *row.account_notes)
    return CategoryExplanation(
        id=owner,
        title=app.title,
        fate=fate,
        items=row.items,
        files=row.files,
        bytes=row.bytes,
        why=_sentences(fate, why),
    )


def _reason_not_chosen(owner: str, context: ExplainContext) -> str | None:
    if owner in context.owners:
        return None
    return _("the plan excludes it") if owner in context.excluded else _("the plan does not include it")


def _shared_data_reasons(app: AppEntry, context: ExplainContext, tally: Tally) -> list[str]:
    """A note about data that the app shares with an app that moves."""
    moving = [other for other in app.shared_with if APP_PREFIX + other in context.owners]
    moves = _("the data it shares with {apps} still moves")
    return [moves.format(apps=", ".join(_titles(moving, tally)))] if moving else []


def _titles(bundles: Collection[str], tally: Tally) -> list[str]:
    titles = {row.app.id: row.app.title for row in tally.apps}
    return [titles.get(bundle, bundle) for bundle in bundles]


def _partial_reasons(contents: OwnerContents, fate: Fate, unreadable: int) -> list[str]:
    """Notes about files that arrive later, do not move, or could not be read."""
    if fate in ("not-chosen", "cannot-go"):
        return []
    more = []
    if fate == "goes" and contents.later.files:
        count = contents.later.files
        later = plural("{count:,} file arrives later: {why}", "{count:,} files arrive later: {why}", count)
        more.append(later.format(count=count, why=contents.why_later))
    if contents.never.files:
        count = contents.never.files
        never = plural("{count:,} file does not move: {why}", "{count:,} files do not move: {why}", count)
        more.append(never.format(count=count, why=contents.why_never))
    if unreadable:
        lost = plural(
            "{count:,} file could not be read from the old phone",
            "{count:,} files could not be read from the old phone",
            unreadable,
        )
        more.append(lost.format(count=unreadable))
    return more


def _sentences(fate: Fate, why: list[str]) -> str:
    """Each reason once, as sentences."""
    sentences = [_capitalized(reason) for reason in dict.fromkeys(filter(None, why))] or [_(DEFAULT_REASONS[fate])]
    return f"{'. '.join(sentences)}."


def _capitalized(sentence: str) -> str:
    """`sentence` with a capital first letter, except for names such as iOS and iCloud."""
    return sentence if sentence[1:2].isupper() else sentence[:1].upper() + sentence[1:]


DEFAULT_REASONS: Mapping[Fate, str] = {
    "goes": mark("All of it is on the new phone after the restart"),
    "arrives-later": mark("It arrives after the restart"),
    "cannot-go": mark("Backups do not contain it"),
    "only-in-icloud": mark("Sign in to iCloud on the new phone to get it"),
    "not-chosen": mark("The plan does not include it"),
}
"""Used if there is no more specific reason."""
