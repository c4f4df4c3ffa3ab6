"""The steps that change the new phone: restore, which is the point of no return, and the wait for its return."""

from __future__ import annotations

from typing import Any, Literal

from migrate.backup.folder import BackupFolder
from migrate.backup.verify.run import verify
from migrate.journey.backup_password import password_of
from migrate.journey.journal import Journal
from migrate.journey.run_state import LastWord, Move
from migrate.journey.steps.install import apps_lacking, some_app_is_chosen
from migrate.journey.threads import in_thread
from migrate.phone.discovery import look
from migrate.phone.mobilebackup2.restore import RestoreAttempt, RestoreOptions
from migrate.phone.phone import Phone, wait_until_ready
from migrate.plan.preflight import refuse_putting_back, refuse_restore
from migrate.plan.strategy import Strategy
from migrate.problems import NotAgreed, RestoreInDoubt, RestoreSetDamaged

OPTIONS = {  # contract 5; all five are always sent, because a missing one means YES to the phone (facts 4.1)
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


async def agree(move: Move) -> dict[str, Any]:
    """The last word, with everything that can be refused refused before it."""
    await refuse_damaged_set(move)
    move.looked_at_set = True
    async with move.phone("new") as phone:
        await ready_for_it(move, phone)
        if not move.asking.confirm(last_word(move, phone)):
            raise NotAgreed(move.journal.run)
    return {}


async def restore(move: Move) -> dict[str, Any]:
    """Send the restore set."""
    if not move.looked_at_set:  # agreed to in another process: a disk may have rotted since
        await refuse_damaged_set(move)
    async with move.phone("new") as phone:
        await ready_for_it(move, phone)
        password = await password_of(move, move.restore_set, move.set_role)
        move.journal.append({"restore_begins": await trace(move, phone.facts.udid)})
        attempt = RestoreAttempt(
            on_half_sent=lambda: move.journal.append({"restore_half_sent": True}),
            on_taken=lambda: move.journal.append({"restore_taken": True}),
        )
        try:
            report = await phone.restore(
                move.restore_set,
                options=OPTIONS[move.known_strategy],
                password=password,
                restore_applications=wants_apps(move),
                watch=move.watch(),
                attempt=attempt,
            )
        except BaseException:
            if attempt.was_not_taken:
                move.journal.append({"restore_not_taken": True})
            raise
    return {"bytes": report.bytes_sent, "files": report.files_sent, "confirmed": report.confirmed}


async def refuse_damaged_set(move: Move) -> None:
    """Look at the set once more: a disk may have rotted between composing and sending."""
    password = await password_of(move, move.restore_set, move.set_role)
    watch = move.watch()
    verdict = await in_thread(move, lambda: verify(move.restore_set, password, seals=None, depth="quick", watch=watch))
    wounds = [finding for finding in verdict.findings if finding.severity == "error"]
    if wounds:
        raise RestoreSetDamaged(str(move.restore_set), wounds[0].what, len(wounds))


async def ready_for_it(move: Move, phone: Phone) -> None:
    """Refuse a phone that must not be restored to now.

    Raises:
        AppsNotInstalled: an app was deleted after it was looked for; a resume waits for it again.
    """
    facts = await phone.refresh()
    if move.journal.undoes:
        ios_version = BackupFolder(move.restore_set).ios_version
        refuse_putting_back(facts, backup_ios_version=ios_version, set_bytes=move.composed["bytes"])
        return
    in_use = await phone.signs_of_use() if move.plan.new_phone.is_ == "erased" else ()
    refuse_restore(
        move.plan,
        facts,
        backup_ios_version=BackupFolder(move.restore_set).ios_version,
        set_bytes=move.composed["bytes"],
        signs_of_use=in_use,
    )
    if some_app_is_chosen(move) and (lacking := await apps_lacking(move, phone)):
        move.journal.append({"reopened": "install-apps", "why": "an app was deleted since"})
        raise lacking


def wants_apps(move: Move) -> bool:
    """Whether the phone is asked to install apps (contract 5). One in use has them by now, or is not sent anything."""
    return move.known_strategy is Strategy.REPLACE


def last_word(move: Move, phone: Phone) -> LastWord:
    composed = move.composed
    return LastWord(
        run=move.journal.run,
        old_name=move.name_of("old"),
        new_name=phone.facts.name or "the new phone",
        strategy=move.known_strategy,
        replaces=tuple((title, goes, there) for _, title, goes, there in composed["replaces"]),
        set_bytes=composed["bytes"],
        set_files=composed["chosen_files"],
        saved_first=bool(move.journal.result("verify-new-phone")),
        undoes=move.journal.undoes,
    )


# -- in doubt --------------------------------------------------------------------------------------------------------


async def trace(move: Move, udid: str) -> dict[str, Any]:
    """What shows from outside whether a phone was restored to: its trust in us and how far its setup is."""
    for facts in await look(move.muxer):
        if facts.udid == udid:
            return {"trusted": facts.trusted, "setup_state": facts.setup_state, "setup": facts.setup_finished}
    return {}


async def already_restored(move: Move) -> bool:
    """Whether a restore that was in doubt has happened: the phone said so, or is no longer as it was before.

    A `replace` ends trust and runs the setup again; an `overlay` leaves `RestoredFromiTunesBackup` behind
    (facts 4.8, REPORTED). False only where the journal shows that the phone did not take the set: nothing was sent, it
    refused, or it had not fetched everything when the link broke.

    Raises:
        RestoreInDoubt: neither can be shown. The phone may have been restored, and used since.
    """
    before, udid = move.journal.note("restore_begins"), move.journal.udid_of("new")
    if before is None or udid is None or last_try(move.journal) == "not taken":
        return False
    if last_try(move.journal) == "taken":
        return True
    now = await trace(move, udid)
    if not (now and changed_since(before, now)):
        raise RestoreInDoubt(move.name_of("new"), move.journal.run, str(move.folder / "plan.toml"))
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


async def wait_for_phone(move: Move) -> dict[str, Any]:
    """Wait until the new phone is back from its reboot, trusts this computer, and is through its setup."""
    udid = str(move.journal.udid_of("new"))
    phone = await move.patiently(lambda wait_s: wait_until_ready(move.muxer, udid, watch=move.watch(), wait_s=wait_s))
    await phone.close()
    return {}
