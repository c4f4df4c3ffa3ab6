"""The last step: write down what was agreed, what moved, and what was proven."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate import __version__
from migrate.backup.private_files import write_atomically
from migrate.journey.before_erasing import before_erasing
from migrate.journey.receipt_data import ReceiptParts, headline, kept, next_steps
from migrate.journey.results import StepResult, to_json
from migrate.journey.run_state import Run
from migrate.journey.steps.compose import ComposedSet
from migrate.journey.steps.prove import Proved
from migrate.journey.steps.rehearse import Rehearsed
from migrate.journey.steps.restore import Restored
from migrate.journey.steps.verify import NewPhoneVerified, OldPhoneVerified, SafetyBackupVerified
from migrate.journey.undo_losses import sentences
from migrate.plan.model import Plan
from migrate.units import now_utc


@dataclass(frozen=True)
class ReceiptWritten(StepResult):
    step = "receipt"
    receipt: Path


async def write_receipt(
    run: Run,
    plan: Plan,
    verified: OldPhoneVerified | None,
    put_back: SafetyBackupVerified | None,
    safety: NewPhoneVerified | None,
    composed: ComposedSet,
    rehearsal: Rehearsed | None,
    restored: Restored,
    proof: Proved | None,
) -> ReceiptWritten:
    """Write `receipt.json`, and the same as a page for people."""
    journal = run.journal
    old, new = journal.name_of("old"), journal.name_of("new") or ""
    parts = ReceiptParts(proof, composed.titles, composed.chosen)
    inventory = None if journal.undoes else composed.old_phone
    receipt: dict[str, Any] = {
        "run": journal.run_id,
        "verdict": None if proof is None else proof.verdict,
        "headline": headline(proof, new),
        "old": {"udid": journal.udid_of("old"), "name": old},
        "new": {"udid": journal.udid_of("new"), "name": new},
        "strategy": run.strategy.value,
        "categories": parts.categories(),
        "not_moved": parts.not_moved(),
        "only_in_icloud": [] if inventory is None else [row._asdict() for row in inventory.only_in_icloud],
        "next": next_steps(proof, journal.run_id, old or new),
        "before_erasing": [] if journal.undoes else before_erasing(inventory),
        "kept": {} if proof is None else kept(proof),
        "will_not_come_back": list(sentences(getattr(composed, "lost", ()))),
        "remarks": [finding.what for finding in run.findings if finding.severity != "info"],
        "migrate": __version__,
        "begun": journal.begun_at,
        "written": now_utc().isoformat(timespec="seconds"),
        "plan": {"name": plan.name, "digest": journal.plan_digest},
        "saved": to_json(put_back if journal.undoes else verified),
        "safety": to_json(safety),
        "undoes": journal.undoes,
        "sent": to_json(composed),
        "rehearsal": to_json(rehearsal),
        "restore": to_json(restored),
        "proof": to_json(proof),
        "findings": [finding.as_json() for finding in run.findings if finding.severity != "info"],
    }
    if run.context.page is not None:
        write_atomically(run.folder / "receipt.html", run.context.page(receipt).encode())
    path = run.folder / "receipt.json"
    write_atomically(path, (json.dumps(receipt, ensure_ascii=False, indent=2) + "\n").encode())
    return ReceiptWritten(path)
