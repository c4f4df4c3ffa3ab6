"""The command line: which commands there are, and how every one of them ends.

Each command is a function in one of COMMANDS, light to import: what is heavy (pydantic, cryptography, pymobiledevice3)
is imported inside it, so that `migrate --help` answers at once. Everything below raises; only `main` exits.
"""

from __future__ import annotations

import errno
import importlib
import os
import secrets
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from migrate import __version__
from migrate.problems import Bug, DiskFullHere, MigrateError, StoppedBeforeBeginning, UsageWrong
from migrate.talk import console as output
from migrate.talk.options import (
    GlobalOptions,
    HomeOption,
    JsonOption,
    PlainOption,
    UsbmuxdOption,
    current_options,
    reset_options,
)
from migrate.talk.passwords import redacted
from migrate.units import now_utc

COMMANDS = (
    "migrate.talk.commands.move",  # run, resume, rehearse, prove, undo
    "migrate.talk.commands.runs",  # runs, receipt
    "migrate.talk.commands.demo",  # demo
    "migrate.talk.commands.check",  # check
    "migrate.talk.commands.phones",  # phones, save
    "migrate.talk.commands.verify_and_show",  # verify, show
    "migrate.talk.commands.repair",  # heal
    "migrate.talk.commands.extract",  # extract
    "migrate.talk.commands.backups",  # backups
    "migrate.talk.commands.plan",  # plan check, plan schema
    "migrate.talk.commands.explain",  # explain
    "migrate.talk.commands.simulator",  # simulator serve
)
"""The modules that hold commands, in the order of `migrate --help`. Each has `register(app)`."""

COMMAND_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Before a move", ("demo", "check", "phones", "explain")),
    ("A move", ("plan", "rehearse", "run", "resume")),
    ("After it", ("receipt", "prove", "undo", "runs")),
    ("Backups", ("backup", "backups", "verify", "show", "repair", "extract")),
    ("For tests", ("simulator",)),
)
"""How `migrate --help` puts the commands together."""

DISK_FULL_ERRNOS = frozenset(code for name in ("ENOSPC", "EDQUOT") if (code := getattr(errno, name, None)) is not None)
"""What a system answers when a disk, or somebody's share of it, is full; Windows knows no quota here."""


class GroupedCommands(TyperGroup):
    """The commands under the heads of CHAPTERS; one that stands in none comes last."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        named = {name for _, names in COMMAND_GROUPS for name in names}
        others = tuple(name for name in self.list_commands(ctx) if name not in named)
        for head, names in (*COMMAND_GROUPS, ("Others", others)):
            found = [(name, command) for name in names if (command := self.get_command(ctx, name))]
            if found:
                with formatter.section(head):
                    formatter.write_dl([(name, command.get_short_help_str(WIDE_ENOUGH)) for name, command in found])


WIDE_ENOUGH = 200
"""Columns for the first sentence of a command: it is wrapped, not cut."""


def build_app() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="migrate",
        cls=GroupedCommands,
        help="Moves what you choose from an old iPhone to a new one, and proves what arrived. Without a command it "
        "asks what to do, step by step.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": output.WIDEST},
    )
    app.callback(invoke_without_command=True)(main_callback)
    for module in COMMANDS:
        importlib.import_module(module).register(app)
    return app


def main_callback(
    context: typer.Context,
    home: HomeOption = None,
    usbmuxd: UsbmuxdOption = None,
    json: JsonOption = False,
    plain: PlainOption = False,
    version: Annotated[bool, typer.Option("--version", help="Say which version this is.", show_default=False)] = False,
) -> None:
    current_options().update(home, usbmuxd, json)
    if context.invoked_subcommand is not None:
        return
    if version:
        output.print_line(f"migrate {__version__}")
        raise typer.Exit(0)
    if json:
        raise UsageWrong("No command was given.", "migrate")
    if exit_code := start_wizard(current_options(), plain=plain):
        raise typer.Exit(exit_code)


def start_wizard(options: GlobalOptions, *, plain: bool) -> int | None:
    """`migrate` without a command: the conversation. Its exit code, where it is not 0."""
    output.require_terminal()  # before anything heavy is loaded, and before any folder is made
    from migrate.talk.wizard.conversation import run_wizard

    with options.open_workspace() as workspace:
        return run_wizard(options, workspace, force_plain=plain, command=options.command_to_paste())


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run one command line and exit with its code (README, Exit codes)."""
    code = run_command_line(sys.argv[1:] if argv is None else list(argv))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is said: Python's own leaving must not end in a traceback
    exit_despite_threads(code)
    sys.exit(code)


def exit_despite_threads(code: int) -> None:
    """End at once if a thread is left that Python would wait for, perhaps for ever: somebody struck Ctrl-C until we
    gave up waiting for it ourselves."""
    if all(thread.daemon or thread is threading.main_thread() for thread in threading.enumerate()):
        return
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # gone, closed, or never there
            stream.flush()
    os._exit(code)


def run_command_line(argv: Sequence[str]) -> int:
    """Run one command line and come back with its exit code."""
    os.umask(0o077)  # what we write is for its owner only; Windows has access lists instead and ignores this
    disable_core_dumps()
    options = reset_options()
    options.json = "--json" in argv  # also where the line is too broken to be parsed
    output.prepare_streams(as_json=options.json)
    try:
        return build_app()(args=list(argv), prog_name="migrate", standalone_mode=False) or 0
    except output.StdoutClosed:
        output.discard_stdout()
        return 0
    except MigrateError as error:
        return report_error(error, options)
    except (KeyboardInterrupt, typer.Abort):
        return report_error(options.ctrl_c_error or StoppedBeforeBeginning(), options)
    except Exception as error:
        return report_error(usage_of(error) or full_disk(error, options) or bug(error, argv, options), options)


def disable_core_dumps() -> None:
    """A process that dies of a signal may leave its memory on the disk, and in ours are keys and passwords: not ours,
    nor that of what we start. Windows has no such limit."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # POSIX only

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def report_error(error: MigrateError, options: GlobalOptions) -> int:
    try:
        if error is options.reported_error:
            return error.exit_code
        if options.emit_final_error is not None:
            options.emit_final_error(error)
        else:
            output.print_error(error, as_json=options.json, paste=options.command_to_paste)
    except output.StdoutClosed:
        output.discard_stdout()
    return error.exit_code


def usage_of(error: Exception) -> UsageWrong | None:
    """What typer says about a wrong command line, or None when it is no such error.

    typer keeps its UsageError to itself (and before 0.20 took click's): it is known by what it can do.
    """
    words, code = getattr(error, "format_message", None), getattr(error, "exit_code", None)
    if code != 2 or not callable(words):
        return None
    context = getattr(error, "ctx", None)
    return UsageWrong(str(words()), getattr(context, "command_path", None) or "migrate")


def full_disk(error: Exception, options: GlobalOptions) -> DiskFullHere | None:
    """A write that failed for want of room, wherever it was."""
    if not isinstance(error, OSError) or error.errno not in DISK_FULL_ERRNOS:
        return None
    return DiskFullHere(str(error.filename or options.home_folder), error.strerror or "no space left")


def bug(error: Exception, argv: Sequence[str], options: GlobalOptions) -> Bug:
    return Bug(type(error).__name__, write_bug_report(error, argv, options))


def write_bug_report(error: Exception, argv: Sequence[str], options: GlobalOptions) -> str:
    """Write down what happened, for whoever will mend it: `<home>/bugs/….txt`, 0600. "" where that is impossible.

    A command line holds no password, and a traceback shows lines of code; an exception's own words may quote a value.
    """
    text = redacted("".join(traceback.format_exception(error)))
    head = f"migrate {__version__}, Python {sys.version.split()[0]}, {sys.platform}\nmigrate {' '.join(argv)}\n\n"
    try:
        folder = options.home_folder / "bugs"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{now_utc():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}.txt"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(head + text)
    except OSError:
        return ""
    return str(path)
