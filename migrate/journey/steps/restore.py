"""The steps that change the new phone: restore, which is the point of no return, and the wait for its restart.

A restore whose end is unknown is in `doubt.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from migrate.backup.snapshots.place import Place
from migrate.ctrl_c import ctrl_c
from migrate.journey.backup_password import password_of
from migrate.journey.results import StepResult
from migrate.journey.run_state import Run
from migrate.journey.steps.agree import refuse_damaged_set, refuse_unready_phone
from migrate.journey.steps.compose import ComposedSet
from migrate.journey.steps.erase import prepare_phone_in_use
from migrate.journey.steps.find_my import when_find_my_is_off
from migrate.journey.steps.verify import NewPhoneVerified, seal_of_set
from migrate.phone.discovery import find_phones
from migrate.phone.mobilebackup2.restore import RestoreAttempt, RestoreOptions
from migrate.phone.phone import wait_until_ready
from migrate.plan.model import Plan
from migrate.plan.strategy import FULL_RESTORES, Strategy

FULL_RESTORE = RestoreOptions(
    system_files=True,
    should_reboot=True,
    dont_copy_backup=True,
    preserve_settings=False,
    remove_items_not_restored=True,
)
RESTORE_OPTIONS = {  # contract 5; all five are always sent, because a missing one means YES to the phone (facts 4.1)
    Strategy.REPLACE: FULL_RESTORE,
    Strategy.REBUILD: FULL_RESTORE,
    Strategy.OVERLAY: RestoreOptions(
        system_files=True,
        should_reboot=True,
        dont_copy_backup=True,
        preserve_settings=True,  # guessed: it is handed to the data migrator only (facts 4.1)
        remove_items_not_restored=False,
    ),
    Strategy.GRAFT: RestoreOptions(
        system_files=True,
        should_reboot=True,
        dont_copy_backup=True,
        preserve_settings=False,
        remove_items_not_restored=False,
    ),
}


@dataclass(frozen=True)
class Restored(StepResult):
    """What the phone took."""

    step = "restore"
    bytes: int | None = None
    files: int | None = None
    confirmed: bool | None = None
    """Whether the phone itself reported that it was done."""
    found_done: bool = False
    """The phone showed it when it was looked at, because the link or the process ended without its answer."""


async def restore(run: Run, plan: Plan, composed: ComposedSet, safety: NewPhoneVerified | None) -> Restored:
    """Send the restore set. From here on an undo needs the safety backup."""
    if not run.restore_set_checked:  # confirmed in another process: a disk may have rotted since
        await refuse_damaged_set(run, composed.set)
    await prepare_phone_in_use(run)
    async with run.phone("new", needs_cable=True) as phone:
        await refuse_unready_phone(run, plan, composed, phone)
        password = await password_of(run, composed.set, run.restore_set_role)
        seal = await seal_of_set(run, composed.set)
        if safety is not None:
            Place(safety.backup.parent).protect(run.journal.run_id, "undo")
        ctrl_c.stop_if_pressed()  # the last moment before the phone changes
        run.journal.append({"restore_begins": await trace(run, phone.facts.udid)})
        attempt = RestoreAttempt(
            on_half_sent=lambda: run.journal.append({"restore_half_sent": True}),
            on_taken=lambda: run.journal.append({"restore_taken": True}),
            on_refused=lambda: run.journal.append({"restore_not_taken": True}),
        )
        try:
            report = await when_find_my_is_off(
                run,
                phone.facts.name_or_model,
                lambda: phone.restore(
                    composed.set,
                    options=RESTORE_OPTIONS[run.strategy],
                    password=password,
                    restore_applications=should_install_apps(run),
                    progress=run.progress(),
                    attempt=attempt,
                    seal=seal,
                ),
            )
        except BaseException:
            if attempt.was_not_taken and not attempt.refused:
                run.journal.append({"restore_not_taken": True})
            raise
    return Restored(bytes=report.bytes_sent, files=report.files_sent, confirmed=report.confirmed)


def should_install_apps(run: Run) -> bool:
    """Whether the phone is asked to install apps (contract 5). For the other strategies it has them by now."""
    return run.strategy in FULL_RESTORES


async def trace(run: Run, udid: str) -> dict[str, Any]:
    """What shows from outside whether a phone was restored to: its trust in us and how far its setup is.

    Empty if it is not attached, or does not say.
    """
    for facts in await find_phones(run.usbmux):
        if facts.udid == udid and facts.trusted is not None:
            return {
                "trusted": facts.trusted,
                "locked": facts.locked,
                "setup_state": facts.setup_state,
                "setup": facts.setup_finished,
            }
    return {}


def was_not_taken(run: Run) -> bool:
    """Whether the set can be sent again without asking: the phone has shown that it did not take it."""
    return not run.journal.may_be_restored


# -- wait ------------------------------------------------------------------------------------------------------------


async def wait_for_phone(run: Run) -> None:
    """Wait until the new phone has restarted, trusts this computer, and has finished its setup."""
    udid = str(run.udid_of("new"))
    taken_names = await run.names_of_others("new", udid)
    phone = await run.with_wait_timeout(
        lambda wait_s: wait_until_ready(
            run.usbmux, udid, progress=run.progress(), wait_s=wait_s, taken_names=taken_names
        )
    )
    await phone.close()
