"""The steps that back up a phone: the old one, and the new one before it is changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from migrate.backup.folder import BackupFolder, find_backup
from migrate.backup.seal import read_seal
from migrate.categories.catalogue import EVERYTHING
from migrate.journey.backup_password import candidate_passwords, password_of
from migrate.journey.originals import offer_originals
from migrate.journey.phone_session import PhoneSession, backup_stamp
from migrate.journey.prompts import Role
from migrate.journey.results import StepResult
from migrate.journey.run_state import Run
from migrate.journey.second_look import SecondLook
from migrate.language import _
from migrate.phone.phone import Phone
from migrate.plan.model import Plan
from migrate.plan.strategy import refuse_newer_backup
from migrate.problems import (
    BackupEncryptionTurnedOn,
    BackupForbidden,
    BackupTooOld,
    BackupUnreadable,
    KeybagUnreadable,
    MigrateError,
    NothingBackedUp,
    OtherPasswordThanBefore,
    PasswordMissing,
    PhonePasswordMissing,
    WhichBackup,
    WrongPassword,
)
from migrate.udid import same_udid

PHOTOS = frozenset({"photos", EVERYTHING})
"""What a plan names if photos move."""


@dataclass(frozen=True)
class BackedUp(StepResult):
    """A phone's finished backup, and what this step received for it."""

    backup: Path
    bytes: int
    files: int
    found_done: bool = False
    """The process was killed before it could journal the end of the backup."""


@dataclass(frozen=True)
class OldPhoneBackedUp(BackedUp):
    step = "back-up-old-phone"


@dataclass(frozen=True)
class NewPhoneBackedUp(BackedUp):
    step = "back-up-new-phone"


async def back_up_old_phone(run: Run, plan: Plan) -> OldPhoneBackedUp:
    if existing_backup := find_existing_backup(run, plan):
        refuse_too_old(BackupFolder(existing_backup))
        return OldPhoneBackedUp(existing_backup, bytes=0, files=0)
    fresh = plan.backup.begin == "fresh"
    if PHOTOS & set(plan.move.categories) and "photos" not in plan.move.except_:
        await offer_originals(run)
    async with run.phone("old") as phone, ready_to_back_up(run, phone, "old", fresh=fresh) as folder:
        begin = resume_fresh_backup(run, folder) if plan.backup.begin == "fresh" else "incremental"
        received = await back_up(run, phone, folder, begin, "old")
        refuse_incompatible(run, BackupFolder(folder))
        return OldPhoneBackedUp(folder, *received)


def refuse_incompatible(run: Run, folder: BackupFolder) -> None:
    """Refuse a backup that the new phone would refuse, now that the phone has said which iOS takes it.

    Raises:
        BackupNewerThanPhone.
    """
    new = run.journal.latest_value("new_ios_version")
    name = run.name_of("new") if run.udid_of("new") else _("The new iPhone")
    refuse_newer_backup(folder.ios_version, new or None, phone=name, required=folder.required_ios_version)


def wants_new_phone_backup(run: Run, plan: Plan) -> bool:
    return plan.backs_up_new_phone_first or run.is_requested(NewPhoneBackedUp.step)


async def back_up_new_phone(run: Run) -> NewPhoneBackedUp:
    udid = run.udid_of("new") or run.requested_udid("new")
    if run.is_requested(NewPhoneBackedUp.step):  # reopened: what this process backed up before is no longer current
        udid = None
    if udid and (kept := run.presaved_backup(udid)):
        run.record_phone("new", udid, kept.name)
        return NewPhoneBackedUp(run.home.working_backup(udid), bytes=0, files=0)
    async with run.phone("new") as phone, ready_to_back_up(run, phone, "new") as folder:
        received = await back_up(run, phone, folder, "incremental", "new")
        return NewPhoneBackedUp(folder, *received)


def refuse_too_old(folder: BackupFolder) -> None:
    """Raises BackupTooOld now, not after an hour of verifying."""
    if folder.is_flat:
        raise BackupTooOld(str(folder.path), folder.ios_version or "")


def find_existing_backup(run: Run, plan: Plan) -> Path | None:
    """The backup to use in place of the old phone: the plan's folder; with `as-is`, or if this process has just made
    it, the working backup.

    Raises:
        BackupNotFound: the plan's folder is not a backup.
        NothingBackedUp, WhichBackup: `as-is` matches no backup or several.
    """
    if plan.old_phone.backup:
        return find_backup(Path(plan.old_phone.backup))
    udid = run.udid_of("old") or plan.old_phone.udid
    if plan.backup.begin == "as-is":
        return find_working_backup(run, udid)
    return run.home.working_backup(udid) if udid and run.presaved_backup(udid) else None


def find_working_backup(run: Run, udid: str | None) -> Path:
    """The working backup of `udid`; without a UDID the only one that is not the new phone's."""
    new = run.udid_of("new") or run.requested_udid("new")
    here = sorted(run.home.backups.iterdir())
    saved = [folder for folder in here if folder.is_dir() and not folder.name.startswith(".")]  # not one being repaired
    if udid:
        saved = [folder for folder in saved if same_udid(folder.name, udid)]
    else:
        saved = [
            folder for folder in saved if is_named_after_phone(folder) and not (new and same_udid(folder.name, new))
        ]
    if not saved:
        raise NothingBackedUp(udid or "", str(run.home.backups))
    if len(saved) > 1:
        raise WhichBackup(tuple(folder.name for folder in saved))
    return saved[0]


def is_named_after_phone(folder: Path) -> bool:
    """Whether a folder under `backups` has its phone's UDID as name; one put aside before a fresh backup does not.

    An unreadable one counts: its damage must be reported, not skipped.
    """
    try:
        return same_udid(BackupFolder(folder).udid, folder.name)
    except MigrateError:
        return True


@asynccontextmanager
async def ready_to_back_up(
    session: PhoneSession, phone: Phone, role: Role, *, fresh: bool = False
) -> AsyncIterator[Path]:
    """The phone's working backup, locked while inside, with the phone's backup password known.

    Raises:
        BackupBusy: another process is using it. PhonePasswordMissing.
    """
    folder = session.home.working_backup(phone.facts.udid)
    with session.home.lock_working_backup(folder.name, phone.facts.name_or_model):
        await session.announce_backup(phone, folder, fresh=fresh)
        await ensure_password(session, phone, role)
        if role == "old" and phone.facts.encrypts_backups and not fresh:
            await refuse_other_password(session, folder, role)
        yield folder


async def back_up(
    run: Run, phone: Phone, folder: Path, begin: Literal["incremental", "fresh"], role: Role
) -> tuple[int, int]:
    """Back `phone` up into `folder`; an interrupted backup is continued. The bytes and files received."""
    run.journal.append({f"before_{run.step}": backup_stamp(folder)})
    report = await phone.back_up(
        folder, seals=run.home.seals, begin=begin, progress=run.progress(), ask_again=SecondLook(run, role)
    )
    return report.bytes_received, report.files_received


async def refuse_other_password(session: PhoneSession, folder: Path, role: Role) -> None:
    """Check the password against the phone's earlier backup, before hours of copying.

    Not for the new phone: a restore may have given it another password since its earlier backup.

    Raises:
        OtherPasswordThanBefore: no known password opens it.
    """
    try:
        earlier = BackupFolder(folder)
        if not earlier.is_finished or not earlier.is_encrypted:
            return
        await password_of(session, folder, role)
    except WrongPassword as error:
        raise OtherPasswordThanBefore(session.name_of(role), str(folder)) from error
    except (BackupForbidden, BackupUnreadable, KeybagUnreadable, PasswordMissing):
        return  # the phone decides what becomes of a damaged backup


def resume_fresh_backup(run: Run, folder: Path) -> Literal["incremental", "fresh"]:
    """`fresh`, unless this run has already begun that backup: the phone has changed its state since, so continue it."""
    before, now = run.journal.latest_value(f"state_{run.step}"), backup_state(folder)
    if before is None:
        run.journal.append({f"state_{run.step}": now})
    return "fresh" if before in (None, now) else "incremental"


def backup_state(folder: Path) -> list[str | None]:
    """What a phone changes as soon as it begins a backup: its Status.plist."""
    try:
        backup = BackupFolder(folder)
        return [backup.status_uuid, str(backup.status_date), str((backup.status or {}).get("SnapshotState"))]
    except (MigrateError, OSError):
        return [None, None, None]


async def ensure_password(session: PhoneSession, phone: Phone, role: Role) -> None:
    """Have the backup password before hours of copying; turn encryption on when the plan wants it and it is off.

    Nothing ever turns it off. Only encrypted backups hold Health, Wi-Fi and passwords (facts 3.6), so the new phone's
    safety backup and the proof need it as much as the old phone's.

    Raises:
        PhonePasswordMissing: no password was given.
    """
    name = phone.facts.name_or_model
    if phone.facts.encrypts_backups:
        if not candidate_passwords(session, role):
            raise PhonePasswordMissing(name, role)  # now, not after hours of copying
        return
    if not session.encrypts_backups:
        return
    password = session.prompts.chosen_password(role, name)
    if password is None:
        raise PhonePasswordMissing(name, role)
    await phone.change_backup_password(None, password, progress=session.progress())
    session.found(BackupEncryptionTurnedOn(name).as_finding())


async def is_old_phone_backed_up(run: Run, plan: Plan) -> OldPhoneBackedUp | None:
    """The backup that was in doubt, if it was finished."""
    folder = None if find_existing_backup(run, plan) else find_finished_backup(run, "old")
    return OldPhoneBackedUp(folder, bytes=0, files=0, found_done=True) if folder else None


async def is_new_phone_backed_up(run: Run, plan: Plan) -> NewPhoneBackedUp | None:
    """The backup that was in doubt, if it was finished."""
    folder = None if find_existing_backup(run, plan) else find_finished_backup(run, "new")
    return NewPhoneBackedUp(folder, bytes=0, files=0, found_done=True) if folder else None


def find_finished_backup(run: Run, role: Role) -> Path | None:
    """The phone's working backup if it is another finished one than before this step, and sealed."""
    udid = run.udid_of(role)
    before = run.journal.latest_value(f"before_{run.step}")
    if udid is None or before is None:
        return None
    folder = run.home.working_backup(udid)
    stamp = backup_stamp(folder)
    changed = stamp[0] is not None and stamp != before
    return folder if changed and read_seal(run.home.seals, BackupFolder(folder)) is not None else None
