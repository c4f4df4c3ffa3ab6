"""The step that backs the new phone up again and compares it with what was agreed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from migrate.journey.opened_backup import open_with_claims
from migrate.journey.proof.compare import Proof, Prover
from migrate.journey.results import StepResult
from migrate.journey.run_state import Run
from migrate.journey.steps.back_up import ready_to_back_up
from migrate.journey.steps.compose import ComposedSet, load_agreed_selection
from migrate.journey.steps.restore import Restored
from migrate.journey.steps.verify import NewPhoneVerified, OldPhoneVerified, check, link_into_run
from migrate.journey.threads import in_thread
from migrate.plan.model import Plan
from migrate.units import now_utc

ARRIVAL_POLL_S = 5.0
"""How often to ask whether an app has been installed."""
ANOTHER_LOOK_S = 900.0
"""The longest time between two looks at what arrives unseen from outside, such as photos. Each look is a backup, and
a phone asks for its passcode each time (facts 2.3)."""


@dataclass(frozen=True)
class Proved(StepResult):
    """What the proof came to, in files."""

    step = "prove"
    verdict: str
    categories: Mapping[str, Mapping[str, int]]
    """Owner -> outcome -> files."""
    kept: Mapping[str, int]
    """Outcome -> files that were on the new phone before and were not chosen."""
    proven_at: str


@dataclass(frozen=True)
class Evidence:
    """What the proof compares with the new phone: the results of the steps before it."""

    composed: ComposedSet
    safety: NewPhoneVerified | None
    verified: OldPhoneVerified | None
    """None: an undo, which sends the new phone's own backup."""
    proven_before: bool


def wants_proof(run: Run, plan: Plan) -> bool:
    return plan.safety.prove or run.is_requested(Proved.step)


async def prove(
    run: Run,
    plan: Plan,
    composed: ComposedSet,
    safety: NewPhoneVerified | None,
    verified: OldPhoneVerified | None,
    earlier_proof: Proved | None,
) -> Proved:
    """Back the new phone up once more and compare it with what was agreed. Waits for what arrives later as long as
    requested, then leaves it open.

    A failed proof raises nothing here: the receipt must be written either way, and the run ends with 60.
    """
    evidence = Evidence(composed, safety, verified, proven_before=earlier_proof is not None)
    deadline = time.monotonic() + run.context.arrival_wait_s
    while True:
        proof = await prove_once(run, plan, evidence)
        if not proof.pending or proof.bad or time.monotonic() >= deadline:
            break
        await wait_for_arrivals(run, proof, deadline)
    run.findings[:] = [finding for finding in run.findings if not finding.code.startswith("proof-")]
    for finding in proof.findings:
        run.found(finding)
    return Proved(**proof.as_json(), proven_at=now_utc().isoformat(timespec="seconds"))


async def prove_once(run: Run, plan: Plan, evidence: Evidence) -> Proof:
    """One proof, from a new backup of the new phone."""
    async with AsyncExitStack() as locked:
        async with run.phone("new") as phone:
            folder = await locked.enter_async_context(ready_to_back_up(run, phone, "new"))
            installed = frozenset(await phone.installed_apps())
            await phone.back_up(folder, seals=run.home.seals, begin="incremental", progress=run.progress())
        await check(run, folder, "new")
        kept = await link_into_run(run, folder, "proof")
    if evidence.verified is None:
        return await compare_undone(run, evidence, kept, installed)
    return await compare(run, plan, evidence, evidence.verified, kept, installed)


async def wait_for_arrivals(run: Run, proof: Proof, deadline: float) -> None:
    """Wait until every awaited app is installed, another look is due, or the time is over."""
    deadline = min(deadline, time.monotonic() + ANOTHER_LOOK_S)
    progress = run.progress()
    while (left := deadline - time.monotonic()) > 0:
        async with run.phone("new") as phone:
            missing = proof.awaited_app_ids - set(await phone.installed_apps())
        progress.files_moved(len(proof.awaited_app_ids) - len(missing))
        if proof.awaited_app_ids and not missing:
            return
        await asyncio.sleep(min(left, ARRIVAL_POLL_S))


async def compare(
    run: Run, plan: Plan, evidence: Evidence, verified: OldPhoneVerified, after: Path, installed: frozenset[str]
) -> Proof:
    agreement = await load_agreed_selection(run, plan, verified, evidence.composed)
    safety = evidence.safety
    with ExitStack() as opened:
        opened.enter_context(agreement.old.backup)
        sent = opened.enter_context((await open_with_claims(run, evidence.composed.set, run.restore_set_role)).backup)
        now = opened.enter_context((await open_with_claims(run, after, "new")).backup)
        before = await open_with_claims(run, safety.backup, "new") if safety else None
        prover = Prover(
            restore_set=sent,
            after=now,
            claims=agreement.old.claims,
            strategy=run.strategy,
            installed=installed,
            tmp=run.tmp,
            agreed=agreement.records,
            unsent_file_ids=agreement.unsent_file_ids,
            proven_before=evidence.proven_before,
            days_since=days_since_restore(run),
            before=opened.enter_context(before.backup) if before else None,
            before_claims=before.claims if before else None,
            progress=run.progress(),
        )
        return await in_thread(run, prover.prove)


async def compare_undone(run: Run, evidence: Evidence, after: Path, installed: frozenset[str]) -> Proof:
    """After an undo: whether everything in the safety backup is there again."""
    with ExitStack() as opened:
        put_back = await open_with_claims(run, evidence.composed.set, "new")
        prover = Prover(
            restore_set=opened.enter_context(put_back.backup),
            after=opened.enter_context((await open_with_claims(run, after, "new")).backup),
            claims=put_back.claims,
            strategy=run.strategy,
            installed=installed,
            tmp=run.tmp,
            proven_before=evidence.proven_before,
            days_since=days_since_restore(run),
            same_phone=True,
            progress=run.progress(),
        )
        return await in_thread(run, prover.prove)


def days_since_restore(run: Run) -> float:
    """0 if the journal does not say when the set was sent."""
    sent = next((line["at"] for line in reversed(run.journal.lines) if line.get("finished") == Restored.step), None)
    return (now_utc() - datetime.fromisoformat(sent)).total_seconds() / 86_400 if sent else 0.0
