"""The steps that change the new phone: restore, which is the point of no return, and the wait for its return."""

from __future__ import annotations

from typing import Any, Literal

from migrate.backup.folder import BackupFolder
from migrate.backup.verify.run import verify
from migrate.journey.backup_password import password_of
from migrate.journey.journal import Journal
from migrate.journey.run_state import Confirmation, Run
from migrate.journey.steps.install import find_missing_apps, has_chosen_apps
from migrate.journey.threads import in_thread
from migrate.phone.discovery import find_phones
from migrate.phone.mobilebackup2.restore import RestoreAttempt, RestoreOptions
from migrate.phone.phone import Phone, wait_until_ready
from migrate.plan.preflight import refuse_restore, refuse_restore_of_own_backup
from migrate.plan.strategy import Strategy
from migrate.problems import NotAgreed, RestoreInDoubt, RestoreSetDamaged

RESTORE_OPTIONS = {  # contract 5; all five are always sent, because a missing one means YES to the phone (facts 4.1)
    Strategy.REPLACE: RestoreOptions(
        system_files=True,
        should_reboot=True,
        dont_copy_backup=True,
        preserve_settings=False,
        remove_items_not_restored=True,
    ),
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


async def ask_for_confirmation(run: Run) -> dict[str, Any]:
    """The last word, with everything that can be refused refused before it."""
    await refuse_damaged_set(run)
    run.restore_set_checked = True
    async with run.phone("new") as phone:
        await refuse_unready_phone(run, phone)
        if not run.prompts.confirm(confirmation_for(run, phone)):
            raise NotAgreed(run.journal.run_id)
    return {}


async def restore(run: Run) -> dict[str, Any]:
    """Send the restore set."""
    if not run.restore_set_checked:  # agreed to in another process: a disk may have rotted since
        await refuse_damaged_set(run)
    async with run.phone("new") as phone:
        await refuse_unready_phone(run, phone)
        password = await password_of(run, run.restore_set, run.restore_set_role)
        run.journal.append({"restore_begins": await trace(run, phone.facts.udid)})
        attempt = RestoreAttempt(
            on_half_sent=lambda: run.journal.append({"restore_half_sent": True}),
            on_taken=lambda: run.journal.append({"restore_taken": True}),
        )
        try:
            report = await phone.restore(
                run.restore_set,
                options=RESTORE_OPTIONS[run.known_strategy],
                password=password,
                restore_applications=should_install_apps(run),
                progress=run.progress(),
                attempt=attempt,
            )
        except BaseException:
            if attempt.was_not_taken:
                run.journal.append({"restore_not_taken": True})
            raise
    return {"bytes": report.bytes_sent, "files": report.files_sent, "confirmed": report.confirmed}


async def refuse_damaged_set(run: Run) -> None:
    """Look at the set once more: a disk may have rotted between composing and sending."""
    password = await password_of(run, run.restore_set, run.restore_set_role)
    progress = run.progress()
    verdict = await in_thread(
        run, lambda: verify(run.restore_set, password, seals=None, depth="quick", progress=progress)
    )
    defects = [finding for finding in verdict.findings if finding.severity == "error"]
    if defects:
        raise RestoreSetDamaged(str(run.restore_set), defects[0].what, len(defects))


async def refuse_unready_phone(run: Run, phone: Phone) -> None:
    """Refuse a phone that must not be restored to now.

    Raises:
        AppsNotInstalled: an app was deleted after it was looked for; a resume waits for it again.
    """
    facts = await phone.refresh()
    if run.journal.undoes:
        ios_version = BackupFolder(run.restore_set).ios_version
        refuse_restore_of_own_backup(facts, backup_ios_version=ios_version, set_bytes=run.composed["bytes"])
        return
    in_use = await phone.signs_of_use() if run.plan.new_phone.is_ == "erased" else ()
    refuse_restore(
        run.plan,
        facts,
        backup_ios_version=BackupFolder(run.restore_set).ios_version,
        set_bytes=run.composed["bytes"],
        signs_of_use=in_use,
    )
    if has_chosen_apps(run) and (not_installed := await find_missing_apps(run, phone)):
        run.journal.append({"reopened": "install-apps", "why": "an app was deleted since"})
        raise not_installed


def should_install_apps(run: Run) -> bool:
    """Whether the phone is asked to install apps (contract 5). One in use has them by now, or is not sent anything."""
    return run.known_strategy is Strategy.REPLACE


def confirmation_for(run: Run, phone: Phone) -> Confirmation:
    composed = run.composed
    return Confirmation(
        run_id=run.journal.run_id,
        old_name=run.name_of("old"),
        new_name=phone.facts.name or "the new phone",
        strategy=run.known_strategy,
        replaces=tuple((title, goes, there) for _, title, goes, there in composed["replaces"]),
        set_bytes=composed["bytes"],
        set_files=composed["chosen_files"],
        is_undoable=bool(run.journal.result("verify-new-phone")),
        undoes=run.journal.undoes,
    )


# -- in doubt --------------------------------------------------------------------------------------------------------


async def trace(run: Run, udid: str) -> dict[str, Any]:
    """What shows from outside whether a phone was restored to: its trust in us and how far its setup is."""
    for facts in await find_phones(run.usbmux):
        if facts.udid == udid:
            return {"trusted": facts.trusted, "setup_state": facts.setup_state, "setup": facts.setup_finished}
    return {}


async def is_already_restored(run: Run) -> bool:
    """Whether a restore that was in doubt has happened: the phone said so, or is no longer as it was before.

    A `replace` ends trust and runs the setup again; an `overlay` leaves `RestoredFromiTunesBackup` behind
    (facts 4.8, REPORTED). False only where the journal shows that the phone did not take the set: nothing was sent, it
    refused, or it had not fetched everything when the link broke.

    Raises:
        RestoreInDoubt: neither can be shown. The phone may have been restored, and used since.
    """
    before, udid = run.journal.latest_value("restore_begins"), run.journal.udid_of("new")
    if before is None or udid is None or last_try(run.journal) == "not taken":
        return False
    if last_try(run.journal) == "taken":
        return True
    now = await trace(run, udid)
    if not (now and changed_since(before, now)):
        raise RestoreInDoubt(run.name_of("new"), run.journal.run_id, str(run.folder / "plan.toml"))
    return True


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


async def wait_for_phone(run: Run) -> dict[str, Any]:
    """Wait until the new phone is back from its reboot, trusts this computer, and is through its setup."""
    udid = str(run.journal.udid_of("new"))
    phone = await run.with_wait_timeout(
        lambda wait_s: wait_until_ready(run.usbmux, udid, progress=run.progress(), wait_s=wait_s)
    )
    await phone.close()
    return {}
