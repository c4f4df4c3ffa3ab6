"""The last steps: back the new phone up, compare, and write down what happened."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from migrate import __version__
from migrate.backup.private_files import write_whole
from migrate.journey.choosing import open_with_claims
from migrate.journey.move import Move
from migrate.journey.proof import Proof, Prover
from migrate.journey.saving import check, ensure_password, keep
from migrate.journey.threads import in_thread
from migrate.units import now_utc


async def prove(move: Move) -> dict[str, Any]:
    """Save the new phone once more and hold it against what was sent.

    Nothing is raised over a failed proof here: the receipt must be written either way, and the run ends with 60.
    """
    with ExitStack() as alone:
        async with move.phone("new") as phone:
            folder = move.home.working_backup(phone.facts.udid)
            alone.enter_context(move.home.alone_with(folder.name, phone.facts.called))
            await ensure_password(move, phone, "new")
            installed = frozenset(await phone.installed_apps())
            await phone.save(folder, seals=move.home.seals, begin="incremental", watch=move.watch())
        await check(move, folder, "new")
        kept = await keep(move, folder, "proof")
    proof = await compare(move, kept, installed)
    for finding in proof.findings:
        move.found(finding)
    return proof.as_json()


async def compare(move: Move, after: Path, installed: frozenset[str]) -> Proof:
    sent = await open_with_claims(move, move.restore_set, "old")
    now = await open_with_claims(move, after, "new")
    before = await open_with_claims(move, move.safety_backup, "new") if move.safety_backup else None
    prover = Prover(
        restore_set=sent.backup,
        after=now.backup,
        claims=sent.claims,
        strategy=move.known_strategy,
        installed=installed,
        tmp=move.tmp,
        before=before.backup if before else None,
        before_claims=before.claims if before else None,
        watch=move.watch(),
    )
    return await in_thread(move, prover.prove)


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
        "saved": journal.result("verify"),
        "safety": journal.result("verify-new-phone") or None,
        "sent": journal.result("compose"),
        "restore": journal.result("restore"),
        "proof": journal.result("prove") or None,
        "findings": [finding.as_json() for finding in move.findings if finding.severity != "info"],
    }
