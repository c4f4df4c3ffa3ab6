"""One run of a plan, begun or resumed. The wizard, `migrate run` and `migrate resume` all end here.

meet -> preflight -> save-old-phone -> verify -> [save-new-phone -> verify-new-phone] -> compose
     -> restore* -> wait-for-phone -> [prove] -> receipt          * the point of no return
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.backup.private_files import DISK_FULL, write_whole
from migrate.errors import (
    DiskFullHere,
    Interrupted,
    MigrateError,
    NotProven,
    OtherPhone,
    OtherPlan,
    PlanInvalid,
    RunBusy,
    RunIsOver,
    StoppedBeforeBeginning,
    UdidInvalid,
)
from migrate.findings import Finding
from migrate.journey import choosing, events, meeting, proving, saving, sending
from migrate.journey.home import Home
from migrate.journey.journal import Journal
from migrate.journey.lock import Busy, locked
from migrate.journey.move import Asking, KeptSave, Move, Role
from migrate.journey.runs import RunFolder
from migrate.phone.muxer import Muxer
from migrate.plan.model import UDID_PATTERN, Plan, digest, to_toml
from migrate.plan.preflight import same_udid
from migrate.plan.read import read_plan
from migrate.units import now_utc


@dataclass(frozen=True)
class Step:
    """A part of a run that can be begun again, and can look whether it is already true."""

    name: str  # journals remember it, so it never changes
    do: Callable[[Move], Awaitable[dict[str, Any]]]
    already_true: Callable[[Move], Awaitable[bool]]
    wanted: Callable[[Plan], bool] = lambda plan: True
    point_of_no_return: bool = False


async def never(move: Move) -> bool:
    """For steps that only look, or that build something anew: in doubt they are simply done again."""
    return False


STEPS = (
    Step("meet", meeting.meet, never),
    Step("preflight", meeting.preflight, never),
    Step("save-old-phone", saving.save_old_phone, lambda move: saving.already_saved(move, "old")),
    Step("verify", saving.verify_old, never),
    Step(
        "save-new-phone",
        saving.save_new_phone,
        lambda move: saving.already_saved(move, "new"),
        wanted=lambda plan: plan.saves_new_phone_first,
    ),
    Step("verify-new-phone", saving.verify_new, never, wanted=lambda plan: plan.saves_new_phone_first),
    Step("compose", choosing.compose_set, never),
    Step("restore", sending.restore, sending.already_restored, point_of_no_return=True),
    Step("wait-for-phone", sending.wait_for_phone, never),
    Step("prove", proving.prove, never, wanted=lambda plan: plan.safety.prove),
    Step("receipt", proving.write_receipt, never),
)
BEGINNING = frozenset({"meet", "preflight"})
"""Steps that leave nothing behind: a run that ends in one of them is forgotten, not resumed."""


@dataclass(frozen=True)
class Ended:
    """How a run ended well: `proven`, or `done` when the plan asked for no proof."""

    run: str
    outcome: events.Outcome
    receipt: Path
    proof: dict[str, Any]


@dataclass(frozen=True)
class World:
    """What a run needs from outside: where to write, how to reach phones, whom to ask, who listens."""

    home: Home
    tmp: Path
    """Private to this process and emptied by its owner: plaintext may lie here while it is looked at."""
    muxer: Muxer
    asking: Asking
    listener: events.Listener = events.nobody
    wait_s: float = 1800
    saved: Mapping[str, KeptSave] = field(default_factory=dict)
    """By UDID: what this process has saved and verified already. Its steps are true as long as nobody saved since."""
    page: Callable[[dict[str, Any]], str] | None = None
    """Makes the receipt a page for people, kept as `receipt.html` beside its JSON; the words are not a run's own."""
    names: Mapping[Role, str] = field(default_factory=dict)
    """UDIDs said beside `resume`, which has no plan of its own to put them in."""


async def run(plan: Plan, world: World) -> Ended:
    """Begin a run of `plan` and take it to its end.

    Raises:
        MigrateError: what stopped it, with its exit code; the same error is in the last event.
    """
    folder = world.home.runs / _new_id()
    folder.mkdir(mode=0o700)
    with _alone(folder):
        write_whole(folder / "plan.toml", to_toml(plan).encode())
        journal = Journal.begin(folder / "journal.ndjson", folder.name, digest(plan))
        return await _go(world, folder, plan, journal)


async def resume(folder: RunFolder, world: World) -> Ended:
    """Go on with a run where it stopped, repeating no finished step.

    Raises:
        RunBusy: another process is at it.
        OtherPlan: its frozen plan was changed. RunIsOver: nothing is left to do.
        OtherPhone: `world.names` says other phones than those it has met, or its plan names. UdidInvalid: or none.
        JournalDamaged, JournalTooNew: nobody can say where it stopped.
        MigrateError: what stopped it this time.
    """
    with _alone(folder.path):  # first of all: what another process is about to write must not be read before
        journal = folder.journal()
        plan = _frozen_plan(folder.path, journal)
        _refuse_others(world.names, journal, plan)
        if journal.is_over:
            raise RunIsOver(folder.path.name, journal.outcome)
        return await _go(world, folder.path, plan, journal)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(locked(folder / "lock"))
        except Busy as busy:
            raise RunBusy(folder.name) from busy
        yield


def _frozen_plan(folder: Path, journal: Journal) -> Plan:
    try:
        plan = read_plan(folder / "plan.toml")
    except PlanInvalid as error:  # it was readable when it was frozen
        raise OtherPlan(folder.name) from error
    if digest(plan) != journal.plan_digest:
        raise OtherPlan(folder.name)
    return plan


def _refuse_others(names: Mapping[Role, str], journal: Journal, plan: Plan) -> None:
    for role, named in names.items():
        if not re.fullmatch(UDID_PATTERN, named):
            raise UdidInvalid(named)
        known = journal.udid_of(role) or (plan.old_phone.udid if role == "old" else plan.new_phone.udid)
        if known and not same_udid(named, known):
            raise OtherPhone(role, "The phone you named", named, known)


def _new_id() -> str:
    return f"{now_utc():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


async def _go(world: World, folder: Path, plan: Plan, journal: Journal) -> Ended:
    move = Move(
        home=world.home,
        folder=folder,
        plan=plan,
        journal=journal,
        muxer=world.muxer,
        asking=world.asking,
        listener=world.listener,
        wait_s=world.wait_s,
        tmp=world.tmp,
        saved=world.saved,
        page=world.page,
        names=world.names,
        findings=_read_findings(folder),
    )
    if journal.torn is not None:
        move.found(_torn(journal))
    try:
        await _walk(move)
        return _end(move)
    except MigrateError as error:
        _stop(move, error)
        raise
    except OSError as error:  # the journal, a finding, a copy of a database: the run's own files
        if error.errno not in DISK_FULL:
            raise
        full = DiskFullHere(str(error.filename or folder), error.strerror or "no space left")
        _stop(move, full)
        raise full from error
    except (asyncio.CancelledError, KeyboardInterrupt):  # the latter at a prompt, which blocks the loop
        begun = _begun(journal)
        stopped = Interrupted(folder.name, move.step) if begun else StoppedBeforeBeginning()
        _stop(move, stopped)
        raise stopped from None


async def _walk(move: Move) -> None:
    """Pending is all minus finished; started but not finished is in doubt: look first, then do."""
    for step in STEPS:
        if not step.wanted(move.plan) or move.journal.finished(step.name):
            continue
        move.step = step.name
        in_doubt = move.journal.started(step.name) is not None
        move.tell(events.StepStarted(step.name))
        move.journal.append({"started": step.name})
        if in_doubt and await step.already_true(move):
            result: dict[str, Any] = {"found_done": True, **move.recall(step.name)}
        else:
            result = await step.do(move)
        move.journal.append({"finished": step.name, "result": result})
        _write_findings(move)
        move.tell(events.StepFinished(step.name))


def _end(move: Move) -> Ended:
    """The run is through. A failed proof is an error now that the receipt is written."""
    proof = move.journal.result("prove")
    receipt = move.folder / "receipt.json"
    bad = [f for f in move.findings if f.code.startswith("proof-") and f.severity == "error"]
    if proof and str(proof["verdict"]).startswith("not proven"):
        page = move.folder / "receipt.html"
        said = str(page if page.exists() else receipt)
        raise NotProven(bad[0].what if bad else str(proof["verdict"]), max(len(bad), 1), said)
    outcome: events.Outcome = "proven" if proof else "done"
    move.journal.append({"ended": outcome, "exit_code": 0})
    move.tell(events.RunFinished(move.journal.run, outcome, 0, str(receipt), None))
    return Ended(move.journal.run, outcome, receipt, proof)


def _stop(move: Move, error: MigrateError) -> None:
    """Write down why the run stopped, tell it, and forget a run that left nothing behind."""
    kept = _begun(move.journal) or error.exit_code == 50
    if kept:
        error.again = f"run: migrate resume {move.journal.run}"
    outcome: events.Outcome = "stopped" if error.exit_code in (50, 130) else "failed"
    with suppress(OSError):  # a disk that is full is a reason to stop, and must not hide itself
        move.journal.append({"ended": outcome, "exit_code": error.exit_code, "error": error.as_json()})
        _write_findings(move)
    receipt = move.folder / "receipt.json"
    said = str(receipt) if receipt.exists() else None
    if not kept:
        shutil.rmtree(move.folder, ignore_errors=True)
    run = move.journal.run if kept else None
    move.tell(events.RunFinished(run, outcome, error.exit_code, said, error))


def _begun(journal: Journal) -> bool:
    return any("started" in line and line["started"] not in BEGINNING for line in journal.lines)


# -- findings.json -----------------------------------------------------------------------------------------------------


def _write_findings(move: Move) -> None:
    rows = [finding.as_json() for finding in move.findings]
    write_whole(move.folder / "findings.json", (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode())


def _read_findings(folder: Path) -> list[Finding]:
    try:
        rows = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
        return [Finding(**{**row, "categories": tuple(row["categories"])}) for row in rows]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError):  # findings are for reading: a broken file must not stop a move
        return []


def _torn(journal: Journal) -> Finding:
    return Finding(
        code="journal-torn",
        severity="info",
        what="The last line of this run's journal was cut off.",
        why="The computer or migrate was stopped in the middle of writing it. That line says nothing we rely on.",
        next="Nothing to do: the step it belonged to is looked at again.",
    )
