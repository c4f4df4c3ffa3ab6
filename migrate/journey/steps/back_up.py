"""The steps that save a phone and prove the save: the old phone, and the new one before it is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from migrate.backup.folder import BackupFolder, find_backup, inside
from migrate.backup.links import link_or_copy, link_tree
from migrate.backup.seal import read_seal
from migrate.backup.verify.run import Verdict, verify
from migrate.journey.backup_password import candidate_passwords, password_of
from migrate.journey.run_state import PresavedBackup, Role, Run
from migrate.journey.threads import in_thread
from migrate.phone.phone import Phone
from migrate.problems import (
    BackupDamaged,
    BackupEncryptionTurnedOn,
    BackupTooOld,
    BackupUnreadable,
    MigrateError,
    NothingBackedUp,
    PhonePasswordMissing,
    WhichBackup,
)
from migrate.problems.finding import Finding
from migrate.udid import same_udid

# -- save ------------------------------------------------------------------------------------------------------------


async def back_up_old_phone(run: Run) -> dict[str, Any]:
    if existing_backup := find_existing_backup(run):
        refuse_too_old(BackupFolder(existing_backup))
        return {"backup": str(existing_backup), "bytes": 0, "files": 0}
    async with run.phone("old") as phone:
        return await back_up(run, phone, "old")


async def back_up_new_phone(run: Run) -> dict[str, Any]:
    udid = run.journal.udid_of("new") or run.requested_udid("new")
    if udid and (kept := presaved_backup(run, udid)):
        run.record_phone("new", udid, kept.name)
        return {"backup": str(run.home.working_backup(udid)), "bytes": 0, "files": 0}
    async with run.phone("new") as phone:
        return await back_up(run, phone, "new")


def refuse_too_old(folder: BackupFolder) -> None:
    """Raises BackupTooOld: now, not after an hour of verifying."""
    if folder.is_flat:
        raise BackupTooOld(str(folder.path), folder.ios_version or "")


def find_existing_backup(run: Run) -> Path | None:
    """The backup that stands in for the old phone: the plan's folder; with `as-is`, or where this process has just
    made it, what is already saved.

    Raises:
        BackupNotFound: the plan's folder is none. NothingBackedUp, WhichBackup: `as-is` does not say which one.
    """
    if run.plan.old_phone.backup:
        return find_backup(Path(run.plan.old_phone.backup))
    udid = run.journal.udid_of("old") or run.plan.old_phone.udid
    if run.plan.backup.begin == "as-is":
        return find_working_backup(run, udid)
    return run.home.working_backup(udid) if udid and presaved_backup(run, udid) else None


def find_working_backup(run: Run, udid: str | None) -> Path:
    """The working backup of `udid`; without a name the only one there is that is not the new phone's."""
    new = run.journal.udid_of("new") or run.requested_udid("new")
    here = sorted(run.home.backups.iterdir())
    saved = [folder for folder in here if folder.is_dir() and not folder.name.startswith(".")]  # not one being healed
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
    """Whether a folder under `backups` is called like its phone; one that a phone put aside before a fresh save is not.

    One that cannot be read counts: its wound is to be named, not passed over.
    """
    try:
        return same_udid(BackupFolder(folder).udid, folder.name)
    except MigrateError:
        return True


def presaved_backup(run: Run, udid: str) -> PresavedBackup | None:
    """The save of this phone that was made before the run began, if its working backup is still that one."""
    kept = run.saved.get(udid)
    return kept if kept and kept.stamp == tuple(backup_stamp(run.home.working_backup(udid))) else None


async def back_up(run: Run, phone: Phone, role: Role) -> dict[str, Any]:
    """Save `phone` into its working backup; an interrupted save goes on, a finished one becomes incremental.

    Raises:
        BackupBusy: another process is at it.
    """
    folder = run.home.working_backup(phone.facts.udid)
    with run.home.lock_working_backup(folder.name, phone.facts.name_or_model):
        await ensure_password(run, phone, role)
        begin = backup_mode(run, folder, role)
        run.journal.append({f"before_{run.step}": backup_stamp(folder)})
        report = await phone.back_up(folder, seals=run.home.seals, begin=begin, progress=run.progress())
    return {"backup": str(folder), "bytes": report.bytes_received, "files": report.files_received}


def backup_mode(run: Run, folder: Path, role: Role) -> Literal["incremental", "fresh"]:
    """The plan's wish. A fresh save that this run has begun is gone on with: the phone has changed its state since."""
    if role == "new" or run.plan.backup.begin != "fresh":
        return "incremental"
    before, now = run.journal.latest_value(f"state_{run.step}"), backup_state(folder)
    if before is None:
        run.journal.append({f"state_{run.step}": now})
    return "fresh" if before in (None, now) else "incremental"


def backup_state(folder: Path) -> list[str | None]:
    """What a phone changes as soon as it begins to save: its Status.plist."""
    try:
        backup = BackupFolder(folder)
        return [backup.status_uuid, str(backup.status_date), str((backup.status or {}).get("SnapshotState"))]
    except (MigrateError, OSError):
        return [None, None, None]


async def ensure_password(run: Run, phone: Phone, role: Role) -> None:
    """Have the backup password before hours of saving; turn encryption on when the plan wants it and it is off.

    Nothing ever turns it off. Only encrypted backups hold Health, Wi-Fi and passwords (facts 3.6), so the new phone's
    safety backup and the proof need it as much as the old phone's.

    Raises:
        PhonePasswordMissing: nobody told one.
    """
    name = phone.facts.name or phone.facts.udid
    if phone.facts.encrypts_backups:
        if not candidate_passwords(run, role):
            raise PhonePasswordMissing(name, role)  # now, not after hours of saving
        return
    if not run.plan.backup.encrypted:
        return
    password = run.prompts.chosen_password(role, name)
    if password is None:
        raise PhonePasswordMissing(name, role)
    await phone.change_backup_password(None, password, progress=run.progress())
    run.found(BackupEncryptionTurnedOn(phone.facts.name).as_finding())


def backup_stamp(folder: Path) -> list[str | None]:
    """What tells one finished save of a folder from the next: Status.plist's UUID and date, or nothing."""
    try:
        backup = BackupFolder(folder)
        if not backup.is_finished:
            return [None, None]
        return [backup.status_uuid, str(backup.status_date)]
    except (MigrateError, OSError):
        return [None, None]


async def is_already_backed_up(run: Run, role: Role) -> bool:
    """Whether the save that was in doubt came to its end: another finished state than before, and sealed."""
    udid = run.journal.udid_of(role)
    before = run.journal.latest_value(f"before_{run.step}")
    if find_existing_backup(run) or udid is None or before is None:
        return False
    folder = run.home.working_backup(udid)
    stamp = backup_stamp(folder)
    return stamp[0] is not None and stamp != before and read_seal(run.home.seals, BackupFolder(folder)) is not None


# -- verify ----------------------------------------------------------------------------------------------------------


async def verify_old(run: Run) -> dict[str, Any]:
    folder = Path(run.journal.result("back-up-old-phone")["backup"])
    if folder.parent.resolve() != run.home.backups.resolve():
        # not ours: read where it lies and never linked, because others may write into it
        return verification_result(await check(run, folder, "old"), folder)
    return await verify_and_link(run, folder, "old", "old")


async def verify_new(run: Run) -> dict[str, Any]:
    return await verify_and_link(run, Path(run.journal.result("back-up-new-phone")["backup"]), "new", "safety")


async def verify_and_link(run: Run, folder: Path, role: Role, subfolder: str) -> dict[str, Any]:
    """Verify a working backup and link what was verified, with nobody changing it in between."""
    with run.home.lock_working_backup(folder.name, run.name_of(role)):
        verdict = await check(run, folder, role)
        return verification_result(verdict, await link_into_run(run, folder, subfolder))


def verification_result(verdict: Verdict, kept: Path) -> dict[str, Any]:
    return {
        "backup": str(kept),
        "verdict": verdict.verdict,
        "records": verdict.records,
        "files": verdict.files,
        "bytes": verdict.bytes,
        "ios_version": verdict.ios_version,
        "encrypted": verdict.encrypted,
        "damaged": {found.file_id: found.what for found in verdict.findings if is_defect(found) and found.file_id},
    }


def is_defect(finding: Finding) -> bool:
    return finding.severity == "error"


def accepts_defects(run: Run, role: Role, defects: list[Finding]) -> bool:
    """Whether the move goes on without what is damaged: every wound is one file's, the old phone is gone, so that
    nothing better is to be had, and the plan accepts the loss. What of it was chosen, composing names."""
    phone_is_gone = role == "old" and bool(run.plan.old_phone.backup or run.plan.backup.begin == "as-is")
    return phone_is_gone and run.plan.safety.accept_unreadable and all(found.file_id for found in defects)


async def check(run: Run, folder: Path, role: Role) -> Verdict:
    """Verify a saved backup in full and pass its findings on.

    Raises:
        BackupDamaged, BackupUnreadable, BackupUnfinished: it cannot be built on.
        PasswordMissing, WrongPassword: none that was told opens it.
    """
    backup = BackupFolder(folder)
    backup.require_finished()
    password = await password_of(run, folder, role)
    kept = presaved_backup(run, backup.udid) if folder == run.home.working_backup(backup.udid) else None
    if kept is not None:
        verdict = kept.verdict
    else:
        progress = run.progress()
        verdict = await in_thread(
            run, lambda: verify(folder, password, seals=seals_for(run, folder), progress=progress)
        )
    for finding in (*verdict.findings, *(kept.findings if kept else ())):
        run.found(finding)
    defects = [finding for finding in verdict.findings if is_defect(finding)]
    if verdict.verdict == "unreadable":
        raise BackupUnreadable(folder, "Manifest.db", defects[0].why if defects else "it cannot be opened")
    if defects and not accepts_defects(run, role, defects):
        raise BackupDamaged(str(folder), defects[0].what, len(defects))
    return verdict


async def link_into_run(run: Run, folder: Path, subfolder: str) -> Path:
    """Hard-link a verified working backup into the run, where compose, resume and undo read it.

    What an earlier try linked is replaced: this one has verified what lies there now.
    """
    kept = run.folder / subfolder / folder.name
    kept.parent.mkdir(exist_ok=True, mode=0o700)
    await in_thread(run, lambda: link_tree(folder, kept))
    keep_seal(run, folder, kept)
    return kept


def keep_seal(run: Run, folder: Path, kept: Path) -> None:
    """The seal goes along: under `seals` the next save of this phone replaces it."""
    udid = BackupFolder(folder).udid
    source = inside(run.home.seals, f"{udid}.json")
    beside = kept.parent / source.name
    beside.unlink(missing_ok=True)
    if source.exists():
        link_or_copy(source, beside)


def seals_for(run: Run, folder: Path) -> Path:
    """Where the seal of a backup lies: beside one that a run kept, else under home."""
    beside = folder.parent / f"{BackupFolder(folder).udid}.json"
    return folder.parent if beside.exists() else run.home.seals
