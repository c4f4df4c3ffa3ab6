"""The step that waits for apps: a phone in use takes data only for apps that it has (facts 4.5); a person installs.

A rebuild has apps installed from the App Store, so only those are waited for that the phone cannot download by itself.
The step comes before the new phone is backed up: from then on nothing on it may change.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from migrate.categories.catalogue import APP_PREFIX
from migrate.categories.choose import chosen_owners
from migrate.journey import events
from migrate.journey.opened_backup import open_with_claims
from migrate.journey.results import StepResult
from migrate.journey.run_state import Run
from migrate.journey.steps.new_phone import settle_strategy
from migrate.journey.steps.verify import OldPhoneVerified
from migrate.phone.phone import Phone
from migrate.plan.model import Plan
from migrate.plan.strategy import FULL_RESTORES
from migrate.problems import AppNotInstalled, AppsNotInstalled, WaitedTooLong

POLL_S = 3.0
"""How often the phone is asked what is installed: an app from the App Store takes longer than that."""


@dataclass(frozen=True)
class AppsInstalled(StepResult):
    """The chosen apps that have to be on the phone before it is backed up, by bundle id, with their titles."""

    step = "install-apps"
    apps: Mapping[str, str]


def may_need_apps(plan: Plan) -> bool:
    return plan.new_phone.is_ == "in-use" and plan.move.apps != "none"


async def install_apps(run: Run, plan: Plan, verified: OldPhoneVerified) -> AppsInstalled:
    """Wait until every chosen app that will not come by itself is on the new phone.

    Raises:
        AppsNotInstalled, WaitedTooLong: an app is still missing after `--wait` seconds. What `settle_strategy` raises.
    """
    strategy = await settle_strategy(run, plan, verified.ios_version)
    move = plan.move
    opened = await open_with_claims(run, verified.backup, "old")
    with opened.backup:
        owners = chosen_owners(opened.claims, categories=move.categories, except_=move.except_, apps=move.apps)
        chosen = [app for bundle, app in opened.claims.apps.items() if APP_PREFIX + bundle in owners]
    wanted = {app.id: app.title for app in chosen if strategy not in FULL_RESTORES or app.reinstallable is not True}
    await _wait_for(run, wanted)
    return AppsInstalled(wanted)


async def _wait_for(run: Run, wanted: Mapping[str, str]) -> None:
    deadline, asked = time.monotonic() + run.wait_s, ""
    while wanted:
        async with run.phone("new") as phone:
            not_installed = await find_missing_apps(wanted, phone)
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


async def find_missing_apps(wanted: Mapping[str, str], phone: Phone) -> AppsNotInstalled | None:
    """Those of `wanted` (bundle id -> title) that are not on the phone now; None: all are."""
    missing = sorted(set(wanted) - set(await phone.installed_apps()))
    return AppsNotInstalled(phone.facts.name_or_model, tuple(wanted[one] for one in missing)) if missing else None
