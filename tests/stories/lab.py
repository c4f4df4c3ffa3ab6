"""A lab for one test: two simulated iPhones behind a real socket, and the real command line in its own process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from migrate.simulator.aftermath.settings import Aftermath
from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.forked import Forked

PASSWORD = "correct-horse-1947"
ROUNDS = 1_000
OLD, NEW = "00008101-0001AAAA00000001", "00008140-0002BBBB00000002"
QUICK = ContentsSpec(photos=12, messages=60, contacts=20, attachments=6, health_samples=60, history=20, videos=1)
AFTERMATH = Aftermath(on=False)
"""The phones leave restored data alone, because most stories compare their files byte by byte."""

LIMIT_S = 120.0
"""How long one command may take on a busy machine. The slowest takes ten seconds on an idle one."""


class Command:
    """`migrate …` in its own process.

    A command that exceeds `LIMIT_S` is aborted. Python's fault handler then writes the stacks of all threads to stderr.
    """

    def __init__(self, arguments: list[str], env: dict[str, str], stdin: int | None, *, own_python: bool) -> None:
        env = {**env, "PYTHONFAULTHANDLER": "1"}
        self._process: Forked | subprocess.Popen[str]
        if own_python:
            pipe, words = subprocess.PIPE, [sys.executable, "-m", "migrate", *arguments]
            self._process = subprocess.Popen(words, env=env, stdin=stdin, stdout=pipe, stderr=pipe, text=True)
        else:
            self._process = Forked(arguments, env, stdin=stdin)
        self.pid = self._process.pid
        self._limit = threading.Timer(LIMIT_S, self.send_signal, (signal.SIGABRT,))
        self._limit.start()

    @property
    def stdout(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def stderr(self) -> IO[str]:
        assert self._process.stderr is not None
        return self._process.stderr

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def finish(self, typed: str | None = None) -> CommandResult:
        """Send `typed`, wait for the process to exit and return its result."""
        out, err = self._process.communicate(typed)
        self._limit.cancel()
        assert self._process.returncode is not None
        return CommandResult(self._process.returncode, out, err)

    def dispose(self) -> None:
        """Kill the process if it still runs, and close its pipes."""
        self._limit.cancel()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


@dataclass
class CommandResult:
    """Exit code and output of one command."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        return self.events[-1]

    @property
    def steps(self) -> list[str]:
        return [event["step"] for event in self.events if event["event"] == "step_finished"]

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out[-3000:]}\n--- stderr\n{self.err[-3000:]}"


@dataclass
class Lab:
    """Two phones, a usbmuxd and a home folder."""

    old: SimulatedPhone
    new: SimulatedPhone
    server: SimulatedUsbmuxd
    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    started: list[Command] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MIGRATE_")}
        ours = {"MIGRATE_HOME": str(self.home), "USBMUXD_SOCKET_ADDRESS": self.server.address}
        return {**kept, **ours, "MIGRATE_BACKUP_PASSWORD": PASSWORD, **self.environment}

    def migrate(self, *arguments: str | Path, typed: str = "") -> CommandResult:
        """Run a command and wait for it to exit."""
        return self.start(*arguments, stdin=subprocess.PIPE).finish(typed)

    def start(self, *arguments: str | Path, stdin: int | None = None, own_python: bool = False) -> Command:
        """Start a command and return while it runs. `own_python`: as a person starts it (tests/forked.py)."""
        self.started.append(Command([*map(str, arguments)], self.env, stdin, own_python=own_python))
        return self.started[-1]

    def close(self) -> None:
        for command in self.started:
            command.dispose()
        self.server.stop()

    def plan(self, text: str) -> Path:
        """Write a plan file. Rehearsal is off unless the text sets it, because most tests are about something else."""
        if "rehearse" not in text:
            without_rehearsal = "[safety]\nrehearse = false\n"
            text = text.replace("[safety]\n", without_rehearsal) if "[safety]" in text else text + without_rehearsal
        path = self.home.parent / "plan.toml"
        path.write_text("version = 1\n" + text)
        return path

    def move(self, plan: Path, *more: str) -> CommandResult:
        return self.migrate("run", plan, "--old", self.old.udid, "--new", self.new.udid, "--yes", "--json", *more)

    @property
    def only_run(self) -> Path:
        (run,) = (self.home / "runs").iterdir()
        return run


EVERYTHING = """
name = "Everything, to an erased iPhone"
[new_phone]
is = "erased"
[move]
categories = ["everything"]
"""

OVERLAY = 'experimental = ["overlay"]'
PHOTOS_AND_MESSAGES = """
name = "Photos and messages"
[new_phone]
is = "in-use"
[move]
categories = ["photos", "messages"]
may_replace = ["photos", "messages"]
"""


def old_phone(*, contents: ContentsSpec = QUICK, **more: Any) -> SimulatedPhone:
    phone = SimulatedPhone(
        udid=OLD, name="Grandma's iPhone", ios_version="18.5", model="iPhone13,2", keybag_rounds=ROUNDS,
        **{"aftermath": replace(AFTERMATH), **more},
    )  # fmt: skip
    fill(phone, contents, seed=1)
    return phone


def new_phone(
    *, empty: bool = True, contents: ContentsSpec = QUICK, ios_version: str = "26.1", **more: Any
) -> SimulatedPhone:
    phone = SimulatedPhone(
        udid=NEW, name="Grandma's new iPhone", ios_version=ios_version, model="iPhone17,3", keybag_rounds=ROUNDS,
        **{"aftermath": replace(AFTERMATH), **more},
    )  # fmt: skip
    fill(phone, ContentsSpec(empty=True) if empty else contents, seed=2)
    return phone


MakeLab = Callable[..., Lab]
