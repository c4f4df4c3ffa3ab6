"""What the first meeting with the new phone decides: the strategy, and whether the phone can take the move at all."""

from __future__ import annotations

from pathlib import Path

from migrate.journey.opened_backup import chooser_of, open_with_claims
from migrate.journey.run_state import Run
from migrate.journey.steps.back_up import NewPhoneBackedUp, back_up, back_up_new_phone, ready_to_back_up
from migrate.journey.steps.erase import refuse_too_little_room
from migrate.journey.steps.freshness import note_state
from migrate.journey.steps.verify import OldPhoneVerified
from migrate.journey.threads import in_thread
from migrate.phone.facts import PhoneFacts
from migrate.plan.model import Plan
from migrate.plan.preflight import refuse_strategy
from migrate.plan.strategy import OWN_BACKUP_STRATEGIES, Strategy, choose_strategy


async def settle_strategy(run: Run, plan: Plan, old_ios_version: str | None) -> Strategy:
    """The run's strategy: what the plan and both iOS versions allow (design 4). Meets the new phone if it has to.

    Raises:
        What `refuse_unfit_phone` raises.
    """
    if run.journal.latest_value("strategy") is None:
        version = None
        if plan.new_phone.is_ == "in-use":
            async with run.phone("new") as phone:
                version = phone.facts.ios_version
                refuse_unfit_phone(run, plan, phone.facts, old_ios_version)
        run.set_strategy(choose_strategy(plan.new_phone.is_, version, experimental=plan.new_phone.experimental))
    return run.strategy


async def back_up_before_move(run: Run, plan: Plan, verified: OldPhoneVerified) -> NewPhoneBackedUp:
    """Back up the new phone before it is changed. A set that is made from this backup needs it fresh: the person is
    asked not to change anything from here on, and what the phone looks like is noted.

    Raises:
        What `refuse_unfit_phone` and a backup raise.
    """
    strategy = await settle_strategy(run, plan, verified.ios_version)
    if strategy not in OWN_BACKUP_STRATEGIES:
        return await back_up_new_phone(run)
    chosen_bytes = await count_chosen_bytes(run, plan, verified) if strategy is Strategy.REBUILD else 0
    async with run.phone("new") as phone, ready_to_back_up(run, phone, "new") as folder:
        refuse_unfit_phone(run, plan, phone.facts, verified.ios_version, chosen_bytes=chosen_bytes)
        run.progress().person_needed(phone.facts.name_or_model, "airplane-mode")
        await note_state(run, phone)
        return NewPhoneBackedUp(folder, *await back_up(run, phone, folder, "incremental", "new"))


async def count_chosen_bytes(run: Run, plan: Plan, verified: OldPhoneVerified) -> int:
    """The size of what the plan takes from the old phone's backup. A rebuild stages at least this much."""
    opened = await open_with_claims(run, verified.backup, "old")

    def count() -> int:
        chooser = chooser_of(opened, plan)
        for row in opened.backup.manifest.rows():
            chooser.takes(row, row.size())
        return chooser.choice().bytes

    with opened.backup:
        return await in_thread(run, count)


def refuse_unfit_phone(
    run: Run, plan: Plan, facts: PhoneFacts, old_ios_version: str | None, *, chosen_bytes: int = 0
) -> None:
    """Refuse a phone in use as soon as it is met, because it will be backed up for hours.

    `chosen_bytes`: the size of what comes from the old phone, once it is known. What it replaces on the new phone is
        not known yet, so the two are not added up: the larger one has to fit at least.

    Raises:
        StrategyRefused, BackupNewerThanPhone, CategoriesMovedStore, CategoriesSynced, RebuildDoesNotFit.
    """
    if plan.new_phone.is_ == "in-use":
        refuse_strategy(plan, facts, old_ios_version=old_ios_version)
        own_bytes = own_backup_bytes(run, facts.udid)
        known = [size for size in (own_bytes if own_bytes is not None else facts.used_bytes, chosen_bytes) if size]
        refuse_too_little_room(run, plan, facts, set_bytes=max(known, default=None))


def own_backup_bytes(run: Run, udid: str) -> int | None:
    """The size of the new phone's own backup, if there is one here; it is about to be brought up to date."""
    folder = run.home.working_backup(udid)
    return folder_bytes(folder) if folder.is_dir() else None


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else 0
