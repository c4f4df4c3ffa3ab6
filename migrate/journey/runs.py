"""The runs under home: find, list, forget."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from migrate.backup.snapshots.place import Place
from migrate.journey.home import Home
from migrate.journey.journal import Journal
from migrate.journey.lock import LockHeld, locked
from migrate.journey.run_plan import LAST
from migrate.journey.steps.verify import NewPhoneVerified
from migrate.language import _
from migrate.plan.read import read_plan
from migrate.problems import JournalTooNew, JournalTooOld, MigrateError, RunBusy, RunNotFound, UndoNeedsRun, WhichRun

DATED_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")


@dataclass(frozen=True)
class RunFolder:
    path: Path

    def journal(self) -> Journal:
        return Journal.read(self.path / "journal.ndjson")

    def state(self) -> str:
        """`running`, `unfinished`, `proven`, `done`, `failed`, `stopped`; and where its journal cannot be read, `newer`
        (a later migrate wrote it) or `damaged`."""
        try:
            with locked(self.path / "lock"):
                return self.journal().outcome
        except LockHeld:
            return "running"
        except JournalTooNew:
            return "newer"
        except (MigrateError, OSError):
            return "damaged"

    @property
    def unfinished(self) -> bool:
        """Whether `resume` can continue it."""
        try:
            journal = self.journal()
            return not (journal.is_over or journal.is_of_an_older_format)
        except (MigrateError, OSError):
            return False

    @property
    def undoes(self) -> str | None:
        """The run that this one undoes; None for a move, or if its journal cannot be read."""
        try:
            return self.journal().undoes
        except (MigrateError, OSError):
            return None

    def steps(self) -> dict[str, str]:
        """Every step begun so far: `finished`, or `started` where it is in doubt."""
        journal = self.journal()
        return {
            str(line["started"]): "finished" if journal.finished(str(line["started"])) else "started"
            for line in journal.lines
            if "started" in line
        }

    def receipt(self) -> dict[str, Any] | None:
        try:
            receipt: dict[str, Any] = json.loads((self.path / "receipt.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return receipt

    def summary(self) -> dict[str, Any]:
        """One row of `runs list` (contract 4)."""
        state = self.state()
        row: dict[str, Any] = {"id": self.path.name, "plan": None, "state": state, "old_udid": None}
        row |= {"new_udid": None, "started": None, "bytes_on_disk": bytes_on_disk(self.path)}
        if state not in ("damaged", "newer"):
            journal = self.journal()
            row |= {"old_udid": journal.udid_of("old"), "new_udid": journal.udid_of("new")}
            row |= {"started": journal.begun_at, "plan": _plan_name(self.path / "plan.toml")}
        return row


def all_runs(home: Home) -> list[RunFolder]:
    """Every run, in the order in which they were begun."""
    folders = (path for path in home.runs.iterdir() if not path.name.startswith("."))  # not one that was being removed
    runs = [RunFolder(path) for path in folders if (path / "journal.ndjson").exists()]
    return sorted(runs, key=_begun)


def undone_by(runs: Sequence[RunFolder]) -> dict[str, str]:
    """Run -> the undo that put its phone back. An undo that was undone in turn does not count.

    `runs` are in the order in which they were begun.
    """
    undone: dict[str, str] = {}
    for run in reversed(runs):
        if run.path.name in undone:
            continue
        try:
            journal = run.journal()
        except (MigrateError, OSError):
            continue
        if journal.undoes and journal.last_try == "taken":
            undone.setdefault(journal.undoes, run.path.name)
    return undone


def _begun(run: RunFolder) -> tuple[str, str]:
    """When a run was begun, as the digits of its date and time, and its name. Most names begin with them; those given
    with --id need not."""
    name = run.path.name
    if DATED_ID.fullmatch(name):
        return name[:15].replace("-", ""), name
    try:
        begun_at = run.journal().begun_at
    except (MigrateError, OSError):
        begun_at = datetime.fromtimestamp(run.path.stat().st_mtime, UTC).isoformat()
    return re.sub(r"[^0-9]", "", begun_at)[:17], name


def find_run(home: Home, name: str) -> RunFolder:
    """The run called `name`; `last`: the one begun last.

    Raises:
        RunNotFound: there is none.
    """
    runs = {run.path.name: run for run in all_runs(home)}
    if name == LAST and runs:
        return list(runs.values())[-1]
    if name not in runs:
        raise RunNotFound(name, tuple(runs))
    return runs[name]


def only_unfinished(home: Home) -> RunFolder:
    """The run that `resume` without a name continues.

    Raises:
        WhichRun: none is unfinished, or several are.
        JournalTooNew, JournalDamaged: none is, and the journal of the last one cannot be read.
        JournalTooOld: none is but the last one, which an older version began.
    """
    runs = all_runs(home)
    unfinished = [run for run in runs if run.unfinished]
    if not unfinished and runs:
        last = runs[-1].journal()
        if last.is_of_an_older_format and not last.is_over:
            raise JournalTooOld(runs[-1].path.name)
    if len(unfinished) != 1:
        raise WhichRun(tuple(run.path.name for run in unfinished))
    return unfinished[0]


def remove(home: Home, run: RunFolder, *, lose_undo: bool = False) -> None:
    """Forget a run, its receipt and its kept backups. The working backups stay.

    `lose_undo`: the person accepts that nothing can be undone with it any more.

    Raises:
        RunBusy: it is at work. UndoNeedsRun: an undo needs it, and that loss is not accepted.
    """
    try:
        with locked(run.path / "lock"):
            losses = undo_losses_without(home, run)
            if losses and not lose_undo:
                raise UndoNeedsRun(run.path.name, losses)
    except LockHeld as busy:
        raise RunBusy(run.path.name) from busy
    leaving = run.path.with_name(f".{run.path.name}.removed-{token_hex(4)}")  # a killed process leaves no half run
    run.path.rename(leaving)
    shutil.rmtree(leaving)


def undo_losses_without(home: Home, run: RunFolder) -> tuple[str, ...]:
    """What can no longer be undone without this run, in words of the person's.

    Its places say who needs them. Runs from before there were protections are protected if they sent anything.
    """
    try:
        journal = run.journal()
    except (MigrateError, OSError):  # what cannot be read cannot be undone either
        return ()
    losses = []
    phone = journal.name_of("new") or _("the new phone")
    safety = journal.find_result(NewPhoneVerified)
    if safety is not None:
        place = Place(safety.backup.parent)
        is_older = not place.has_been_protected and journal.latest_value("restore_begins") is not None
        if place.path.exists() and (place.protections or is_older):
            losses.append(_("the backup of {phone} as it was before {run}").format(phone=phone, run=run.path.name))
    for other in all_runs(home):
        if other.unfinished and other.journal().undoes == run.path.name:
            losses.append(_("what the unfinished undo {undo} needs").format(undo=other.path.name))
    return tuple(losses)


def bytes_on_disk(folder: Path) -> int:
    """What a run's files take, each inode once. Hard links shared with a working backup count here too."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for file in _files(folder):
        status = file.lstat()
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            total += status.st_size
    return total


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path


def _plan_name(path: Path) -> str | None:
    try:
        return read_plan(path).name
    except (MigrateError, OSError):
        return None
