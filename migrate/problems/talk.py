"""Problems of the command line: usage, passwords, terminals."""

from __future__ import annotations

from migrate.problems.problem import Command, MigrateError, when


class UsageWrong(MigrateError):
    """A command line that cannot be understood."""

    said: str
    command: str
    exit_code = 2
    what = "{said}"
    why = "The command line is wrong, so nothing was done."
    next = "See how it is used: {command} --help"


class NoTerminal(MigrateError):
    """The wizard was to begin without a terminal."""

    exit_code = 2
    run = Command("run", "PLAN", "--old", "UDID", "--new", "UDID", "--yes")
    what = "The wizard needs a terminal to ask its questions."
    why = "Its input or its error output is a pipe or a file."
    next = "Write a plan (samples are in plans/). Then run: {run}"


class ConversationStopped(MigrateError):
    """Ctrl-C in the wizard, after something had been answered."""

    command: str
    exit_code = 50
    what = "You stopped the wizard. Nothing was moved."
    why = "Your answers are kept (but no passwords), and so is everything that was backed up."
    next = "Continue where you stopped: {command}"


class DemoStopped(MigrateError):
    """Ctrl-C in a demo: its phones end with it, so there is nothing to resume."""

    command: str
    exit_code = 130
    what = "You stopped the demo."
    why = "Its two simulated iPhones were removed. No real iPhone was touched."
    next = "Start it again: {command}"


class PlanExists(MigrateError):
    """`migrate plan new` was to write over a file."""

    path: str
    exit_code = 2
    new = Command("plan", "new", "FILE")
    what = "{path} already exists."
    why = "migrate never overwrites a plan."
    next = "Name another file: {new}"


class Bug(MigrateError):
    """Something unforeseen. The details are in a file, not on the screen."""

    kind: str
    report: str
    exit_code = 1
    what = "Sorry: migrate stopped because of a bug in it."
    why = "It did not expect this error: {kind}. Your backups are not affected."
    next = when(
        "report",
        "Look at this file, which contains no passwords, and please report it: {report}",
        otherwise="Report it, please. The file with the details could not be written.",
    )


class HomeUnusable(MigrateError):
    """The home folder cannot be made or written to."""

    folder: str
    reason: str
    exit_code = 2
    what = "Backups cannot be kept in {folder}."
    why = "The system answered: {reason}."
    next = "Name a folder that you can write to: --home DIR"


class WhichPhoneIsMeant(MigrateError):
    """A command about one phone without a UDID, and several phones are there."""

    seen: tuple[str, ...]
    group: str
    action: str
    exit_code = 2
    name_one = Command("{group}", "{action}", "UDID")
    what = "Several iPhones are connected, and it is not clear which one you mean."
    why = "Connected: {seen}."
    next = "Name one: {name_one}"


class WhichPhoneToBackUp(MigrateError):
    """`migrate backup` without a UDID, and several phones are there."""

    seen: tuple[str, ...]
    exit_code = 2
    back_up = Command("backup", "UDID")
    what = "Several iPhones are connected, and it is not clear which one to back up."
    why = "Connected: {seen}."
    next = "Name one: {back_up}"


class BackupInterrupted(MigrateError):
    """Ctrl-C while a phone was backed up."""

    phone: str
    udid: str
    exit_code = 50
    back_up = Command("backup", "{udid}")
    what = "You stopped the backup of {phone}."
    why = "Everything received so far is kept, and the backup continues from there."
    next = "Continue with: {back_up}"


class PasswordFileUnusable(MigrateError):
    """--password-file or --new-password-file names nothing that holds a password."""

    file: str
    reason: str
    exit_code = 32
    what = when(
        "is_input", "No password could be read from standard input.", otherwise="No password could be read from {file}."
    )
    why = "Reading its first line failed: {reason}."
    next = "Put the password on the first line of a file that you own, and name it with --password-file FILE."

    @property
    def is_input(self) -> bool:
        return self.file == "-"


class TwoPasswordsFromInput(MigrateError):
    """Both passwords were to be read from standard input."""

    exit_code = 2
    what = "Only one of the two passwords can come from standard input."
    why = "--password-file and --new-password-file are both `-`, and there is only one input."
    next = "Put one of them in a file, or in MIGRATE_NEW_BACKUP_PASSWORD."


class NothingToExplain(MigrateError):
    """`migrate explain` was asked about something it does not know."""

    asked: str
    nearest: str
    """A code of ours that is nearly what was asked; empty: none is."""
    exit_code = 2
    explain = Command("explain", "{nearest}")
    check = Command("check")
    what = when("asked", "migrate has no explanation for: {asked}", otherwise="There was nothing to explain.")
    why = "It is no code of migrate, and fits no number or text that iPhones and their programs are known to report."
    next = when(
        "nearest",
        "Try the closest code: {explain}",
        otherwise=(
            "Give it the exact message with its number, or all lines of the log. To look at the phones themselves: "
            "{check}. If that does not help, ask Apple's support."
        ),
    )
