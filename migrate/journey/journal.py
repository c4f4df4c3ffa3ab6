"""The journal of a run: append-only NDJSON, one fsync a line. Where a run stands is derived from it, never stored.

    {"journal": 3, "run": …, "plan_digest": …, "at": …}       the head; with "undoes": RUN in the journal of an undo
    {"at": …, "met": "old"|"new", "udid": …, "name": …}       each phone, when first met
    {"at": …, "started": STEP}                                 one before every try
    {"at": …, "finished": STEP, "result": {…}}                 the step's result (results.py)
    {"at": …, "reopened": STEP, "why": …}                      a finished step that has to be done again from its start
    {"at": …, "restore_begins": {…}}                           how the phone looks before the first byte
    {"at": …, "restore_half_sent": true}                       from here on the phone may have taken it
    {"at": …, "restore_taken" | "restore_not_taken": true}     the phone's answer, or that it cannot have taken it
    {"at": …, "restore_again": {TITLE: N, …}}                  it had not; what the next try deletes from the phone
    {"at": …, "may_lose": BOOL}                                the person accepts that what is new on it is lost
    {"at": …, "ended": OUTCOME, "exit_code": N, "error": …}    how the run ended; a resumed run continues below it

Pending is all steps minus the finished ones. *Started, not finished* is in doubt: look first, then do.
A journal holds no secret.

Formats 1 and 2 (2: an undo) called the first two backups save-old-phone and save-new-phone and stored untyped results.
Such runs are read for `receipt`, `prove` and `undo`, and cannot be resumed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from migrate.journey.results import StepResult, from_json, to_json
from migrate.problems import JournalDamaged, JournalTooNew
from migrate.units import now_utc

FORMAT = 3
OLD_STEP_NAMES = {"save-old-phone": "back-up-old-phone", "save-new-phone": "back-up-new-phone"}
OLD_RESULT_DEFAULTS: dict[str, dict[str, Any]] = {
    "back-up-old-phone": {"bytes": 0, "files": 0},
    "back-up-new-phone": {"bytes": 0, "files": 0},
    "verify": {"damaged": {}},
    "verify-new-phone": {"damaged": {}},
    "verify-safety": {"damaged": {}},
    "compose": {"left_out": [], "titles": {}},
}
"""What formats 1 and 2 could leave out of a result: fields that were added later, and those of steps found done."""

R = TypeVar("R", bound=StepResult)
Try = Literal["none", "not taken", "in doubt", "taken"]


@dataclass
class Journal:
    path: Path
    lines: list[dict[str, Any]]
    clock: Callable[[], datetime] = field(default=now_utc)
    torn_line: str | None = None
    """What stood on a torn last line that was cut, for a finding; None when the journal ended cleanly."""
    whole_bytes: int = 0
    """Where a torn last line begins."""

    @classmethod
    def create(cls, path: Path, run_id: str, plan_digest: str, *, undoes: str | None = None) -> Journal:
        """A new journal; `undoes` names the run that this one undoes."""
        journal = cls(path, [])
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        head: dict[str, Any] = {"journal": FORMAT, "run": run_id, "plan_digest": plan_digest}
        journal.append({**head, "undoes": undoes} if undoes else head)
        return journal

    @classmethod
    def read(cls, path: Path) -> Journal:
        """Read a journal. A last line without its newline was cut by a crash: it is left out and remembered.

        Raises:
            JournalDamaged: a line other than the last is no JSON object, or the head is missing.
            JournalTooNew: written by a later version of migrate.
        """
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise JournalDamaged(str(path), 0, error.strerror or "it cannot be read") from error
        whole, _, torn_line = raw.rpartition(b"\n")
        lines = []
        for number, line in enumerate(whole.split(b"\n") if whole else [], 1):
            try:
                entry = json.loads(line)
            except ValueError as error:
                raise JournalDamaged(str(path), number, "it is not JSON") from error
            if not isinstance(entry, dict):
                raise JournalDamaged(str(path), number, "it is not an object")
            lines.append(entry)
        if not lines or not isinstance(lines[0].get("journal"), int):
            raise JournalDamaged(str(path), 1, "its first line is missing")
        if lines[0]["journal"] > FORMAT:  # before anything else: what its lines must have is not for us to say
            raise JournalTooNew(str(path), lines[0]["journal"], FORMAT)
        for number, entry in enumerate(lines, 1):
            if missing := [key for key in _must_have(entry) if not isinstance(entry.get(key), str)]:
                raise JournalDamaged(str(path), number, f"`{missing[0]}` is missing or not text")
        if lines[0]["journal"] < FORMAT:
            lines = [_with_current_names(entry) for entry in lines]
        return cls(
            path,
            lines,
            torn_line=torn_line.decode(errors="replace") if torn_line else None,
            whole_bytes=len(raw) - len(torn_line),
        )

    def append(self, entry: dict[str, Any]) -> None:
        """Write one line and wait until the disk has it. A journal that cannot be written stops the run (OSError)."""
        entry = {"at": self.clock().isoformat(timespec="milliseconds"), **entry}
        if self.torn_line is not None:  # cut what the crash left, or our line would be glued to it
            os.truncate(self.path, self.whole_bytes)
            self.torn_line = None
        before = self.path.stat().st_size
        try:
            with self.path.open("ab") as handle:
                handle.write(_line(entry))
                handle.flush()
                os.fsync(handle.fileno())
        except OSError:  # a full disk takes half a line, and the next one would be glued to it
            with suppress(OSError):
                os.truncate(self.path, before)
            raise
        self.lines.append(entry)

    def append_result(self, step: str, result: StepResult | None) -> None:
        self.append({"finished": step, "result": {} if result is None else to_json(result)})

    @property
    def is_of_an_older_format(self) -> bool:
        """Whether the run can be read, but not resumed."""
        return bool(self.lines[0]["journal"] < FORMAT)

    @property
    def run_id(self) -> str:
        return str(self.lines[0]["run"])

    @property
    def plan_digest(self) -> str:
        return str(self.lines[0]["plan_digest"])

    @property
    def undoes(self) -> str | None:
        """The run that this one undoes; None: this is a move."""
        undone = self.lines[0].get("undoes")
        return undone if isinstance(undone, str) else None

    @property
    def begun_at(self) -> str:
        return str(self.lines[0]["at"])

    def started(self, step: str) -> str | None:
        """When `step` was first started, since it was last reopened; or None."""
        return next((str(line["at"]) for line in self._about(step) if line.get("started") == step), None)

    def finished(self, step: str) -> bool:
        return any(line.get("finished") == step for line in self._about(step))

    def reopen(self, steps: Sequence[str], why: str) -> None:
        """Repeat those of `steps` that were begun. Once the phone may have taken the set this does nothing: the phone
        is checked first."""
        if self.may_be_restored:
            return
        for step in steps:
            if self.started(step) is not None:
                self.append({"reopened": step, "why": why})

    @property
    def last_try(self) -> Try:
        """What the journal shows of the newest try to send the set.

        Not taken: the phone had not been sent half of it, or refused, or this process lived to see that the phone had
        not fetched it all.
        """
        if self.finished("restore"):
            return "taken"
        for line in reversed(self._about("restore")):
            if "restore_taken" in line:
                return "taken"
            if "restore_not_taken" in line:
                return "not taken"
            if "restore_half_sent" in line:
                return "in doubt"
            if "restore_begins" in line:
                return "not taken"
        return "none"

    @property
    def may_be_restored(self) -> bool:
        """Whether the phone has taken the set, or may have."""
        return self.last_try in ("in doubt", "taken")

    def was_reopened(self, step: str) -> bool:
        return any(line.get("reopened") == step for line in self.lines)

    def _about(self, step: str) -> list[dict[str, Any]]:
        """The lines that still count for `step`."""
        reopened = [number for number, line in enumerate(self.lines) if line.get("reopened") == step]
        return self.lines[reopened[-1] :] if reopened else self.lines

    def find_result(self, kind: type[R]) -> R | None:
        """The newest result of type `kind` or of a subclass; None before its step is finished.

        Raises:
            JournalDamaged: the stored result is not a `kind`.
        """
        kinds = {one.step: one for one in (kind, *kind.__subclasses__()) if hasattr(one, "step")}
        for number, line in reversed(list(enumerate(self.lines, 1))):
            step = line.get("finished")
            if step in kinds:
                try:
                    return from_json(kinds[step], line.get("result"))
                except (TypeError, KeyError, ValueError) as error:
                    raise JournalDamaged(str(self.path), number, f"it is not a result of {step}: {error}") from error
        return None

    def result(self, kind: type[R]) -> R:
        """The newest result of type `kind`.

        Raises:
            JournalDamaged: there is none, although its step is finished; or it is not a `kind`.
        """
        found = self.find_result(kind)
        if found is None:
            raise JournalDamaged(str(self.path), len(self.lines), f"the {kind.__name__} result is missing")
        return found

    def latest_value(self, key: str) -> Any:
        """The newest value of a single fact (`met` lines are read by `udid_of`)."""
        return next((line[key] for line in reversed(self.lines) if key in line), None)

    def udid_of(self, role: str) -> str | None:
        return next((str(line["udid"]) for line in self.lines if line.get("met") == role), None)

    def name_of(self, role: str) -> str | None:
        return next((str(line["name"]) for line in self.lines if line.get("met") == role), None)

    @property
    def outcome(self) -> str:
        """`proven`, `done`, `failed`, `stopped`, or `unfinished` when the run's process was killed or still runs."""
        for line in reversed(self.lines):
            if "ended" in line:
                return str(line["ended"])
            if "started" in line or "finished" in line:
                break
        return "unfinished"

    @property
    def is_over(self) -> bool:
        """Whether no step is left and the end was told, well or not."""
        return self.finished("receipt") and self.outcome != "unfinished"


def _with_current_names(entry: dict[str, Any]) -> dict[str, Any]:
    """A line of format 1 or 2 as format 3 has it."""
    renamed: dict[str, Any] = {
        key: OLD_STEP_NAMES.get(entry[key], entry[key]) for key in ("started", "finished", "reopened") if key in entry
    }
    result = entry.get("result")
    if "finished" in renamed and isinstance(result, dict):
        renamed["result"] = {**OLD_RESULT_DEFAULTS.get(renamed["finished"], {}), **result}
    return {**entry, **renamed}


def _must_have(entry: dict[str, Any]) -> tuple[str, ...]:
    """The texts that a line of its kind cannot be without."""
    if "journal" in entry:
        return ("at", "run", "plan_digest")
    return ("at", "udid", "name") if "met" in entry else ("at",)


def _line(entry: dict[str, Any]) -> bytes:
    # surrogatepass: a path whose bytes are no UTF-8 reaches us as halves of characters; json.loads reads them so too
    return json.dumps(entry, ensure_ascii=False, separators=(", ", ": ")).encode("utf-8", "surrogatepass") + b"\n"
