"""The step that waits for apps: a phone in use takes data only for apps that it has (facts 4.5); a person installs."""

from __future__ import annotations

import asyncio
import time

from migrate.categories.catalogue import APP_PREFIX
from migrate.journey import events
from migrate.journey.run_state import Run
from migrate.journey.steps.compose import ComposedSet
from migrate.phone.phone import Phone
from migrate.plan.strategy import Strategy
from migrate.problems import AppNotInstalled, AppsNotInstalled, WaitedTooLong

POLL_S = 3.0
"""How often the phone is asked what is installed: an app from the App Store takes longer than that."""


def has_chosen_apps(run: Run, composed: ComposedSet) -> bool:
    return run.strategy is not Strategy.REPLACE and bool(composed.apps)


async def install_apps(run: Run, composed: ComposedSet) -> None:
    """Wait until every chosen app is on the new phone.

    Raises:
        AppsNotInstalled, WaitedTooLong: an app is still missing after `--wait` seconds.
    """
    deadline, asked = time.monotonic() + run.wait_s, ""
    while True:
        async with run.phone("new") as phone:
            not_installed = await find_missing_apps(composed, phone)
        if not_installed is None:
            if asked:
                run.progress().person_done(asked, "install-apps")
            return
        if run.wait_s <= 0:
            raise not_installed
        if not asked:
            asked = not_installed.phone
            for title in not_installed.titles:
                run.found(AppNotInstalled(asked, title).as_finding())
            run.emit(events.PersonNeeded(asked, "install-apps", not_installed.titles))
        if time.monotonic() >= deadline:
            raise WaitedTooLong(round(run.wait_s), not_installed)
        await asyncio.sleep(POLL_S)


async def find_missing_apps(composed: ComposedSet, phone: Phone) -> AppsNotInstalled | None:
    """The chosen apps that are not on the phone now; None: all are."""
    missing = sorted(set(composed.apps) - set(await phone.installed_apps()))
    titles = tuple(composed.titles.get(APP_PREFIX + bundle, bundle) for bundle in missing)
    return AppsNotInstalled(phone.facts.name_or_model, titles) if missing else None
