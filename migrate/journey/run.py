"""One run of a plan, begun, gone on with, rehearsed or proven again. Every command that moves something ends here.

meet -> preflight -> save-old-phone -> verify -> [save-new-phone -> verify-new-phone] -> compose -> [install-apps]
     -> [rehearse] -> agree -> restore* -> wait-for-phone -> [prove] -> receipt          * the point of no return
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from migrate.backup.private_files import write_whole
from migrate.journey import undo
from migrate.journey.context import Ended, World
from migrate.journey.journal import Journal
from migrate.journey.run_plan import frozen_plan, new_id
from migrate.journey.run_state import Role
from migrate.journey.runner import Step, alone, never, walk
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
    Step("meet", meeting.meet, never),
    Step("preflight", meeting.preflight, never),
    Step("save-old-phone", saving.save_old_phone, lambda move: saving.already_saved(move, "old")),
    Step("verify", saving.verify_old, never),
    Step(
        "save-new-phone",
        saving.save_new_phone,
        lambda move: saving.already_saved(move, "new"),
        wanted=lambda move: move.plan.saves_new_phone_first,
    ),
    Step("verify-new-phone", saving.verify_new, never, wanted=lambda move: move.plan.saves_new_phone_first),
    Step("compose", choosing.compose_set, never),
    Step("install-apps", installing.install_apps, never, wanted=installing.some_app_is_chosen),
    Step(REHEARSE, rehearsal.rehearse, never, wanted=lambda move: move.plan.safety.rehearse or move.asked_to(REHEARSE)),
    Step("agree", sending.agree, never),
    Step("restore", sending.restore, sending.already_restored, point_of_no_return=True),
    Step("wait-for-phone", sending.wait_for_phone, never),
    Step("prove", proving.prove, never, wanted=lambda move: move.plan.safety.prove or move.asked_to("prove")),
    Step("receipt", proving.write_receipt, never),
)


async def run(plan: Plan, world: World, *, until: str | None = None) -> Ended:
    """Begin a run of `plan` and take it to its end; or `until` the step REHEARSE, and it can be gone on with.

    Raises:
        MigrateError: what stopped it, with its exit code; the same error is in the last event.
    """
    folder = world.home.runs / new_id()
    folder.mkdir(mode=0o700)
    with alone(folder):
        write_whole(folder / "plan.toml", to_toml(plan).encode())
        journal = Journal.begin(folder / "journal.ndjson", folder.name, digest(plan))
        return await walk(world, folder, plan, journal, STEPS, until=until)


async def resume(folder: RunFolder, world: World) -> Ended:
    """Go on with a run where it stopped, repeating no finished step.

    Raises:
        RunBusy: another process is at it.
        OtherPlan: its frozen plan was changed. RunIsOver: nothing is left to do.
        OtherPhone: `world.names` says other phones than those it has met, or its plan names. UdidInvalid: or none.
        JournalDamaged, JournalTooNew: nobody can say where it stopped.
        MigrateError: what stopped it this time.
    """
    with alone(folder.path):  # first of all: what another process is about to write must not be read before
        journal = folder.journal()
        plan = frozen_plan(folder.path, journal)
        _refuse_others(world.names, journal, plan)
        if journal.is_over:
            raise RunIsOver(folder.path.name, journal.outcome)
        look_anew(journal)
        return await walk(world, folder.path, plan, journal, steps_of(journal))


async def prove_again(folder: RunFolder, world: World) -> Ended:
    """Save the new phone once more and prove what arrived by now; the receipt is written anew.

    Also for a run whose plan asked for no proof. It can be resumed like any other run.

    Raises:
        NothingToProve: nothing was sent yet.
        NotProven, and what `resume` raises.
    """
    with alone(folder.path):
        journal = folder.journal()
        plan = frozen_plan(folder.path, journal)
        _refuse_others(world.names, journal, plan)
        if not journal.finished("restore"):
            raise NothingToProve(folder.path.name)
        for step in ("prove", "receipt"):
            journal.append({"reopened": step, "why": "another proof was asked for"})
        return await walk(world, folder.path, plan, journal, steps_of(journal))


def steps_of(journal: Journal) -> tuple[Step, ...]:
    return undo.STEPS if journal.undoes else STEPS


GRAFTED_ANEW = ("save-new-phone", "verify-new-phone", "compose", REHEARSE, "agree")


def look_anew(journal: Journal) -> None:
    """Before anything was sent, an undo and a graft begin with the new phone as it is now: what came onto it since the
    last try would be lost, for it is in neither set."""
    if journal.undoes:
        undo.look_anew(journal)
    elif journal.note("strategy") == Strategy.GRAFT.value:
        journal.reopen(GRAFTED_ANEW, "the new phone may have changed since")


def _refuse_others(names: Mapping[Role, str], journal: Journal, plan: Plan) -> None:
    for role, named in names.items():
        if not re.fullmatch(UDID_PATTERN, named):
            raise UdidInvalid(named)
        known = journal.udid_of(role) or (plan.old_phone.udid if role == "old" else plan.new_phone.udid)
        if known and not same_udid(named, known):
            raise OtherPhone(role, "The phone you named", named, known)
