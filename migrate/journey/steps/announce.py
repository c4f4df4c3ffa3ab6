"""Say before a move begins how long it takes and how much space there is."""

from __future__ import annotations

from migrate.journey import events
from migrate.journey.estimate import (
    BackupEstimate,
    Duration,
    computer_space,
    estimate_move,
    measure,
    phone_space,
)
from migrate.journey.run_state import Run
from migrate.language import _
from migrate.phone.facts import PhoneFacts
from migrate.phone.link_speed import link_to
from migrate.plan.model import Plan
from migrate.plan.preflight import MoveFacts


async def announce_move(run: Run, plan: Plan, known: MoveFacts, old: PhoneFacts | None, new: PhoneFacts | None) -> None:
    """Report the estimate for the whole move, as far as the phones that are connected tell."""
    spaces = [(phone.name_or_model, phone_space(phone)) for phone in (old, new) if phone is not None]
    spaces.append((_("This computer"), computer_space(run.home.path)))
    run.emit(events.MoveEstimated(run.step, await _duration(run, plan, known, old, new), tuple(spaces)))


async def _duration(
    run: Run, plan: Plan, known: MoveFacts, old: PhoneFacts | None, new: PhoneFacts | None
) -> Duration | None:
    """None where not enough is known, or where there is so little to move that it does not matter."""
    if known.backup is not None:
        backup = BackupEstimate("changes", 0, "unknown", Duration(0, 0))
    elif old is not None:
        folder = run.home.working_backup(old.udid)
        backup = await measure(run.usbmux, old, folder, fresh=plan.backup.begin == "fresh")
    else:
        return None
    moved = max(known.backup_bytes, known.working_backup_bytes) or backup.size_bytes
    new_backup = None
    if new is not None and plan.backs_up_new_phone_first:
        new_backup = await measure(run.usbmux, new, run.home.working_backup(new.udid))
    return estimate_move(
        backup,
        moved_bytes=moved,
        new_link=await link_to(run.usbmux, new.udid) if new is not None else "unknown",
        new_backup=new_backup,
        proves=plan.safety.prove,
    )
