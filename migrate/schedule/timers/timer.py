"""What a timer of the system is: files, and commands of its own tool."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate.backup.private_files import write_atomically
from migrate.problems import TimerNotInstalled, TimerNotRemoved

COMMAND_TIMEOUT_S = 30
Run = Callable[[Sequence[str], str | None], str]
"""Runs a program with this standard input, and returns its output. Raises CommandFailed."""


class CommandFailed(Exception):
    """A program of the system ended with an error, or is not there."""


def run_command(words: Sequence[str], text: str | None = None) -> str:
    """
    Raises:
        CommandFailed: with what it said.
    """
    try:
        done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(f"{words[0]}: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CommandFailed(said[-1] if said else f"{words[0]} ended with {done.returncode}")
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class Timer:
    """The timer of one system, as it will be written. Shown before it is installed, removed without a trace.

    `check` is the system's own look at the files, where it has one.
    """

    name: str
    """What people call the system's timer."""
    files: tuple[tuple[Path, str], ...] = ()
    encoding: str = "utf-8"
    check: tuple[tuple[str, ...], ...] = ()
    turn_on: tuple[tuple[str, ...], ...] = ()
    turn_off: tuple[tuple[str, ...], ...] = ()
    is_on: tuple[str, ...] = ()
    """A command that succeeds if the timer is on."""

    def install(self, run: Run = run_command) -> None:
        """Write the files, let the system check them, and turn the timer on. All of it or nothing.

        Raises:
            TimerNotInstalled
        """
        before = [(path, path.read_bytes() if path.exists() else None) for path, _text in self.files]
        try:
            for path, text in self.files:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, text.encode(self.encoding))
                path.chmod(0o644)
            for words in (*self.check, *self.turn_on):
                run(words, None)
        except (OSError, CommandFailed) as error:
            for path, content in before:
                try:
                    if content is None:
                        path.unlink(missing_ok=True)
                    else:
                        write_atomically(path, content)
                except OSError:  # the folder that could not be written
                    continue
            reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
            raise TimerNotInstalled(self.name, reason.rstrip(".")) from error

    def remove(self, run: Run = run_command) -> None:
        """Turn the timer off and remove its files. One that is not there is no mistake.

        Raises:
            TimerNotRemoved
        """
        was_on = self.is_installed(run)
        try:
            if was_on:
                for words in self.turn_off[:1]:
                    run(words, None)
            for path, _text in self.files:
                path.unlink(missing_ok=True)
            for words in self.turn_off[1:]:
                run(words, None)
        except (OSError, CommandFailed) as error:
            reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
            raise TimerNotRemoved(self.name, reason.rstrip(".")) from error

    def is_installed(self, run: Run = run_command) -> bool:
        """Whether the system has the timer and it is on."""
        if not all(path.exists() for path, _text in self.files):
            return False
        try:
            run(self.is_on, None)
        except CommandFailed:
            return False
        return True
