"""The first steps of a run: know the phones, and refuse early what cannot end well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.journey.run_state import Run
from migrate.journey.steps.back_up import find_existing_backup
from migrate.phone.discovery import find_phones
from migrate.phone.facts import PhoneFacts
from migrate.phone.phone import Phone
from migrate.phone.quoting import NAME_LIMIT, safe_text
from migrate.plan.preflight import MoveFacts, free_bytes_at
from migrate.plan.preflight import preflight as look_before
from migrate.plan.strategy import choose_strategy
from migrate.problems import MigrateError, PhoneInUse
from migrate.udid import same_udid


async def meet(run: Run) -> dict[str, Any]:
    """Meet the old phone, or open the backup that stands in for it. The new phone is not asked for before its step."""
    existing_backup = find_existing_backup(run)
    if existing_backup is not None:
        folder = BackupFolder(existing_backup)
        name = folder.device_name or folder.udid or "the old phone"
        run.record_phone("old", str(folder.udid or folder.path.name), safe_text(name, NAME_LIMIT))
        return {}
    async with run.phone("old"):
        return {}


async def preflight(run: Run) -> dict[str, Any]:
    """Everything that can be refused now, from what can be seen without asking anybody."""
    existing_backup = find_existing_backup(run)
    try:
        phones = await find_phones(run.usbmux)
    except MigrateError:
        if existing_backup is None:
            raise
        phones = []  # a saved backup can be verified and composed before there is any phone
    old = next((phone for phone in phones if phone.udid == run.journal.udid_of("old")), None)
    new = guess_new_phone(run, phones)
    move_facts = MoveFacts(
        old=old,
        new=new,
        backup=BackupFolder(existing_backup) if existing_backup else None,
        home_free_bytes=free_bytes_at(run.home.path),
        working_backup_bytes=folder_bytes(run.home.working_backup(old.udid)) if old else 0,
        home=run.home.path,
    )
    for finding in look_before(run.plan, move_facts):
        run.found(finding)
    if new is not None:
        await refuse_used_phone(run, new)
    if run.plan.new_phone.is_ == "erased" or (new is not None and new.ios_version is not None):
        version = new.ios_version if new else None
        run.set_strategy(choose_strategy(run.plan.new_phone.is_, version, experimental=run.plan.new_phone.experimental))
    return {}


async def refuse_used_phone(run: Run, new: PhoneFacts) -> None:
    """Look now whether an "erased" phone is one, where it lets us: better than after hours of saving the other one.

    A phone that does not trust this computer yet is looked at before the restore only: nobody is asked for trust here.

    Raises:
        PhoneInUse.
    """
    if run.plan.new_phone.is_ != "erased" or run.plan.new_phone.wipe or not new.trusted or new.setup_finished is False:
        return
    try:
        async with await Phone.meet(run.usbmux, new.udid, wait_s=0) as phone:
            signs = await phone.signs_of_use()
    except MigrateError:
        return  # it can be asked for again when its turn comes
    if signs:
        raise PhoneInUse(new.name or new.udid, signs)


def guess_new_phone(run: Run, phones: list[PhoneFacts]) -> PhoneFacts | None:
    """The new phone, if it happens to be connected already and there is no doubt which one it is."""
    requested_udid = run.journal.udid_of("new") or run.requested_udid("new")
    others = [phone for phone in phones if phone.udid != run.journal.udid_of("old")]
    if requested_udid:
        return next((phone for phone in others if same_udid(phone.udid, requested_udid)), None)
    return others[0] if len(others) == 1 else None


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else 0
