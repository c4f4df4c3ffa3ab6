"""The steps that change the new phone: restore, which is the point of no return, and the wait for its restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from migrate.journey.backup_password import password_of
from migrate.journey.journal import Journal
from migrate.journey.results import StepResult
from migrate.journey.run_state import Run
from migrate.journey.steps.agree import refuse_damaged_set, refuse_unready_phone
from migrate.journey.steps.compose import ComposedSet
from migrate.journey.steps.erase import prepare_phone_in_use
from migrate.journey.steps.find_my import when_find_my_is_off
from migrate.phone.discovery import find_phones
from migrate.phone.mobilebackup2.restore import RestoreAttempt, RestoreOptions
from migrate.phone.phone import wait_until_ready
from migrate.plan.model import Plan
from migrate.plan.strategy import FULL_RESTORES, Strategy
from migrate.problems import RestoreInDoubt

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
    """The process was killed before it could journal the end of the restore; the other fields are unknown."""


async def restore(run: Run, plan: Plan, composed: ComposedSet) -> Restored:
    """Send the restore set."""
    if not run.restore_set_checked:  # confirmed in another process: a disk may have rotted since
        await refuse_damaged_set(run, composed.set)
    await prepare_phone_in_use(run)
    async with run.phone("new") as phone:
        await refuse_unready_phone(run, plan, composed, phone)
        password = await password_of(run, composed.set, run.restore_set_role)
        run.journal.append({"restore_begins": await trace(run, phone.facts.udid)})
        attempt = RestoreAttempt(
            on_half_sent=lambda: run.journal.append({"restore_half_sent": True}),
            on_taken=lambda: run.journal.append({"restore_taken": True}),
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
                ),
            )
        except BaseException:
            if attempt.was_not_taken:
                run.journal.append({"restore_not_taken": True})
            raise
    return Restored(bytes=report.bytes_sent, files=report.files_sent, confirmed=report.confirmed)


def should_install_apps(run: Run) -> bool:
    """Whether the phone is asked to install apps (contract 5). For the other strategies it has them by now."""
    return run.strategy in FULL_RESTORES


# -- in doubt --------------------------------------------------------------------------------------------------------


async def trace(run: Run, udid: str) -> dict[str, Any]:
    """What shows from outside whether a phone was restored to: its trust in us and how far its setup is."""
    for facts in await find_phones(run.usbmux):
        if facts.udid == udid:
            return {"trusted": facts.trusted, "setup_state": facts.setup_state, "setup": facts.setup_finished}
    return {}


async def is_already_restored(run: Run) -> Restored | None:
    """A restore that was in doubt, if it has happened: the phone confirmed it, or is no longer as it was before.

    A `replace` ends trust and runs the setup again; an `overlay` leaves `RestoredFromiTunesBackup` behind
    (facts 4.8, REPORTED). None only where the journal shows that the phone did not take the set: nothing was sent, it
    refused, or it had not fetched everything when the link broke.

    Raises:
        RestoreInDoubt: neither can be shown. The phone may have been restored, and used since.
    """
    before, udid = run.journal.latest_value("restore_begins"), run.udid_of("new")
    if before is None or udid is None or last_try(run.journal) == "not taken":
        return None
    if last_try(run.journal) == "taken":
        return Restored(found_done=True)
    now = await trace(run, udid)
    if not (now and changed_since(before, now)):
        raise RestoreInDoubt(run.name_of("new"), run.journal.run_id, str(run.folder / "plan.toml"))
    return Restored(found_done=True)


def last_try(journal: Journal) -> Literal["taken", "not taken", "in doubt"]:
    """What the journal shows of the newest try to send the set.

    Not taken: the phone had not been sent half of it, or this process lived to see that the phone had not fetched it
    all, or refused.
    """
    for line in reversed(journal.lines):
        if "restore_taken" in line:
            return "taken"
        if "restore_half_sent" in line:
            return "in doubt"
        if "restore_not_taken" in line or "restore_begins" in line:
            break
    return "not taken"


def changed_since(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether two traces of one phone show that it was restored in between."""
    lost_trust = before.get("trusted") is True and now["trusted"] is False
    new_state = now["setup_state"] is not None and now["setup_state"] != before.get("setup_state")
    in_setup = before.get("setup") is True and now["setup"] is False
    return lost_trust or new_state or in_setup


# -- wait ------------------------------------------------------------------------------------------------------------


async def wait_for_phone(run: Run) -> None:
    """Wait until the new phone has restarted, trusts this computer, and has finished its setup."""
    udid = str(run.udid_of("new"))
    phone = await run.with_wait_timeout(
        lambda wait_s: wait_until_ready(run.usbmux, udid, progress=run.progress(), wait_s=wait_s)
    )
    await phone.close()
