"""The catalogue: what people call their data and where a backup keeps it, read from categories.toml.

The order of the categories is the precedence of their rules; their ids are what plans say, so none ever changes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from difflib import get_close_matches
from functools import cache, cached_property
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from migrate.categories.globs import glob_regex, pattern, with_companions
from migrate.errors import UnknownCategory

EVERYTHING = "everything"
OTHER_SYSTEM = "other-system"
APP_PREFIX = "app:"


def _valid_glob(glob: str) -> str:
    glob_regex(glob)
    return glob


Glob = Annotated[str, AfterValidator(_valid_glob)]


class _FromToml(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_FromToml):
    """Paths of one domain (or of the domains a pattern names) that belong to a category."""

    domain: Glob
    globs: tuple[Glob, ...] = Field(min_length=1)
    not_globs: tuple[Glob, ...] = ()
    needs_encryption: bool = False
    up_to_ios: int | None = Field(default=None, description="only where the backup's iOS is known and at most this")
    shared: bool = Field(default=False, description="joins the owner that the other rules find, instead of being it")
    source: str

    @cached_property
    def include(self) -> re.Pattern[str]:
        return pattern(with_companions(glob) for glob in self.globs)

    @cached_property
    def exclude(self) -> re.Pattern[str] | None:
        if not self.not_globs:
            return None
        return pattern(with_companions(glob) for glob in self.not_globs)

    @cached_property
    def _domain(self) -> re.Pattern[str]:
        return pattern([glob_regex(self.domain)])

    def is_about(self, domain: str) -> bool:
        return self._domain.fullmatch(domain) is not None

    def matches(self, relative_path: str) -> bool:
        if not self.include.fullmatch(relative_path):
            return False
        return self.exclude is None or not self.exclude.fullmatch(relative_path)


class Place(_FromToml):
    """Where a count is read: rows of a table, top-level keys of a property list, or a list inside one."""

    domain: str
    paths: tuple[Glob, ...] = Field(min_length=1)
    reads: Literal["rows", "plist-keys", "plist-list"] = "rows"
    tables: tuple[str, ...] = Field(default=(), description="the first one the database has is counted")
    where: dict[str, int] = Field(default_factory=dict, description="column = value, for the columns the table has")
    key: str | None = None

    @model_validator(mode="after")
    def _says_what_to_read(self) -> Place:
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
    places: tuple[Place, ...] = Field(min_length=1)


class Category(_FromToml):
    """What a person calls it: where it lies, and how it is counted where that is known."""

    id: str = Field(pattern=r"^[a-z]+(-[a-z]+)*$")
    title: str
    encryption: Literal["not-needed", "partly", "needed"] = "not-needed"
    caveat: str | None = None
    rules: tuple[Rule, ...] = Field(alias="rule", min_length=1)
    counts: tuple[Count, ...] = Field(default=(), alias="count")

    @property
    def needs_encryption(self) -> bool:
        """Whether only an encrypted backup holds it in a form that another phone can use."""
        return self.encryption == "needed"

    @property
    def domains(self) -> frozenset[str]:
        """The domains its rules name, as written (some are patterns)."""
        return frozenset(rule.domain for rule in self.rules)


class KnownApp(_FromToml):
    """A third-party app we can name without asking the phone."""

    bundle: str
    title: str
    caveat: str | None = None


class Catalogue(_FromToml):
    """All categories, in order of precedence, and a few well-known apps."""

    categories: tuple[Category, ...] = Field(alias="category", min_length=1)
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
        spoken = {category.title.lower(): category.id for category in self.categories}
        choices = [*self.ids, EVERYTHING, *spoken]
        found = nearest_of(word.lower().replace("_", "-").strip(), choices)
        return spoken.get(found, found)

    def known_app(self, bundle: str) -> KnownApp | None:
        return self._known_apps.get(bundle)

    def counted_tables(self, domain: str, relative_path: str) -> frozenset[str]:
        """Tables whose rows are things a person would miss: a proof compares these, not a database's housekeeping."""
        places = (place for category in self.categories for count in category.counts for place in count.places)
        return frozenset(
            table
            for place in places
            if place.domain == domain and place.path_pattern.fullmatch(relative_path)
            for table in place.tables
        )


def nearest_of(word: str, choices: Collection[str]) -> str:
    """The choice that looks most like `word`; '' only where there is no choice at all."""
    close = get_close_matches(word, choices, n=1, cutoff=0.0)
    return close[0] if close else ""


@cache
def load() -> Catalogue:
    """The catalogue that is shipped, read and checked once."""
    text = files("migrate.categories").joinpath("categories.toml").read_text(encoding="utf-8")
    return Catalogue.model_validate(tomllib.loads(text))
