"""One run of a plan, begun, gone on with, rehearsed or proven again. Every command that moves something ends here.

meet -> preflight -> back-up-old-phone -> verify -> [back-up-new-phone -> verify-new-phone] -> compose -> [install-apps]
     -> [rehearse] -> agree -> restore* -> wait-for-phone -> [prove] -> receipt          * the point of no return
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from migrate.backup.private_files import write_atomically
from migrate.journey import undo
from migrate.journey.context import RunContext, RunResult
from migrate.journey.journal import Journal
from migrate.journey.run_plan import new_run_id, read_run_plan
from migrate.journey.run_state import Role
from migrate.journey.runner import Step, lock_run, never_already_done, run_steps
from migrate.journey.runs import RunFolder
from migrate.journey.steps import back_up as saving
from migrate.journey.steps import compose as choosing
from migrate.journey.steps import install as installing
from migrate.journey.steps import meet as meeting
from migrate.journey.steps import prove as proving
from migrate.journey.steps import rehearse as rehearsal
from migrate.journey.steps import restore as sending
from migrate.plan.model import UDID_PATTERN, Plan, digest, to_toml
from migrate.plan.strategy import Strategy
from migrate.problems import NothingToProve, OtherPhone, RunIsOver, UdidInvalid
from migrate.udid import same_udid

REHEARSE = "rehearse"
STEPS = (
    Step("meet", meeting.meet, never_already_done),
    Step("preflight", meeting.preflight, never_already_done),
    Step("back-up-old-phone", saving.back_up_old_phone, lambda run: saving.is_already_backed_up(run, "old")),
    Step("verify", saving.verify_old, never_already_done),
    Step(
        "back-up-new-phone",
        saving.back_up_new_phone,
        lambda run: saving.is_already_backed_up(run, "new"),
        is_wanted=lambda run: run.plan.backs_up_new_phone_first,
    ),
    Step(
        "verify-new-phone",
        saving.verify_new,
        never_already_done,
        is_wanted=lambda run: run.plan.backs_up_new_phone_first,
    ),
    Step("compose", choosing.compose_set, never_already_done),
    Step("install-apps", installing.install_apps, never_already_done, is_wanted=installing.has_chosen_apps),
    Step(
        REHEARSE,
        rehearsal.rehearse,
        never_already_done,
        is_wanted=lambda run: run.plan.safety.rehearse or run.is_requested(REHEARSE),
    ),
    Step("agree", sending.ask_for_confirmation, never_already_done),
    Step("restore", sending.restore, sending.is_already_restored, point_of_no_return=True),
    Step("wait-for-phone", sending.wait_for_phone, never_already_done),
    Step(
        "prove",
        proving.prove,
        never_already_done,
        is_wanted=lambda run: run.plan.safety.prove or run.is_requested("prove"),
    ),
    Step("receipt", proving.write_receipt, never_already_done),
)


async def run(plan: Plan, context: RunContext, *, stop_after: str | None = None) -> RunResult:
    """Begin a run of `plan` and take it to its end; or `stop_after` the step REHEARSE, and it can be gone on with.

    Raises:
        MigrateError: what stopped it, with its exit code; the same error is in the last event.
    """
    folder = context.home.runs / new_run_id()
    folder.mkdir(mode=0o700)
    with lock_run(folder):
        write_atomically(folder / "plan.toml", to_toml(plan).encode())
        journal = Journal.create(folder / "journal.ndjson", folder.name, digest(plan))
        return await run_steps(context, folder, plan, journal, STEPS, stop_after=stop_after)


async def resume(folder: RunFolder, context: RunContext) -> RunResult:
    """Go on with a run where it stopped, repeating no finished step.

    Raises:
        RunBusy: another process is at it.
        OtherPlan: its frozen plan was changed. RunIsOver: nothing is left to do.
        OtherPhone: `world.names` says other phones than those it has met, or its plan names. UdidInvalid: or none.
        JournalDamaged, JournalTooNew: nobody can say where it stopped.
        MigrateError: what stopped it this time.
    """
    with lock_run(folder.path):  # first of all: what another process is about to write must not be read before
        journal = folder.journal()
        plan = read_run_plan(folder.path, journal)
        _refuse_others(context.named_udids, journal, plan)
        if journal.is_over:
            raise RunIsOver(folder.path.name, journal.outcome)
        reopen_stale_steps(journal)
        return await run_steps(context, folder.path, plan, journal, steps_of(journal))


async def prove_again(folder: RunFolder, context: RunContext) -> RunResult:
    """Save the new phone once more and prove what arrived by now; the receipt is written anew.

    Also for a run whose plan asked for no proof. It can be resumed like any other run.

    Raises:
        NothingToProve: nothing was sent yet.
        NotProven, and what `resume` raises.
    """
    with lock_run(folder.path):
        journal = folder.journal()
        plan = read_run_plan(folder.path, journal)
        _refuse_others(context.named_udids, journal, plan)
        if not journal.finished("restore"):
            raise NothingToProve(folder.path.name)
        for step in ("prove", "receipt"):
            journal.append({"reopened": step, "why": "another proof was asked for"})
        return await run_steps(context, folder.path, plan, journal, steps_of(journal))


def steps_of(journal: Journal) -> tuple[Step, ...]:
    return undo.STEPS if journal.undoes else STEPS


STALE_GRAFT_STEPS = ("back-up-new-phone", "verify-new-phone", "compose", REHEARSE, "agree")


def reopen_stale_steps(journal: Journal) -> None:
    """Before anything was sent, an undo and a graft begin with the new phone as it is now: what came onto it since the
    last try would be lost, for it is in neither set."""
    if journal.undoes:
        undo.reopen_stale_steps(journal)
    elif journal.latest_value("strategy") == Strategy.GRAFT.value:
        journal.reopen(STALE_GRAFT_STEPS, "the new phone may have changed since")


def _refuse_others(named_udids: Mapping[Role, str], journal: Journal, plan: Plan) -> None:
    for role, requested_udid in named_udids.items():
        if not re.fullmatch(UDID_PATTERN, requested_udid):
            raise UdidInvalid(requested_udid)
        known = journal.udid_of(role) or (plan.old_phone.udid if role == "old" else plan.new_phone.udid)
        if known and not same_udid(requested_udid, known):
            raise OtherPhone(role, "The phone you named", requested_udid, known)
