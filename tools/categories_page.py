"""Prints docs/categories.md, made from categories.toml: `python -m tools.categories_page > docs/categories.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from migrate.categories.arrival import PHONES_LISTS
from migrate.categories.catalogue import (
    APP_PREFIX,
    OTHER_SYSTEM,
    Catalogue,
    Category,
    KnownApp,
    PathClassEntry,
    RestoreEffect,
    Rule,
    VolatileKeysEntry,
    load_catalogue,
)
from migrate.categories.domain_lists import domain_lists
from migrate.content.kinds import kinds_of

ENCRYPTION = {"not-needed": "no", "partly": "partly", "needed": "yes"}
EFFECTS = (("never", "Never moves"), ("later", "Arrives later"))
HEAD = """# Categories: what moves, where it is stored, what happens to it

Made from `migrate/categories/categories.toml` by `python -m tools.categories_page > docs/categories.md`: edit
the data file, not this page. A plan names categories by their ids; `everything` means all of them and all apps.

A record belongs to the first category that names it. `settings` takes the preferences that no other category
names, an app takes its containers, and `other-system` takes the rest, so nothing is left out. A named file
includes what SQLite and Core Data keep beside it (`-wal`, `-shm`, `-journal`, `.Name_SUPPORT`). `*` matches
anything in one part of a path, `**` any number of parts, `{a,b}` one of the alternatives. If a category moved
between iOS versions, all places are listed, and the backup decides.

The column "counted" of the overview says which items are counted; numbers in brackets are shown beside and are not
added. `migrate/content/readers` reads them. What is in Recently Deleted is counted apart.

Sources: A = the phone's own allow-list and a real backup or a published file ID; B = one of these; C = one
source, or a guess that says so. [D] Domains.plist of iOS 16.4, [M] mvt, [J] iphone_backup_decrypt, [I] iLEAPP,
[T] traceloupe on real encrypted backups, [K] a real unencrypted iOS 27.0 backup, [A] Apple support 108353, [F]
FOR585, [G] GoldenNugget, [S] seen by us in a real iOS 14.3 manifest. Guesses are marked *guessed*.

## How a proof compares files

Every file has one class:

- **items**: it is read as items (messages, contacts, photos …), and the items are compared; the file has no fate.
- **verbatim**: its content is equal, byte for byte.
- **settings**: a preference file that a person would miss; compared key by key, without the keys that iOS writes for
  itself.
- **database**: a SQLite database with a person's data that is not read as items; its rows are compared.
- **housekeeping**: caches, logs, what daemons keep for themselves, and what describes the device. It is listed, and
  never fails a proof.

The tables below name paths and their classes: the first row that matches decides, those of the category first, then
those for every category. For all other paths: in the containers of apps `Library/Preferences/*.plist` is settings;
`Library/{Caches,WebKit,Cookies,SplashBoard,Saved Application State}`, `SystemData` and `tmp` are housekeeping; files
with the name of a database are databases; the rest is verbatim. What only `other-system` has is housekeeping. In the
other categories, preference files are settings, databases are databases, and the rest is verbatim. Companions follow
their database. A symlink is housekeeping if its target is a system path or names hardware.
"""


def page(catalogue: Catalogue) -> str:
    """The whole page, ending in a newline."""
    lines = [HEAD, *_overview(catalogue)]
    for category in catalogue.categories:
        lines += ["", *_category(category)]
    lines += ["", "## Every category", "", "This applies to all categories and apps, after their own rows.", ""]
    lines += _effects((name, getattr(catalogue, attribute)) for attribute, name in EFFECTS)
    lines += ["", *_path_classes(catalogue.path_classes)]
    lines += ["", "## Keys that iOS writes for itself", "", *_volatile_keys(catalogue.volatile_keys)]
    lines += ["", "## The phone's own lists", "", *_phones_lists()]
    lines += ["", "## Well-known apps", "", *_apps(catalogue.known_apps)]
    return "\n".join(lines) + "\n"


def _overview(catalogue: Catalogue) -> Iterator[str]:
    yield "| id | title | people also say | needs an encrypted backup | counted |"
    yield "|---|---|---|---|---|"
    for category in catalogue.categories:
        counted = _counted(category.id)
        called = ", ".join(category.called)
        needed = ENCRYPTION[category.encryption]
        yield f"| [`{category.id}`](#{category.id}) | {category.title} | {called} | {needed} | {counted} |"


def _category(category: Category) -> Iterator[str]:
    yield f"## {category.id}"
    yield ""
    yield f"**{category.title}.** {category.caveat or ''}".rstrip()
    if category.bound_unless_encrypted:
        yield "An unencrypted backup holds it too, but only the phone that made the backup can read it."
    if category.erased_only is not None:
        yield f"A phone in use cannot take it: {category.erased_only}."
    if category.moved_at_ios:
        versions = " and ".join(map(str, category.moved_at_ios))
        yield f"iOS {versions} began to keep it elsewhere: a phone in use cannot take it from an older version."
    if category.id == OTHER_SYSTEM:
        yield "These rules name what we recognise; what no rule names moves too, and is listed as unclaimed."
    yield ""
    yield "| domain | paths | iOS | encrypted only | source |"
    yield "|---|---|---|---|---|"
    for rule in category.rules:
        yield _row(rule)
    if category.atomic:
        yield ""
    for atomic in category.atomic:
        parts = "; ".join(f"{part.title} ({part.domain} {_globs(part.globs)})" for part in atomic.parts)
        yield f"- Only together: {parts}."
    effects = [(name, getattr(category, attribute)) for attribute, name in EFFECTS]
    if any(listed for _, listed in effects):
        yield ""
        yield from _effects(effects)
    if category.path_classes:
        yield ""
        yield from _path_classes(category.path_classes)


def _row(rule: Rule) -> str:
    paths = _globs(rule.globs)
    if rule.not_globs:
        paths += f"; not {_globs(rule.not_globs)}"
    if rule.rest:
        paths += "; what no other category names"
    if rule.shared:
        paths += "; also another category's"
    encrypted = "yes" if rule.needs_encryption else ""
    return f"| {rule.domain} | {paths} | {rule.ios or ''} | {encrypted} | {rule.source} |"


def _effects(by_name: Iterable[tuple[str, tuple[RestoreEffect, ...]]]) -> Iterator[str]:
    for name, effects in by_name:
        for effect in effects:
            yield f"- {name}: {effect.domain} {_globs(effect.globs)}: {effect.why} ({effect.source})."


def _path_classes(entries: Iterable[PathClassEntry]) -> Iterator[str]:
    yield "| class | domain | paths | why | source |"
    yield "|---|---|---|---|---|"
    for entry in entries:
        paths = _globs(entry.globs)
        if entry.not_globs:
            paths += f"; not {_globs(entry.not_globs)}"
        yield f"| {entry.path_class} | {_code(entry.domain)} | {paths} | {entry.why} | {entry.source} |"


def _volatile_keys(entries: Iterable[VolatileKeysEntry]) -> Iterator[str]:
    yield "At the top of a preference file and in every dictionary below, keys with these names are not compared."
    yield ""
    yield "| domain | files | keys | why | source |"
    yield "|---|---|---|---|---|"
    for entry in entries:
        keys = _globs(entry.keys)
        yield f"| {_code(entry.domain)} | {_globs(entry.globs)} | {keys} | {entry.why} | {entry.source} |"


def _phones_lists() -> Iterator[str]:
    yield "Besides the rows above, these lists of iOS 16.4 apply (`migrate/categories/domains_ios16.toml`)."
    for effect, name in EFFECTS:
        for lists, why in PHONES_LISTS[effect]:
            yield ""
            yield f"{name}: {why}."
            yield ""
            for domain, of_domain in domain_lists().items():
                paths = dict.fromkeys(path for listed in lists for path in of_domain.get(listed, ()))
                if paths:
                    yield f"- {domain}: {_globs(tuple(paths))}"
    yield ""
    yield "Health is on the list of what iOS deletes too, but the restored Health then takes its place."


def _code(text: str) -> str:
    return f"`{text}`"


def _apps(apps: tuple[KnownApp, ...]) -> Iterator[str]:
    yield "| bundle id | title | counted | beforehand |"
    yield "|---|---|---|---|"
    for app in apps:
        counted = _counted(APP_PREFIX + app.bundle)
        yield f"| `{app.bundle}` | {app.title} | {counted} | {app.caveat or ''} |"


def _counted(owner: str) -> str:
    """What the items of a category or app are called; those in brackets are shown beside its number."""
    labels = []
    for kind in kinds_of(owner):
        labels.append(f"({kind.label})" if kind.extra else kind.label)
        labels += [f"({part.label})" for part in kind.parts]
    return ", ".join(labels)


def _globs(globs: tuple[str, ...]) -> str:
    return ", ".join(f"`{glob}`" for glob in globs)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    sys.stdout.write(page(load_catalogue()))
