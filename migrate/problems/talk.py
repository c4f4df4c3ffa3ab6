"""Errors of the command line: usage, passwords, terminals."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.problems.root import MigrateError


@dataclass(eq=False)
class UsageWrong(MigrateError):
    """A command line that cannot be understood."""

    said: str
    command: str
    exit_code = 2

    def what(self) -> str:
        return self.said

    def why(self) -> str:
        return "The command line could not be understood, so nothing was begun."

    def next(self) -> str:
        return f"Look at: {self.command} --help"


@dataclass(eq=False)
class NoTerminal(MigrateError):
    """The conversation was to begin where nobody can be asked."""

    exit_code = 2

    def what(self) -> str:
        return "migrate without a command is a conversation, and this is no terminal."

    def why(self) -> str:
        return "Its input or its error output is a pipe or a file, so nobody can be asked."

    def next(self) -> str:
        return "Write a plan (there are samples in plans/), then run: migrate run PLAN --old UDID --new UDID --yes"


@dataclass(eq=False)
class ConversationStopped(MigrateError):
    """Ctrl-C in the conversation, after something had been answered."""

    command: str
    exit_code = 50

    def what(self) -> str:
        return "Stopped, because you asked. Nothing was moved yet."

    def why(self) -> str:
        return "Your answers are kept (no password is), and what was saved of a phone is kept too."

    def next(self) -> str:
        return f"Go on where you stopped with: {self.command}"


@dataclass(eq=False)
class DemoStopped(MigrateError):
    """Ctrl-C in a demo: its phones end with it, so there is nothing to go on with."""

    command: str
    exit_code = 130

    def what(self) -> str:
        return "The demo was stopped, because you asked."

    def why(self) -> str:
        return "Its two simulated iPhones are gone with it. No real phone was touched."

    def next(self) -> str:
        return f"Begin again with: {self.command}"


@dataclass(eq=False)
class PlanExists(MigrateError):
    """`migrate plan new` was to write over a file."""

    path: str
    exit_code = 2

    def what(self) -> str:
        return f"{self.path} exists already."

    def why(self) -> str:
        return "A plan is somebody's word, so none is ever written over."

    def next(self) -> str:
        return "Name another file: migrate plan new FILE"


@dataclass(eq=False)
class Bug(MigrateError):
    """Something we did not think of. The details are in a file, not on the screen."""

    kind: str
    report: str
    exit_code = 1

    def what(self) -> str:
        return "Sorry: migrate made a mistake of its own and has stopped."

    def why(self) -> str:
        return f"It ran into {self.kind}, which it should have foreseen. Saved backups are not harmed by it."

    def next(self) -> str:
        return f"Look at this file and report it, please (it holds no password): {self.report or '(not written)'}"


@dataclass(eq=False)
class HomeUnusable(MigrateError):
    """The home folder cannot be made or written to."""

    folder: str
    reason: str
    exit_code = 2

    def what(self) -> str:
        return f"{self.folder} cannot be used to keep backups in."

    def why(self) -> str:
        return f"The system answered: {self.reason}."

    def next(self) -> str:
        return "Name a folder of your own: --home DIR"


@dataclass(eq=False)
class WhichPhoneToSave(MigrateError):
    """`migrate backup` without a UDID, and several phones are there."""

    seen: tuple[str, ...]
    exit_code = 2

    def what(self) -> str:
        return "Several phones are connected, and it is not clear which one to save."

    def why(self) -> str:
        return f"These are here: {', '.join(self.seen)}."

    def next(self) -> str:
        return "Name one: migrate backup UDID"


@dataclass(eq=False)
class SaveInterrupted(MigrateError):
    """Ctrl-C while a phone was being saved."""

    phone: str
    udid: str
    exit_code = 50

    def what(self) -> str:
        return f"Stopped while {self.phone} was being saved, because you asked."

    def why(self) -> str:
        return "What was received is kept; the same command goes on there."

    def next(self) -> str:
        return f"Go on with: migrate backup {self.udid}"


@dataclass(eq=False)
class PasswordFileUnusable(MigrateError):
    """--password-file or --new-password-file names nothing that holds a password."""

    file: str
    reason: str
    exit_code = 32

    def what(self) -> str:
        named = "Standard input" if self.file == "-" else self.file
        return f"{named} cannot be used as a password."

    def why(self) -> str:
        return f"Reading its first line failed: {self.reason}."

    def next(self) -> str:
        return "Put the password on the first line of a file of your own and name it: --password-file FILE"


@dataclass(eq=False)
class TwoPasswordsFromInput(MigrateError):
    """Both passwords were to be read from standard input."""

    exit_code = 2

    def what(self) -> str:
        return "Only one of the two passwords can come from standard input."

    def why(self) -> str:
        return "--password-file and --new-password-file are both `-`, and there is only one input."

    def next(self) -> str:
        return "Put one of them into a file, or into MIGRATE_NEW_BACKUP_PASSWORD."


@dataclass(eq=False)
class NothingToExplain(MigrateError):
    """`migrate explain` was asked about something it does not know."""

    asked: str
    nearest: str
    exit_code = 2

    def what(self) -> str:
        return f"Nothing is known about: {self.asked}"

    def why(self) -> str:
        return "It is no error of ours, no exit code, and no number or text we have seen a phone answer."

    def next(self) -> str:
        return f"Try the nearest one: migrate explain {self.nearest}"


@dataclass(eq=False)
class CannotListen(MigrateError):
    """The simulated iPhone could not open its socket."""

    address: str
    reason: str
    exit_code = 2

    def what(self) -> str:
        return f"The simulated iPhone cannot listen on {self.address}."

    def why(self) -> str:
        return f"The system answered: {self.reason}."

    def next(self) -> str:
        return "Choose another one, or leave it out: --listen 127.0.0.1:0 takes any free port."
