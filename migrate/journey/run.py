"""A run of a plan: begin it, resume it, rehearse it, prove it again. Every command that moves something ends here.

meet -> preflight -> back-up-old-phone -> verify -> [install-apps] -> [back-up-new-phone -> verify-new-phone] -> compose
     -> [rehearse] -> agree -> restore* -> wait-for-phone -> [prove] -> receipt          * the point of no return
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from migrate.backup.private_files import write_atomically
from migrate.journey import undo
from migrate.journey.context import RunContext, RunResult
from migrate.journey.journal import Journal
from migrate.journey.prompts import Role
from migrate.journey.run_plan import check_run_id, new_run_id, read_run_plan
from migrate.journey.runner import Step, lock_run, repeat_end, run_steps
from migrate.journey.runs import RunFolder
from migrate.journey.steps.agree import agree
from migrate.journey.steps.back_up import (
    back_up_old_phone,
    is_new_phone_backed_up,
    is_old_phone_backed_up,
    wants_new_phone_backup,
)
from migrate.journey.steps.compose import compose_set
from migrate.journey.steps.doubt import is_already_restored, restore_and_look
from migrate.journey.steps.erase import is_being_erased
from migrate.journey.steps.install import install_apps, may_need_apps
from migrate.journey.steps.meet import meet, preflight
from migrate.journey.steps.new_phone import back_up_before_move
from migrate.journey.steps.prove import prove_move, wants_proof
from migrate.journey.steps.receipt import write_receipt
from migrate.journey.steps.rehearse import REHEARSE, rehearse, wants_rehearsal
from migrate.journey.steps.restore import wait_for_phone, was_not_taken
from migrate.journey.steps.verify import verify_new_phone, verify_old_phone
from migrate.language import _
from migrate.plan.model import UDID_PATTERN, Plan, digest, to_toml
from migrate.problems import (
    JournalTooOld,
    NothingToProve,
    OtherPhone,
    RunHasOtherPlan,
    RunIsOver,
    UdidInvalid,
    UsageWrong,
)
from migrate.udid import same_udid
from migrate.units import now_utc

STEPS = (
    Step("meet", meet),
    Step("preflight", preflight),
    Step("back-up-old-phone", back_up_old_phone, already_done=is_old_phone_backed_up),
    Step("verify", verify_old_phone),
    Step("install-apps", install_apps, is_wanted=may_need_apps),
    Step(
        "back-up-new-phone",
        back_up_before_move,
        already_done=is_new_phone_backed_up,
        is_wanted=wants_new_phone_backup,
    ),
    Step("verify-new-phone", verify_new_phone, is_wanted=wants_new_phone_backup),
    Step("compose", compose_set),
    Step(REHEARSE, rehearse, is_wanted=wants_rehearsal),
    Step("agree", agree),
    Step(
        "restore",
        restore_and_look,
        already_done=is_already_restored,
        point_of_no_return=True,
        may_be_tried_again=was_not_taken,
    ),
    Step("wait-for-phone", wait_for_phone),
    Step("prove", prove_move, is_wanted=wants_proof),
    Step("receipt", write_receipt),
)


async def run(
    plan: Plan, context: RunContext, *, run_id: str | None = None, stop_after: str | None = None
) -> RunResult:
    """Begin a run of `plan` and take it to its end, or only up to the step `stop_after` (REHEARSE).

    With a `run_id` that exists already, that run is resumed; if it is over, its end is reported again.

    Raises:
        UsageWrong: `run_id` cannot be the name of a folder, or that run can no longer be rehearsed.
        RunHasOtherPlan: the run called `run_id` has another plan. What `resume` raises.
        MigrateError: what stopped it, with its exit code; the same error is in the last event.
    """
    folder = context.home.runs / (check_run_id(run_id) if run_id else new_run_id())
    folder.mkdir(mode=0o700, exist_ok=run_id is not None)
    with lock_run(folder):
        if _has_begun(folder):
            journal = Journal.read(folder / "journal.ndjson")
            if journal.undoes or journal.plan_digest != digest(plan):
                raise RunHasOtherPlan(folder.name)
            return await _resume(folder, journal, context, stop_after=stop_after, may_be_over=True)
        write_atomically(folder / "plan.toml", to_toml(plan).encode())
        journal = Journal.create(folder / "journal.ndjson", folder.name, digest(plan))
        return await run_steps(context, folder, plan, journal, STEPS, stop_after=stop_after)


def _has_begun(folder: Path) -> bool:
    """Whether a run's journal has its head. One without was killed right at its beginning."""
    path = folder / "journal.ndjson"
    if not path.exists():
        return False
    if b"\n" in path.read_bytes():
        return True
    path.unlink()
    return False


async def resume(folder: RunFolder, context: RunContext, *, accept_loss: bool = False) -> RunResult:
    """Continue a run where it stopped, repeating no finished step.

    `accept_loss`: the person accepts that what came onto the new phone since the last try to send the data is lost.

    Raises:
        RunBusy: another process is working on it.
        JournalTooOld: it was begun by an older version.
        OtherPlan: its plan was changed since. RunIsOver: no step is left.
        OtherPhone: `context.named_udids` names other phones than it has met, or its plan names. UdidInvalid.
        JournalDamaged, JournalTooNew: where it stopped cannot be read.
        MigrateError: what stopped it this time.
    """
    with lock_run(folder.path):  # before reading: another process may be about to write
        return await _resume(folder.path, folder.journal(), context, accept_loss=accept_loss)


async def _resume(
    folder: Path,
    journal: Journal,
    context: RunContext,
    *,
    stop_after: str | None = None,
    may_be_over: bool = False,
    accept_loss: bool = False,
) -> RunResult:
    if journal.is_of_an_older_format and not journal.is_over:
        raise JournalTooOld(folder.name)
    plan = read_run_plan(folder, journal)
    _refuse_other_phones(context.named_udids, journal, plan)
    if journal.is_over:
        if may_be_over:
            return repeat_end(context, folder, journal)
        raise RunIsOver(folder.name, journal.outcome)
    if stop_after == REHEARSE and journal.may_be_restored:
        said = _("{run} has already begun to send data, so it cannot be rehearsed any more.")
        raise UsageWrong(said.format(run=folder.name), "migrate resume")
    if accept_loss:
        journal.append({"may_lose": True})
    reopen_stale_steps(journal)
    return await run_steps(context, folder, plan, journal, steps_of(journal), stop_after=stop_after)


async def prove_again(folder: RunFolder, context: RunContext) -> RunResult:
    """Back the new phone up once more and prove what has arrived by now; the receipt is written anew.

    Also for a run whose plan asked for no proof. It can be resumed like any other run.

    Raises:
        NothingToProve: nothing was sent yet.
        NotProven, and what `resume` raises.
    """
    with lock_run(folder.path):
        journal = folder.journal()
        plan = read_run_plan(folder.path, journal)
        _refuse_other_phones(context.named_udids, journal, plan)
        if not journal.finished("restore"):
            raise NothingToProve(folder.path.name)
        for step in ("prove", "receipt"):
            journal.append({"reopened": step, "why": "another proof was requested"})
        return await run_steps(context, folder.path, plan, journal, steps_of(journal))


def steps_of(journal: Journal) -> tuple[Step, ...]:
    return undo.STEPS if journal.undoes else STEPS


STALE_STEPS = ("back-up-new-phone", "verify-new-phone", "compose", REHEARSE, "agree")
STALE_AFTER = timedelta(minutes=60)
"""After this time what was read from the new phone no longer counts, whatever the strategy (*guessed*)."""


def reopen_stale_steps(journal: Journal) -> None:
    """As long as the phone cannot have taken the set, repeat the steps that read the new phone.

    An undo, and a set made from the phone's own backup, would lose what arrived on it since the last try. An overlay
    replaces the chosen categories, and a replace everything: what came to them after the safety backup could not be
    brought back. So once the person has agreed, or the backup is old, it is renewed and the person is asked again.
    """
    strategy = journal.latest_value("strategy")
    if journal.undoes:
        undo.reopen_stale_steps(journal)
    elif (
        strategy is not None
        and not is_being_erased(journal)
        and (strategy not in ("replace", "overlay") or journal.finished("agree") or _is_safety_backup_old(journal))
    ):
        kept = ("compose", REHEARSE) if strategy == "replace" else ()  # its set does not depend on the new phone
        journal.reopen([step for step in STALE_STEPS if step not in kept], "the new phone may have changed since")


def _is_safety_backup_old(journal: Journal) -> bool:
    at = next((line["at"] for line in reversed(journal.lines) if line.get("finished") == "back-up-new-phone"), None)
    return at is not None and now_utc() - datetime.fromisoformat(at) > STALE_AFTER


def _refuse_other_phones(named_udids: Mapping[Role, str], journal: Journal, plan: Plan) -> None:
    for role, requested_udid in named_udids.items():
        if not re.fullmatch(UDID_PATTERN, requested_udid):
            raise UdidInvalid(requested_udid)
        known = journal.udid_of(role) or (plan.old_phone.udid if role == "old" else plan.new_phone.udid)
        if known and not same_udid(requested_udid, known):
            raise OtherPhone(role, _("The phone you named"), requested_udid, known)
