"""Commands in processes of their own, each forked from one process that has everything imported: ours, and those of
pymobiledevice3, which takes as long to start.

Starting Python and importing everything takes longer than most commands that tests run, so it is done once for each
process of the test command (2.2 s of CPU against 0.05 s for a fork, *measured*). What a command cannot tell from a
start of its own: its arguments, streams, environment, folder, umask, signals, terminal, exit. What it can tell:
`/proc/PID/cmdline`, and that nothing is left to import. `in_its_own_python` starts one the usual way.

    one request on the socket: {"argv": […], "env": {…}, …} with four files: stdin, stdout, stderr, the answers
    two lines of answer:       the process id, when its Ctrl-C is handled; its wait status, when it has ended
"""

from __future__ import annotations

import atexit
import faulthandler
import gc
import importlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).parents[1]
MOST_BYTES = 1 << 20
"""Of one request."""


class Forked:
    """One command. It has what a `subprocess.Popen` with text pipes has, as far as tests use it."""

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        stdin: int | None = None,
        terminal: int | None = None,
        umask: int = 0o022,
        prepare: tuple[str, Any] | None = None,
        program: str = "migrate",
        cwd: Path | None = None,
    ) -> None:
        """Start `PROGRAM ARGV`.

        Args:
            stdin: `subprocess.PIPE`, or None for no input.
            terminal: a terminal's file; it then is all three streams, and the terminal that controls the command.
            prepare: "module:function" and what it is called with in the process of the command, before the command.
            program: one of PROGRAMS.
        """
        self.returncode: int | None = None
        self.stdin: TextIO | None = None
        self.stdout: TextIO | None = None
        self.stderr: TextIO | None = None
        theirs = self._pipes(stdin) if terminal is None else [os.dup(terminal) for _stream in range(3)]
        answers, theirs_to_answer = socket.socketpair()
        request = {
            "argv": list(argv), "env": dict(env), "cwd": str(cwd or Path.cwd()), "umask": umask,
            "terminal": terminal is not None, "prepare": prepare, "program": program,
        }  # fmt: skip
        the_server(program).ask(request, [*theirs, theirs_to_answer.fileno()])
        for file in theirs:
            os.close(file)
        theirs_to_answer.close()
        self._answers = answers.makefile("r", encoding="ascii")
        answers.close()
        self.pid = int(self._answers.readline())
        self._waiting = threading.Lock()

    def _pipes(self, stdin: int | None) -> list[int]:
        if stdin == subprocess.PIPE:
            read, write = os.pipe()
            self.stdin = os.fdopen(write, "w", encoding="utf-8")
        else:
            read = os.open(os.devnull, os.O_RDONLY)
        out, out_write = os.pipe()
        err, err_write = os.pipe()
        self.stdout, self.stderr = (os.fdopen(read, encoding="utf-8") for read in (out, err))
        return [read, out_write, err_write]

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                self.wait()

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        """Wait until the command has ended. Returns its exit code, or minus the number of the signal that ended it."""
        with self._waiting:
            if self.returncode is None:
                self.returncode = os.waitstatus_to_exitcode(int(self._answers.readline()))
                self._answers.close()
        return self.returncode

    def close(self) -> None:
        """Close the pipes."""
        for pipe in (self.stdin, self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()

    def communicate(self, typed: str | None = None) -> tuple[str, str]:
        """Send `typed`, read both streams to their end and wait."""
        assert self.stdout is not None and self.stderr is not None
        errors: list[str] = []
        reader = threading.Thread(target=lambda err=self.stderr: errors.append(err.read()))
        reader.start()
        if self.stdin is not None:
            try:
                self.stdin.write(typed or "")
                self.stdin.close()
            except BrokenPipeError:
                pass  # the command ended without reading it
        out = self.stdout.read()
        reader.join()
        self.wait()
        self.stdout.close()
        self.stderr.close()
        return out, errors[0]


class Server:
    """The process with everything imported, as the tests see it."""

    def __init__(self, program: str) -> None:
        self._socket, theirs = socket.socketpair()
        words = [sys.executable, "-m", "tests.forked", program, str(theirs.fileno())]
        self._process = subprocess.Popen(words, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self._asking = threading.Lock()

    def ask(self, request: dict[str, Any], files: list[int]) -> None:
        text = json.dumps(request).encode()
        with self._asking:
            socket.send_fds(self._socket, [len(text).to_bytes(4, "big")], files)
            self._socket.sendall(text)

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


_servers: dict[str, Server] = {}
_starting = threading.Lock()


def the_server(program: str) -> Server:
    """The program's server for this process, started when it is first needed."""
    with _starting:
        if program not in _servers:
            _servers[program] = Server(program)
            atexit.register(_servers[program].close)
        return _servers[program]


# -- in the process itself ---------------------------------------------------------------------------------------------


def serve(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Fork for each request. Returns in the forked process only, with the request and its files."""
    while True:
        length, files, _flags, _address = socket.recv_fds(connection, 4, 4)
        if not length:
            os._exit(0)
        text = b""
        while len(text) < int.from_bytes(length, "big"):
            text += connection.recv(MOST_BYTES)
        reap()
        if not os.fork():
            connection.close()
            if not (pid := os.fork()):
                return json.loads(text), files
            *streams, answers = files
            for file in streams:
                os.close(file)
            status = os.waitpid(pid, 0)[1]
            os.write(answers, f"{status}\n".encode())
            os._exit(0)
        for file in files:
            os.close(file)


def reap() -> None:
    """Forget the processes that have waited for a command that has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def import_ours() -> Callable[[], Any]:
    """Import what commands import when they run, and nothing that starts a thread. Returns the program itself."""
    from migrate.talk.cli import COMMANDS, main

    for module in (*COMMANDS, *LATER):
        importlib.import_module(module)
    from migrate.backup.record import Kind
    from migrate.categories.catalogue import load_catalogue
    from migrate.categories.claims import Claims
    from migrate.categories.path_classes import path_class
    from migrate.content.kinds import kinds

    claims = Claims(load_catalogue(), {})
    for domain in {rule.domain for category in claims.catalogue.categories for rule in category.rules}:
        owners = claims.owners(domain, "x")  # compiles the domain's patterns: 0.2 s of CPU for all (*measured*)
        path_class(domain, "x", owner_ids=owners, kind=Kind.FILE)
    kinds()
    return main


def import_pymobiledevice3() -> Callable[[], Any]:
    """The same for the groups of pymobiledevice3's commands that tests run."""
    from pymobiledevice3.__main__ import main
    from pymobiledevice3.cli import afc, apps, backup, lockdown, usbmux  # noqa: F401

    return main


PROGRAMS = {"migrate": import_ours, "pymobiledevice3": import_pymobiledevice3}


LATER = (
    "migrate.journey.run",
    "migrate.journey.undo",
    "migrate.journey.repair.repair",
    "migrate.journey.repair.phone",
    "migrate.talk.receipt",
    "migrate.talk.progress",
    "migrate.talk.wizard.conversation",
    "migrate.simulator.agent.agent",
    "migrate.simulator.aftermath.run",
    "tomlkit",
    "wakepy",
)
"""Modules that commands import inside their functions."""


def become(request: dict[str, Any], files: list[int]) -> None:
    """Take over what the command was given, as a new process would find it."""
    if request["terminal"]:
        os.setsid()
    *streams, answers = files
    for number, file in enumerate(streams):
        os.dup2(file, number)
        os.close(file)
    if request["terminal"]:
        import fcntl
        import termios

        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    open_streams()
    if request["env"].get("PYTHONFAULTHANDLER"):
        faulthandler.enable()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["program"] == "migrate":
        from migrate.ctrl_c import ctrl_c

        ctrl_c.install()
    if request["prepare"]:
        name, argument = request["prepare"]
        module, function = name.split(":")
        getattr(importlib.import_module(module), function)(argument)
    sys.argv = [request["program"], *request["argv"]]
    os.write(answers, f"{os.getpid()}\n".encode())
    os.close(answers)


def open_streams() -> None:
    """The three text streams, as Python opens them at its start."""
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = os.fdopen(0, encoding="utf-8", closefd=False)  # type: ignore[misc]
    for name, number, errors in (("stdout", 1, "strict"), ("stderr", 2, "backslashreplace")):
        stream = io.TextIOWrapper(
            os.fdopen(number, "wb", closefd=False),
            encoding="utf-8", errors=errors,
            line_buffering=number == 2 or os.isatty(number), write_through=unbuffered,
        )  # fmt: skip
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at pytest's terminal is meant for pytest
    main = PROGRAMS[sys.argv[1]]()
    gc.collect()
    gc.freeze()  # a collection in a child would copy the pages of everything
    become(*serve(socket.socket(fileno=int(sys.argv[2]))))
    sys.exit(main())
