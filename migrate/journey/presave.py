"""What a conversation does before there is a plan: meet a phone, save it, prove the save and count what is in it.

These are the steps of a run, on a move that is forgotten afterwards. What was saved and verified here is handed to the
run as `World.saved`, so that nothing is saved twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.categories.tally import Tally, tally
from migrate.journey import events
from migrate.journey.context import RunContext
from migrate.journey.journal import Journal
from migrate.journey.run_state import PresavedBackup, Role, Run
from migrate.journey.steps import back_up as saving
from migrate.journey.steps.compose import OpenedBackup, open_with_claims
from migrate.journey.threads import in_thread
from migrate.phone.facts import PhoneFacts
from migrate.phone.quoting import NAME_LIMIT, safe_text
from migrate.plan.model import Plan, digest


@dataclass(frozen=True)
class PresaveResult:
    """A saved, verified backup and what is in it."""

    udid: str
    folder: Path
    ios_version: str | None
    encrypted: bool
    presaved: PresavedBackup
    tally: Tally
    unreadable: Mapping[str, int]
    """Category or app -> how many of its files the phone could not read."""
    facts: PhoneFacts | None
    """The phone's, after the save; None where a backup stands in for it."""


def create_temporary_run(
    context: RunContext, *, old: str | None, old_backup: Path | None, new: str | None, encrypted: bool
) -> Run:
    """A move of these phones whose journal lies in tmp. Its plan says no more than the steps used here ask for."""
    raw: dict[str, Any] = {"version": 1, "new_phone": {"is": "in-use"}, "move": {"categories": ["photos"]}}
    raw["backup"] = {"encrypted": encrypted}
    raw["old_phone"] = {"backup": str(old_backup)} if old_backup else {"udid": old} if old else {}
    if new:
        raw["new_phone"]["udid"] = new
    plan = Plan.model_validate(raw)
    folder = Path(mkdtemp(dir=context.tmp, prefix="ahead-"))
    return Run(
        home=context.home,
        folder=folder,
        plan=plan,
        journal=Journal.create(folder / "journal.ndjson", folder.name, digest(plan)),
        usbmux=context.usbmux,
        prompts=context.prompts,
        listener=context.listener,
        wait_s=context.wait_s,
        tmp=context.tmp,
    )


async def connect_phone(run: Run, role: Role) -> tuple[PhoneFacts, tuple[str, ...]]:
    """A phone's facts once it trusts us, waited for as in a run; of the new one also what shows that it is in use."""
    run.step = "meet"
    async with run.phone(role) as phone:
        return phone.facts, await phone.signs_of_use() if role == "new" else ()


async def presave(run: Run, role: Role) -> PresaveResult:
    """Save the phone of `role` (or open the backup that stands in for it), verify it in full, and count.

    Raises:
        What the steps raise. An interrupted save goes on the next time.
    """
    facts, folder = None, Path(run.plan.old_phone.backup) if role == "old" and run.plan.old_phone.backup else None
    if folder is None:
        async with _step_events(run, f"back-up-{role}-phone"), run.phone(role) as phone:
            folder = Path((await saving.back_up(run, phone, role))["backup"])
            facts = await phone.refresh()
    async with _step_events(run, "verify" if role == "old" else "verify-new-phone"):
        verdict = await saving.check(run, folder, role)
        opened = await open_with_claims(run, folder, role)
        with opened.backup:
            counted = await in_thread(run, lambda: tally(opened.backup, opened.claims, tmp=run.tmp))
            unreadable = await in_thread(run, lambda: _unreadable(opened))
    backup = BackupFolder(folder)
    name = facts.name_or_model if facts else safe_text(backup.device_name or backup.udid, NAME_LIMIT)
    return PresaveResult(
        udid=backup.udid,
        folder=folder,
        ios_version=backup.ios_version,
        encrypted=backup.is_encrypted,
        presaved=PresavedBackup(name, tuple(saving.backup_stamp(folder)), verdict, tuple(run.findings)),
        tally=counted,
        unreadable=unreadable,
        facts=facts,
    )


@asynccontextmanager
async def _step_events(run: Run, step: str) -> AsyncIterator[None]:
    run.step = step
    run.emit(events.StepStarted(step))
    yield
    run.emit(events.StepFinished(step))


def _unreadable(opened: OpenedBackup) -> dict[str, int]:
    lost = opened.seal.unreadable if opened.seal else {}
    owners: Counter[str] = Counter()
    for record in opened.backup.records() if lost else ():
        if record.file_id in lost:
            owners.update(opened.claims.owners(record.domain, record.relative_path))
    return dict(owners)
