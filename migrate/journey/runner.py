"""How the steps of a run are gone through: in order, none twice, and with an end that is written down and told."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from migrate.backup.private_files import DISK_FULL, write_atomically
from migrate.journey import events
from migrate.journey.context import RunContext, RunResult
from migrate.journey.journal import Journal
from migrate.journey.lock import LockHeld, locked
from migrate.journey.run_state import Run
from migrate.plan.model import Plan
from migrate.problems import (
    Command,
    DiskFullHere,
    Interrupted,
    JournalTorn,
    MigrateError,
    NotProven,
    RunBusy,
    StoppedBeforeBeginning,
)
from migrate.problems.finding import Finding

STEPS_WITHOUT_EFFECTS = frozenset({"meet", "preflight"})
"""Steps that leave nothing behind: a run that ends in one of them is forgotten, not resumed."""
REHEARSED: Final = "rehearsed"
"""How the journal of a run ends that was asked to go no further than its rehearsal."""


@dataclass(frozen=True)
class Step:
    """A part of a run that can be begun again, and can look whether it is already true."""

    name: str  # journals remember it, so it never changes
    do: Callable[[Run], Awaitable[dict[str, Any]]]
    is_already_done: Callable[[Run], Awaitable[bool]]
    is_wanted: Callable[[Run], bool] = lambda run: True
    point_of_no_return: bool = False


async def never_already_done(run: Run) -> bool:
    """For steps that only look, or that build something anew: in doubt they are simply done again."""
    return False


@contextmanager
def lock_run(folder: Path) -> Iterator[None]:
    """Hold a run while inside.

    Raises:
        RunBusy: another process is at it.
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
    """Take a run through `steps` to its end, or only until the step called `stop_after` is finished.

    Raises:
        MigrateError: what stopped it; the same error is in the last event.
    """
    run = Run(
        home=context.home,
        folder=folder,
        plan=plan,
        journal=journal,
        usbmux=context.usbmux,
        prompts=context.prompts,
        listener=context.listener,
        wait_s=context.wait_s,
        tmp=context.tmp,
        saved=context.saved,
        page=context.page,
        named_udids=context.named_udids,
        arrival_wait_s=context.arrival_wait_s,
        stop_after=stop_after,
        findings=_read_findings(folder),
    )
    if journal.torn_line is not None:
        run.found(_torn(journal))
    try:
        await _walk(run, steps)
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


async def _walk(run: Run, steps: Sequence[Step]) -> None:
    """Pending is all minus finished; started but not finished is in doubt: look first, then do."""
    for step in steps:
        if not step.is_wanted(run) or run.journal.finished(step.name):
            if step.name == run.stop_after:
                return
            continue
        run.step = step.name
        in_doubt = run.journal.started(step.name) is not None
        run.emit(events.StepStarted(step.name))
        run.journal.append({"started": step.name})
        if in_doubt and await step.is_already_done(run):
            result: dict[str, Any] = {"found_done": True, **run.result_of_done_step(step.name)}
        else:
            result = await step.do(run)
        run.journal.append({"finished": step.name, "result": result})
        _write_findings(run)
        run.emit(events.StepFinished(step.name))
        if step.name == run.stop_after:
            return


def _rehearsed(run: Run) -> RunResult:
    """The run stops here because no more was asked for: nothing was sent, and it can be gone on with."""
    run.journal.append({"ended": REHEARSED, "exit_code": 0})
    run.emit(events.RunFinished(run.journal.run_id, REHEARSED, 0, None, None))
    return RunResult(run.journal.run_id, REHEARSED, None, {})


def _end(run: Run) -> RunResult:
    """The run is through. A failed proof is an error now that the receipt is written."""
    proof = run.journal.result("prove")
    receipt = run.folder / "receipt.json"
    bad = [f for f in run.findings if f.code.startswith("proof-") and f.severity == "error"]
    if proof and str(proof["verdict"]).startswith("not proven"):
        page = run.folder / "receipt.html"
        receipt_path = str(page if page.exists() else receipt)
        raise NotProven(bad[0].what if bad else str(proof["verdict"]), max(len(bad), 1), receipt_path)
    outcome: events.Outcome = "undone" if run.journal.undoes else "proven" if proof else "done"
    if proof and str(proof["verdict"]).startswith("pending"):
        outcome = "pending"
    exit_code = events.EXIT_CODE_PENDING if outcome == "pending" else 0
    run.journal.append({"ended": outcome, "exit_code": exit_code})
    run.emit(events.RunFinished(run.journal.run_id, outcome, exit_code, str(receipt), None))
    return RunResult(run.journal.run_id, outcome, receipt, proof)


def _record_stop(run: Run, error: MigrateError) -> None:
    """Write down why the run stopped, tell it, and forget a run that left nothing behind."""
    is_resumable = _has_effects(run.journal) or error.exit_code == 50
    if is_resumable:
        error.again = Command("resume", run.journal.run_id)
    outcome: events.Outcome = "stopped" if error.exit_code in (50, 130) else "failed"
    if isinstance(error, NotProven):
        outcome = "not-proven"
    with suppress(OSError):  # a disk that is full is a reason to stop, and must not hide itself
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
