"""The catalogue: what people call their data and where a backup keeps it, read from categories.toml.

The order of the categories is the precedence of their rules, but for the rules that say `first` or `rest`; their ids
are what plans say, so none ever changes. docs/categories.md is the same for reading.
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
    """Paths of one domain, or of the domains a pattern names."""

    domain: Glob
    globs: tuple[Glob, ...] = Field(min_length=1)

    @cached_property
    def regex(self) -> str:
        """One expression for all its globs and what stands beside the files they name."""
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
    """Paths of one domain (or of the domains a pattern names) that belong to a category."""

    not_globs: tuple[Glob, ...] = ()
    needs_encryption: bool = False
    first: bool = Field(default=False, description="asked before the rules of categories that come earlier")
    rest: bool = Field(default=False, description="asked after the rules of all other categories")
    ios: str | None = Field(default=None, description="which versions keep it here, for people: the manifest decides")
    up_to_ios: int | None = Field(default=None, description="only where the backup's iOS is known and at most this")
    shared: bool = Field(default=False, description="joins the owner that the other rules find, instead of being it")
    source: str

    @model_validator(mode="after")
    def _has_one_place_in_the_order(self) -> Rule:
        if self.first and self.rest:
            raise ValueError("a rule is asked first or last, not both")
        return self

    @cached_property
    def regex(self) -> str:
        """One expression for all it takes and leaves out, without groups of its own."""
        excluded = f"(?!(?:{_any_of(self.not_globs)})\\Z)" if self.not_globs else ""
        return f"{excluded}(?:{_any_of(self.globs)})"


class RestoreEffect(Paths):
    """Paths to which the phone does one thing after a restore, and why."""

    why: str
    source: str


class Part(Paths):
    """One part of what only makes sense together."""

    title: str


class Atomic(_FromToml):
    """Parts of a category that only make sense together: the catalogue of photos and the photos themselves."""

    what: str
    parts: tuple[Part, ...] = Field(min_length=2)


class CountSource(_FromToml):
    """Where a count is read: rows of a table, top-level keys of a property list, or a list inside one."""

    domain: str
    paths: tuple[Glob, ...] = Field(min_length=1)
    reads: Literal["rows", "plist-keys", "plist-list"] = "rows"
    tables: tuple[str, ...] = Field(default=(), description="the first one the database has is counted")
    where: dict[str, int] = Field(default_factory=dict, description="column = value, for the columns the table has")
    whole_with: tuple[str, ...] = Field(default=(), description="tables that hold a part of each counted thing")
    needs: tuple[str, ...] = Field(default=(), description="columns without which nothing is counted here")
    key: str | None = None

    @model_validator(mode="after")
    def _says_what_to_read(self) -> CountSource:
        if (self.reads == "rows") != bool(self.tables) or (self.reads == "plist-list") != (self.key is not None):
            raise ValueError("rows need tables, a plist-list needs a key, and nothing else has them")
        return self

    @cached_property
    def path_pattern(self) -> re.Pattern[str]:
        """Of the main files alone: what is opened is the database, never its `-wal`."""
        return pattern(glob_regex(path) for path in self.paths)


class Count(_FromToml):
    """One number of a category: the first of `places` that has a file and gives a number, summed over its files."""

    label: str
    extra: bool = Field(default=False, description="said beside the number of the category, not summed into it")
    places: tuple[CountSource, ...] = Field(min_length=1)


class Category(_FromToml):
    """What a person calls it: where it lies, and how it is counted where that is known."""

    id: str = Field(pattern=r"^[a-z]+(-[a-z]+)*$")
    title: str
    called: tuple[str, ...] = Field(default=(), description="other words people use for it")
    encryption: Literal["not-needed", "partly", "needed"] = "not-needed"
    bound_unless_encrypted: bool = Field(
        default=False, description="an unencrypted backup holds it too, and only the phone it was made on can read it"
    )
    only_in_icloud: bool = Field(default=False, description="no backup holds it; signing in to iCloud brings it")
    caveat: str | None = None
    rules: tuple[Rule, ...] = Field(alias="rule", min_length=1)
    counts: tuple[Count, ...] = Field(default=(), alias="count")
    atomic: tuple[Atomic, ...] = ()
    never: tuple[RestoreEffect, ...] = ()
    later: tuple[RestoreEffect, ...] = ()
    rewritten: tuple[RestoreEffect, ...] = ()

    @property
    def needs_encryption(self) -> bool:
        """Whether only an encrypted backup holds it in a form that another phone can use."""
        return self.encryption == "needed"


class KnownApp(_FromToml):
    """A third-party app we can name without asking the phone."""

    bundle: str
    title: str
    caveat: str | None = None
    counts: tuple[Count, ...] = Field(default=(), alias="count")


RestoreEffectName = Literal["never", "later", "rewritten"]


class Catalogue(_FromToml):
    """All categories, in order of precedence, what is true of every container, and a few well-known apps."""

    categories: tuple[Category, ...] = Field(alias="category", min_length=1)
    never: tuple[RestoreEffect, ...] = ()
    later: tuple[RestoreEffect, ...] = ()
    rewritten: tuple[RestoreEffect, ...] = ()
    known_apps: tuple[KnownApp, ...] = Field(default=(), alias="app")

    @model_validator(mode="after")
    def _ids_are_unique_and_other_system_is_last(self) -> Catalogue:
        if len(set(self.ids)) != len(self.ids) or EVERYTHING in self.ids:
            raise ValueError("a category id is used twice, or is the word for all of them")
        if self.ids[-1] != OTHER_SYSTEM:
            raise ValueError(f"{OTHER_SYSTEM} takes what is left, so it comes last")
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
        """The category of that id.

        Raises:
            UnknownCategory: the plan's or the command line's fault; it names the nearest id there is.
        """
        try:
            return self._by_id[word]
        except KeyError:
            raise UnknownCategory(word, self.nearest(word)) from None

    def nearest(self, word: str) -> str:
        """The id (or `everything`) a person most likely meant; a title counts as well as an id."""
        spoken = {
            word.lower(): category.id for category in self.categories for word in (category.title, *category.called)
        }
        choices = [*self.ids, EVERYTHING, *spoken]
        found = nearest_of(word.lower().replace("_", "-").strip(), choices)
        return spoken.get(found, found)

    def known_app(self, bundle: str) -> KnownApp | None:
        return self._known_apps.get(bundle)

    def claims_domain(self, domain: str) -> bool:
        """Whether a category that has a name takes something of this domain: then no app owns the domain."""
        return any(
            rule.is_about(domain) for category in self.categories[:-1] for rule in category.rules if not rule.shared
        )

    def restore_effects(self, name: RestoreEffectName) -> tuple[RestoreEffect, ...]:
        """Everything said about one fate, of all categories and of all containers."""
        of_categories = (effect for category in self.categories for effect in getattr(category, name))
        own: tuple[RestoreEffect, ...] = getattr(self, name)
        return (*of_categories, *own)

    def counted_tables(self, domain: str, relative_path: str) -> frozenset[str]:
        """Tables whose rows are things a person counts."""
        return frozenset(table for place in self._places(domain, relative_path) for table in place.tables)

    def proven_tables(self, domain: str, relative_path: str) -> frozenset[str]:
        """Tables whose rows a person would miss: a proof compares these, not a database's housekeeping."""
        parts = (table for place in self._places(domain, relative_path) for table in place.whole_with)
        return self.counted_tables(domain, relative_path).union(parts)

    def _places(self, domain: str, relative_path: str) -> Iterator[CountSource]:
        """Where something is counted in this file."""
        counts = [count for category in self.categories for count in category.counts]
        counts += [count for app in self.known_apps for count in app.counts]
        for place in (place for count in counts for place in count.places):
            if place.domain == domain and place.path_pattern.fullmatch(relative_path):
                yield place


def nearest_of(word: str, choices: Collection[str]) -> str:
    """The choice that looks most like `word`; '' only where there is no choice at all."""
    close = get_close_matches(word, choices, n=1, cutoff=0.0)
    return close[0] if close else ""


@cache
def load_catalogue() -> Catalogue:
    """The catalogue that is shipped, read and checked once."""
    text = files("migrate.categories").joinpath("categories.toml").read_text(encoding="utf-8")
    return Catalogue.model_validate(tomllib.loads(text))
