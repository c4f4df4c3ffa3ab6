"""The first steps of a run: know the phones, and refuse early what cannot succeed."""

from __future__ import annotations

from migrate.backup.folder import BackupFolder
from migrate.journey.run_state import Run
from migrate.journey.steps.back_up import find_existing_backup
from migrate.journey.steps.new_phone import folder_bytes, refuse_unfit_phone
from migrate.language import _
from migrate.phone.discovery import find_phones
from migrate.phone.facts import PhoneFacts
from migrate.phone.phone import Phone
from migrate.phone.quoting import NAME_LIMIT, safe_text
from migrate.plan.model import Plan
from migrate.plan.preflight import MoveFacts, free_bytes_at
from migrate.plan.preflight import preflight as look_before
from migrate.plan.strategy import choose_strategy
from migrate.problems import MigrateError, PhoneInUse
from migrate.udid import same_udid


async def meet(run: Run, plan: Plan) -> None:
    """Meet the old phone, or open the backup used in its place. The new phone is not needed before its own step."""
    existing_backup = find_existing_backup(run, plan)
    if existing_backup is not None:
        folder = BackupFolder(existing_backup)
        name = folder.device_name or folder.udid or _("the old phone")
        run.record_phone("old", str(folder.udid or folder.path.name), safe_text(name, NAME_LIMIT))
        return
    async with run.phone("old"):
        return


async def preflight(run: Run, plan: Plan) -> None:
    """Refuse everything that can be refused now, from what the phones show without a person's help."""
    existing_backup = find_existing_backup(run, plan)
    try:
        phones = await find_phones(run.usbmux)
    except MigrateError:
        if existing_backup is None:
            raise
        phones = []  # a backup can be verified and composed before a phone is connected
    old = next((phone for phone in phones if phone.udid == run.udid_of("old")), None)
    new = guess_new_phone(run, phones)
    move_facts = MoveFacts(
        old=old,
        new=new,
        backup=BackupFolder(existing_backup) if existing_backup else None,
        home_free_bytes=free_bytes_at(run.home.path),
        working_backup_bytes=folder_bytes(run.home.working_backup(old.udid)) if old else 0,
        home=run.home.path,
    )
    for finding in look_before(plan, move_facts):
        run.found(finding)
    if new is not None:
        refuse_unfit_phone(run, plan, new, BackupFolder(existing_backup).ios_version if existing_backup else None)
        await refuse_used_phone(run, plan, new)
    if plan.new_phone.is_ == "erased" or (new is not None and new.ios_version is not None):
        version = new.ios_version if new else None
        run.set_strategy(choose_strategy(plan.new_phone.is_, version, experimental=plan.new_phone.experimental))


async def refuse_used_phone(run: Run, plan: Plan, new: PhoneFacts) -> None:
    """Check now whether an "erased" phone is erased, if it lets us: better than after hours of backing up the old one.

    A phone that does not trust this computer yet is checked before the restore: this step never asks for trust.

    Raises:
        PhoneInUse.
    """
    if plan.new_phone.is_ != "erased" or plan.new_phone.wipe or not new.trusted or new.setup_finished is False:
        return
    try:
        async with await Phone.meet(run.usbmux, new.udid, wait_s=0) as phone:
            signs = await phone.signs_of_use()
    except MigrateError:
        return  # it is checked again before the restore
    if signs:
        raise PhoneInUse(new.name or new.udid, signs)


def guess_new_phone(run: Run, phones: list[PhoneFacts]) -> PhoneFacts | None:
    """The new phone, if it happens to be connected already and there is no doubt which one it is."""
    requested_udid = run.udid_of("new") or run.requested_udid("new")
    others = [phone for phone in phones if phone.udid != run.udid_of("old")]
    if requested_udid:
        return next((phone for phone in others if same_udid(phone.udid, requested_udid)), None)
    return others[0] if len(others) == 1 else None
