"""Undo: the new phone becomes what it was before a run, out of the safety backup that the run has taken of it.

meet -> preflight -> verify-safety -> save-new-phone -> verify-new-phone -> compare -> agree
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
from migrate.backup.private_files import write_whole
from migrate.backup.reader import Backup
from migrate.backup.record import Kind
from migrate.categories.claims import Claims
from migrate.journey.changes_since import CameAfter
from migrate.journey.context import Ended, World
from migrate.journey.journal import Journal
from migrate.journey.run_plan import frozen_plan, new_id
from migrate.journey.run_state import Move, set_role_of
from migrate.journey.runner import Step, alone, never, walk
from migrate.journey.runs import RunFolder, all_runs, find_run
from migrate.journey.steps import back_up as saving
from migrate.journey.steps import prove as proving
from migrate.journey.steps import restore as sending
from migrate.journey.steps.compose import open_with_claims, title_of
from migrate.journey.threads import in_thread
from migrate.plan.model import to_toml
from migrate.plan.preflight import refuse_putting_back
from migrate.plan.strategy import Strategy
from migrate.problems import NothingToUndo, UndoWouldLose

LOOKED_AT_ANEW = ("save-new-phone", "verify-new-phone", "compare", "agree")
"""What a resume does again before anything is sent: more may have come onto the phone since."""


async def undo(undone: RunFolder, world: World, *, lose: bool = False) -> Ended:
    """Put the safety backup of `undone` back; an undo of it that did not come to its end is gone on with.

    `lose`: the person's word that what came after the run may go.

    Raises:
        NothingToUndo: nothing was sent, or no safety backup was taken.
        UndoWouldLose: something came after the run, and the word is missing. What a run raises.
    """
    journal = undone.journal()
    refuse_nothing(undone, journal)
    folder = _begun_before(world, undone.path.name) or _begin(world, undone, journal)
    with alone(folder.path):
        ours = folder.journal()
        if lose:
            ours.append({"may_lose": True})
        look_anew(ours)
        return await walk(world, folder.path, frozen_plan(folder.path, ours), ours, STEPS)


def refuse_nothing(undone: RunFolder, journal: Journal) -> None:
    name = undone.path.name
    if journal.note("restore_begins") is None:
        raise NothingToUndo(name, "Nothing was sent to the new phone in that run.")
    if not journal.result("verify-new-phone").get("backup"):
        raise NothingToUndo(name, "No safety backup of the new phone was taken in that run, as its plan said.")


def look_anew(journal: Journal) -> None:
    """Before the first byte was sent: what is on the phone by now is looked at, and agreed to, anew."""
    journal.reopen(LOOKED_AT_ANEW, "more may have come onto the phone since")


def _begun_before(world: World, undone: str) -> RunFolder | None:
    for run in reversed(all_runs(world.home)):
        if run.unfinished and run.journal().undoes == undone:
            return run
    return None


def _begin(world: World, undone: RunFolder, journal: Journal) -> RunFolder:
    folder = world.home.runs / new_id()
    folder.mkdir(mode=0o700)
    plan = frozen_plan(undone.path, journal)
    write_whole(folder / "plan.toml", to_toml(plan).encode())
    ours = Journal.begin(folder / "journal.ndjson", folder.name, journal.plan_digest, undoes=undone.path.name)
    for role in ("old", "new"):
        if udid := journal.udid_of(role):
            ours.append({"met": role, "udid": udid, "name": journal.name_of(role) or udid})
    ours.append({"strategy": Strategy.REPLACE.value})
    return RunFolder(folder)


# -- steps -----------------------------------------------------------------------------------------------------------


async def meet(move: Move) -> dict[str, Any]:
    async with move.phone("new"):
        return {}


async def preflight(move: Move) -> dict[str, Any]:
    """Everything that can be refused before hours of saving."""
    safety = BackupFolder(_safety_of(move))
    async with move.phone("new") as phone:
        refuse_putting_back(await phone.refresh(), backup_ios_version=safety.ios_version, set_bytes=0)
    return {}


async def verify_safety(move: Move) -> dict[str, Any]:
    """Link the safety backup into this run, where nobody forgets it with the other one, and verify it in full."""
    source = _safety_of(move)
    kept = move.folder / "safety" / source.name
    kept.parent.mkdir(exist_ok=True, mode=0o700)
    await in_thread(move, lambda: link_tree(source, kept))
    seal = source.parent / f"{BackupFolder(source).udid}.json"
    if seal.exists():
        (kept.parent / seal.name).unlink(missing_ok=True)
        link_or_copy(seal, kept.parent / seal.name)
    return saving.facts_of(await saving.check(move, kept, "new"), kept)


async def verify_now(move: Move) -> dict[str, Any]:
    return await saving.check_and_keep(move, Path(move.journal.result("save-new-phone")["backup"]), "new", "now")


async def compare(move: Move) -> dict[str, Any]:
    """What would be lost; refused unless the person has said that it may.

    Raises:
        UndoWouldLose.
    """
    undone = find_run(move.home, str(move.journal.undoes)).journal()
    sent = Path(undone.result("compare" if undone.undoes else "compose")["set"])
    with ExitStack() as files:
        safety = await open_with_claims(move, move.restore_set, "new")
        now = await open_with_claims(move, Path(move.journal.result("verify-new-phone")["backup"]), "new")
        was_sent = await open_with_claims(move, sent, set_role_of(undone))
        for opened in (safety, now, was_sent):
            files.enter_context(opened.backup)
        earlier = (safety.backup, was_sent.backup)
        came = CameAfter(now.backup, now.claims, earlier, move.tmp, move.watch())
        new = await in_thread(move, came.counted)
        rows = [[owner, title_of(now.claims, owner), count] for owner, count in sorted(new.items())]
        if rows and not move.journal.note("may_lose"):
            lost = tuple(f"{title} ({count:,})" for _, title, count in rows)
            raise UndoWouldLose(undone.run, move.name_of("new"), lost)
        verified = move.journal.result("verify-safety")
        owners = await in_thread(move, lambda: _owners(safety.backup, safety.claims))
        return {
            "set": str(move.restore_set),
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


def _safety_of(move: Move) -> Path:
    return Path(find_run(move.home, str(move.journal.undoes)).journal().result("verify-new-phone")["backup"])


STEPS = (
    Step("meet", meet, never),
    Step("preflight", preflight, never),
    Step("verify-safety", verify_safety, never),
    Step("save-new-phone", saving.save_new_phone, lambda move: saving.already_saved(move, "new")),
    Step("verify-new-phone", verify_now, never),
    Step("compare", compare, never),
    Step("agree", sending.agree, never),
    Step("restore", sending.restore, sending.already_restored, point_of_no_return=True),
    Step("wait-for-phone", sending.wait_for_phone, never),
    Step("prove", proving.prove, never),
    Step("receipt", proving.write_receipt, never),
)
