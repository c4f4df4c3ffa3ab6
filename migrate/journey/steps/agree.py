"""The last check and the last confirmation, right before the point of no return."""

from __future__ import annotations

from pathlib import Path

from migrate.backup.folder import BackupFolder
from migrate.backup.verify.run import verify
from migrate.journey.backup_password import password_of
from migrate.journey.prompts import Confirmation
from migrate.journey.run_state import Run
from migrate.journey.steps.compose import ComposedSet
from migrate.journey.steps.erase import has_agreed, is_being_erased
from migrate.journey.steps.freshness import repeat_if_stale
from migrate.journey.steps.install import AppsInstalled, find_missing_apps
from migrate.journey.steps.verify import NewPhoneVerified
from migrate.journey.threads import in_thread
from migrate.language import _
from migrate.phone.phone import Phone
from migrate.plan.model import Plan
from migrate.plan.preflight import refuse_restore, refuse_restore_of_own_backup
from migrate.problems import NotAgreed, RestoreSetDamaged


async def ask_for_confirmation(run: Run, plan: Plan, composed: ComposedSet, safety: NewPhoneVerified | None) -> None:
    """Refuse everything that can be refused, then ask for the last confirmation.

    Raises:
        NotAgreed: the person declined. RestoreSetDamaged; what `refuse_unready_phone` raises.
    """
    await refuse_damaged_set(run, composed.set)
    run.restore_set_checked = True
    async with run.phone("new") as phone:
        await refuse_unready_phone(run, plan, composed, phone)
        if not is_being_erased(run.journal):
            await repeat_if_stale(run, phone)
        if not run.prompts.confirm(confirmation_for(run, composed, phone, is_undoable=safety is not None)):
            raise NotAgreed(run.journal.run_id)


async def refuse_damaged_set(run: Run, restore_set: Path) -> None:
    """Check the set once more: a disk may have rotted between composing and sending.

    Raises:
        RestoreSetDamaged.
    """
    password = await password_of(run, restore_set, run.restore_set_role)
    progress = run.progress()
    verdict = await in_thread(run, lambda: verify(restore_set, password, seals=None, depth="quick", progress=progress))
    defects = [finding for finding in verdict.findings if finding.severity == "error"]
    if defects:
        raise RestoreSetDamaged(str(restore_set), defects[0].what, len(defects))


async def refuse_unready_phone(run: Run, plan: Plan, composed: ComposedSet, phone: Phone) -> None:
    """Refuse a phone that must not be restored to now.

    Raises:
        AppsNotInstalled: an app was deleted after it was looked for; a resume waits for it again.
        What `refuse_restore` raises.
    """
    facts = await phone.refresh()
    ios_version = BackupFolder(composed.set).ios_version
    set_bytes = composed.bytes or 0
    if run.journal.undoes:
        refuse_restore_of_own_backup(facts, backup_ios_version=ios_version, set_bytes=set_bytes)
        return
    in_use = await phone.signs_of_use() if plan.new_phone.is_ == "erased" else ()
    if has_agreed(run.journal) and not is_being_erased(run.journal):
        set_bytes = 0  # it is compared again once the phone is erased
    refuse_restore(plan, facts, backup_ios_version=ios_version, set_bytes=set_bytes, signs_of_use=in_use)
    if is_being_erased(run.journal):
        return
    wanted = run.journal.find_result(AppsInstalled)
    if wanted is not None and (not_installed := await find_missing_apps(wanted.apps, phone)):
        run.journal.append({"reopened": "install-apps", "why": "an app was deleted since"})
        raise not_installed


def confirmation_for(run: Run, composed: ComposedSet, phone: Phone, *, is_undoable: bool) -> Confirmation:
    return Confirmation(
        run_id=run.journal.run_id,
        old_name=run.name_of("old"),
        new_name=phone.facts.name or _("the new phone"),
        strategy=run.strategy,
        replaces=tuple((row.title, row.sent, row.on_new_phone) for row in composed.replaces),
        set_bytes=composed.bytes or 0,
        set_files=composed.chosen_files or 0,
        is_undoable=is_undoable,
        own_limits=composed.own_limits,
        erases_first=has_agreed(run.journal),
        undoes=run.journal.undoes,
    )
