"""What to see to before the old iPhone is erased: what no backup moves, as far as the old phone's backup tells.

What the backup shows is named. What it cannot show (an eSIM, payment cards) is asked as a question and never claimed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from migrate.backup.manifest.manifest import Row
from migrate.backup.record import Kind
from migrate.categories.catalogue import APP_PREFIX
from migrate.content.counting import Counting
from migrate.content.kinds import source_places
from migrate.content.source import AtPlaces
from migrate.journey.opened_backup import OpenedBackup, title_of
from migrate.language import _, mark, mark_plural, plural

CLOUD_OWNERS = ("photos", "messages", "notes", "voice-memos")
"""The categories whose databases say that an original is only in iCloud."""
WALLET = "wallet"
WATCH_DOMAIN = "HomeDomain"
WATCH_FOLDERS = ("Library/DeviceRegistry/", "Library/NanoBackup/")
"""In that domain, only with a watch. `Library/DeviceRegistry.state` is there without these folders (*seen*, iOS 14)."""
APPS_SHOWN = 12
"""How many apps of one point are named: a phone can have hundreds without data in the backup."""


class CarefulApp(NamedTuple):
    """An app that needs care before the old phone is erased."""

    id: str
    title: str
    keeps: str
    """`chats`, `codes`, `bank`, or `nothing`: the backup has none of its data."""
    is_known: bool
    """Whether it is on our list, and not just named like it."""


class OnlyInICloud(NamedTuple):
    """Originals that the old phone itself says are in iCloud and not on it."""

    owner: str
    title: str
    items: int
    files: int
    """Files of other items, such as attachments."""


@dataclass(frozen=True)
class OldPhoneInventory:
    """What the old phone's backup says about things that a move over the cable leaves behind."""

    apps: tuple[CarefulApp, ...] = ()
    passes: int = 0
    has_watch: bool = False
    only_in_icloud: tuple[OnlyInICloud, ...] = ()


@dataclass(frozen=True)
class _Known:
    ids: Mapping[str, str]
    words: Mapping[str, str]

    def keeps(self, bundle: str) -> tuple[str | None, bool]:
        """What the app with this bundle id keeps, and whether that is known and not guessed from its name."""
        if bundle in self.ids:
            return self.ids[bundle], True
        return next((keeps for word, keeps in self.words.items() if word in bundle.lower()), None), False


@cache
def known_apps() -> _Known:
    raw = tomllib.loads(files("migrate.journey").joinpath("before_erasing.toml").read_text(encoding="utf-8"))
    return _Known(
        {entry["id"]: entry["keeps"] for entry in raw["app"]}, {entry["word"]: entry["keeps"] for entry in raw["word"]}
    )


class ManifestLook:
    """What the list needs of the old phone's manifest, noted while its rows are read for something else."""

    def __init__(self) -> None:
        self.at_places = AtPlaces(source_places())
        self.has_watch = False
        """Whether the phone has, or had, a watch."""

    @property
    def on_row(self) -> Mapping[str, Callable[[Row], None]]:
        """By domain, who is to see its rows."""
        return dict.fromkeys((*self.at_places.domains, WATCH_DOMAIN), self._look_at)

    def _look_at(self, row: Row) -> None:
        self.at_places.add(row)
        if row.domain == WATCH_DOMAIN and row.kind is Kind.FILE and row.relative_path.startswith(WATCH_FOLDERS):
            self.has_watch = True


def take_inventory(
    opened: OpenedBackup, tmp: Path, *, with_data: Collection[str], look: ManifestLook
) -> OldPhoneInventory:
    """Read from an open backup what its phone has that needs care. Blocking.

    `with_data`: the owners that have a file in it. `look`: what its rows told.
    """
    claims = opened.claims
    counting, in_icloud = Counting(opened.backup, tmp, look.at_places), []
    for owner in CLOUD_OWNERS:
        counted = [kind for kind in counting.count(owner).kinds if not kind.is_unknown]
        items, offloaded = sum(kind.only_in_icloud for kind in counted), sum(kind.offloaded for kind in counted)
        if items or offloaded:
            in_icloud.append(OnlyInICloud(owner, title_of(claims, owner), items, offloaded))
    apps, without_data = [], []
    for bundle, app in sorted(claims.apps.items()):
        keeps, is_known = known_apps().keeps(bundle)
        if keeps is not None:
            apps.append(CarefulApp(bundle, app.title, keeps, is_known))
        elif APP_PREFIX + bundle not in with_data:
            without_data.append(CarefulApp(bundle, app.title, "nothing", True))
    return OldPhoneInventory(
        apps=(*apps, *without_data),
        passes=counting.count(WALLET).items or 0,
        has_watch=look.has_watch,
        only_in_icloud=tuple(in_icloud),
    )


# -- the list ----------------------------------------------------------------------------------------------------------

APP_POINTS: Mapping[str, tuple[str, tuple[str, str]]] = {
    "chats": (
        mark("Chats that only move with the app's own transfer"),
        mark_plural(
            "{apps}: it keeps its messages out of backups. Use the transfer in the app, with both phones at hand.",
            "{apps}: they keep their messages out of backups. Use the transfer in each app, with both phones at hand.",
        ),
    ),
    "codes": (
        mark("Apps that make sign-in codes"),
        mark_plural(
            "{apps}: open it on the new phone, and check that it shows every account and that a code is accepted.",
            "{apps}: open them on the new phone, and check that each shows every account and that a code is accepted.",
        ),
    ),
    "bank": (
        mark("Banking and payment apps"),
        mark_plural(
            "{apps}: sign in on the new phone. The bank may ask you to confirm that on the old one.",
            "{apps}: sign in on the new phone. The banks may ask you to confirm that on the old one.",
        ),
    ),
    "nothing": (
        mark("Apps without data in the backup"),
        mark_plural(
            "{apps}: it keeps its data out of backups, or has none. Open it on both phones and compare.",
            "{apps}: they keep their data out of backups, or have none. Open them on both phones and compare.",
        ),
    ),
}
"""Title, and the sentence for one app and for several."""
QUESTIONS: Mapping[str, tuple[str, str]] = {
    "esim": (
        mark("Does the old phone use an eSIM?"),
        mark("It is not in a backup. Move it in Settings, Cellular on the new phone, or ask your carrier."),
    ),
    "cards": (
        mark("Do you pay with the old phone?"),
        mark(
            "Payment, transit and key cards in Wallet never move. Remove transit cards on the old phone first, then "
            "add each card on the new one."
        ),
    ),
    "watch": (
        mark("Is an Apple Watch paired with the old phone?"),
        mark("Unpair it in the Watch app of the old phone while that still works, then pair it with the new one."),
    ),
    "bank": (
        mark("Do you use banking apps?"),
        mark("Sign in to each on the new phone. A bank may ask you to confirm that on the old one."),
    ),
    "codes": (
        mark("Does another app make sign-in codes for you?"),
        mark("Try it on the new phone while the old one still works."),
    ),
    "calls": (
        mark("Can you sign in everywhere without the old phone?"),
        mark("Look for accounts that send their codes or questions to the old phone, and change that first."),
    ),
}
"""What a backup cannot tell."""


def point(name: str, title: str, text: str, *, found: bool, apps: Iterable[CarefulApp] = ()) -> dict[str, Any]:
    return {"id": name, "found": found, "title": title, "text": text, "apps": [app.id for app in apps]}


def before_erasing(inventory: OldPhoneInventory | None) -> list[dict[str, Any]]:
    """The list to go through before the old phone is erased: what was found on it, then what has to be asked."""
    points = [] if inventory is None else [*_found(inventory)]
    told = {one["id"] for one in points}
    return points + [
        point(name, _(title), _(text), found=False) for name, (title, text) in QUESTIONS.items() if name not in told
    ]


def _found(inventory: OldPhoneInventory) -> Iterable[dict[str, Any]]:
    for row in inventory.only_in_icloud:
        title = _("Originals that are only in iCloud: {title}").format(title=row.title)
        yield point(f"icloud-{row.owner}", title, icloud_text(row), found=True)
    for keeps, (title, forms) in APP_POINTS.items():
        apps = [app for app in inventory.apps if app.keeps == keeps]
        if apps:
            text = plural(*forms, len(apps)).format(apps=_names(apps))
            yield point(keeps, _(title), text, found=True, apps=apps)
    if inventory.passes:
        text = plural(
            "{count:,} pass was on the old phone. Check it on the new one. Payment cards never move: add them again.",
            "{count:,} passes were on the old phone. Check them on the new one. Payment cards never move: add them "
            "again.",
            inventory.passes,
        ).format(count=inventory.passes)
        yield point("cards", _("Cards and passes in Wallet"), text, found=True)
    if inventory.has_watch:
        text = _(
            "The backup has data of an Apple Watch. If it is still paired with the old phone, unpair it in the Watch "
            "app there, then pair it with the new one."
        )
        yield point("watch", _("Apple Watch"), text, found=True)


def icloud_text(row: OnlyInICloud) -> str:
    """How many originals are only in iCloud, and where they come from on the new phone."""
    if row.items:
        amount = plural("{count:,} original is", "{count:,} originals are", row.items).format(count=row.items)
    else:
        amount = plural("{count:,} attachment is", "{count:,} attachments are", row.files).format(count=row.files)
    text = _(
        "{amount} not on the old phone and did not move. Sign in to iCloud on the new phone to load them from there."
    )
    return text.format(amount=amount)


def _names(apps: list[CarefulApp]) -> str:
    named = ", ".join(map(_name, apps[:APPS_SHOWN]))
    more = len(apps) - APPS_SHOWN
    return _("{names} and {count:,} more").format(names=named, count=more) if more > 0 else named


def _name(app: CarefulApp) -> str:
    return app.title if app.is_known else _("{app} (judging by its name)").format(app=app.title)
