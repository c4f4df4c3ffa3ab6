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

from migrate.backup.private_files import DISK_FULL, write_whole
from migrate.journey import events
from migrate.journey.context import Ended, World
from migrate.journey.journal import Journal
from migrate.journey.lock import Busy, locked
from migrate.journey.run_state import Move
from migrate.plan.model import Plan
from migrate.problems import DiskFullHere, Interrupted, MigrateError, NotProven, RunBusy, StoppedBeforeBeginning
from migrate.problems.finding import Finding

BEGINNING = frozenset({"meet", "preflight"})
"""Steps that leave nothing behind: a run that ends in one of them is forgotten, not resumed."""
REHEARSED: Final = "rehearsed"
"""How the journal of a run ends that was asked to go no further than its rehearsal."""


@dataclass(frozen=True)
class Step:
    """A part of a run that can be begun again, and can look whether it is already true."""

    name: str  # journals remember it, so it never changes
    do: Callable[[Move], Awaitable[dict[str, Any]]]
    already_true: Callable[[Move], Awaitable[bool]]
    wanted: Callable[[Move], bool] = lambda move: True
    point_of_no_return: bool = False


async def never(move: Move) -> bool:
    """For steps that only look, or that build something anew: in doubt they are simply done again."""
    return False


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a run while inside.

    Raises:
        RunBusy: another process is at it.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locked(folder / "lock"))
        except Busy as busy:
            raise RunBusy(folder.name) from busy
        yield


async def walk(
    world: World, folder: Path, plan: Plan, journal: Journal, steps: Sequence[Step], *, until: str | None = None
) -> Ended:
    """Take a run through `steps` to its end, or only until the step called `until` is finished.

    Raises:
        MigrateError: what stopped it; the same error is in the last event.
    """
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
        arriving_s=world.arriving_s,
        until=until,
        findings=_read_findings(folder),
    )
    if journal.torn is not None:
        move.found(_torn(journal))
    try:
        await _walk(move, steps)
        return _end(move) if until is None else _rehearsed(move)
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


async def _walk(move: Move, steps: Sequence[Step]) -> None:
    """Pending is all minus finished; started but not finished is in doubt: look first, then do."""
    for step in steps:
        if not step.wanted(move) or move.journal.finished(step.name):
            if step.name == move.until:
                return
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
        if step.name == move.until:
            return


def _rehearsed(move: Move) -> Ended:
    """The run stops here because no more was asked for: nothing was sent, and it can be gone on with."""
    move.journal.append({"ended": REHEARSED, "exit_code": 0})
    move.tell(events.RunFinished(move.journal.run, REHEARSED, 0, None, None))
    return Ended(move.journal.run, REHEARSED, None, {})


def _end(move: Move) -> Ended:
    """The run is through. A failed proof is an error now that the receipt is written."""
    proof = move.journal.result("prove")
    receipt = move.folder / "receipt.json"
    bad = [f for f in move.findings if f.code.startswith("proof-") and f.severity == "error"]
    if proof and str(proof["verdict"]).startswith("not proven"):
        page = move.folder / "receipt.html"
        said = str(page if page.exists() else receipt)
        raise NotProven(bad[0].what if bad else str(proof["verdict"]), max(len(bad), 1), said)
    outcome: events.Outcome = "undone" if move.journal.undoes else "proven" if proof else "done"
    if proof and str(proof["verdict"]).startswith("pending"):
        outcome = "pending"
    exit_code = events.EXIT_CODE_PENDING if outcome == "pending" else 0
    move.journal.append({"ended": outcome, "exit_code": exit_code})
    move.tell(events.RunFinished(move.journal.run, outcome, exit_code, str(receipt), None))
    return Ended(move.journal.run, outcome, receipt, proof)


def _stop(move: Move, error: MigrateError) -> None:
    """Write down why the run stopped, tell it, and forget a run that left nothing behind."""
    kept = _begun(move.journal) or error.exit_code == 50
    if kept:
        error.again = f"run: migrate resume {move.journal.run}"
    outcome: events.Outcome = "stopped" if error.exit_code in (50, 130) else "failed"
    if isinstance(error, NotProven):
        outcome = "not-proven"
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
