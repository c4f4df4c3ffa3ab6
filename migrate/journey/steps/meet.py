"""The first steps of a run: know the phones, and refuse early what cannot succeed."""

from __future__ import annotations

from migrate.backup.disk_space import free_bytes_at, hard_links_work
from migrate.backup.folder import BackupFolder
from migrate.journey.run_state import Run
from migrate.journey.steps.announce import announce_move
from migrate.journey.steps.back_up import find_existing_backup
from migrate.journey.steps.new_phone import folder_bytes, refuse_unfit_phone
from migrate.language import _
from migrate.phone.discovery import find_phones
from migrate.phone.facts import PhoneFacts, model_names, told_apart_by
from migrate.phone.phone import Phone
from migrate.phone.quoting import NAME_LIMIT, safe_text
from migrate.plan.model import Plan
from migrate.plan.preflight import MoveFacts, refuse_new_phone, required_ios_version
from migrate.plan.preflight import preflight as look_before
from migrate.plan.strategy import choose_strategy, parse_version
from migrate.problems import MigrateError, PhoneInUse
from migrate.udid import same_udid


async def meet(run: Run, plan: Plan) -> None:
    """Meet the old phone, or open the backup used in its place. The new phone is not needed before its own step."""
    existing_backup = find_existing_backup(run, plan)
    if existing_backup is not None:
        folder = BackupFolder(existing_backup)
        name = folder.device_name or folder.udid or _("the old phone")
        udid = str(folder.udid or folder.path.name)
        run.record_phone("old", udid, safe_text(name, NAME_LIMIT), what_tells_apart(folder, udid))
        return
    async with run.phone("old"):
        return


def what_tells_apart(folder: BackupFolder, udid: str) -> str:
    """What tells the phone of a backup from another one of the same name."""
    info = folder.readable_info or {}
    model, serial = (safe_text(info.get(key) or "", NAME_LIMIT) for key in ("Product Type", "Serial Number"))
    return told_apart_by(model_names().get(model) or model, serial, udid)


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
    if existing_backup is None and old is not None and (new is None or new.ios_version is None):
        refuse_told_version(run, plan, old)
    move_facts = MoveFacts(
        old=old,
        new=new,
        backup=BackupFolder(existing_backup) if existing_backup else None,
        home_free_bytes=free_bytes_at(run.home.path),
        working_backup_bytes=folder_bytes(run.home.working_backup(old.udid)) if old else 0,
        home=run.home.path,
        hard_links_work=hard_links_work(run.home.backups),
        new_backup_bytes=folder_bytes(run.home.working_backup(new.udid)) if new else 0,
        backup_bytes=folder_bytes(existing_backup) if existing_backup else 0,
    )
    for finding in look_before(plan, move_facts):
        run.found(finding)
    if new is not None and new.ios_version is not None:
        run.journal.append({"new_ios_version": new.ios_version})
    if new is not None:
        refuse_unfit_phone(run, plan, new, BackupFolder(existing_backup).ios_version if existing_backup else None)
        await refuse_used_phone(run, plan, new)
    if plan.new_phone.is_ == "erased" or (new is not None and new.ios_version is not None):
        version = new.ios_version if new else None
        run.set_strategy(choose_strategy(plan.new_phone.is_, version, experimental=plan.new_phone.experimental))
    await announce_move(run, plan, move_facts, old, new)


def refuse_told_version(run: Run, plan: Plan, old: PhoneFacts) -> None:
    """Ask which iOS the new phone runs, where only the old one is connected, and refuse now what cannot work.

    Raises:
        BackupNewerThanPhone, StrategyRefused.
    """
    told = run.journal.latest_value("new_ios_version")
    if told is None and run.context.ask_ios_version is not None:
        told = run.context.ask_ios_version()
        run.journal.append({"new_ios_version": told or ""})
    if not told or parse_version(told) is None:
        return
    new = PhoneFacts(udid=_("unknown"), connection="", name=_("The new iPhone"), ios_version=told)
    required = required_ios_version(MoveFacts(old=old))
    refuse_new_phone(plan, new, backup_ios_version=old.ios_version, required=required)


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
        raise PhoneInUse(new.name_or_model, signs)


def guess_new_phone(run: Run, phones: list[PhoneFacts]) -> PhoneFacts | None:
    """The new phone, if it happens to be connected already and there is no doubt which one it is."""
    requested_udid = run.udid_of("new") or run.requested_udid("new")
    others = [phone for phone in phones if phone.udid != run.udid_of("old")]
    if requested_udid:
        return next((phone for phone in others if same_udid(phone.udid, requested_udid)), None)
    return others[0] if len(others) == 1 else None
