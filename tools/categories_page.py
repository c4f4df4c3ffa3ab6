"""docs/categories.md, made from the data file: `python -m tools.categories_page > docs/categories.md`."""

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
FATES = (("never", "Never moves"), ("later", "Arrives later"), ("rewritten", "Written on by the phone"))
HEAD = """# Categories: what moves, where it lies, what becomes of it

Made from `migrate/categories/categories.toml` by `python -m tools.categories_page > docs/categories.md`:
correct the data file, not this page. A plan names categories by their ids; `everything` is all of them and all
apps.

A record belongs to the first category that names it; `settings` takes the preferences that no other category
names, an app its containers, and `other-system` everything that is left, so nothing is left behind. A named
file comes with what SQLite and Core Data keep beside it (`-wal`, `-shm`, `-journal`, `.Name_SUPPORT`). `*`
stands for anything in one part of a path, `**` for any number of parts, `{a,b}` for one of these. Where a
category moved between iOS versions all places are listed, and the backup decides.

Sources: A = the phone's own allow-list and a real backup or a published file ID; B = one of these; C = one
source, or a guess that says so. [D] Domains.plist of iOS 16.4, [M] mvt, [J] iphone_backup_decrypt, [I] iLEAPP,
[T] traceloupe on real encrypted backups, [K] a real unencrypted iOS 27.0 backup, [A] Apple support 108353, [F]
FOR585, [G] GoldenNugget, [S] seen by us in a real iOS 14.3 manifest. What is *guessed* says so.
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
        "True of the containers of all apps, and of stores that no category names.",
        "",
    ]
    lines += _fates((name, getattr(catalogue, attribute)) for attribute, name in FATES)
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
        yield "An unencrypted backup holds it too, and only the phone it was made on can read it."
    if category.id == OTHER_SYSTEM:
        yield "These rules say that we know what it is; what no rule names moves with it too, listed as unclaimed."
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
    fates = [(name, getattr(category, attribute)) for attribute, name in FATES]
    if any(every for _, every in fates):
        yield ""
        yield from _fates(fates)


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


def _fates(every: Iterable[tuple[str, tuple[RestoreEffect, ...]]]) -> Iterator[str]:
    for name, fates in every:
        for fate in fates:
            yield f"- {name}: {fate.domain} {_globs(fate.globs)}: {fate.why} ({fate.source})."


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
