"""Seeded moves in which nothing is lost: any pair of iOS versions, models, contents and aftermath."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from migrate.categories.catalogue import load_catalogue
from migrate.plan.in_use import moved_stores
from migrate.simulator.aftermath.settings import Aftermath
from migrate.simulator.contents import ContentsSpec
from migrate.simulator.device.identity import MODELS
from migrate.simulator.device.phone import SimulatedPhone
from tests.journey.matrices.contents import more_contents
from tests.journey.matrices.moved import StrategyName
from tests.journey.moves import NEW, NEW_PASSWORD, OLD, a_phone

VERSIONS = ("15.8.2", "16.4", "16.7.8", "17.5.1", "18.1.1", "18.5", "26.1", "27.0")
OVERLAY = VERSIONS[:-1]
STRATEGIES: tuple[StrategyName, ...] = ("replace", "rebuild", "replace", "overlay", "rebuild", "graft")


@dataclass(frozen=True)
class CalmMove:
    """One move, fully determined by `seed`."""

    seed: int
    strategy: StrategyName
    old_ios: str
    new_ios: str
    old_model: str
    new_model: str

    def __str__(self) -> str:
        return (
            f"{self.seed:02} {self.strategy} from {self.old_model} with iOS {self.old_ios}"
            f" to {self.new_model} with iOS {self.new_ios}"
        )

    @property
    def leaves_out(self) -> tuple[str, ...]:
        """Categories that a phone in use refuses: its iOS keeps them elsewhere, or it syncs them with an account."""
        if self.strategy == "replace":
            return ()
        moved = (one.category.id for one in moved_stores(load_catalogue().ids, self.old_ios, self.new_ios))
        own = _contents(self.seed + 1000)
        synced = {
            "contacts": own.icloud_contacts, "notes": own.icloud_notes or own.icloud_only_note_media,
            "calendars": own.icloud_events or own.subscribed_events, "reminders": own.icloud_reminders,
            "photos": own.icloud_only_photos, "messages": own.icloud_only_attachments,
        }  # fmt: skip
        return (*moved, *(category for category, items in synced.items() if items))


def calm_move(seed: int) -> CalmMove:
    chance = random.Random(f"calm {seed}")
    strategy = STRATEGIES[seed % len(STRATEGIES)]
    allowed = {"overlay": OVERLAY, "graft": ("27.0",)}.get(strategy, VERSIONS)
    new_ios = allowed[(seed // len(STRATEGIES)) % len(allowed)]
    old_ios = chance.choice(VERSIONS[: VERSIONS.index(new_ios) + 1])
    models = sorted(name for name in MODELS if name.startswith("iPhone"))
    return CalmMove(seed, strategy, old_ios, new_ios, chance.choice(models), chance.choice(models))


def old_phone_of(one: CalmMove) -> SimulatedPhone:
    phone = a_phone(OLD, "Ada's old iPhone", one.old_ios, _contents(one.seed), one.seed, model=one.old_model)
    more_contents(phone, one.seed)
    return phone


def new_phone_of(one: CalmMove) -> SimulatedPhone:
    spec = ContentsSpec(empty=True) if one.strategy == "replace" else _contents(one.seed + 1000)
    more: dict[str, Any] = {} if one.strategy == "replace" else {"backup_password": NEW_PASSWORD}
    aftermath = Aftermath(seed=one.seed, arrives_in_s="when-ordered")
    phone = a_phone(
        NEW, "Ada's new iPhone", one.new_ios, spec, one.seed + 1000, model=one.new_model, aftermath=aftermath, **more
    )
    if one.strategy != "replace":
        more_contents(phone, one.seed + 1000)
    return phone


def _contents(seed: int) -> ContentsSpec:
    chance = random.Random(f"calm contents {seed}")

    def some(least: int, most: int) -> int:
        return chance.randint(least, most)

    contacts, notes, events, reminders = some(2, 9), some(1, 5), some(2, 9), some(1, 6)
    return ContentsSpec(
        contacts=contacts, icloud_contacts=some(0, contacts), messages=some(8, 40), attachments=some(0, 4),
        icloud_only_attachments=some(0, 2), calls=some(1, 9), photos=some(1, 7), icloud_only_photos=some(0, 2),
        videos=some(0, 1), notes=notes, icloud_notes=some(0, notes), events=events, icloud_events=some(0, events // 2),
        subscribed_events=some(0, events // 2), reminders=reminders, icloud_reminders=some(0, reminders),
        bookmarks=some(1, 6), history=some(1, 8), voicemails=some(0, 2), memos=some(0, 2), health_samples=some(5, 99),
        wifi_networks=some(1, 4), icloud_only_note_media=some(0, 1),
    )  # fmt: skip
