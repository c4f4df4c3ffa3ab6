"""What the wizard does before there is a plan: meet a phone, back it up, verify the backup and count what is in it.

What was backed up and verified here is handed to the run in `RunContext.saved`, so that it is not repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from migrate.backup.folder import BackupFolder
from migrate.backup.unreadable import is_harmless
from migrate.content.tally import Tally, tally
from migrate.journey import events
from migrate.journey.context import PresavedBackup
from migrate.journey.opened_backup import OpenedBackup, open_with_claims
from migrate.journey.originals import offer_originals
from migrate.journey.phone_session import PhoneSession, backup_stamp
from migrate.journey.prompts import Role
from migrate.journey.second_look import SecondLook
from migrate.journey.steps.back_up import ready_to_back_up
from migrate.journey.steps.verify import check
from migrate.journey.threads import in_thread
from migrate.phone.facts import PhoneFacts
from migrate.phone.quoting import NAME_LIMIT, safe_text


@dataclass(frozen=True)
class PresaveResult:
    """A verified backup and what is in it."""

    udid: str
    folder: Path
    ios_version: str | None
    encrypted: bool
    presaved: PresavedBackup
    tally: Tally
    unreadable: Mapping[str, int]
    """Category or app -> how many of its files the phone could not read."""
    facts: PhoneFacts | None
    """The phone's, after the backup; None where an existing backup was opened."""


async def connect_phone(session: PhoneSession, role: Role) -> tuple[PhoneFacts, tuple[str, ...]]:
    """Wait until a phone trusts this computer. Its facts; for the new phone also the signs that it is in use."""
    session.step = "meet"
    async with session.phone(role) as phone:
        return phone.facts, await phone.signs_of_use() if role == "new" else ()


async def presave(session: PhoneSession, role: Role, *, password_changed: bool = False) -> PresaveResult:
    """Back up the phone of `role` (or open the backup used in its place), verify the backup in full, and count.

    `password_changed`: since the phone's earlier backup, which its password therefore need not open. The phone then
        makes a full one (facts 2.3).

    Raises:
        What the steps of a run raise. An interrupted backup is continued the next time.
    """
    facts, folder = None, session.old_backup if role == "old" else None
    if folder is None:
        if role == "old":
            session.step = "meet"
            await offer_originals(session)
        async with _step_events(session, f"back-up-{role}-phone"), session.phone(role) as phone:
            async with ready_to_back_up(session, phone, role, fresh=password_changed) as folder:
                await phone.back_up(
                    folder,
                    seals=session.home.seals,
                    begin="incremental",
                    progress=session.progress(),
                    ask_again=SecondLook(session, role),
                )
            facts = await phone.refresh()
    async with _step_events(session, "verify" if role == "old" else "verify-new-phone"):
        verdict = await check(session, folder, role)
        opened = await open_with_claims(session, folder, role)
        with opened.backup:
            counted = await in_thread(session, lambda: tally(opened.backup, opened.claims, tmp=session.tmp))
            unreadable = await in_thread(session, lambda: _unreadable(opened))
    backup = BackupFolder(folder)
    name = facts.name_or_model if facts else safe_text(backup.device_name or backup.udid, NAME_LIMIT)
    return PresaveResult(
        udid=backup.udid,
        folder=folder,
        ios_version=backup.ios_version,
        encrypted=backup.is_encrypted,
        presaved=PresavedBackup(name, tuple(backup_stamp(folder)), verdict, tuple(session.findings)),
        tally=counted,
        unreadable=unreadable,
        facts=facts,
    )


@asynccontextmanager
async def _step_events(session: PhoneSession, step: str) -> AsyncIterator[None]:
    session.step = step
    session.emit(events.StepStarted(step))
    yield
    session.emit(events.StepFinished(step))


def _unreadable(opened: OpenedBackup) -> dict[str, int]:
    lost = opened.seal.unreadable if opened.seal else {}
    owners: Counter[str] = Counter()
    for record in opened.backup.records() if lost else ():
        if record.file_id in lost and not is_harmless(record.relative_path):
            owners.update(opened.claims.owners(record.domain, record.relative_path))
    return dict(owners)
