"""Undo: the new phone becomes what it was before a run, out of the safety backup that the run has taken of it.

meet -> preflight -> verify-safety -> back-up-new-phone -> verify-new-phone -> compare -> agree
     -> restore* -> wait-for-phone -> prove -> receipt          * the point of no return

It is a run of its own, journaled and resumed like any other; its save of the phone as it is now makes the undo one that
can be undone. What came onto the phone after the run would be lost with it, so that is looked for first.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.backup.links import link_or_copy, link_tree
from migrate.backup.private_files import write_atomically
from migrate.backup.reader import Backup
from migrate.backup.record import Kind
from migrate.categories.claims import Claims
from migrate.journey.changes_since import ChangesSince
from migrate.journey.context import RunContext, RunResult
from migrate.journey.journal import Journal
from migrate.journey.run_plan import new_run_id, read_run_plan
from migrate.journey.run_state import Run, restore_set_role_of
from migrate.journey.runner import Step, lock_run, never_already_done, run_steps
from migrate.journey.runs import RunFolder, all_runs, find_run
from migrate.journey.steps import back_up as saving
from migrate.journey.steps import prove as proving
from migrate.journey.steps import restore as sending
from migrate.journey.steps.compose import open_with_claims, title_of
from migrate.journey.threads import in_thread
from migrate.plan.model import to_toml
from migrate.plan.preflight import refuse_restore_of_own_backup
from migrate.plan.strategy import Strategy
from migrate.problems import NothingToUndo, UndoWouldLose

STALE_STEPS = ("back-up-new-phone", "verify-new-phone", "compare", "agree")
"""What a resume does again before anything is sent: more may have come onto the phone since."""


async def undo(undone: RunFolder, context: RunContext, *, accept_loss: bool = False) -> RunResult:
    """Put the safety backup of `undone` back; an undo of it that did not come to its end is gone on with.

    `accept_loss`: the person's word that what came after the run may go.

    Raises:
        NothingToUndo: nothing was sent, or no safety backup was taken.
        UndoWouldLose: something came after the run, and the word is missing. What a run raises.
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
        raise NothingToUndo(name, "Nothing was sent to the new phone in that run.")
    if not journal.result("verify-new-phone").get("backup"):
        raise NothingToUndo(name, "The plan of that run asked for no backup of the new phone.")


def reopen_stale_steps(journal: Journal) -> None:
    """Before the first byte was sent: what is on the phone by now is looked at, and agreed to, anew."""
    journal.reopen(STALE_STEPS, "more may have come onto the phone since")


def _find_unfinished_undo(context: RunContext, undone: str) -> RunFolder | None:
    for run in reversed(all_runs(context.home)):
        if run.unfinished and run.journal().undoes == undone:
            return run
    return None


def _create_undo_run(context: RunContext, undone: RunFolder, journal: Journal) -> RunFolder:
    folder = context.home.runs / new_run_id()
    folder.mkdir(mode=0o700)
    plan = read_run_plan(undone.path, journal)
    write_atomically(folder / "plan.toml", to_toml(plan).encode())
    ours = Journal.create(folder / "journal.ndjson", folder.name, journal.plan_digest, undoes=undone.path.name)
    for role in ("old", "new"):
        if udid := journal.udid_of(role):
            ours.append({"met": role, "udid": udid, "name": journal.name_of(role) or udid})
    ours.append({"strategy": Strategy.REPLACE.value})
    return RunFolder(folder)


# -- steps -----------------------------------------------------------------------------------------------------------


async def meet(run: Run) -> dict[str, Any]:
    async with run.phone("new"):
        return {}


async def preflight(run: Run) -> dict[str, Any]:
    """Everything that can be refused before hours of saving."""
    safety = BackupFolder(_safety_backup_of(run))
    async with run.phone("new") as phone:
        refuse_restore_of_own_backup(await phone.refresh(), backup_ios_version=safety.ios_version, set_bytes=0)
    return {}


async def verify_safety(run: Run) -> dict[str, Any]:
    """Link the safety backup into this run, where nobody forgets it with the other one, and verify it in full."""
    source = _safety_backup_of(run)
    kept = run.folder / "safety" / source.name
    kept.parent.mkdir(exist_ok=True, mode=0o700)
    await in_thread(run, lambda: link_tree(source, kept))
    seal = source.parent / f"{BackupFolder(source).udid}.json"
    if seal.exists():
        (kept.parent / seal.name).unlink(missing_ok=True)
        link_or_copy(seal, kept.parent / seal.name)
    return saving.verification_result(await saving.check(run, kept, "new"), kept)


async def verify_current_backup(run: Run) -> dict[str, Any]:
    return await saving.verify_and_link(run, Path(run.journal.result("back-up-new-phone")["backup"]), "new", "now")


async def compare(run: Run) -> dict[str, Any]:
    """What would be lost; refused unless the person has said that it may.

    Raises:
        UndoWouldLose.
    """
    undone = find_run(run.home, str(run.journal.undoes)).journal()
    sent = Path(undone.result("compare" if undone.undoes else "compose")["set"])
    with ExitStack() as files:
        safety = await open_with_claims(run, run.restore_set, "new")
        now = await open_with_claims(run, Path(run.journal.result("verify-new-phone")["backup"]), "new")
        was_sent = await open_with_claims(run, sent, restore_set_role_of(undone))
        for opened in (safety, now, was_sent):
            files.enter_context(opened.backup)
        earlier = (safety.backup, was_sent.backup)
        came = ChangesSince(now.backup, now.claims, earlier, run.tmp, run.progress())
        new = await in_thread(run, came.counted)
        rows = [[owner, title_of(now.claims, owner), count] for owner, count in sorted(new.items())]
        if rows and not run.journal.latest_value("may_lose"):
            lost = tuple(f"{title} ({count:,})" for _, title, count in rows)
            raise UndoWouldLose(undone.run_id, run.name_of("new"), lost)
        verified = run.journal.result("verify-safety")
        owners = await in_thread(run, lambda: _owners(safety.backup, safety.claims))
        return {
            "set": str(run.restore_set),
            "records": verified["records"],
            "files": verified["files"],
            "chosen_files": verified["files"],
            "bytes": verified["bytes"],
            "apps": sorted(safety.claims.apps),
            "chosen": {owner: {"files": count} for owner, count in sorted(owners.items())},
            "titles": {owner: title_of(safety.claims, owner) for owner in sorted(owners)},
            "replaces": [[owner, title, 0, count] for owner, title, count in rows],
            "left_out": [],
        }


def _owners(backup: Backup, claims: Claims) -> Counter[str]:
    files = (record for record in backup.records() if record.kind is Kind.FILE)
    return Counter(owner for record in files for owner in claims.owners(record.domain, record.relative_path))


def _safety_backup_of(run: Run) -> Path:
    return Path(find_run(run.home, str(run.journal.undoes)).journal().result("verify-new-phone")["backup"])


STEPS = (
    Step("meet", meet, never_already_done),
    Step("preflight", preflight, never_already_done),
    Step("verify-safety", verify_safety, never_already_done),
    Step("back-up-new-phone", saving.back_up_new_phone, lambda run: saving.is_already_backed_up(run, "new")),
    Step("verify-new-phone", verify_current_backup, never_already_done),
    Step("compare", compare, never_already_done),
    Step("agree", sending.ask_for_confirmation, never_already_done),
    Step("restore", sending.restore, sending.is_already_restored, point_of_no_return=True),
    Step("wait-for-phone", sending.wait_for_phone, never_already_done),
    Step("prove", proving.prove, never_already_done),
    Step("receipt", proving.write_receipt, never_already_done),
)
