"""Apps first, then their data: a phone in use takes data only for apps that it has (facts 4.5). A person installs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from migrate.categories.catalogue import APP_PREFIX
from migrate.journey import events
from migrate.journey.run_state import Move
from migrate.phone.phone import Phone
from migrate.plan.strategy import Strategy
from migrate.problems import AppsNotInstalled, WaitedTooLong
from migrate.problems.finding import Finding

POLL_S = 3.0
"""How often the phone is asked what is installed: an app from the App Store takes longer than that."""


def some_app_is_chosen(move: Move) -> bool:
    return move.known_strategy is not Strategy.REPLACE and bool(move.journal.result("compose")["apps"])


async def install_apps(move: Move) -> dict[str, Any]:
    """Until every chosen app is on the new phone.

    Raises:
        AppsNotInstalled, WaitedTooLong: one is not, after `--wait` seconds.
    """
    deadline, asked = time.monotonic() + move.wait_s, ""
    while True:
        async with move.phone("new") as phone:
            lacking = await apps_lacking(move, phone)
        if lacking is None:
            if asked:
                move.watch().person_done(asked, "install-apps")
            return {}
        if move.wait_s <= 0:
            raise lacking
        if not asked:
            asked = lacking.phone
            for title in lacking.titles:
                move.found(_to_install(title, asked))
            move.tell(events.PersonNeeded(asked, "install-apps", lacking.titles))
        if time.monotonic() >= deadline:
            raise WaitedTooLong(round(move.wait_s), lacking.what(), lacking.next())
        await asyncio.sleep(POLL_S)


async def apps_lacking(move: Move, phone: Phone) -> AppsNotInstalled | None:
    """What is chosen and not on the phone now; None: nothing."""
    composed = move.journal.result("compose")
    missing = sorted(set(composed["apps"]) - set(await phone.installed_apps()))
    titles = tuple(composed["titles"].get(APP_PREFIX + bundle, bundle) for bundle in missing)
    return AppsNotInstalled(phone.facts.called, titles) if missing else None


def _to_install(title: str, phone: str) -> Finding:
    return Finding(
        code="app-not-installed",
        severity="warning",
        phone=phone,
        what=f"{title} is not installed on {phone}.",
        why="A phone in use takes data only for apps that it has.",
        next=f"Install {title} on {phone} from the App Store; the move goes on by itself then.",
    )
