"""The steps that save a phone and prove the save: the old phone, and the new one before it is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from migrate.backup.folder import BackupFolder, find_backup, inside
from migrate.backup.links import link_or_copy, link_tree
from migrate.backup.seal import read_seal
from migrate.backup.verify.run import Verdict, verify
from migrate.journey.backup_password import password_of, words
from migrate.journey.run_state import KeptSave, Move, Role
from migrate.journey.threads import in_thread
from migrate.phone.phone import Phone
from migrate.problems import (
    BackupTooOld,
    BackupUnreadable,
    MigrateError,
    NothingSaved,
    PhonePasswordMissing,
    SavedBackupDamaged,
    WhichSaved,
)
from migrate.problems.finding import Finding
from migrate.udid import same_udid

# -- save ------------------------------------------------------------------------------------------------------------


async def save_old_phone(move: Move) -> dict[str, Any]:
    if given := given_backup(move):
        refuse_too_old(BackupFolder(given))
        return {"backup": str(given), "bytes": 0, "files": 0}
    async with move.phone("old") as phone:
        return await save(move, phone, "old")


async def save_new_phone(move: Move) -> dict[str, Any]:
    udid = move.journal.udid_of("new") or move.named("new")
    if udid and (kept := kept_save(move, udid)):
        move.met("new", udid, kept.name)
        return {"backup": str(move.home.working_backup(udid)), "bytes": 0, "files": 0}
    async with move.phone("new") as phone:
        return await save(move, phone, "new")


def refuse_too_old(folder: BackupFolder) -> None:
    """Raises BackupTooOld: now, not after an hour of verifying."""
    if folder.is_flat:
        raise BackupTooOld(str(folder.path), folder.ios_version or "")


def given_backup(move: Move) -> Path | None:
    """The backup that stands in for the old phone: the plan's folder; with `as-is`, or where this process has just
    made it, what is already saved.

    Raises:
        BackupNotFound: the plan's folder is none. NothingSaved, WhichSaved: `as-is` does not say which one.
    """
    if move.plan.old_phone.backup:
        return find_backup(Path(move.plan.old_phone.backup))
    udid = move.journal.udid_of("old") or move.plan.old_phone.udid
    if move.plan.backup.begin == "as-is":
        return saved_as_it_is(move, udid)
    return move.home.working_backup(udid) if udid and kept_save(move, udid) else None


def saved_as_it_is(move: Move, udid: str | None) -> Path:
    """The working backup of `udid`; without a name the only one there is that is not the new phone's."""
    new = move.journal.udid_of("new") or move.named("new")
    here = sorted(move.home.backups.iterdir())
    saved = [folder for folder in here if folder.is_dir() and not folder.name.startswith(".")]  # not one being healed
    if udid:
        saved = [folder for folder in saved if same_udid(folder.name, udid)]
    else:
        saved = [folder for folder in saved if is_in_its_place(folder) and not (new and same_udid(folder.name, new))]
    if not saved:
        raise NothingSaved(udid or "", str(move.home.backups))
    if len(saved) > 1:
        raise WhichSaved(tuple(folder.name for folder in saved))
    return saved[0]


def is_in_its_place(folder: Path) -> bool:
    """Whether a folder under `backups` is called like its phone; one that a phone put aside before a fresh save is not.

    One that cannot be read counts: its wound is to be named, not passed over.
    """
    try:
        return same_udid(BackupFolder(folder).udid, folder.name)
    except MigrateError:
        return True


def kept_save(move: Move, udid: str) -> KeptSave | None:
    """The save of this phone that was made before the run began, if its working backup is still that one."""
    kept = move.saved.get(udid)
    return kept if kept and kept.stamp == tuple(save_stamp(move.home.working_backup(udid))) else None


async def save(move: Move, phone: Phone, role: Role) -> dict[str, Any]:
    """Save `phone` into its working backup; an interrupted save goes on, a finished one becomes incremental.

    Raises:
        BackupBusy: another process is at it.
    """
    folder = move.home.working_backup(phone.facts.udid)
    with move.home.alone_with(folder.name, phone.facts.called):
        await ensure_password(move, phone, role)
        begin = how_to_begin(move, folder, role)
        move.journal.append({f"before_{move.step}": save_stamp(folder)})
        report = await phone.save(folder, seals=move.home.seals, begin=begin, watch=move.watch())
    return {"backup": str(folder), "bytes": report.bytes_received, "files": report.files_received}


def how_to_begin(move: Move, folder: Path, role: Role) -> Literal["incremental", "fresh"]:
    """The plan's wish. A fresh save that this run has begun is gone on with: the phone has changed its state since."""
    if role == "new" or move.plan.backup.begin != "fresh":
        return "incremental"
    before, now = move.journal.note(f"state_{move.step}"), backup_state(folder)
    if before is None:
        move.journal.append({f"state_{move.step}": now})
    return "fresh" if before in (None, now) else "incremental"


def backup_state(folder: Path) -> list[str | None]:
    """What a phone changes as soon as it begins to save: its Status.plist."""
    try:
        backup = BackupFolder(folder)
        return [backup.status_uuid, str(backup.status_date), str((backup.status or {}).get("SnapshotState"))]
    except (MigrateError, OSError):
        return [None, None, None]


async def ensure_password(move: Move, phone: Phone, role: Role) -> None:
    """Have the backup password before hours of saving; turn encryption on when the plan wants it and it is off.

    Nothing ever turns it off. Only encrypted backups hold Health, Wi-Fi and passwords (facts 3.6), so the new phone's
    safety backup and the proof need it as much as the old phone's.

    Raises:
        PhonePasswordMissing: nobody told one.
    """
    name = phone.facts.name or phone.facts.udid
    if phone.facts.encrypts_backups:
        if not words(move, role):
            raise PhonePasswordMissing(name, role)  # now, not after hours of saving
        return
    if not move.plan.backup.encrypted:
        return
    password = move.asking.chosen_password(role, name)
    if password is None:
        raise PhonePasswordMissing(name, role)
    await phone.change_backup_password(None, password, watch=move.watch())
    move.found(
        Finding(
            code="backup-encryption-turned-on",
            severity="info",
            phone=phone.facts.name,
            what=f"{phone.facts.name} now encrypts its backups with the password you gave.",
            why="The plan asks for encrypted backups: only they hold Health, Wi-Fi and passwords.",
            next="Keep that password. It stays on the phone until you change it there or with Finder or iTunes.",
        )
    )


def save_stamp(folder: Path) -> list[str | None]:
    """What tells one finished save of a folder from the next: Status.plist's UUID and date, or nothing."""
    try:
        backup = BackupFolder(folder)
        if not backup.is_finished:
            return [None, None]
        return [backup.status_uuid, str(backup.status_date)]
    except (MigrateError, OSError):
        return [None, None]


async def already_saved(move: Move, role: Role) -> bool:
    """Whether the save that was in doubt came to its end: another finished state than before, and sealed."""
    udid = move.journal.udid_of(role)
    before = move.journal.note(f"before_{move.step}")
    if given_backup(move) or udid is None or before is None:
        return False
    folder = move.home.working_backup(udid)
    stamp = save_stamp(folder)
    return stamp[0] is not None and stamp != before and read_seal(move.home.seals, BackupFolder(folder)) is not None


# -- verify ----------------------------------------------------------------------------------------------------------


async def verify_old(move: Move) -> dict[str, Any]:
    folder = Path(move.journal.result("save-old-phone")["backup"])
    if folder.parent.resolve() != move.home.backups.resolve():
        # not ours: read where it lies and never linked, because others may write into it
        return facts_of(await check(move, folder, "old"), folder)
    return await check_and_keep(move, folder, "old", "old")


async def verify_new(move: Move) -> dict[str, Any]:
    return await check_and_keep(move, Path(move.journal.result("save-new-phone")["backup"]), "new", "safety")


async def check_and_keep(move: Move, folder: Path, role: Role, room: str) -> dict[str, Any]:
    """Verify a working backup and link what was verified, with nobody changing it in between."""
    with move.home.alone_with(folder.name, move.name_of(role)):
        verdict = await check(move, folder, role)
        return facts_of(verdict, await keep(move, folder, room))


def facts_of(verdict: Verdict, kept: Path) -> dict[str, Any]:
    return {
        "backup": str(kept),
        "verdict": verdict.verdict,
        "records": verdict.records,
        "files": verdict.files,
        "bytes": verdict.bytes,
        "ios_version": verdict.ios_version,
        "encrypted": verdict.encrypted,
        "damaged": {found.file_id: found.what for found in verdict.findings if is_wound(found) and found.file_id},
    }


def is_wound(finding: Finding) -> bool:
    return finding.severity == "error"


def goes_on_without(move: Move, role: Role, wounds: list[Finding]) -> bool:
    """Whether the move goes on without what is damaged: every wound is one file's, the old phone is gone, so that
    nothing better is to be had, and the plan accepts the loss. What of it was chosen, composing names."""
    phone_is_gone = role == "old" and bool(move.plan.old_phone.backup or move.plan.backup.begin == "as-is")
    return phone_is_gone and move.plan.safety.accept_unreadable and all(found.file_id for found in wounds)


async def check(move: Move, folder: Path, role: Role) -> Verdict:
    """Verify a saved backup in full and pass its findings on.

    Raises:
        SavedBackupDamaged, BackupUnreadable, BackupUnfinished: it cannot be built on.
        PasswordMissing, WrongPassword: none that was told opens it.
    """
    backup = BackupFolder(folder)
    backup.require_finished()
    password = await password_of(move, folder, role)
    kept = kept_save(move, backup.udid) if folder == move.home.working_backup(backup.udid) else None
    if kept is not None:
        verdict = kept.verdict
    else:
        watch = move.watch()
        verdict = await in_thread(move, lambda: verify(folder, password, seals=seals_for(move, folder), watch=watch))
    for finding in (*verdict.findings, *(kept.findings if kept else ())):
        move.found(finding)
    wounds = [finding for finding in verdict.findings if is_wound(finding)]
    if verdict.verdict == "unreadable":
        raise BackupUnreadable(folder, "Manifest.db", wounds[0].why if wounds else "it cannot be opened")
    if wounds and not goes_on_without(move, role, wounds):
        raise SavedBackupDamaged(str(folder), wounds[0].what, len(wounds))
    return verdict


async def keep(move: Move, folder: Path, room: str) -> Path:
    """Hard-link a verified working backup into the run, where compose, resume and undo read it.

    What an earlier try linked is replaced: this one has verified what lies there now.
    """
    kept = move.folder / room / folder.name
    kept.parent.mkdir(exist_ok=True, mode=0o700)
    await in_thread(move, lambda: link_tree(folder, kept))
    keep_seal(move, folder, kept)
    return kept


def keep_seal(move: Move, folder: Path, kept: Path) -> None:
    """The seal goes along: under `seals` the next save of this phone replaces it."""
    udid = BackupFolder(folder).udid
    source = inside(move.home.seals, f"{udid}.json")
    beside = kept.parent / source.name
    beside.unlink(missing_ok=True)
    if source.exists():
        link_or_copy(source, beside)


def seals_for(move: Move, folder: Path) -> Path:
    """Where the seal of a backup lies: beside one that a run kept, else under home."""
    beside = folder.parent / f"{BackupFolder(folder).udid}.json"
    return folder.parent if beside.exists() else move.home.seals
