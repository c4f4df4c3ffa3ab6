"""Undo a run: restore the safety backup that the run took of the new phone.

meet -> preflight -> verify-safety -> back-up-new-phone -> verify-new-phone -> compare -> agree
     -> restore* -> wait-for-phone -> prove -> receipt          * the point of no return

An undo is a run too, journaled and resumed like any other. It backs the phone up first, so it can be undone in turn.
What arrived on the phone after the run would be lost, so an undo counts that before it begins.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from migrate.backup.folder import BackupFolder
from migrate.backup.private_files import sync_folder, write_atomically
from migrate.backup.reader import Backup
from migrate.backup.record import Kind
from migrate.backup.snapshots.place import Place
from migrate.categories.claims import Claims
from migrate.journey.changes_since import ChangesSince
from migrate.journey.context import RunContext, RunResult
from migrate.journey.journal import Journal
from migrate.journey.opened_backup import open_with_claims, title_of
from migrate.journey.run_plan import new_run_id, read_run_plan
from migrate.journey.run_state import Run, restore_set_role_of
from migrate.journey.runner import Step, lock_run, run_steps
from migrate.journey.runs import RunFolder, all_runs, find_run
from migrate.journey.steps.agree import ask_for_confirmation
from migrate.journey.steps.back_up import NewPhoneBackedUp, back_up_new_phone, is_new_phone_backed_up
from migrate.journey.steps.compose import ComposedSet, Replacement
from migrate.journey.steps.doubt import is_already_restored, restore_and_look
from migrate.journey.steps.prove import Proved, prove_move
from migrate.journey.steps.receipt import write_receipt
from migrate.journey.steps.restore import wait_for_phone, was_not_taken
from migrate.journey.steps.verify import (
    NewPhoneVerified,
    OldPhoneVerified,
    SafetyBackupVerified,
    as_verified,
    check,
    subfolder_for_now,
    verify_and_link,
)
from migrate.journey.threads import in_thread
from migrate.journey.undo_losses import WillNotComeBack, sentences, will_not_come_back
from migrate.language import _
from migrate.plan.model import Plan, to_toml
from migrate.plan.preflight import refuse_restore_of_own_backup
from migrate.plan.strategy import Strategy
from migrate.problems import NothingToUndo, UndoWouldLose

STALE_STEPS = ("back-up-new-phone", "verify-new-phone", "compare", "agree")
"""What a resume repeats before anything is sent: more may have arrived on the phone since."""


async def undo(undone: RunFolder, context: RunContext, *, accept_loss: bool = False) -> RunResult:
    """Put the safety backup of `undone` back, or continue an unfinished undo of it.

    `accept_loss`: the person accepts that what arrived after the run is lost.

    Raises:
        NothingToUndo: nothing was sent, or no safety backup was taken.
        UndoWouldLose: something arrived after the run, and its loss is not accepted. What a run raises.
    """
    journal = undone.journal()
    refuse_nothing_to_undo(undone, journal)
    folder = _find_unfinished_undo(context, undone.path.name) or _create_undo_run(context, undone, journal)
    with lock_run(folder.path):
        ours = folder.journal()
        if accept_loss:
            ours.append({"may_lose": True})
        reopen_stale_steps(ours)
        return await run_steps(context, folder.path, read_run_plan(folder.path, ours), ours, STEPS)


def refuse_nothing_to_undo(undone: RunFolder, journal: Journal) -> None:
    name = undone.path.name
    if journal.latest_value("restore_begins") is None:
        raise NothingToUndo(name, _("Nothing was sent to the new phone in that run."))
    if journal.find_result(NewPhoneVerified) is None:
        raise NothingToUndo(name, _("The plan of that run asked for no backup of the new phone."))


def reopen_stale_steps(journal: Journal) -> None:
    """Before the first byte was sent, look again at what is on the phone, and ask again."""
    journal.reopen(STALE_STEPS, "more may have arrived on the phone since")


def _find_unfinished_undo(context: RunContext, undone: str) -> RunFolder | None:
    for run in reversed(all_runs(context.home)):
        if run.unfinished and run.journal().undoes == undone:
            return run
    return None


def _create_undo_run(context: RunContext, undone: RunFolder, journal: Journal) -> RunFolder:
    run_id = new_run_id()
    with context.home.private_tmp() as tmp:
        folder = tmp / "run"  # killed while it is made, it could not be continued: it gets its name when it is complete
        folder.mkdir(mode=0o700)
        plan = read_run_plan(undone.path, journal)
        write_atomically(folder / "plan.toml", to_toml(plan).encode())
        ours = Journal.create(folder / "journal.ndjson", run_id, journal.plan_digest, undoes=undone.path.name)
        for role in ("old", "new"):
            if udid := journal.udid_of(role):
                ours.append({"met": role, "udid": udid, "name": journal.name_of(role) or udid})
        ours.append({"strategy": Strategy.REPLACE.value})
        sync_folder(folder)
        final = folder.rename(context.home.runs / run_id)
    sync_folder(context.home.runs)
    return RunFolder(final)


# -- steps -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetToPutBack(ComposedSet):
    """What an undo sends: the safety backup, whole. `replaces` counts what arrived since and will be lost."""

    step = "compare"
    lost: tuple[WillNotComeBack, ...] = ()
    """What the safety backup cannot bring back."""


async def meet(run: Run) -> None:
    async with run.phone("new"):
        return


async def preflight(run: Run) -> None:
    """Refuse everything that can be refused before hours of copying."""
    safety = find_run(run.home, str(run.journal.undoes)).journal().result(NewPhoneVerified)
    ios_version = BackupFolder(safety.backup).ios_version
    async with run.phone("new") as phone:
        refuse_restore_of_own_backup(await phone.refresh(), backup_ios_version=ios_version, set_bytes=safety.bytes or 0)


async def verify_safety_backup(run: Run) -> SafetyBackupVerified:
    """Link the safety backup into this run, so that it outlives the other run, and verify it in full."""
    source, place = _safety_backup_of(run), Place(run.folder / "safety")
    kept = await in_thread(run, lambda: place.keep(source, source.parent))
    return as_verified(SafetyBackupVerified, await check(run, kept, "new"), kept)


async def verify_current_backup(run: Run, backed_up: NewPhoneBackedUp) -> NewPhoneVerified:
    return await verify_and_link(NewPhoneVerified, run, backed_up.backup, "new", subfolder_for_now(run, "now"))


async def compare(run: Run, put_back: SafetyBackupVerified, current: NewPhoneVerified) -> SetToPutBack:
    """Count what would be lost, and refuse unless the person has accepted the loss.

    Raises:
        UndoWouldLose.
    """
    undone = find_run(run.home, str(run.journal.undoes)).journal()
    with ExitStack() as files:
        safety = await open_with_claims(run, put_back.backup, "new")
        now = await open_with_claims(run, current.backup, "new")
        was_sent = await open_with_claims(run, undone.result(ComposedSet).set, restore_set_role_of(undone))
        for opened in (safety, now, was_sent):
            files.enter_context(opened.backup)
        earlier = (safety.backup, was_sent.backup)
        changes = ChangesSince(now.backup, now.claims, earlier, run.tmp, run.progress())
        new = await in_thread(run, changes.counted)
        rows = [Replacement(owner, title_of(now.claims, owner), 0, count) for owner, count in sorted(new.items())]
        if rows and not run.journal.latest_value("may_lose"):
            titles = tuple(f"{row.title} ({row.on_new_phone:,})" for row in rows)
            raise UndoWouldLose(undone.run_id, run.name_of("new"), titles)
        owners = await in_thread(run, lambda: _owners(safety.backup, safety.claims))
        since = [(row.title, row.on_new_phone or 0) for row in rows]
        encrypted = put_back.encrypted is not False
        lost = await in_thread(run, lambda: will_not_come_back(safety, is_encrypted=encrypted, since=since))
        return SetToPutBack(
            lost=tuple(lost),
            set=put_back.backup,
            records=put_back.records,
            files=put_back.files,
            chosen_files=put_back.files,
            bytes=put_back.bytes,
            apps=tuple(sorted(safety.claims.apps)),
            chosen={owner: {"files": count} for owner, count in sorted(owners.items())},
            titles={owner: title_of(safety.claims, owner) for owner in sorted(owners)},
            replaces=tuple(rows),
            left_out=(),
        )


def _owners(backup: Backup, claims: Claims) -> Counter[str]:
    files = (record for record in backup.records() if record.kind is Kind.FILE)
    return Counter(owner for record in files for owner in claims.owners(record.domain, record.relative_path))


def _safety_backup_of(run: Run) -> Path:
    return find_run(run.home, str(run.journal.undoes)).journal().result(NewPhoneVerified).backup


async def ask_to_undo(run: Run, plan: Plan, put_back: SetToPutBack, safety: NewPhoneVerified | None) -> None:
    """The last confirmation: it says what the undo cannot bring back."""
    await ask_for_confirmation(run, plan, put_back, safety, will_not_come_back=sentences(put_back.lost))


async def prove_undo(
    run: Run, plan: Plan, put_back: SetToPutBack, safety: NewPhoneVerified | None, verified: OldPhoneVerified | None
) -> Proved:
    """Compare the phone with the safety backup. If all is there again, no undo needs the undone run any more."""
    proof = await prove_move(run, plan, put_back, safety, verified)
    if not proof.verdict.startswith("not proven"):
        place = Place(_safety_backup_of(run).parent)
        if place.path.exists():
            place.release(str(run.journal.undoes))
    return proof


STEPS = (
    Step("meet", meet),
    Step("preflight", preflight),
    Step("verify-safety", verify_safety_backup),
    Step("back-up-new-phone", back_up_new_phone, already_done=is_new_phone_backed_up),
    Step("verify-new-phone", verify_current_backup),
    Step("compare", compare),
    Step("agree", ask_to_undo),
    Step(
        "restore",
        restore_and_look,
        already_done=is_already_restored,
        point_of_no_return=True,
        may_be_tried_again=was_not_taken,
    ),
    Step("wait-for-phone", wait_for_phone),
    Step("prove", prove_undo),
    Step("receipt", write_receipt),
)
