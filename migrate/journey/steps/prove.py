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
from migrate.backup.private_files import write_whole
from migrate.journey.proof.compare import Proof, Prover
from migrate.journey.run_state import Move
from migrate.journey.steps.back_up import check, ensure_password, keep
from migrate.journey.steps.compose import agreed, open_with_claims
from migrate.journey.threads import in_thread
from migrate.units import now_utc

ARRIVAL_POLL_S = 5.0
"""How often we ask whether an app has been installed meanwhile."""
ANOTHER_LOOK_S = 900.0
"""How long at most between two looks at what arrives without being seen from outside, photos for one. Each is a save,
and a phone asks for its passcode each time (facts 2.3)."""


async def prove(move: Move) -> dict[str, Any]:
    """Save the new phone once more and hold it against what was agreed. What arrives later is waited for as long as
    was asked, and left open then.

    Nothing is raised over a failed proof here: the receipt must be written either way, and the run ends with 60.
    """
    until = time.monotonic() + move.arriving_s
    while True:
        proof = await look(move)
        if not proof.pending or proof.bad or time.monotonic() >= until:
            break
        await wait_for_arrivals(move, proof, until)
    move.findings[:] = [finding for finding in move.findings if not finding.code.startswith("proof-")]
    for finding in proof.findings:
        move.found(finding)
    return {**proof.as_json(), "proven_at": now_utc().isoformat(timespec="seconds")}


async def look(move: Move) -> Proof:
    """One proof, from a save of the new phone as it is now."""
    with ExitStack() as alone:
        async with move.phone("new") as phone:
            folder = move.home.working_backup(phone.facts.udid)
            alone.enter_context(move.home.alone_with(folder.name, phone.facts.called))
            await ensure_password(move, phone, "new")
            installed = frozenset(await phone.installed_apps())
            await phone.save(folder, seals=move.home.seals, begin="incremental", watch=move.watch())
        await check(move, folder, "new")
        kept = await keep(move, folder, "proof")
    return await (compare_undone(move, kept, installed) if move.journal.undoes else compare(move, kept, installed))


async def wait_for_arrivals(move: Move, proof: Proof, until: float) -> None:
    """Until every app that data waits for is installed, another look is due, or the time is over."""
    until = min(until, time.monotonic() + ANOTHER_LOOK_S)
    watch = move.watch()
    while (left := until - time.monotonic()) > 0:
        async with move.phone("new") as phone:
            missing = proof.waiting_for - set(await phone.installed_apps())
        watch.files_moved(len(proof.waiting_for) - len(missing))
        if proof.waiting_for and not missing:
            return
        await asyncio.sleep(min(left, ARRIVAL_POLL_S))


async def compare(move: Move, after: Path, installed: frozenset[str]) -> Proof:
    agreement = await agreed(move)
    with ExitStack() as opened:
        opened.enter_context(agreement.old.backup)
        sent = opened.enter_context((await open_with_claims(move, move.restore_set, move.set_role)).backup)
        now = opened.enter_context((await open_with_claims(move, after, "new")).backup)
        before = await open_with_claims(move, move.safety_backup, "new") if move.safety_backup else None
        prover = Prover(
            restore_set=sent,
            after=now,
            claims=agreement.old.claims,
            strategy=move.known_strategy,
            installed=installed,
            tmp=move.tmp,
            agreed=agreement.records,
            left_behind=agreement.left_behind,
            proven_before=bool(move.journal.result("prove")),
            days_since=days_since_restore(move),
            before=opened.enter_context(before.backup) if before else None,
            before_claims=before.claims if before else None,
            watch=move.watch(),
        )
        return await in_thread(move, prover.prove)


async def compare_undone(move: Move, after: Path, installed: frozenset[str]) -> Proof:
    """After an undo: what the safety backup held is there again."""
    with ExitStack() as opened:
        put_back = await open_with_claims(move, move.restore_set, "new")
        prover = Prover(
            restore_set=opened.enter_context(put_back.backup),
            after=opened.enter_context((await open_with_claims(move, after, "new")).backup),
            claims=put_back.claims,
            strategy=move.known_strategy,
            installed=installed,
            tmp=move.tmp,
            proven_before=bool(move.journal.result("prove")),
            days_since=days_since_restore(move),
            same_phone=True,
            watch=move.watch(),
        )
        return await in_thread(move, prover.prove)


def days_since_restore(move: Move) -> float:
    """0 where nobody wrote down when it was sent."""
    sent = next((line["at"] for line in reversed(move.journal.lines) if line.get("finished") == "restore"), None)
    return (now_utc() - datetime.fromisoformat(sent)).total_seconds() / 86_400 if sent else 0.0


async def write_receipt(move: Move) -> dict[str, Any]:
    """`receipt.json`: what was agreed, what moved, what was proven. And the same as a page, whose words are talk's."""
    receipt = receipt_of(move)
    if move.page is not None:
        write_whole(move.folder / "receipt.html", move.page(receipt).encode())
    write_whole(move.folder / "receipt.json", (json.dumps(receipt, ensure_ascii=False, indent=2) + "\n").encode())
    return {"receipt": str(move.folder / "receipt.json")}


def receipt_of(move: Move) -> dict[str, Any]:
    journal = move.journal
    return {
        "migrate": __version__,
        "run": journal.run,
        "begun": journal.begun_at,
        "written": now_utc().isoformat(timespec="seconds"),
        "plan": {"name": move.plan.name, "digest": journal.plan_digest},
        "strategy": move.known_strategy.value,
        "old_phone": {"udid": journal.udid_of("old"), "name": journal.name_of("old")},
        "new_phone": {"udid": journal.udid_of("new"), "name": journal.name_of("new")},
        "saved": journal.result("verify-safety" if journal.undoes else "verify"),
        "safety": journal.result("verify-new-phone") or None,
        "undoes": journal.undoes,
        "sent": move.composed,
        "rehearsal": journal.result("rehearse") or None,
        "restore": journal.result("restore"),
        "proof": journal.result("prove") or None,
        "findings": [finding.as_json() for finding in move.findings if finding.severity != "info"],
    }
