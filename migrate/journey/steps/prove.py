"""The last steps: back the new phone up, compare, and write down what happened."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from migrate import __version__
from migrate.backup.private_files import write_atomically
from migrate.journey.proof.compare import Proof, Prover
from migrate.journey.run_state import Run
from migrate.journey.steps.back_up import check, ensure_password, link_into_run
from migrate.journey.steps.compose import load_agreed_selection, open_with_claims
from migrate.journey.threads import in_thread
from migrate.units import now_utc

ARRIVAL_POLL_S = 5.0
"""How often we ask whether an app has been installed meanwhile."""
ANOTHER_LOOK_S = 900.0
"""How long at most between two looks at what arrives without being seen from outside, photos for one. Each is a save,
and a phone asks for its passcode each time (facts 2.3)."""


async def prove(run: Run) -> dict[str, Any]:
    """Save the new phone once more and hold it against what was agreed. What arrives later is waited for as long as
    was asked, and left open then.

    Nothing is raised over a failed proof here: the receipt must be written either way, and the run ends with 60.
    """
    deadline = time.monotonic() + run.arrival_wait_s
    while True:
        proof = await prove_once(run)
        if not proof.pending or proof.bad or time.monotonic() >= deadline:
            break
        await wait_for_arrivals(run, proof, deadline)
    run.findings[:] = [finding for finding in run.findings if not finding.code.startswith("proof-")]
    for finding in proof.findings:
        run.found(finding)
    return {**proof.as_json(), "proven_at": now_utc().isoformat(timespec="seconds")}


async def prove_once(run: Run) -> Proof:
    """One proof, from a save of the new phone as it is now."""
    with ExitStack() as held_locks:
        async with run.phone("new") as phone:
            folder = run.home.working_backup(phone.facts.udid)
            held_locks.enter_context(run.home.lock_working_backup(folder.name, phone.facts.name_or_model))
            await ensure_password(run, phone, "new")
            installed = frozenset(await phone.installed_apps())
            await phone.back_up(folder, seals=run.home.seals, begin="incremental", progress=run.progress())
        await check(run, folder, "new")
        kept = await link_into_run(run, folder, "proof")
    return await (compare_undone(run, kept, installed) if run.journal.undoes else compare(run, kept, installed))


async def wait_for_arrivals(run: Run, proof: Proof, deadline: float) -> None:
    """Until every app that data waits for is installed, another look is due, or the time is over."""
    deadline = min(deadline, time.monotonic() + ANOTHER_LOOK_S)
    progress = run.progress()
    while (left := deadline - time.monotonic()) > 0:
        async with run.phone("new") as phone:
            missing = proof.awaited_app_ids - set(await phone.installed_apps())
        progress.files_moved(len(proof.awaited_app_ids) - len(missing))
        if proof.awaited_app_ids and not missing:
            return
        await asyncio.sleep(min(left, ARRIVAL_POLL_S))


async def compare(run: Run, after: Path, installed: frozenset[str]) -> Proof:
    agreement = await load_agreed_selection(run)
    with ExitStack() as opened:
        opened.enter_context(agreement.old.backup)
        sent = opened.enter_context((await open_with_claims(run, run.restore_set, run.restore_set_role)).backup)
        now = opened.enter_context((await open_with_claims(run, after, "new")).backup)
        before = await open_with_claims(run, run.safety_backup, "new") if run.safety_backup else None
        prover = Prover(
            restore_set=sent,
            after=now,
            claims=agreement.old.claims,
            strategy=run.known_strategy,
            installed=installed,
            tmp=run.tmp,
            agreed=agreement.records,
            unsent_file_ids=agreement.unsent_file_ids,
            proven_before=bool(run.journal.result("prove")),
            days_since=days_since_restore(run),
            before=opened.enter_context(before.backup) if before else None,
            before_claims=before.claims if before else None,
            progress=run.progress(),
        )
        return await in_thread(run, prover.prove)


async def compare_undone(run: Run, after: Path, installed: frozenset[str]) -> Proof:
    """After an undo: what the safety backup held is there again."""
    with ExitStack() as opened:
        put_back = await open_with_claims(run, run.restore_set, "new")
        prover = Prover(
            restore_set=opened.enter_context(put_back.backup),
            after=opened.enter_context((await open_with_claims(run, after, "new")).backup),
            claims=put_back.claims,
            strategy=run.known_strategy,
            installed=installed,
            tmp=run.tmp,
            proven_before=bool(run.journal.result("prove")),
            days_since=days_since_restore(run),
            same_phone=True,
            progress=run.progress(),
        )
        return await in_thread(run, prover.prove)


def days_since_restore(run: Run) -> float:
    """0 where nobody wrote down when it was sent."""
    sent = next((line["at"] for line in reversed(run.journal.lines) if line.get("finished") == "restore"), None)
    return (now_utc() - datetime.fromisoformat(sent)).total_seconds() / 86_400 if sent else 0.0


async def write_receipt(run: Run) -> dict[str, Any]:
    """`receipt.json`: what was agreed, what moved, what was proven. And the same as a page, whose words are talk's."""
    receipt = receipt_of(run)
    if run.page is not None:
        write_atomically(run.folder / "receipt.html", run.page(receipt).encode())
    write_atomically(run.folder / "receipt.json", (json.dumps(receipt, ensure_ascii=False, indent=2) + "\n").encode())
    return {"receipt": str(run.folder / "receipt.json")}


def receipt_of(run: Run) -> dict[str, Any]:
    journal = run.journal
    return {
        "migrate": __version__,
        "run": journal.run_id,
        "begun": journal.begun_at,
        "written": now_utc().isoformat(timespec="seconds"),
        "plan": {"name": run.plan.name, "digest": journal.plan_digest},
        "strategy": run.known_strategy.value,
        "old_phone": {"udid": journal.udid_of("old"), "name": journal.name_of("old")},
        "new_phone": {"udid": journal.udid_of("new"), "name": journal.name_of("new")},
        "saved": journal.result("verify-safety" if journal.undoes else "verify"),
        "safety": journal.result("verify-new-phone") or None,
        "undoes": journal.undoes,
        "sent": run.composed,
        "rehearsal": journal.result("rehearse") or None,
        "restore": journal.result("restore"),
        "proof": journal.result("prove") or None,
        "findings": [finding.as_json() for finding in run.findings if finding.severity != "info"],
    }
