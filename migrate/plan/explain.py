"""What a plan will do with a backup, category by category and app by app. Pure: everything it is about is handed in.

goes           it is there when the phone is back
arrives-later  most of it comes after the restart, in the phone's own time
cannot-go      and why: it is in no backup, not in this one, bound to the old phone
only-in-icloud what is in the backup only mentions it
not-chosen     it stays behind
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from migrate.categories.apps import AppEntry
from migrate.categories.catalogue import APP_PREFIX, OTHER_SYSTEM, Category
from migrate.categories.tally import AppTally, CategoryTally, OwnerContents, Tally
from migrate.plan.strategy import ERASED_ONLY_CATEGORIES, Strategy

Fate = Literal["goes", "arrives-later", "cannot-go", "only-in-icloud", "not-chosen"]


@dataclass(frozen=True, kw_only=True)
class CategoryExplanation:
    """One category or app (`app:<bundle>`) of a backup under a plan. `files` and `bytes` are what the backup holds."""

    id: str
    title: str
    fate: Fate
    files: int
    bytes: int
    why: str

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "fate": self.fate, "files": self.files, "bytes": self.bytes, "why": self.why}


@dataclass(frozen=True, kw_only=True)
class Explanation:
    strategy: Strategy | None
    """None: the new phone is in use, and its iOS version is not known."""
    categories: tuple[CategoryExplanation, ...]

    def as_json(self) -> dict[str, Any]:
        """The object of `migrate plan explain --json` (contract 4)."""
        return {
            "strategy": None if self.strategy is None else self.strategy.value,
            "categories": [explained.as_json() for explained in self.categories],
        }


@dataclass(frozen=True, kw_only=True)
class ExplainContext:
    """What is known beside the plan and the backup's contents."""

    owners: frozenset[str]
    """The categories and apps that the plan's words mean for this backup (`chosen_owners`)."""
    strategy: Strategy | None
    encrypted: bool
    excluded: frozenset[str] = frozenset()
    """The owners that the plan leaves out by name."""
    unreadable: Mapping[str, int] = field(default_factory=dict)
    """Owner -> how many of its files the old phone could not read."""
    installed: Collection[str] | None = None
    """Bundle ids of the apps on the new phone; None: it was not asked."""


def explain(tally: Tally, context: ExplainContext) -> Explanation:
    """What becomes of everything `tally` counted. What nobody claims travels with other-system and is counted there."""
    spare = sum(row.files for row in tally.unclaimed), sum(row.bytes for row in tally.unclaimed)
    return Explanation(
        strategy=context.strategy,
        categories=(
            *(_category(row, context, spare) for row in tally.categories),
            *(_app(row, context, tally) for row in tally.apps),
        ),
    )


def _category(row: CategoryTally, context: ExplainContext, spare: tuple[int, int]) -> CategoryExplanation:
    category, files, size = row.category, row.files, row.bytes
    if category.id == OTHER_SYSTEM:
        files, size = files + spare[0], size + spare[1]
    fate, why = _fate_of_category(row, files, context)
    more = _partial_reasons(row.contents, fate, context.unreadable.get(category.id, 0))
    if fate in ("goes", "arrives-later", "only-in-icloud"):
        more += [note for note in row.cloud_notes if note not in why]
    return _explained(category.id, category.title, fate, files, size, [*why, *more])


def _fate_of_category(row: CategoryTally, files: int, context: ExplainContext) -> tuple[Fate, list[str]]:
    category = row.category
    if (left := _reason_not_chosen(category.id, context)) is not None:
        return "not-chosen", [left]
    caveat = [category.caveat.rstrip(".")] if category.caveat else []
    if not files:
        return _fate_of_empty(row, category, context, caveat)
    if category.id in ERASED_ONLY_CATEGORIES and context.strategy in (Strategy.OVERLAY, Strategy.GRAFT):
        return "cannot-go", ["only an erased phone takes it"]
    if category.bound_unless_encrypted and not context.encrypted:
        return "cannot-go", ["this backup is not encrypted, so only the phone it was made on can read it"]
    if row.contents.never.files == files:
        return "cannot-go", [row.contents.why_never or ""]
    if row.items and row.only_in_icloud is not None and row.only_in_icloud >= row.items:
        return "only-in-icloud", ["sign in to iCloud on the new phone to get it", *caveat]
    return _fate_of_moved(row.contents, files, caveat)


def _fate_of_empty(
    row: CategoryTally, category: Category, context: ExplainContext, caveat: list[str]
) -> tuple[Fate, list[str]]:
    if category.only_in_icloud:
        return "only-in-icloud", list(row.cloud_notes)
    if category.needs_encryption and not context.encrypted:
        return "cannot-go", ["only an encrypted backup holds it, and this one is not encrypted"]
    return "cannot-go", ["this backup holds nothing of it", *caveat]


def _fate_of_moved(contents: OwnerContents, files: int, caveat: list[str]) -> tuple[Fate, list[str]]:
    """Later where the greater part comes later: by bytes, or by files where all are empty."""
    part, whole = (contents.later.bytes, contents.bytes) if contents.bytes else (contents.later.files, contents.files)
    if contents.later.files and 2 * part > whole:
        return "arrives-later", [contents.why_later or "", *caveat]
    return "goes", caveat


def _app(row: AppTally, context: ExplainContext, tally: Tally) -> CategoryExplanation:
    app, owner = row.app, APP_PREFIX + row.app.id
    caveat = [app.caveat.rstrip(".")] if app.caveat else []
    in_use = context.strategy in (Strategy.OVERLAY, Strategy.GRAFT)
    missing = context.installed is not None and app.id not in context.installed
    why: list[str]
    if (left := _reason_not_chosen(owner, context)) is not None:
        fate: Fate = "not-chosen"
        why = [left, *_shared_data_reasons(app, context, tally)]
    elif row.has_no_files:
        fate, why = "cannot-go", ["nothing of it is in this backup: it keeps its data out of backups, or has none"]
        why += caveat
    else:
        fate, why = _fate_of_moved(row.contents, row.files, caveat)
        if in_use and missing:
            why.insert(0, "install it on the new phone first: a phone in use takes data only for apps that it has")
        elif app.reinstallable is False and (missing or not in_use):
            why.insert(0, "this backup cannot have the app installed again: install it by hand")
        if app.shared_with:
            why.append(f"shares data with {', '.join(_titles(app.shared_with, tally))}")
    why += _partial_reasons(row.contents, fate, context.unreadable.get(owner, 0))
    return _explained(owner, app.title, fate, row.files, row.bytes, why)


def _reason_not_chosen(owner: str, context: ExplainContext) -> str | None:
    if owner in context.owners:
        return None
    return "the plan leaves it out" if owner in context.excluded else "the plan does not name it"


def _shared_data_reasons(app: AppEntry, context: ExplainContext, tally: Tally) -> list[str]:
    """Data in a group that an app which moves uses too."""
    movers = [other for other in app.shared_with if APP_PREFIX + other in context.owners]
    return [f"what it shares with {', '.join(_titles(movers, tally))} comes along all the same"] if movers else []


def _titles(bundles: Collection[str], tally: Tally) -> list[str]:
    titles = {row.app.id: row.app.title for row in tally.apps}
    return [titles.get(bundle, bundle) for bundle in bundles]


def _partial_reasons(contents: OwnerContents, fate: Fate, unreadable: int) -> list[str]:
    """What is true of a part of it."""
    if fate in ("not-chosen", "cannot-go"):
        return []
    more = []
    if fate == "goes" and contents.later.files:
        more.append(f"{_files(contents.later.files)} of it later: {contents.why_later}")
    if contents.never.files:
        more.append(f"{_files(contents.never.files)} not: {contents.why_never}")
    if unreadable:
        more.append(f"{_files(unreadable)} could not be read from the old phone")
    return more


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _explained(owner: str, title: str, fate: Fate, files: int, size: int, why: list[str]) -> CategoryExplanation:
    sentences = [_capitalized(reason) for reason in dict.fromkeys(filter(None, why))] or [DEFAULT_REASONS[fate]]
    return CategoryExplanation(
        id=owner, title=title, fate=fate, files=files, bytes=size, why=f"{'. '.join(sentences)}."
    )


def _capitalized(sentence: str) -> str:
    """With a capital, but for iOS and iCloud."""
    return sentence if sentence[1:2].isupper() else sentence[:1].upper() + sentence[1:]


DEFAULT_REASONS: Mapping[Fate, str] = {
    "goes": "All of it is there when the phone is back",
    "arrives-later": "It comes after the restart",
    "cannot-go": "It is in no backup",
    "only-in-icloud": "Sign in to iCloud on the new phone to get it",
    "not-chosen": "The plan does not name it",
}
"""Where there is nothing else to say."""
