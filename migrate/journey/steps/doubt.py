"""A restore whose end is unknown: look at the phone before anything is sent again.

    the phone looks different from outside          it was restored: trust ended, Setup runs, another SetupState
    Setup Assistant runs, as it did before          ask the person, because it refuses a backup (212)
    else: back it up, compare it with the set and with its earlier backup
        it has what only the set has                it was restored: the proof says what exactly is there
        it has nothing of that                      it was not: back it up again, and ask again before it is sent
        in between                                  ask the person

Nothing newer on the phone is ever overwritten without the consent of a person who was told what it is.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from migrate.journey.changes_since import ChangesSince
from migrate.journey.opened_backup import open_with_claims, title_of
from migrate.journey.run_state import Run, StepsReopened
from migrate.journey.set_on_phone import SetOnPhone
from migrate.journey.steps.compose import ComposedSet
from migrate.journey.steps.erase import is_being_erased
from migrate.journey.steps.restore import Restored, restore, trace
from migrate.journey.steps.verify import NewPhoneVerified, back_up_and_keep
from migrate.journey.threads import in_thread
from migrate.phone.mobilebackup2.restore import LEAVES_WITHIN_S
from migrate.phone.phone import REBOOT_S
from migrate.plan.model import Plan
from migrate.plan.strategy import Strategy
from migrate.problems import PhoneNotConnected, ResendWouldLose, RestoreInDoubt, SetupUnfinished, WaitedTooLong
from migrate.progress import UserAction
from migrate.units import now_utc

POLL_S = 1.0
AGAIN = "the phone had not taken what was sent"

Trace = dict[str, Any]
Verdict = Literal["restored", "not restored", "unknown"]


async def restore_and_look(run: Run, plan: Plan, composed: ComposedSet, safety: NewPhoneVerified | None) -> Restored:
    """Send the restore set. Where the link ended without the phone's answer, look at the phone: of a small set almost
    everything is sent long before the phone has taken it.

    Raises:
        What `restore` and `is_already_restored` raise.
    """
    restored = await restore(run, plan, composed, safety)
    if restored.confirmed:
        return restored
    seen = await is_already_restored(run, composed, safety)
    assert seen is not None, "half of the set was sent, which is in the journal"
    return replace(restored, found_done=True)


async def is_already_restored(run: Run, composed: ComposedSet, safety: NewPhoneVerified | None) -> Restored | None:
    """The restore that was in doubt, if it has happened. None only if the phone cannot have taken the set.

    Raises:
        StepsReopened: it has not happened, and everything that a new try needs is done again first.
        ResendWouldLose: the same, and a new try would delete something newer from the phone.
        RestoreInDoubt: nothing decides, and there is nobody to ask.
        WaitedTooLong, PhoneNotConnected: the phone cannot be looked at. What a backup raises.
    """
    before, udid = run.journal.latest_value("restore_begins"), run.udid_of("new")
    if before is None or udid is None or run.journal.last_try in ("none", "not taken"):
        return None
    if run.journal.last_try == "taken":
        return Restored(found_done=True)
    now = await _look_at(run, udid, before)
    if changed_since(before, now):
        return Restored(found_done=True)
    verdict: Verdict = "unknown"
    lost: dict[str, int] = {}
    can_back_up = now["setup"] is not False
    if can_back_up:
        try:
            verdict, lost = await _compare(run, composed, safety)
        except SetupUnfinished:
            can_back_up = False
    if verdict == "unknown":
        verdict = _ask(run)
    if verdict == "restored":
        return Restored(found_done=True)
    if lost and not _accepts_loss(run):
        titles = tuple(f"{title} ({count:,})" for title, count in lost.items())
        raise ResendWouldLose(run.journal.run_id, run.name_of("new"), titles)
    _send_again(run, lost, back_up=can_back_up)
    raise StepsReopened


# -- from outside ----------------------------------------------------------------------------------------------------


def changed_since(before: Trace, now: Trace) -> bool:
    """Whether two traces of one phone show that it was restored in between.

    A restore that removes everything else ends trust and runs the setup again; every restore leaves
    `RestoredFromiTunesBackup` behind (facts 4.8, REPORTED).
    """
    lost_trust = before.get("trusted") is True and now["trusted"] is False
    new_state = now["setup_state"] is not None and now["setup_state"] != before.get("setup_state")
    in_setup = before.get("setup") is True and now["setup"] is False
    return lost_trust or new_state or in_setup


async def _look_at(run: Run, udid: str, before: Trace) -> Trace:
    """The phone as it is once it has had the time to restart, and to come back if it did.

    Raises:
        PhoneNotConnected, WaitedTooLong: it is not there, or locked.
    """
    begun = time.monotonic()
    deadline = begun + run.wait_s
    asked: UserAction | None = None
    while True:
        now = await trace(run, udid)
        is_readable = bool(now) and not (now["trusted"] is False and now["locked"])  # locked: it cannot say
        if is_readable and (changed_since(before, now) or _since_last_line(run) >= LEAVES_WITHIN_S):
            if asked:
                run.progress().person_done(run.name_of("new"), asked)
            return now
        waited = time.monotonic() - begun
        action: UserAction = "unlock" if now else "connect"
        if not is_readable and not asked and (now or waited >= REBOOT_S or run.wait_s <= 0):
            asked = action
            run.progress().person_needed(run.name_of("new"), action)
        if not is_readable and time.monotonic() >= deadline:
            missing = PhoneNotConnected("new")
            raise WaitedTooLong(round(run.wait_s), missing) if run.wait_s > 0 else missing
        await asyncio.sleep(POLL_S)


def _since_last_line(run: Run) -> float:
    """The seconds since this run last wrote about the try to send the set."""
    lines = [line for line in run.journal.lines if any(key.startswith("restore_") for key in line)]
    return (now_utc() - datetime.fromisoformat(lines[-1]["at"])).total_seconds()


ON_EVERY_PHONE = frozenset({"passwords", "wifi", "safari", "health", "world-clock", "shortcuts"})
"""What an erased phone has before anybody uses it: keys of its own, the network it was set up with, a start page, steps
that it counts, clocks and sample shortcuts (*guessed*). Without a backup from before, it cannot be told from what a
person added; the confirmation that follows says that everything on the phone is replaced."""


# -- from a backup ---------------------------------------------------------------------------------------------------


async def _compare(run: Run, composed: ComposedSet, safety: NewPhoneVerified | None) -> tuple[Verdict, dict[str, int]]:
    """Back the phone up, and say whether the set is on it; if not, what a new try would delete from it, by title."""
    try:
        kept, _installed = await back_up_and_keep(run, "doubt")
        with ExitStack() as files:
            now = await open_with_claims(run, kept, "new")
            sent = await open_with_claims(run, composed.set, run.restore_set_role)
            earlier = await open_with_claims(run, safety.backup, "new") if safety else None
            for opened in (now, sent, earlier):
                if opened is not None:
                    files.enter_context(opened.backup)
            before = (earlier.backup,) if earlier else ()
            looked_for = SetOnPhone(
                now=now.backup,
                sent=sent.backup,
                earlier=before,
                claims=sent.claims,
                owners=frozenset(composed.chosen),
                tmp=run.tmp,
                progress=run.progress(),
            )
            found = await in_thread(run, looked_for.count)
            if found.verdict == "restored" or run.journal.undoes:  # an undo counts in its step `compare`, and refuses
                return found.verdict, {}
            changes = ChangesSince(now.backup, now.claims, (*before, sent.backup), run.tmp, run.progress())
            new = await in_thread(run, changes.counted)
            was_erased = run.strategy is Strategy.REPLACE and not before
            replaced = {
                title_of(now.claims, owner): count
                for owner, count in sorted(new.items())
                if (run.strategy is Strategy.REPLACE or owner in composed.chosen)
                and not (was_erased and owner in ON_EVERY_PHONE)
            }
            return found.verdict, replaced
    finally:
        shutil.rmtree(run.folder / "doubt", ignore_errors=True)


# -- what follows ----------------------------------------------------------------------------------------------------


def _ask(run: Run) -> Verdict:
    """Raises RestoreInDoubt: there is no answer."""
    answer = run.prompts.is_restored(run.name_of("new"), run.name_of("old"))
    if answer is None:
        raise RestoreInDoubt(run.name_of("new"), run.journal.run_id)
    return "restored" if answer else "not restored"


def _accepts_loss(run: Run) -> bool:
    """Whether the person accepted, since the try in doubt, that what is new on the phone is lost."""
    for line in reversed(run.journal.lines):
        if "may_lose" in line:
            return bool(line["may_lose"])
        if "restore_begins" in line:
            break
    return False


def _send_again(run: Run, lost: dict[str, int], *, back_up: bool) -> None:
    """Reopen what a new try needs: a backup of the phone as it is now, a set that fits it, and the confirmation."""
    journal = run.journal
    journal.append({"restore_again": lost})
    journal.append({"may_lose": _accepts_loss(run)})  # an earlier consent was for what was there then
    is_fresh = back_up and not is_being_erased(journal)  # else the safety backup is of the phone before it was erased
    backups = ("back-up-new-phone", "verify-new-phone") if is_fresh else ()
    later: tuple[str, ...]
    if journal.undoes:
        later = ("compare", "agree", "restore")
    elif run.strategy is Strategy.REPLACE:  # the set does not depend on what is on the phone
        later = ("agree", "restore")
    else:
        later = ("compose", "install-apps", "rehearse", "agree", "restore")
    for step in (*backups, *later):
        if step in backups or journal.started(step) is not None:
            journal.append({"reopened": step, "why": AGAIN})
