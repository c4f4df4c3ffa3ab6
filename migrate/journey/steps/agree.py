"""The last check and the last confirmation, right before the point of no return."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

from migrate.backup.disk_space import free_bytes_at, hard_links_work
from migrate.backup.folder import BackupFolder
from migrate.backup.held_shards import HeldShards
from migrate.backup.seal import Seal, sha256_of
from migrate.journey.prompts import Confirmation
from migrate.journey.run_state import Run
from migrate.journey.steps.compose import ComposedSet
from migrate.journey.steps.erase import has_agreed, is_being_erased
from migrate.journey.steps.freshness import repeat_if_stale
from migrate.journey.steps.install import AppsInstalled, find_missing_apps
from migrate.journey.steps.verify import NewPhoneVerified, seal_of_set
from migrate.journey.threads import in_thread
from migrate.phone.phone import Phone
from migrate.plan.model import Plan
from migrate.plan.preflight import refuse_restore, refuse_restore_of_own_backup, refuse_without_room_for_proof
from migrate.problems import NotAgreed, Problem, RestoreSetDamaged, damage


async def agree(run: Run, plan: Plan, composed: ComposedSet, safety: NewPhoneVerified | None) -> None:
    """The step of a move."""
    await ask_for_confirmation(run, plan, composed, safety)


async def ask_for_confirmation(
    run: Run,
    plan: Plan,
    composed: ComposedSet,
    safety: NewPhoneVerified | None,
    *,
    will_not_come_back: tuple[str, ...] = (),
) -> None:
    """Refuse everything that can be refused, then ask for the last confirmation.

    `will_not_come_back`: sentences about what an undo loses.

    Raises:
        NotAgreed: the person declined. RestoreSetDamaged; what `refuse_unready_phone` raises.
    """
    await refuse_damaged_set(run, composed.set)
    run.restore_set_checked = True
    async with run.phone("new", needs_cable=True) as phone:
        await refuse_unready_phone(run, plan, composed, phone)
        refuse_full_computer(run, plan, composed)
        if not is_being_erased(run.journal):
            await repeat_if_stale(run, phone)
        question = confirmation_for(run, composed, phone, is_undoable=safety is not None)
        if not run.prompts.confirm(replace(question, will_not_come_back=will_not_come_back)):
            raise NotAgreed(run.journal.run_id)


async def refuse_damaged_set(run: Run, restore_set: Path) -> None:
    """Look whether everything in the set is there, with its length. Its bytes are held to the seal while they are sent,
    so they are not read here.

    Raises:
        RestoreSetDamaged.
    """
    seal = await seal_of_set(run, restore_set)
    defects = await in_thread(run, lambda: _differences(BackupFolder(restore_set), seal))
    if defects:
        raise RestoreSetDamaged(str(restore_set), defects[0].what, len(defects))


def _differences(folder: BackupFolder, seal: Seal) -> list[Problem]:
    found: list[Problem] = []
    with HeldShards(folder.path, flat=folder.is_flat) as shards:
        for row in seal.rows:
            file_id = row.file_id.hex()
            try:
                status = shards.status(file_id)
            except OSError:
                found.append(damage.StoredFileMissing(file_id))
                continue
            if not stat.S_ISREG(status.st_mode) or status.st_size != row.size:
                found.append(damage.StoredFileChanged(file_id))
    for name, sha256 in seal.plists.items():
        if sha256_of(folder.path / name) != sha256:
            found.append(damage.StoredFileChanged(name))
    if seal.manifest is not None and sha256_of(folder.manifest_db) != seal.manifest:
        found.append(damage.ManifestChanged())
    return found


async def refuse_unready_phone(run: Run, plan: Plan, composed: ComposedSet, phone: Phone) -> None:
    """Refuse a phone that must not be restored to now.

    Raises:
        AppsNotInstalled: an app was deleted after it was looked for; a resume waits for it again.
        What `refuse_restore` raises.
    """
    facts = await phone.refresh()
    folder = BackupFolder(composed.set)
    ios_version = folder.ios_version
    set_bytes = composed.bytes or 0
    if run.journal.undoes:
        refuse_restore_of_own_backup(
            facts, backup_ios_version=ios_version, set_bytes=set_bytes, required=folder.required_ios_version
        )
        return
    in_use = await phone.signs_of_use() if plan.new_phone.is_ == "erased" else ()
    if has_agreed(run.journal) and not is_being_erased(run.journal):
        set_bytes = 0  # it is compared again once the phone is erased
    refuse_restore(
        plan,
        facts,
        backup_ios_version=ios_version,
        set_bytes=set_bytes,
        signs_of_use=in_use,
        required=folder.required_ios_version,
    )
    if is_being_erased(run.journal):
        return
    wanted = run.journal.find_result(AppsInstalled)
    if wanted is not None and (not_installed := await find_missing_apps(wanted.apps, phone)):
        run.journal.append({"reopened": "install-apps", "why": "an app was deleted since"})
        raise not_installed


def refuse_full_computer(run: Run, plan: Plan, composed: ComposedSet) -> None:
    """Refuse while nothing has changed yet if the proof's backup will not fit.

    Raises:
        NoRoomForProof.
    """
    if not plan.safety.prove and not run.journal.undoes:
        return
    refuse_without_room_for_proof(
        run.home.path,
        free_bytes=free_bytes_at(run.home.backups),
        set_bytes=composed.bytes or 0,
        hard_links_work=hard_links_work(run.home.backups) is not False,
    )


def confirmation_for(run: Run, composed: ComposedSet, phone: Phone, *, is_undoable: bool) -> Confirmation:
    loses = run.journal.latest_value("restore_again")
    return Confirmation(
        run_id=run.journal.run_id,
        old_name=run.name_of("old"),
        new_name=phone.facts.name_or_model,
        strategy=run.strategy,
        replaces=tuple((row.title, row.sent, row.on_new_phone) for row in composed.replaces),
        set_bytes=composed.bytes or 0,
        set_files=composed.chosen_files or 0,
        is_undoable=is_undoable,
        own_limits=composed.own_limits,
        erases_first=has_agreed(run.journal),
        is_sent_again=loses is not None,
        loses=tuple((loses or {}).items()),
        undoes=run.journal.undoes,
    )
