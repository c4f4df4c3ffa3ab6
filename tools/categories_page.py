"""Prints docs/categories.md, made from categories.toml: `python -m tools.categories_page > docs/categories.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from migrate.categories.catalogue import (
    OTHER_SYSTEM,
    Catalogue,
    Category,
    KnownApp,
    RestoreEffect,
    Rule,
    load_catalogue,
)

ENCRYPTION = {"not-needed": "no", "partly": "partly", "needed": "yes"}
EFFECTS = (("never", "Never moves"), ("later", "Arrives later"), ("rewritten", "Rewritten by the phone"))
HEAD = """# Categories: what moves, where it is stored, what happens to it

Made from `migrate/categories/categories.toml` by `python -m tools.categories_page > docs/categories.md`: edit
the data file, not this page. A plan names categories by their ids; `everything` means all of them and all apps.

A record belongs to the first category that names it. `settings` takes the preferences that no other category
names, an app takes its containers, and `other-system` takes the rest, so nothing is left out. A named file
includes what SQLite and Core Data keep beside it (`-wal`, `-shm`, `-journal`, `.Name_SUPPORT`). `*` matches
anything in one part of a path, `**` any number of parts, `{a,b}` one of the alternatives. If a category moved
between iOS versions, all places are listed, and the backup decides.

Sources: A = the phone's own allow-list and a real backup or a published file ID; B = one of these; C = one
source, or a guess that says so. [D] Domains.plist of iOS 16.4, [M] mvt, [J] iphone_backup_decrypt, [I] iLEAPP,
[T] traceloupe on real encrypted backups, [K] a real unencrypted iOS 27.0 backup, [A] Apple support 108353, [F]
FOR585, [G] GoldenNugget, [S] seen by us in a real iOS 14.3 manifest. Guesses are marked *guessed*.
"""


def page(catalogue: Catalogue) -> str:
    """The whole page, ending in a newline."""
    lines = [HEAD, *_overview(catalogue)]
    for category in catalogue.categories:
        lines += ["", *_category(category)]
    lines += [
        "",
        "## Every container",
        "",
        "This applies to the containers of all apps, and to stores that no category names.",
        "",
    ]
    lines += _effects((name, getattr(catalogue, attribute)) for attribute, name in EFFECTS)
    lines += ["", "## Well-known apps", "", *_apps(catalogue.known_apps)]
    return "\n".join(lines) + "\n"


def _overview(catalogue: Catalogue) -> Iterator[str]:
    yield "| id | title | people also say | needs an encrypted backup | counted |"
    yield "|---|---|---|---|---|"
    for category in catalogue.categories:
        counted = ", ".join(dict.fromkeys(count.label for count in category.counts))
        called = ", ".join(category.called)
        needed = ENCRYPTION[category.encryption]
        yield f"| [`{category.id}`](#{category.id}) | {category.title} | {called} | {needed} | {counted} |"


def _category(category: Category) -> Iterator[str]:
    yield f"## {category.id}"
    yield ""
    yield f"**{category.title}.** {category.caveat or ''}".rstrip()
    if category.bound_unless_encrypted:
        yield "An unencrypted backup holds it too, but only the phone that made the backup can read it."
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


def _apps(apps: tuple[KnownApp, ...]) -> Iterator[str]:
    yield "| bundle id | title | counted | beforehand |"
    yield "|---|---|---|---|"
    for app in apps:
        counted = ", ".join(count.label for count in app.counts)
        yield f"| `{app.bundle}` | {app.title} | {counted} | {app.caveat or ''} |"


def _globs(globs: tuple[str, ...]) -> str:
    return ", ".join(f"`{glob}`" for glob in globs)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    sys.stdout.write(page(load_catalogue()))
