"""Which of the chosen files the old phone could not read, also those that it then left out of its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrate.backup.companions import SUFFIXES
from migrate.backup.record import file_id as file_id_of
from migrate.backup.unreadable import HARMLESS_PLACE, is_harmless
from migrate.categories.catalogue import EVERYTHING
from migrate.categories.choose import Choice
from migrate.journey.opened_backup import OpenedBackup
from migrate.journey.phone_session import PhoneSession
from migrate.plan.model import Plan

WILDCARDS = frozenset("*?[]{}")


@dataclass(frozen=True)
class LostFile:
    """A file that the old phone could not read. Domain and path are empty where no known name has its file id."""

    file_id: str
    domain: str
    relative_path: str


def lost_files(session: PhoneSession, plan: Plan, opened: OpenedBackup, choice: Choice) -> list[LostFile]:
    """The chosen ones, those with a record first. One that cannot be told counts as chosen with everything."""
    unreadable = set(opened.seal.unreadable) if opened.seal else set()
    if not unreadable:
        return []
    listed: list[LostFile] = []
    for record in opened.backup.records():
        if record.file_id in unreadable:
            unreadable.discard(record.file_id)
            if not opened.claims.owners(record.domain, record.relative_path).isdisjoint(choice.owners):
                listed.append(LostFile(record.file_id, record.domain, record.relative_path))
    left_out = [one for one in _left_out(session, opened, unreadable) if _is_chosen(plan, opened, choice, one)]
    return [one for one in (*listed, *left_out) if not is_harmless(one.relative_path)]


def _left_out(session: PhoneSession, opened: OpenedBackup, file_ids: set[str]) -> Iterator[LostFile]:
    """Files without a record: the backup found their places, or they are among the paths that the categories name."""
    found = {one.file_id: one for one in session.findings if one.code == "file-unreadable" and one.relative_path}
    known: dict[str, tuple[str, str]] = {}
    if file_ids - set(found):
        known = {file_id_of(*place): place for place in _named_places(opened)}
    for file_id in sorted(file_ids):
        if finding := found.get(file_id):
            yield LostFile(file_id, finding.domain or "", finding.relative_path or "")
        else:
            yield LostFile(file_id, *known.get(file_id, ("", "")))


def _named_places(opened: OpenedBackup) -> Iterator[tuple[str, str]]:
    """The paths that a category names without a wildcard, in their domains and in those that the backup has."""
    yield HARMLESS_PLACE
    domains = set(opened.backup.manifest.domains())
    domains.update(domain for app in opened.claims.apps.values() for domain in app.domains)
    for category in opened.claims.catalogue.categories:
        parts = (part for group in category.atomic for part in group.parts)
        for paths in (*category.rules, *category.path_classes, *parts):
            about = [domain for domain in domains if paths.is_about(domain)]
            about += [paths.domain] if not WILDCARDS & set(paths.domain) else []
            names = [name for glob in paths.globs for name in _spelled_out(glob)]
            yield from ((domain, f"{name}{tail}") for domain in about for name in names for tail in ("", *SUFFIXES))


def _spelled_out(glob: str) -> Iterator[str]:
    """The paths that a pattern stands for; none where it has a wildcard other than `{a,b}`."""
    before, brace, rest = glob.partition("{")
    if WILDCARDS & set(before):
        return
    if not brace:
        yield before
        return
    choices, _, after = rest.partition("}")
    for choice in choices.split(","):
        yield from _spelled_out(f"{before}{choice}{after}")


def _is_chosen(plan: Plan, opened: OpenedBackup, choice: Choice, one: LostFile) -> bool:
    if not one.domain:
        return EVERYTHING in plan.move.categories
    return not opened.claims.owners(one.domain, one.relative_path).isdisjoint(choice.owners)
