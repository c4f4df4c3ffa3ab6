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
from migrate.journey.context import World
from migrate.journey.journal import Journal
from migrate.journey.run_state import KeptSave, Move, Role
from migrate.journey.steps import back_up as saving
from migrate.journey.steps.compose import Opened, open_with_claims
from migrate.journey.threads import in_thread
from migrate.phone.facts import PhoneFacts
from migrate.phone.quoting import NAME_LIMIT, quoted
from migrate.plan.model import Plan, digest


@dataclass(frozen=True)
class SavedAhead:
    """A saved, verified backup and what is in it."""

    udid: str
    folder: Path
    ios_version: str | None
    encrypted: bool
    kept: KeptSave
    tally: Tally
    unreadable: Mapping[str, int]
    """Category or app -> how many of its files the phone could not read."""
    facts: PhoneFacts | None
    """The phone's, after the save; None where a backup stands in for it."""


def a_move(world: World, *, old: str | None, old_backup: Path | None, new: str | None, encrypted: bool) -> Move:
    """A move of these phones whose journal lies in tmp. Its plan says no more than the steps used here ask for."""
    raw: dict[str, Any] = {"version": 1, "new_phone": {"is": "in-use"}, "move": {"categories": ["photos"]}}
    raw["backup"] = {"encrypted": encrypted}
    raw["old_phone"] = {"backup": str(old_backup)} if old_backup else {"udid": old} if old else {}
    if new:
        raw["new_phone"]["udid"] = new
    plan = Plan.model_validate(raw)
    folder = Path(mkdtemp(dir=world.tmp, prefix="ahead-"))
    return Move(
        home=world.home,
        folder=folder,
        plan=plan,
        journal=Journal.begin(folder / "journal.ndjson", folder.name, digest(plan)),
        muxer=world.muxer,
        asking=world.asking,
        listener=world.listener,
        wait_s=world.wait_s,
        tmp=world.tmp,
    )


async def meet_ahead(move: Move, role: Role) -> tuple[PhoneFacts, tuple[str, ...]]:
    """A phone's facts once it trusts us, waited for as in a run; of the new one also what shows that it is in use."""
    move.step = "meet"
    async with move.phone(role) as phone:
        return phone.facts, await phone.signs_of_use() if role == "new" else ()


async def save_ahead(move: Move, role: Role) -> SavedAhead:
    """Save the phone of `role` (or open the backup that stands in for it), verify it in full, and count.

    Raises:
        What the steps raise. An interrupted save goes on the next time.
    """
    facts, folder = None, Path(move.plan.old_phone.backup) if role == "old" and move.plan.old_phone.backup else None
    if folder is None:
        async with _told(move, f"save-{role}-phone"), move.phone(role) as phone:
            folder = Path((await saving.save(move, phone, role))["backup"])
            facts = await phone.refresh()
    async with _told(move, "verify" if role == "old" else "verify-new-phone"):
        verdict = await saving.check(move, folder, role)
        opened = await open_with_claims(move, folder, role)
        with opened.backup:
            counted = await in_thread(move, lambda: tally(opened.backup, opened.claims, tmp=move.tmp))
            unreadable = await in_thread(move, lambda: _unreadable(opened))
    backup = BackupFolder(folder)
    name = facts.called if facts else quoted(backup.device_name or backup.udid, NAME_LIMIT)
    return SavedAhead(
        udid=backup.udid,
        folder=folder,
        ios_version=backup.ios_version,
        encrypted=backup.is_encrypted,
        kept=KeptSave(name, tuple(saving.save_stamp(folder)), verdict, tuple(move.findings)),
        tally=counted,
        unreadable=unreadable,
        facts=facts,
    )


@asynccontextmanager
async def _told(move: Move, step: str) -> AsyncIterator[None]:
    move.step = step
    move.tell(events.StepStarted(step))
    yield
    move.tell(events.StepFinished(step))


def _unreadable(opened: Opened) -> dict[str, int]:
    lost = opened.seal.unreadable if opened.seal else {}
    owners: Counter[str] = Counter()
    for record in opened.backup.records() if lost else ():
        if record.file_id in lost:
            owners.update(opened.claims.owners(record.domain, record.relative_path))
    return dict(owners)
