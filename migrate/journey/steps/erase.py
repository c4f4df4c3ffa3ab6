"""A phone in use that its own backup does not fit beside: a person erases it, then the same set is restored to it.

A restore stages everything before the phone restarts (facts 4.8), so a whole backup needs its size again in free space.
The person is asked at the start of the run, before hours of copying, and erases the phone themselves, after it was
backed up, the set was composed and rehearsed, and the last confirmation was given. Nothing here erases a phone.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from migrate.journey.journal import Journal
from migrate.journey.prompts import EraseOffer
from migrate.journey.run_state import Run
from migrate.journey.steps.freshness import repeat_if_stale
from migrate.phone.facts import PhoneFacts
from migrate.phone.phone import Phone
from migrate.plan.model import Plan
from migrate.problems import MigrateError, PhoneNotErased, RebuildDoesNotFit, WaitedTooLong

AGREED: Final = "erase_agreed"
BEGINS: Final = "erase_begins"
POLL_S = 3.0


def refuse_too_little_room(run: Run, plan: Plan, facts: PhoneFacts, *, set_bytes: int | None) -> None:
    """Compare what a rebuild stages with the room on the phone, and offer to erase the phone if it does not fit.

    `set_bytes`: the size of the set, or of the phone's own earlier backup; None: neither is there, and all that the
    phone uses is counted.

    Raises:
        RebuildDoesNotFit: the person declined, or there is nobody to ask.
    """
    if plan.new_phone.is_ != "in-use" or plan.new_phone.experimental or is_being_erased(run.journal):
        return
    room = facts.restore_bytes if facts.restore_bytes is not None else facts.free_bytes
    if room is None or set_bytes is None:
        return
    if set_bytes <= room:
        if has_agreed(run.journal):  # to less than this, as it turned out
            run.journal.append({AGREED: False})
        return
    if has_agreed(run.journal):
        return
    if not run.prompts.may_erase(EraseOffer(facts.name_or_model, needed_bytes=set_bytes, free_bytes=room)):
        raise RebuildDoesNotFit(facts.name_or_model, facts.udid, room, set_bytes)
    run.journal.append({AGREED: True})


def has_agreed(journal: Journal) -> bool:
    """Whether the person agreed to erase the phone, because what a rebuild stages does not fit."""
    return bool(journal.latest_value(AGREED))


def is_being_erased(journal: Journal) -> bool:
    """Whether the person was asked to erase the phone: from then on its data may be in its backup alone, so the phone
    is not backed up again."""
    return journal.latest_value(BEGINS) is not None


async def prepare_phone_in_use(run: Run) -> None:
    """Right before the restore: see that the phone is what its own backup says, and have it erased if that was agreed.

    Raises:
        StepsReopened: it is not. What `wait_until_erased` raises.
    """
    if not is_being_erased(run.journal):
        async with run.phone("new") as phone:
            await repeat_if_stale(run, phone)
    if has_agreed(run.journal):
        await wait_until_erased(run)


async def wait_until_erased(run: Run) -> None:
    """Ask the person to erase the new phone, and wait until it is.

    Raises:
        PhoneNotErased, WaitedTooLong: it is still in use after `--wait` seconds.
    """
    if not is_being_erased(run.journal):
        run.journal.append({BEGINS: True})
    deadline, asked = time.monotonic() + run.wait_s, False
    while not await _is_erased(run):
        missing = PhoneNotErased(run.name_of("new"))
        if run.wait_s <= 0:
            raise missing
        if not asked:
            asked = True
            run.progress().person_needed(run.name_of("new"), "erase-phone")
        if time.monotonic() >= deadline:
            raise WaitedTooLong(round(run.wait_s), missing)
        await asyncio.sleep(POLL_S)
    if asked:
        run.progress().person_done(run.name_of("new"), "erase-phone")


async def _is_erased(run: Run) -> bool:
    """Whether the phone is there, and new. While it erases itself it is away, and afterwards it has to be trusted."""
    try:
        async with await Phone.meet(run.usbmux, str(run.udid_of("new")), progress=run.progress(), wait_s=0) as phone:
            return phone.facts.setup_finished is False or not await phone.signs_of_use()
    except MigrateError:
        return False
