"""The catalogue of categories and where a backup keeps them, read from categories.toml.

The order of the categories is the precedence of their rules, except for rules marked `first` or `rest`. Plans use the
ids, so an id never changes. docs/categories.md shows the same for readers.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from functools import cache, cached_property
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from migrate.categories.globs import glob_regex, pattern, with_companions
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
    """Paths that the phone drops, delays or rewrites after a restore, and why."""

    why: str
    source: str


class Part(Paths):
    """One part of an atomic group."""

    title: str


class Atomic(_FromToml):
    """Parts of a category that are only useful together, such as the photos and their catalogue."""

    what: str
    parts: tuple[Part, ...] = Field(min_length=2)


class CountSource(_FromToml):
    """Where a count comes from: rows of a table, top-level keys of a property list, or a list inside one."""

    domain: str
    paths: tuple[Glob, ...] = Field(min_length=1)
    reads: Literal["rows", "plist-keys", "plist-list"] = "rows"
    tables: tuple[str, ...] = Field(default=(), description="the first one that exists is counted")
    where: dict[str, int] = Field(default_factory=dict, description="column = value, for columns that exist")
    whole_with: tuple[str, ...] = Field(default=(), description="tables that hold a part of each counted item")
    needs: tuple[str, ...] = Field(default=(), description="columns that must exist, or nothing is counted here")
    key: str | None = None

    @model_validator(mode="after")
    def _fields_fit_reads(self) -> CountSource:
        if (self.reads == "rows") != bool(self.tables) or (self.reads == "plist-list") != (self.key is not None):
            raise ValueError("`tables` belongs to rows only, and `key` to plist-list only")
        return self

    @cached_property
    def path_pattern(self) -> re.Pattern[str]:
        """Matches the main files only, because the database is opened, not its `-wal`."""
        return pattern(glob_regex(path) for path in self.paths)


class Count(_FromToml):
    """One number of a category: from the first of `places` whose files give a number, summed over those files."""

    label: str
    extra: bool = Field(default=False, description="shown beside the category's number, not added to it")
    places: tuple[CountSource, ...] = Field(min_length=1)


class Category(_FromToml):
    """One category: its names, where a backup keeps it, and how to count it."""

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
    rules: tuple[Rule, ...] = Field(alias="rule", min_length=1)
    counts: tuple[Count, ...] = Field(default=(), alias="count")
    atomic: tuple[Atomic, ...] = ()
    never: tuple[RestoreEffect, ...] = ()
    later: tuple[RestoreEffect, ...] = ()
    rewritten: tuple[RestoreEffect, ...] = ()

    @property
    def needs_encryption(self) -> bool:
        """Whether only an encrypted backup contains it in a form that another phone can use."""
        return self.encryption == "needed"


class KnownApp(_FromToml):
    """A third-party app that can be named without asking the phone."""

    bundle: str
    title: str
    caveat: str | None = None
    counts: tuple[Count, ...] = Field(default=(), alias="count")


RestoreEffectName = Literal["never", "later", "rewritten"]


class Catalogue(_FromToml):
    """All categories in order of precedence, rules for all containers, and a few well-known apps."""

    categories: tuple[Category, ...] = Field(alias="category", min_length=1)
    never: tuple[RestoreEffect, ...] = ()
    later: tuple[RestoreEffect, ...] = ()
    rewritten: tuple[RestoreEffect, ...] = ()
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

    def counted_tables(self, domain: str, relative_path: str) -> frozenset[str]:
        """Tables whose rows are the items of a category."""
        return frozenset(table for place in self._places(domain, relative_path) for table in place.tables)

    def proven_tables(self, domain: str, relative_path: str) -> frozenset[str]:
        """Tables whose rows a person would miss. A proof compares these, not the database's other tables."""
        parts = (table for place in self._places(domain, relative_path) for table in place.whole_with)
        return self.counted_tables(domain, relative_path).union(parts)

    def _places(self, domain: str, relative_path: str) -> Iterator[CountSource]:
        """The count sources that read this file."""
        counts = [count for category in self.categories for count in category.counts]
        counts += [count for app in self.known_apps for count in app.counts]
        for place in (place for count in counts for place in count.places):
            if place.domain == domain and place.path_pattern.fullmatch(relative_path):
                yield place


def nearest_of(word: str, choices: Collection[str]) -> str:
    """The choice most similar to `word`; '' if there are no choices."""
    close = get_close_matches(word, choices, n=1, cutoff=0.0)
    return close[0] if close else ""


@cache
def load_catalogue() -> Catalogue:
    """The shipped catalogue, read and checked once."""
    text = files("migrate.categories").joinpath("categories.toml").read_text(encoding="utf-8")
    return Catalogue.model_validate(tomllib.loads(text))
