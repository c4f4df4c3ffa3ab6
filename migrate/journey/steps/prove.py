"""The step that backs the new phone up again and compares it with what was agreed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from migrate.backup.private_files import open_new
from migrate.categories.catalogue import APP_PREFIX
from migrate.categories.choose import chosen_owners
from migrate.journey.freed_memory import give_back_freed_memory
from migrate.journey.opened_backup import OpenedBackup, open_with_claims
from migrate.journey.prompts import Role
from migrate.journey.proof.evidence import Evidence, Side
from migrate.journey.proof.prover import Proof, prove
from migrate.journey.results import StepResult
from migrate.journey.run_state import Run
from migrate.journey.steps.compose import ComposedSet
from migrate.journey.steps.restore import Restored
from migrate.journey.steps.verify import NewPhoneVerified, OldPhoneVerified, back_up_and_keep
from migrate.journey.threads import in_thread
from migrate.plan.model import Plan
from migrate.units import now_utc

ARRIVAL_POLL_S = 5.0
"""How often to ask whether an app has been installed."""
ANOTHER_LOOK_S = 900.0
"""The longest time between two looks at what arrives unseen from outside, such as photos. Each look is a backup, and
a phone asks for its passcode each time (facts 2.3)."""
DETAILS = "proof.ndjson"
"""In the run's folder: each item and file that is neither proven nor still arriving."""

FateCounts = Mapping[str, int]
"""Fate -> how many."""


@dataclass(frozen=True)
class Proved(StepResult):
    """What the proof came to."""

    step = "prove"
    verdict: str
    """`proven`, `pending` or `not proven`."""
    proven_at: str
    items: Mapping[str, Mapping[str, FateCounts]] = field(default_factory=dict)
    """Owner -> kind of item -> fates."""
    files: Mapping[str, FateCounts] = field(default_factory=dict)
    """Owner -> fates of the files that a person would miss."""
    loose: Mapping[str, FateCounts] = field(default_factory=dict)
    """Owner -> fates of those files that belong to no item and did not simply arrive."""
    housekeeping: Mapping[str, FateCounts] = field(default_factory=dict)
    """Owner -> fates of the files that the phone keeps for itself."""
    later: Mapping[str, FateCounts] = field(default_factory=dict)
    """Owner -> why items and files are still arriving: `background`, `app`, `account`."""
    unknown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Owner -> kinds of items that could not be read in the old backup."""
    kept_items: Mapping[str, FateCounts] = field(default_factory=dict)
    """Kind -> fates of what was on the new phone before and was not chosen."""
    kept_files: FateCounts = field(default_factory=dict)
    kept_loose: FateCounts = field(default_factory=dict)
    kept_later: FateCounts = field(default_factory=dict)
    """Why some of what was on the new phone before is still arriving: a rebuild has its own apps downloaded again."""


@dataclass(frozen=True)
class Earlier:
    """The results of earlier steps that the proof needs."""

    composed: ComposedSet
    safety: NewPhoneVerified | None
    verified: OldPhoneVerified | None
    """None: an undo, which sends the new phone's own backup."""


def wants_proof(run: Run, plan: Plan) -> bool:
    return plan.safety.prove or run.is_requested(Proved.step)


async def prove_move(
    run: Run, plan: Plan, composed: ComposedSet, safety: NewPhoneVerified | None, verified: OldPhoneVerified | None
) -> Proved:
    """Back the new phone up once more and compare it with what was agreed. Waits for what arrives later as long as
    requested, then leaves it open.

    A failed proof raises nothing here: the receipt must be written either way, and the run ends with 60.
    """
    earlier = Earlier(composed, safety, verified)
    proof = await prove_once(run, plan, earlier)
    deadline = time.monotonic() + run.context.arrival_wait_s  # from the first look's end: a slow one is no waiting
    while proof.arriving and not proof.wrong and time.monotonic() < deadline:
        await wait_for_arrivals(run, proof, deadline)
        proof = await prove_once(run, plan, earlier)
    run.findings[:] = [finding for finding in run.findings if not finding.code.startswith("proof-")]
    for finding in proof.findings:
        run.found(finding)
    return as_result(proof)


def as_result(proof: Proof) -> Proved:
    owners = sorted(proof.owners.items())
    return Proved(
        verdict=proof.verdict,
        proven_at=now_utc().isoformat(timespec="seconds"),
        items={
            owner: {kind: counts(fates) for kind, fates in sorted(one.items.items())}
            for owner, one in owners
            if one.items
        },
        files={owner: counts(one.files) for owner, one in owners if one.files},
        loose={owner: counts(one.loose) for owner, one in owners if one.loose},
        housekeeping={owner: counts(one.housekeeping) for owner, one in owners if one.housekeeping},
        later={owner: counts(one.later) for owner, one in owners if one.later},
        unknown={owner: tuple(sorted(one.unknown_kinds)) for owner, one in owners if one.unknown_kinds},
        kept_items={kind: counts(fates) for kind, fates in sorted(proof.kept.items.items())},
        kept_files=counts(proof.kept.files),
        kept_loose=counts(proof.kept.loose),
        kept_later=counts(proof.kept.later),
    )


def counts(counted: Mapping[Any, int]) -> FateCounts:
    return {str(name): count for name, count in sorted(counted.items()) if count}


async def prove_once(run: Run, plan: Plan, earlier: Earlier) -> Proof:
    """One proof, from a new backup of the new phone."""
    kept, installed = await back_up_and_keep(run, "proof")
    give_back_freed_memory()
    return await compare(run, plan, earlier, kept, installed)


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


async def compare(run: Run, plan: Plan, earlier: Earlier, after: Path, installed: frozenset[str]) -> Proof:
    """Compare the new phone's backup with the old phone's and with its own earlier one. After an undo: with the safety
    backup, everything of which should be there again."""
    verified, safety = earlier.verified, earlier.safety
    with ExitStack() as opened:

        async def side(folder: Path, role: Role) -> OpenedBackup:
            one = await open_with_claims(run, folder, role)
            opened.enter_context(one.backup)
            return one

        if verified is None:
            old = await side(earlier.composed.set, "new")
            owners = frozenset(old.claims.catalogue.ids) | frozenset(APP_PREFIX + bundle for bundle in old.claims.apps)
        else:
            old = await side(verified.backup, "old")
            move = plan.move
            owners = chosen_owners(old.claims, categories=move.categories, except_=move.except_, apps=move.apps)
        if old.seal is not None:
            old.backup.hold_to(old.seal.digests)
        now = await side(after, "new")
        before = await side(safety.backup, "new") if safety and verified is not None else None
        (run.folder / DETAILS).unlink(missing_ok=True)
        details = opened.enter_context(open_new(run.folder / DETAILS))
        evidence = Evidence(
            old=as_side(old),
            after=as_side(now),
            before=as_side(before) if before else None,
            owners=owners,
            strategy=run.strategy,
            installed=installed,
            tmp=run.tmp,
            unsent_file_ids=frozenset(left_out.file_id for left_out in earlier.composed.left_out),
            restored_at=restored_at(run),
            days_since=days_since_restore(run),
            same_phone=verified is None,
            progress=run.progress(),
            details=lambda line: write_line(details, line),
        )
        return await in_thread(run, lambda: prove(evidence))


def as_side(opened: OpenedBackup) -> Side:
    return Side(backup=opened.backup, claims=opened.claims, seal=opened.seal)


def write_line(file: IO[bytes], line: Mapping[str, Any]) -> None:
    file.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")


def restored_at(run: Run) -> float | None:
    """When the new phone was first there again after the restore, in unix seconds. What iOS itself changes at its first
    start is older, so a later change is the person's."""
    return _finished_at(run, "wait-for-phone")


def days_since_restore(run: Run) -> float:
    """0 if the journal does not say when the set was sent."""
    sent = _finished_at(run, Restored.step)
    return (now_utc().timestamp() - sent) / 86_400 if sent is not None else 0.0


def _finished_at(run: Run, step: str) -> float | None:
    at = next((line["at"] for line in reversed(run.journal.lines) if line.get("finished") == step), None)
    return datetime.fromisoformat(at).timestamp() if at else None
