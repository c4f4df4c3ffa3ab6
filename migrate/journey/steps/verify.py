"""The steps that verify a backup in full and keep what was verified."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from migrate.backup.folder import BackupFolder
from migrate.backup.seal import Seal, find_seal, read_seal, write_seal
from migrate.backup.snapshots.place import Place
from migrate.backup.verify.run import Verdict, verify
from migrate.journey.backup_password import password_of
from migrate.journey.phone_session import PhoneSession
from migrate.journey.prompts import Role
from migrate.journey.results import StepResult
from migrate.journey.run_state import Run
from migrate.journey.second_look import SecondLook
from migrate.journey.steps.back_up import NewPhoneBackedUp, OldPhoneBackedUp, ready_to_back_up
from migrate.journey.threads import in_thread
from migrate.language import _
from migrate.plan.model import Plan
from migrate.problems import BackupDamaged, BackupUnreadable, RestoreSetDamaged, SealDamaged, UnsafeName
from migrate.problems.finding import Finding


@dataclass(frozen=True)
class Verified(StepResult):
    """A verified backup that later steps read."""

    backup: Path
    verdict: str
    records: int | None
    files: int | None
    bytes: int | None
    ios_version: str | None
    encrypted: bool | None
    damaged: Mapping[str, str]
    """File id -> what is wrong with it, where the plan accepts losses."""


@dataclass(frozen=True)
class OldPhoneVerified(Verified):
    step = "verify"


@dataclass(frozen=True)
class NewPhoneVerified(Verified):
    """The new phone's backup: before a move its safety backup, before an undo its current state."""

    step = "verify-new-phone"


@dataclass(frozen=True)
class SafetyBackupVerified(Verified):
    """The safety backup that an undo puts back."""

    step = "verify-safety"


V = TypeVar("V", bound=Verified)


async def verify_old_phone(run: Run, plan: Plan, backed_up: OldPhoneBackedUp) -> OldPhoneVerified:
    folder, accepts = backed_up.backup, accepts_defects(plan)
    if folder.parent.resolve() != run.home.backups.resolve():
        # not ours: read where it lies and never linked, because others may write into it
        return as_verified(OldPhoneVerified, await check(run, folder, "old", accept_damaged_files=accepts), folder)
    return await verify_and_link(OldPhoneVerified, run, folder, "old", "old", accept_damaged_files=accepts)


async def verify_new_phone(run: Run, backed_up: NewPhoneBackedUp) -> NewPhoneVerified:
    return await verify_and_link(NewPhoneVerified, run, backed_up.backup, "new", subfolder_for_now(run, "safety"))


def subfolder_for_now(run: Run, subfolder: str) -> str:
    """Where the phone's state right before a restore is kept: `safety`, then `safety/2` after a try that may have
    changed the phone, because what was kept before that try may be the only copy of something."""
    tries = sum("restore_again" in line for line in run.journal.lines)
    return f"{subfolder}/{tries + 1}" if tries else subfolder


async def back_up_and_keep(run: Run, subfolder: str) -> tuple[Path, frozenset[str]]:
    """Back the new phone up as it is now, verify the backup in full and keep it in the run.

    Returns:
        The kept backup, and the apps that were installed then.
    """
    async with AsyncExitStack() as locked:
        async with run.phone("new") as phone:
            folder = await locked.enter_async_context(ready_to_back_up(run, phone, "new"))
            installed = frozenset(await phone.installed_apps())
            look = SecondLook(run, "new")
            await phone.back_up(
                folder, seals=run.home.seals, begin="incremental", progress=run.progress(), ask_again=look
            )
        await check(run, folder, "new")
        return await link_into_run(run, folder, subfolder), installed


async def verify_and_link(
    kind: type[V], run: Run, folder: Path, role: Role, subfolder: str, *, accept_damaged_files: bool = False
) -> V:
    """Verify a working backup and link what was verified, locked so that it does not change in between."""
    with run.home.lock_working_backup(folder.name, run.name_of(role)):
        verdict = await check(run, folder, role, accept_damaged_files=accept_damaged_files)
        return as_verified(kind, verdict, await link_into_run(run, folder, subfolder))


def as_verified(kind: type[V], verdict: Verdict, kept: Path) -> V:
    return kind(
        backup=kept,
        verdict=verdict.verdict,
        records=verdict.records,
        files=verdict.files,
        bytes=verdict.bytes,
        ios_version=verdict.ios_version,
        encrypted=verdict.encrypted,
        damaged={found.file_id: found.what for found in verdict.findings if is_defect(found) and found.file_id},
    )


def is_defect(finding: Finding) -> bool:
    return finding.severity == "error"


def accepts_defects(plan: Plan) -> bool:
    """Whether the move continues without damaged files: the old phone is gone, so there is no better backup, and the
    plan accepts the loss. Composing names what of it was chosen."""
    phone_is_gone = bool(plan.old_phone.backup or plan.backup.begin == "as-is")
    return phone_is_gone and plan.safety.accept_unreadable


async def check(session: PhoneSession, folder: Path, role: Role, *, accept_damaged_files: bool = False) -> Verdict:
    """Verify a backup in full and report its findings. `accept_damaged_files`: the plan accepts them.

    Raises:
        BackupDamaged, BackupUnreadable, BackupUnfinished: a move cannot use it.
        PasswordMissing, WrongPassword: no known password opens it.
    """
    backup = BackupFolder(folder)
    backup.require_finished()
    password = await password_of(session, folder, role)
    kept = session.presaved_backup(backup.udid) if folder == session.home.working_backup(backup.udid) else None
    if kept is not None:
        verdict = kept.verdict
    else:
        progress = session.progress()
        verdict = await in_thread(
            session,
            lambda: verify(folder, password, seals=seals_for(session, folder), make_seal=True, progress=progress),
        )
    for finding in (*verdict.findings, *(kept.findings if kept else ())):
        session.found(finding)
    defects = [finding for finding in verdict.findings if is_defect(finding)]
    if verdict.verdict == "unreadable":
        raise BackupUnreadable(folder, "Manifest.db", defects[0].why if defects else _("it cannot be opened"))
    if defects and not (accept_damaged_files and all(found.file_id for found in defects)):
        raise BackupDamaged(str(folder), defects[0].what, len(defects))
    if kept is None:
        await in_thread(session, lambda: write_made_seal(session, folder, verdict.seal))
    return verdict


def write_made_seal(session: PhoneSession, folder: Path, made: Seal | None) -> None:
    """Keep the seal that was made while `folder` was verified, if it knows more than the one that is there."""
    seals = own_seals(session, folder)
    if made is None or seals is None:
        return
    with suppress(UnsafeName):  # another host's UDID that cannot be a file's name
        known = read_seal(seals_for(session, folder), BackupFolder(folder))
        if known is None or len(made.digests) > len(known.digests):  # it keeps what was known
            seals.mkdir(exist_ok=True, mode=0o700)
            write_seal(seals, BackupFolder(folder).udid, made)


def own_seals(session: PhoneSession, folder: Path) -> Path | None:
    """The folder for the seal of this backup alone: beside it where a run keeps it, under home for a working backup,
    in the run for one that lies elsewhere (None outside a run)."""
    place = folder.resolve()
    if session.home.runs.resolve() in place.parents:
        return folder.parent
    if place.parent == session.home.backups.resolve():
        return session.home.seals
    return session.folder / "seals" if isinstance(session, Run) else None


async def link_into_run(run: Run, folder: Path, subfolder: str) -> Path:
    """Hard-link a verified working backup into the run, where compose, resume and undo read it.

    What an earlier try linked is replaced: this one has verified what lies there now. Its seal is kept beside it,
    because under `seals` the next backup of this phone replaces it.
    """
    place = Place(run.folder / subfolder)
    return await in_thread(run, lambda: place.keep(folder, run.home.seals))


def seals_for(session: PhoneSession, folder: Path) -> Path:
    """Where the seal of a backup lies: its own place (see `own_seals`), else under home."""
    own = own_seals(session, folder)
    with suppress(UnsafeName):
        if own is not None and find_seal(own, BackupFolder(folder).udid).exists():
            return own
    return session.home.seals


async def seal_of_set(run: Run, restore_set: Path) -> Seal:
    """The seal beside what is sent. A set without one, as earlier versions composed them, is sealed here, by a full
    verify.

    Raises:
        RestoreSetDamaged: the seal cannot be read, or a set without one is not whole.
    """
    folder = BackupFolder(restore_set)
    try:
        seal = read_seal(restore_set.parent, folder)
    except SealDamaged as problem:
        raise RestoreSetDamaged(str(restore_set), problem.what, 1) from problem
    if seal is not None:
        return seal
    password, progress = await password_of(run, restore_set, run.restore_set_role), run.progress()
    verdict = await in_thread(run, lambda: verify(restore_set, password, seals=None, make_seal=True, progress=progress))
    defects = [finding for finding in verdict.findings if is_defect(finding)]
    if defects or verdict.seal is None:
        raise RestoreSetDamaged(str(restore_set), defects[0].what if defects else str(restore_set), len(defects))
    write_seal(restore_set.parent, folder.udid, verdict.seal)
    return verdict.seal
