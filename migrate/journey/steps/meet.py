"""The first steps of a run: know the phones, and refuse early what cannot end well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.journey.run_state import Move
from migrate.journey.steps.back_up import given_backup
from migrate.phone.discovery import look
from migrate.phone.facts import PhoneFacts
from migrate.phone.phone import Phone
from migrate.phone.quoting import NAME_LIMIT, quoted
from migrate.plan.preflight import Seen, free_bytes_at
from migrate.plan.preflight import preflight as look_before
from migrate.plan.strategy import strategy_for
from migrate.problems import MigrateError, PhoneInUse
from migrate.udid import same_udid


async def meet(move: Move) -> dict[str, Any]:
    """Meet the old phone, or open the backup that stands in for it. The new phone is not asked for before its step."""
    given = given_backup(move)
    if given is not None:
        folder = BackupFolder(given)
        name = folder.device_name or folder.udid or "the old phone"
        move.met("old", str(folder.udid or folder.path.name), quoted(name, NAME_LIMIT))
        return {}
    async with move.phone("old"):
        return {}


async def preflight(move: Move) -> dict[str, Any]:
    """Everything that can be refused now, from what can be seen without asking anybody."""
    given = given_backup(move)
    try:
        phones = await look(move.muxer)
    except MigrateError:
        if given is None:
            raise
        phones = []  # a saved backup can be verified and composed before there is any phone
    old = next((phone for phone in phones if phone.udid == move.journal.udid_of("old")), None)
    new = likely_new_phone(move, phones)
    seen = Seen(
        old=old,
        new=new,
        backup=BackupFolder(given) if given else None,
        free_bytes_here=free_bytes_at(move.home.path),
        working_backup_bytes=folder_bytes(move.home.working_backup(old.udid)) if old else 0,
        home=move.home.path,
    )
    for finding in look_before(move.plan, seen):
        move.found(finding)
    if new is not None:
        await refuse_a_phone_in_use(move, new)
    if move.plan.new_phone.is_ == "erased" or (new is not None and new.ios_version is not None):
        version = new.ios_version if new else None
        move.settle(strategy_for(move.plan.new_phone.is_, version, experimental=move.plan.new_phone.experimental))
    return {}


async def refuse_a_phone_in_use(move: Move, new: PhoneFacts) -> None:
    """Look now whether an "erased" phone is one, where it lets us: better than after hours of saving the other one.

    A phone that does not trust this computer yet is looked at before the restore only: nobody is asked for trust here.

    Raises:
        PhoneInUse.
    """
    if (
        move.plan.new_phone.is_ != "erased"
        or move.plan.new_phone.wipe
        or not new.trusted
        or new.setup_finished is False
    ):
        return
    try:
        async with await Phone.meet(move.muxer, new.udid, wait_s=0) as phone:
            signs = await phone.signs_of_use()
    except MigrateError:
        return  # it can be asked for again when its turn comes
    if signs:
        raise PhoneInUse(new.name or new.udid, signs)


def likely_new_phone(move: Move, phones: list[PhoneFacts]) -> PhoneFacts | None:
    """The new phone, if it happens to be connected already and there is no doubt which one it is."""
    named = move.journal.udid_of("new") or move.named("new")
    others = [phone for phone in phones if phone.udid != move.journal.udid_of("old")]
    if named:
        return next((phone for phone in others if same_udid(phone.udid, named)), None)
    return others[0] if len(others) == 1 else None


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else 0
