"""The catalogue of categories and where a backup keeps them, read from categories.toml.

The order of the categories is the precedence of their rules, except for rules marked `first` or `rest`. Plans use the
ids, so an id never changes. docs/categories.md shows the same for readers.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from enum import StrEnum
from functools import cache, cached_property
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from migrate.categories.globs import glob_regex, pattern, support_folder, with_companions, with_sqlite_companions
from migrate.problems import UnknownCategory

EVERYTHING = "everything"
OTHER_SYSTEM = "other-system"
APP_PREFIX = "app:"


def _valid_glob(glob: str) -> str:
    glob_regex(glob)
    return glob


Glob = Annotated[str, AfterValidator(_valid_glob)]


def _any_of(globs: Iterable[str]) -> str:
    return "|".join(f"(?:{with_companions(glob)})" for glob in globs)


def _either(regexes: Iterable[str]) -> str:
    return f"(?:{'|'.join(f'(?:{regex})' for regex in regexes)})"


class _FromToml(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Paths(_FromToml):
    """Paths in one domain, or in all domains that match a pattern."""

    domain: Glob
    globs: tuple[Glob, ...] = Field(min_length=1)

    @cached_property
    def regex(self) -> str:
        """One regular expression for all globs and the companions of the files they match."""
        return _any_of(self.globs)

    @cached_property
    def _path(self) -> re.Pattern[str]:
        return pattern([self.regex])

    @cached_property
    def _domain(self) -> re.Pattern[str]:
        return pattern([glob_regex(self.domain)])

    def is_about(self, domain: str) -> bool:
        return self._domain.fullmatch(domain) is not None

    def matches(self, relative_path: str) -> bool:
        return self._path.fullmatch(relative_path) is not None


class Rule(Paths):
    """Paths in one domain (or in all domains that match a pattern) that belong to a category."""

    not_globs: tuple[Glob, ...] = ()
    needs_encryption: bool = False
    first: bool = Field(default=False, description="applies before the rules of earlier categories")
    rest: bool = Field(default=False, description="applies after the rules of all other categories")
    ios: str | None = Field(default=None, description="versions that keep it here; for readers, never evaluated")
    up_to_ios: int | None = Field(
        default=None, description="applies only if the backup's iOS is known and at most this"
    )
    shared: bool = Field(default=False, description="adds an owner to the one that the other rules find")
    source: str

    @model_validator(mode="after")
    def _is_not_both_first_and_rest(self) -> Rule:
        if self.first and self.rest:
            raise ValueError("a rule applies first or last, not both")
        return self

    @cached_property
    def regex(self) -> str:
        """One regular expression for the paths it includes and excludes, without capturing groups."""
        excluded = f"(?!(?:{_any_of(self.not_globs)})\\Z)" if self.not_globs else ""
        return f"{excluded}(?:{_any_of(self.globs)})"


class RestoreEffect(Paths):
    """Paths that the phone drops or delays after a restore, and why."""

    why: str
    source: str


class PathClass(StrEnum):
    """How a proof compares a file; path_classes.py explains and applies them."""

    ITEMS = "items"
    VERBATIM = "verbatim"
    SETTINGS = "settings"
    DATABASE = "database"
    HOUSEKEEPING = "housekeeping"


class PathClassEntry(Paths):
    """Paths of one class, and why they are."""

    path_class: PathClass = Field(alias="is")
    not_globs: tuple[Glob, ...] = ()
    why: str
    source: str

    def regexes_by_class(self) -> Iterator[tuple[str, PathClass]]:
        """Regular expressions without capturing groups: for the files with their companions, and for the folders where
        Core Data keeps large values, which are ordinary files."""
        excluded = f"(?!(?:{_any_of(self.not_globs)})\\Z)" if self.not_globs else ""
        yield excluded + _either(map(with_sqlite_companions, self.globs)), self.path_class
        folders = [folder for folder in map(support_folder, self.globs) if folder is not None]
        if folders:
            of_folders = PathClass.VERBATIM if self.path_class is PathClass.DATABASE else self.path_class
            yield excluded + _either(folders), of_folders


class VolatileKeysEntry(Paths):
    """Keys of property lists that the phone writes for itself, as patterns of the key's name (fnmatch)."""

    keys: tuple[str, ...] = Field(min_length=1)
    why: str
    source: str


class Part(Paths):
    """One part of an atomic group."""

    title: str


class Atomic(_FromToml):
    """Parts of a category that are only useful together, such as the photos and their catalogue."""

    what: str
    parts: tuple[Part, ...] = Field(min_length=2)


class Category(_FromToml):
    """One category: its names, and where a backup keeps it."""

    id: str = Field(pattern=r"^[a-z]+(-[a-z]+)*$")
    title: str
    called: tuple[str, ...] = Field(default=(), description="other words people use for it")
    encryption: Literal["not-needed", "partly", "needed"] = "not-needed"
    bound_unless_encrypted: bool = Field(
        default=False, description="an unencrypted backup has it too, but only the phone it was made on can read it"
    )
    only_in_icloud: bool = Field(
        default=False, description="no backup has it; it comes back after signing in to iCloud"
    )
    caveat: str | None = None
    erased_only: str | None = Field(default=None, description="why a phone in use cannot take it; None: it can")
    moved_at_ios: tuple[int, ...] = Field(
        default=(), description="the major iOS versions that began to keep it in another place"
    )
    rules: tuple[Rule, ...] = Field(alias="rule", min_length=1)
    atomic: tuple[Atomic, ...] = ()
    never: tuple[RestoreEffect, ...] = ()
    later: tuple[RestoreEffect, ...] = ()
    path_classes: tuple[PathClassEntry, ...] = Field(default=(), alias="path_class")

    @property
    def needs_encryption(self) -> bool:
        """Whether only an encrypted backup contains it in a form that another phone can use."""
        return self.encryption == "needed"

    def moved_since(self, old_ios: int, new_ios: int) -> int | None:
        """The iOS version after `old_ios`, up to `new_ios`, that began to keep it in another place; None: none did."""
        return next((since for since in self.moved_at_ios if old_ios < since <= new_ios), None)


class KnownApp(_FromToml):
    """A third-party app that can be named without asking the phone."""

    bundle: str
    title: str
    caveat: str | None = None


RestoreEffectName = Literal["never", "later"]


class Catalogue(_FromToml):
    """All categories in order of precedence, rules for all containers, and a few well-known apps."""

    categories: tuple[Category, ...] = Field(alias="category", min_length=1)
    never: tuple[RestoreEffect, ...] = ()
    later: tuple[RestoreEffect, ...] = ()
    path_classes: tuple[PathClassEntry, ...] = Field(default=(), alias="path_class")
    volatile_keys: tuple[VolatileKeysEntry, ...] = ()
    known_apps: tuple[KnownApp, ...] = Field(default=(), alias="app")

    @model_validator(mode="after")
    def _ids_are_unique_and_other_system_is_last(self) -> Catalogue:
        if len(set(self.ids)) != len(self.ids) or EVERYTHING in self.ids:
            raise ValueError(f"a category id is used twice, or is {EVERYTHING!r}")
        if self.ids[-1] != OTHER_SYSTEM:
            raise ValueError(f"{OTHER_SYSTEM} takes the remaining data, so it must be last")
        return self

    @cached_property
    def ids(self) -> tuple[str, ...]:
        return tuple(category.id for category in self.categories)

    @cached_property
    def _by_id(self) -> dict[str, Category]:
        return {category.id: category for category in self.categories}

    @cached_property
    def _known_apps(self) -> dict[str, KnownApp]:
        return {app.bundle: app for app in self.known_apps}

    def category(self, word: str) -> Category:
        """The category with this id.

        Raises:
            UnknownCategory: a mistake in the plan or on the command line; it names the nearest id.
        """
        try:
            return self._by_id[word]
        except KeyError:
            raise UnknownCategory(word, self.nearest(word)) from None

    def nearest(self, word: str) -> str:
        """The id (or `everything`) that a person most likely meant. Titles and other names are compared too."""
        id_by_name = {
            name.lower(): category.id for category in self.categories for name in (category.title, *category.called)
        }
        choices = [*self.ids, EVERYTHING, *id_by_name]
        nearest = nearest_of(word.lower().replace("_", "-").strip(), choices)
        return id_by_name.get(nearest, nearest)

    def known_app(self, bundle: str) -> KnownApp | None:
        return self._known_apps.get(bundle)

    def claims_domain(self, domain: str) -> bool:
        """Whether a category other than other-system has a rule for this domain. If so, no app owns the domain."""
        return any(
            rule.is_about(domain) for category in self.categories[:-1] for rule in category.rules if not rule.shared
        )

    def restore_effects(self, name: RestoreEffectName) -> tuple[RestoreEffect, ...]:
        """All entries for one effect, from the categories and for all containers."""
        of_categories = (effect for category in self.categories for effect in getattr(category, name))
        own: tuple[RestoreEffect, ...] = getattr(self, name)
        return (*of_categories, *own)


def nearest_of(word: str, choices: Collection[str]) -> str:
    """The choice most similar to `word`; '' if there are no choices."""
    close = get_close_matches(word, choices, n=1, cutoff=0.0)
    return close[0] if close else ""


@cache
def load_catalogue() -> Catalogue:
    """The shipped catalogue, read and checked once."""
    text = files("migrate.categories").joinpath("categories.toml").read_text(encoding="utf-8")
    return Catalogue.model_validate(tomllib.loads(text))
