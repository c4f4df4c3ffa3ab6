"""Whether the new phone is still what its own backup says.

A rebuild and a graft restore that backup to it, so whatever came onto the phone since would be lost. The person is
asked for airplane mode before the backup; before the confirmation and before the restore the phone is looked at again,
and if anything differs, it is backed up, the set composed and the person asked once more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from migrate.journey.journal import Journal
from migrate.journey.run_state import Run, StepsReopened
from migrate.language import mark
from migrate.phone.phone import Phone
from migrate.plan.strategy import OWN_BACKUP_STRATEGIES
from migrate.problems import OwnBackupStale
from migrate.units import now_utc

STEPS_ON_OWN_BACKUP: Final = ("back-up-new-phone", "verify-new-phone", "compose", "rehearse", "agree")
"""What is repeated when the new phone is no longer what its backup says."""
MAX_AGE = timedelta(minutes=60)
"""*Read*: the only published tool that restored to a real iOS 27 phone demands it (facts 4.2)."""
TIME_TO_ANSWER = timedelta(minutes=15)
"""Verifying, composing and rehearsing a large phone can take more than MAX_AGE by itself. Then this is what remains for
the confirmation, or a run would repeat itself for ever (*guessed*)."""
STATE: Final = "new_phone_was"

REASONS: Final = {
    "build": mark("its iOS was updated"),
    "apps": mark("its apps changed"),
    "pictures": mark("its photos changed"),
    "age": mark("its backup is older than an hour"),
}


async def note_state(run: Run, phone: Phone) -> None:
    """Journal how the new phone looks, right before it is backed up. Names are kept as digests only."""
    run.journal.append({STATE: await _state_of(phone)})


async def repeat_if_stale(run: Run, phone: Phone) -> None:
    """Before anything is sent: look whether the phone is still what its backup says.

    Raises:
        StepsReopened: it is not, and everything that is made from that backup is done again.
    """
    if run.journal.undoes or run.strategy not in OWN_BACKUP_STRATEGIES:
        return
    before, now = run.journal.latest_value(STATE) or {}, await _state_of(phone)
    differing = [name for name in now if now[name] != before.get(name)]
    if is_too_old(run.journal):
        differing.append("age")
    if not differing:
        return
    run.found(OwnBackupStale(phone.facts.name_or_model, REASONS[differing[0]]).as_finding())
    run.journal.reopen(STEPS_ON_OWN_BACKUP, f"the new phone is not what its backup says: {', '.join(differing)}")
    raise StepsReopened


async def _state_of(phone: Phone) -> dict[str, Any]:
    apps = await phone.installed_apps()
    return {
        "build": phone.facts.build,
        "apps": _digest(f"{bundle} {app.version}" for bundle, app in sorted(apps.items())),
        "pictures": _digest(sorted(await phone.pictures())),
    }


def _digest(names: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()


def is_too_old(journal: Journal) -> bool:
    backed_up, asked = _time_of(journal, "finished", "back-up-new-phone"), _time_of(journal, "started", "agree")
    if backed_up is None:
        return False
    worked = asked - backed_up if asked is not None and asked > backed_up else timedelta()
    return now_utc() - backed_up > max(MAX_AGE, worked + TIME_TO_ANSWER)


def _time_of(journal: Journal, key: str, step: str) -> datetime | None:
    at = next((line["at"] for line in reversed(journal.lines) if line.get(key) == step), None)
    return datetime.fromisoformat(at) if at else None
