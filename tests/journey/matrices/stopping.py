"""Commands that interrupt themselves: at a journal line, at a file operation, or by a power cut."""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tests.forked import Forked

if TYPE_CHECKING:
    from tests.journey.matrices.power_cut import DurableImage

At = Literal["journal", "operation", "power"]
OPERATIONS = frozenset({"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod"})
"""Audit events of what changes the disk, besides `open` for writing (Python's Audit events table)."""


@dataclass(frozen=True)
class Stop:
    """Where a command interrupts itself."""

    number: int
    signal: int = signal.SIGKILL
    at: At = "journal"

    def __str__(self) -> str:
        return f"{signal.Signals(self.signal).name} at {self.at} {self.number}"


@dataclass(frozen=True)
class Ended:
    """How a command ended. `seen` is how many journal lines or file operations there were; None if it was killed."""

    code: int
    out: str
    err: str
    seen: int | None

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines() if line.endswith("}")]

    @property
    def error_code(self) -> str | None:
        """The code of the error in the last event."""
        error = (self.events[-1].get("error") if self.events else None) or {}
        return error.get("code")

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out[-2500:]}\n--- stderr\n{self.err[-2500:]}"


@dataclass(frozen=True)
class Commands:
    """Starts commands that write what they count below `tmp`."""

    tmp: Path
    umask: int = 0o022

    def start(self, argv: Sequence[str], env: Mapping[str, str], stop: Stop | None = None) -> Forked:
        self._seen.unlink(missing_ok=True)
        prepared = {**vars(stop or Stop(0)), "seen": str(self._seen)}
        return Forked(argv, env, umask=self.umask, prepare=(f"{__name__}:interrupt", prepared))

    def finish(self, command: Forked) -> Ended:
        """Wait until the command has ended."""
        out, err = command.communicate()
        assert command.returncode is not None
        seen = int(self._seen.read_text()) if self._seen.exists() else None
        return Ended(command.returncode, out, err, seen)

    def run(self, argv: Sequence[str], env: Mapping[str, str], stop: Stop | None = None) -> Ended:
        return self.finish(self.start(argv, env, stop))

    @property
    def _seen(self) -> Path:
        return self.tmp / "seen"


# -- in the process of the command -------------------------------------------------------------------------------------


def interrupt(how: dict[str, Any]) -> None:
    """Have this process interrupt itself.

    `number` and `at` of `how` say when: "journal": right after the N-th journal line; "operation": right before the
    N-th file operation; "power": the power is cut after the N-th line, and what is on the disk then is written to
    `out-of-the-image` beside the home. How many there were is written to `seen` at the end, unless it was killed.
    """
    from migrate.backup.restore_set import stored_files

    stored_files.PROCESS_MIN_FILES = 10  # so that the program that makes links for many files takes part
    stop = Stop(how["number"], how["signal"], how["at"])
    counted = [0]
    if stop.at == "operation":
        watch_operations(stop, counted)
    else:
        watch_journal(stop, counted, image_of(Path(os.environ["MIGRATE_HOME"])) if stop.at == "power" else None)
    atexit.register(lambda: Path(how["seen"]).write_text(str(counted[0])))


def image_of(home: Path) -> DurableImage:
    from tests.journey.matrices.power_cut import DurableImage

    image = DurableImage(home, home.parent / "store")
    image.watch()
    return image


def watch_journal(stop: Stop, seen: list[int], image: DurableImage | None) -> None:
    from migrate.journey.journal import Journal

    append = Journal.append

    def append_and_stop(self: Journal, entry: dict[str, Any]) -> None:
        append(self, entry)
        seen[0] += 1
        if seen[0] == stop.number:
            if image is not None:
                image.write_to(Path(os.environ["MIGRATE_HOME"]).parent / "out-of-the-image")
            os.kill(os.getpid(), stop.signal)

    Journal.append = append_and_stop  # type: ignore[method-assign]


def watch_operations(stop: Stop, seen: list[int]) -> None:
    def on_audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            flags = arguments[2]
            if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
        elif event not in OPERATIONS:
            return
        seen[0] += 1
        if seen[0] == stop.number:
            os.kill(os.getpid(), stop.signal)

    sys.addaudithook(on_audit)
