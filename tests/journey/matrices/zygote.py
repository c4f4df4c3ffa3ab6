"""Commands in processes of their own, each forked from one process that has everything imported.

A command that is killed needs a process of its own. Starting Python and importing everything takes longer than a whole
move of small phones, so it is done once (3 s of CPU against 0.1 s, *measured*).

    one request a line on stdin:  {"argv": […], "env": {…}, "out": PATH, "err": PATH, "stop": {…} | null}
    two answers a line on stdout: {"pid": N}, and when the command has ended {"status": N, "seen": N | null}

`stop` interrupts the command from inside: {"signal": N, "at": "journal" | "operation", "number": N} sends the signal
right after the N-th journal line, or right before the N-th file operation; "power" cuts the power after the N-th line
and writes what is on the disk then to `out-of-the-image` beside the home. `seen` counts them, unless it was killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

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


class Zygote:
    """The process with everything imported."""

    def __init__(self, tmp: Path, *, umask: int = 0o022) -> None:
        self._tmp = tmp
        words = [sys.executable, "-m", "tests.journey.matrices.zygote"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            words, stdin=pipe, stdout=pipe, text=True, cwd=Path(__file__).parents[3], umask=umask
        )

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def start(self, argv: Sequence[str], env: Mapping[str, str], stop: Stop | None = None) -> int:
        """Begin a command. Returns its process id."""
        request = {"argv": list(argv), "env": dict(env), "out": str(self._tmp / "out"), "err": str(self._tmp / "err")}
        assert self._process.stdin
        self._process.stdin.write(json.dumps({**request, "stop": vars(stop) if stop else None}) + "\n")
        self._process.stdin.flush()
        return int(self._answer()["pid"])

    def finish(self) -> Ended:
        """Wait until the command has ended."""
        answer = self._answer()
        out, err = ((self._tmp / name).read_text(errors="replace") for name in ("out", "err"))
        return Ended(os.waitstatus_to_exitcode(answer["status"]), out, err, answer["seen"])

    def run(self, argv: Sequence[str], env: Mapping[str, str], stop: Stop | None = None) -> Ended:
        self.start(argv, env, stop)
        return self.finish()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


# -- in the process itself ---------------------------------------------------------------------------------------------


def serve() -> None:
    import_everything()
    for line in sys.stdin:
        request = json.loads(line)
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(read)
            be_the_command(request, write)
        os.close(write)
        print(json.dumps({"pid": pid}), flush=True)
        status = os.waitpid(pid, 0)[1]
        seen = os.read(read, 100)
        os.close(read)
        print(json.dumps({"status": status, "seen": int(seen) if seen else None}), flush=True)


def import_everything() -> None:
    import importlib

    from migrate.talk.cli import COMMANDS

    for module in (*COMMANDS, "migrate.journey.run", "migrate.journey.undo", "migrate.journey.repair.repair"):
        importlib.import_module(module)
    from migrate.backup.restore_set import stored_files

    stored_files.PROCESS_MIN_FILES = 10  # so that the program that makes links for many files takes part
    for module in ("migrate.talk.receipt", "migrate.talk.progress", "migrate.journey.repair.phone"):
        importlib.import_module(module)


def be_the_command(request: dict[str, Any], write: int) -> None:
    """Run the command line and exit."""
    from migrate.ctrl_c import ctrl_c
    from migrate.talk.cli import run_command_line

    for number, name in ((1, "out"), (2, "err")):
        file = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.environ.clear()
    os.environ.update(request["env"])
    ctrl_c.install()
    seen = [0]
    stop = Stop(**request["stop"]) if request["stop"] else Stop(0)
    if stop.at == "operation":
        watch_operations(stop, seen)
    else:
        watch_journal(stop, seen, image_of(Path(os.environ["MIGRATE_HOME"])) if stop.at == "power" else None)
    code = 1
    try:
        code = run_command_line(request["argv"])
    finally:
        sys.stdout.flush()
        os.write(write, str(seen[0]).encode())
        os._exit(code)


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


if __name__ == "__main__":
    serve()
