"""What an undo does not bring back. It restores a backup, and no backup holds everything that was on a phone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from migrate.journey.opened_backup import OpenedBackup, title_of
from migrate.language import _, mark, mark_plural, plural

TITLES_SHOWN = 12


class WillNotComeBack(NamedTuple):
    """One reason why something does not come back, and how much of it is known."""

    reason: str
    number: int = 0
    titles: tuple[str, ...] = ()


COUNTED = {
    "since": mark_plural(
        "Deleted, because it came onto the phone after the move: {count:,} ({titles}).",
        "Deleted, because they came onto the phone after the move: {count:,} ({titles}).",
    ),
    "unreadable": mark_plural(
        "{count:,} file that the phone could not read when it was backed up ({titles}).",
        "{count:,} files that the phone could not read when it was backed up ({titles}).",
    ),
    "not-reinstallable": mark_plural(
        "{count:,} app that the phone cannot download again: {titles}.",
        "{count:,} apps that the phone cannot download again: {titles}.",
    ),
    "app-store": mark_plural(
        "{count:,} app is downloaded from the App Store again. It does not come back if it is no longer there.",
        "{count:,} apps are downloaded from the App Store again. Those that are no longer there do not come back.",
    ),
}
UNCOUNTED = {
    "not-encrypted": mark("The backup is not encrypted, so these are not in it: {titles}."),
    "cards": mark("Cards in Apple Wallet. Add them again on the phone."),
    "excluded": mark("What apps keep out of backups, such as downloads and offline maps: how much of it is not known."),
}
"""Backups never contain payment cards, which are bound to the phone's chip, nor what apps exclude (facts 3.6). That
cards have to be added again after a restore was REPORTED from a real iPhone."""


def will_not_come_back(
    safety: OpenedBackup, *, is_encrypted: bool, since: Iterable[tuple[str, int]]
) -> list[WillNotComeBack]:
    """What restoring this safety backup does not bring back. `since`: title and count of what is deleted. Blocking."""
    claims, found = safety.claims, []
    if deleted := list(since):
        titles = tuple(f"{title} {count:,}" for title, count in deleted)
        found.append(WillNotComeBack("since", sum(count for _title, count in deleted), titles))
    unreadable = dict(safety.seal.unreadable) if safety.seal else {}
    if unreadable:
        records = [record for record in safety.backup.records() if record.file_id in unreadable]
        owners = {owner for r in records for owner in claims.owners(r.domain, r.relative_path)}
        found.append(WillNotComeBack("unreadable", len(unreadable), _titles(title_of(claims, one) for one in owners)))
    lacking = [app for app in claims.apps.values() if app.reinstallable is False]
    if lacking:
        found.append(WillNotComeBack("not-reinstallable", len(lacking), _titles(app.title for app in lacking)))
    if again := len(claims.apps) - len(lacking):
        found.append(WillNotComeBack("app-store", again))
    if not is_encrypted:
        categories = (one for one in claims.catalogue.categories if one.needs_encryption)
        found.append(WillNotComeBack("not-encrypted", titles=tuple(_(one.title) for one in categories)))
    return [*found, WillNotComeBack("cards"), WillNotComeBack("excluded")]


def _titles(titles: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(titles)))[:TITLES_SHOWN]


def sentences(losses: Iterable[WillNotComeBack]) -> tuple[str, ...]:
    """What a person is told, before the confirmation and in the receipt."""
    told = []
    for loss in losses:
        known = {"count": loss.number, "titles": ", ".join(loss.titles)}
        if loss.reason in COUNTED:
            told.append(plural(*COUNTED[loss.reason], loss.number).format(**known))
        elif loss.reason in UNCOUNTED:
            told.append(_(UNCOUNTED[loss.reason]).format(**known))
    return tuple(told)
