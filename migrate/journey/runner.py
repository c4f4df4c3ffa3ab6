"""Runs the steps of a run in order, none twice, and journals and reports how it ends."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

from migrate.backup.flush import flush_to_disk
from migrate.backup.private_files import DISK_FULL, write_atomically
from migrate.ctrl_c import ctrl_c
from migrate.journey import events
from migrate.journey.awake import kept_awake
from migrate.journey.context import RunContext, RunResult
from migrate.journey.freed_memory import give_back_freed_memory
from migrate.journey.home_location import remarks_about_home
from migrate.journey.journal import Journal
from migrate.journey.lock import LockHeld, locked
from migrate.journey.results import StepResult
from migrate.journey.run_state import Run, StepsReopened
from migrate.journey.steps.prove import Proved
from migrate.journey.threads import in_thread
from migrate.journey.trying_again import Attempts
from migrate.plan.model import Plan
from migrate.problems import (
    Command,
    DiskFullHere,
    Interrupted,
    JournalTorn,
    MigrateError,
    NotProven,
    PhoneLocked,
    RunBusy,
    StoppedBeforeBeginning,
    WaitedTooLong,
)
from migrate.problems.finding import Finding

STEPS_WITHOUT_EFFECTS = frozenset({"meet", "preflight"})
"""Steps that leave nothing behind: a run that ends in one of them is forgotten, not resumed."""
REHEARSED: Final = "rehearsed"
"""The outcome of a run that was asked to stop after its rehearsal."""


@dataclass(frozen=True)
class Step:
    """A part of a run that can be repeated.

    Its functions are called with what their parameters are annotated with: `Run`, `Plan`, or the result of an earlier
    step by its type (`X | None` where that step may not have been done).
    """

    name: str  # journals store it, so it never changes
    do: Callable[..., Awaitable[StepResult | None]]
    already_done: Callable[..., Awaitable[StepResult | None]] | None = None
    """Looks whether a step that was started and not finished is done after all, and returns its result if so. None: in
    doubt the step is repeated, because it only reads or builds anew."""
    is_wanted: Callable[..., bool] = lambda: True
    point_of_no_return: bool = False
    may_be_tried_again: Callable[..., bool] = lambda: True
    """Whether it may be done again within this run after a phone failed for a moment."""


@contextmanager
def lock_run(folder: Path) -> Iterator[None]:
    """Lock a run while inside.

    Raises:
        RunBusy: another process is working on it.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locked(folder / "lock"))
        except LockHeld as busy:
            raise RunBusy(folder.name) from busy
        yield


async def run_steps(
    context: RunContext,
    folder: Path,
    plan: Plan,
    journal: Journal,
    steps: Sequence[Step],
    *,
    stop_after: str | None = None,
) -> RunResult:
    """Do all pending `steps`, or only those up to the step called `stop_after`.

    Raises:
        MigrateError: what stopped it; the same error is in the last event.
    """
    run = Run(
        context=context,
        folder=folder,
        journal=journal,
        old_udid=plan.old_phone.udid,
        old_backup=Path(plan.old_phone.backup) if plan.old_phone.backup else None,
        new_udid=plan.new_phone.udid,
        encrypts_backups=plan.backup.encrypted,
        stop_after=stop_after,
        findings=_read_findings(folder),
    )
    run.emit(events.RunStarted(journal.run_id))
    if journal.torn_line is not None:
        run.found(_torn(journal))
    for remark in remarks_about_home(context.home.path):
        run.found(remark)
    try:
        await _do_steps(run, plan, steps)
        return _end(run) if stop_after is None else _rehearsed(run)
    except MigrateError as error:
        _record_stop(run, error)
        raise
    except OSError as error:  # the journal, a finding, a copy of a database: the run's own files
        if error.errno not in DISK_FULL:
            raise
        full = DiskFullHere(str(error.filename or folder), error.strerror or "no space left")
        _record_stop(run, full)
        raise full from error
    except (asyncio.CancelledError, KeyboardInterrupt):  # the latter at a prompt, which blocks the loop
        begun = _has_effects(journal)
        stopped = Interrupted(folder.name, run.step) if begun else StoppedBeforeBeginning()
        _record_stop(run, stopped)
        raise stopped from None


async def _do_steps(run: Run, plan: Plan, steps: Sequence[Step]) -> None:
    """Pending is all minus finished; started but not finished is in doubt: look first, then do."""
    while True:
        try:
            return await _do_pending_steps(run, plan, steps)
        except StepsReopened:
            continue


async def _do_pending_steps(run: Run, plan: Plan, steps: Sequence[Step]) -> None:
    for step in steps:
        if _call(step.is_wanted, run, plan) and not run.journal.finished(step.name):
            with kept_awake():
                await _do_step(run, plan, step)
        if step.name == run.stop_after:
            return


async def _do_step(run: Run, plan: Plan, step: Step) -> None:
    run.step = step.name
    ctrl_c.stop_if_pressed()  # whatever swallowed the cancellation
    began_ns = time.time_ns()
    run.emit(events.StepStarted(step.name))
    attempts = Attempts(run)
    while True:
        try:
            result = await _try_step(run, plan, step)
            break
        except MigrateError as error:
            with _locked_phones_stop(run):
                if isinstance(error, PhoneLocked) or not await _may_follow(run, plan, step, attempts, error):
                    raise
            run.journal.append({"trying_again": step.name, "error": error.as_json()})
    _write_findings(run)  # before the line after which this step is not done again
    if step.name not in STEPS_WITHOUT_EFFECTS:  # the next line promises that what this step wrote is on the disk
        await in_thread(run, lambda: flush_to_disk(run.folder, since_ns=began_ns))
    run.journal.append_result(step.name, result)
    run.emit(events.StepFinished(step.name))
    give_back_freed_memory()


async def _may_follow(run: Run, plan: Plan, step: Step, attempts: Attempts, error: MigrateError) -> bool:
    return bool(_call(step.may_be_tried_again, run, plan)) and await attempts.may_follow(error)


@contextmanager
def _locked_phones_stop(run: Run) -> Iterator[None]:
    """A phone that nobody unlocked within `--wait` stops the run like anything else that a person has to do: 50."""
    try:
        yield
    except PhoneLocked as error:
        if run.wait_s <= 0:
            raise
        raise WaitedTooLong(round(run.wait_s), error) from error


async def _try_step(run: Run, plan: Plan, step: Step) -> StepResult | None:
    in_doubt = run.journal.started(step.name) is not None
    run.journal.append({"started": step.name})
    result: StepResult | None = None
    if in_doubt and step.already_done is not None:
        result = await _call(step.already_done, run, plan)
    if result is None:
        ctrl_c.stop_if_pressed()
        result = await _call(step.do, run, plan)
    return result


def _call(function: Callable[..., Any], run: Run, plan: Plan) -> Any:
    """Call a step's function with what its parameters are annotated with."""
    given: list[Any] = []
    for kind, may_be_missing in parameters_of(function):
        if kind is Run:
            given.append(run)
        elif kind is Plan:
            given.append(plan)
        else:
            given.append(run.journal.find_result(kind) if may_be_missing else run.journal.result(kind))
    return function(*given)


@cache
def parameters_of(function: Callable[..., Any]) -> tuple[tuple[Any, bool], ...]:
    """The type of each parameter, and whether it may be None."""
    hints = get_type_hints(function)
    hints.pop("return", None)
    found = []
    for hint in hints.values():
        members = [member for member in get_args(hint) if member is not NoneType]
        found.append((members[0], True) if members else (hint, False))
    return tuple(found)


def _rehearsed(run: Run) -> RunResult:
    """End a run that was asked to stop here: nothing was sent, and it can be resumed."""
    run.journal.append({"ended": REHEARSED, "exit_code": 0})
    run.emit(events.RunFinished(run.journal.run_id, REHEARSED, 0, None, None))
    return RunResult(run.journal.run_id, REHEARSED, None)


def _end(run: Run) -> RunResult:
    """End a run whose steps are all done. A failed proof is an error now that the receipt is written."""
    proof = run.journal.find_result(Proved)
    receipt = run.folder / "receipt.json"
    if proof and proof.verdict.startswith("not proven"):
        raise NotProven(*_why_not_proven(run.journal, run.findings, run.folder))
    outcome: events.Outcome = "undone" if run.journal.undoes else "proven" if proof else "done"
    if proof and proof.verdict.startswith("pending"):
        outcome = "pending"
    exit_code = events.exit_code_of(outcome)
    run.journal.append({"ended": outcome, "exit_code": exit_code})
    run.emit(events.RunFinished(run.journal.run_id, outcome, exit_code, str(receipt), None))
    return RunResult(run.journal.run_id, outcome, receipt)


def repeat_end(context: RunContext, folder: Path, journal: Journal) -> RunResult:
    """Report the end of a run that is over once more, and change nothing.

    Raises:
        NotProven: its proof failed.
    """
    receipt = folder / "receipt.json"
    outcome: events.Outcome = journal.outcome  # type: ignore[assignment]  # what `_end` journaled
    context.listener(events.RunStarted(journal.run_id))
    if outcome == "not-proven":
        error = NotProven(*_why_not_proven(journal, _read_findings(folder), folder))
        context.listener(events.RunFinished(journal.run_id, outcome, error.exit_code, str(receipt), error))
        raise error
    exit_code = events.exit_code_of(outcome)
    context.listener(events.RunFinished(journal.run_id, outcome, exit_code, str(receipt), None))
    return RunResult(journal.run_id, outcome, receipt)


def _why_not_proven(journal: Journal, findings: Sequence[Finding], folder: Path) -> tuple[str, int, str]:
    """The first thing that is wrong, how many are, and where to read about it."""
    bad = [finding for finding in findings if finding.code.startswith("proof-") and finding.severity == "error"]
    page = folder / "receipt.html"
    receipt = str(page if page.exists() else folder / "receipt.json")
    return bad[0].what if bad else journal.result(Proved).verdict, max(len(bad), 1), receipt


def _record_stop(run: Run, error: MigrateError) -> None:
    """Journal and report why the run stopped, and forget a run that left nothing behind."""
    is_resumable = _has_effects(run.journal) or error.exit_code == 50
    if is_resumable:
        error.again = Command("resume", run.journal.run_id)
    outcome: events.Outcome = "stopped" if error.exit_code in (50, 130) else "failed"
    if isinstance(error, NotProven):
        outcome = "not-proven"
    with suppress(OSError):  # a full disk is why it stopped, and must not hide that
        run.journal.append({"ended": outcome, "exit_code": error.exit_code, "error": error.as_json()})
        _write_findings(run)
    receipt = run.folder / "receipt.json"
    receipt_path = str(receipt) if receipt.exists() else None
    if not is_resumable:
        shutil.rmtree(run.folder, ignore_errors=True)
    run_id = run.journal.run_id if is_resumable else None
    run.emit(events.RunFinished(run_id, outcome, error.exit_code, receipt_path, error))


def _has_effects(journal: Journal) -> bool:
    return any("started" in line and line["started"] not in STEPS_WITHOUT_EFFECTS for line in journal.lines)


# -- findings.json -----------------------------------------------------------------------------------------------------


def _write_findings(run: Run) -> None:
    rows = [finding.as_json() for finding in run.findings]
    write_atomically(run.folder / "findings.json", (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode())


def _read_findings(folder: Path) -> list[Finding]:
    try:
        rows = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
        return [Finding(**{**row, "categories": tuple(row["categories"])}) for row in rows]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError):  # findings are for reading: a broken file must not stop a move
        return []


def _torn(journal: Journal) -> Finding:
    return JournalTorn().as_finding()
