"""The command line: its commands, and how each of them ends.

The modules in COMMANDS are light to import: pydantic, cryptography and pymobiledevice3 are imported inside the
functions, so that `migrate --help` answers at once. Everything below raises; only `main` exits.
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
from migrate.ctrl_c import ctrl_c
from migrate.language import _, mark
from migrate.problems import Bug, DiskFullHere, MigrateError, StoppedBeforeBeginning, UsageWrong
from migrate.talk import console
from migrate.talk.options import (
    GlobalOptions,
    HomeOption,
    JsonOption,
    PlainOption,
    UsbmuxdOption,
    current_options,
    reset_options,
)
from migrate.talk.passwords import hidden_from_children, redacted
from migrate.units import now_utc

COMMANDS = (
    "migrate.talk.commands.move",  # run, resume, rehearse, prove, undo
    "migrate.talk.commands.runs",  # runs, receipt
    "migrate.talk.commands.demo",
    "migrate.talk.commands.check",
    "migrate.talk.commands.phones",
    "migrate.talk.commands.icloud",  # icloud status, on, off
    "migrate.talk.commands.encryption",  # encryption on, off, change
    "migrate.talk.commands.backup",
    "migrate.talk.commands.verify",
    "migrate.talk.commands.show",
    "migrate.talk.commands.diff",
    "migrate.talk.commands.repair",
    "migrate.talk.commands.extract",
    "migrate.talk.commands.snapshots",  # snapshots list, show, forget, check
    "migrate.talk.commands.export",
    "migrate.talk.commands.browse",
    "migrate.talk.commands.backups",
    "migrate.talk.commands.auto",  # auto on, off, status, tick
    "migrate.talk.commands.plan",  # plan new, check, schema
    "migrate.talk.commands.plan_explain",
    "migrate.talk.commands.explain",
    "migrate.talk.commands.help",
    "migrate.talk.commands.completion",
    "migrate.talk.commands.simulator",  # simulator serve
)
"""The modules that hold commands, in the order of `migrate --help`. Each has `register(app)`."""

COMMAND_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (mark("Before a move"), ("demo", "check", "phones", "explain", "icloud", "encryption")),
    (mark("A move"), ("plan", "rehearse", "run", "resume")),
    (mark("After a move"), ("receipt", "prove", "undo", "runs")),
    (
        mark("Backups"),
        ("backup", "backups", "verify", "show", "diff", "repair", "extract", "export", "browse", "snapshots"),
    ),
    (mark("By itself"), ("auto",)),
    (mark("Help"), ("help", "completion")),
    (mark("For tests"), ("simulator",)),
)
"""The headings of `migrate --help`."""

DISK_FULL_ERRNOS = frozenset(code for name in ("ENOSPC", "EDQUOT") if (code := getattr(errno, name, None)) is not None)
"""The system's errors for a full disk or an exhausted quota; Windows has no EDQUOT."""


PR_SET_DUMPABLE = 4  # linux/prctl.h


class GroupedCommands(TyperGroup):
    """Lists the commands under the headings of COMMAND_GROUPS; the others come last."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        named = {name for _heading, names in COMMAND_GROUPS for name in names}
        others = tuple(name for name in self.list_commands(ctx) if name not in named)
        for heading, names in (*COMMAND_GROUPS, (mark("Others"), others)):
            found = [(name, command) for name in names if (command := self.get_command(ctx, name))]
            if found:
                with formatter.section(_(heading)):
                    formatter.write_dl([(name, command.get_short_help_str(WIDE_ENOUGH)) for name, command in found])


WIDE_ENOUGH = 200
"""Columns for the first sentence of a command's help: it is wrapped, not cut."""


def build_app() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="migrate",
        cls=GroupedCommands,
        help=_(
            "Moves what you choose from an old iPhone to a new one, and proves what arrived. Without a command it asks "
            "what to do, step by step."
        ),
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": console.WIDEST},
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
    version: Annotated[bool, typer.Option("--version", help=_("Show the version."), show_default=False)] = False,
) -> None:
    current_options().update(home, usbmuxd, json)
    if context.invoked_subcommand is not None:
        return
    if version:
        console.print_line(f"migrate {__version__}")
        raise typer.Exit(0)
    if json:
        raise UsageWrong(_("No command was given."), "migrate")
    if exit_code := start_wizard(current_options(), plain=plain):
        raise typer.Exit(exit_code)


def start_wizard(options: GlobalOptions, *, plain: bool) -> int | None:
    """Run the wizard (`migrate` without a command). Returns the exit code, or None for 0."""
    console.require_terminal()  # before anything heavy is loaded and any folder is created
    from migrate.talk.wizard.conversation import run_wizard

    with options.open_workspace() as workspace:
        return run_wizard(options, workspace, force_plain=plain, command=options.command_to_paste())


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run one command line and exit with its code (README, Exit codes)."""
    code = run_command_line(sys.argv[1:] if argv is None else list(argv))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # no traceback while Python exits
    exit_despite_threads(code)
    sys.exit(code)


def exit_despite_threads(code: int) -> None:
    """Exit at once if a thread is left for which Python would wait, perhaps forever.

    That happens when Ctrl-C was pressed until we stopped waiting for the thread ourselves.
    """
    if all(thread.daemon or thread is threading.main_thread() for thread in threading.enumerate()):
        return
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or never opened
            stream.flush()
    os._exit(code)


def run_command_line(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    os.umask(0o077)  # files are for their owner only; Windows uses access lists and ignores this
    disable_core_dumps()
    options = reset_options()
    options.json = "--json" in argv  # also if the command line cannot be parsed
    console.prepare_streams(as_json=options.json)
    try:
        with hidden_from_children():
            return build_app()(args=list(argv), prog_name="migrate", standalone_mode=False) or 0
    except console.StdoutClosed:
        console.discard_stdout()
        return 0
    except MigrateError as error:
        return report_error(error, options)
    except (KeyboardInterrupt, typer.Abort):
        return report_error(options.ctrl_c_error or StoppedBeforeBeginning(), options)
    except Exception as error:
        return report_error(usage_of(error) or full_disk(error, options) or bug(error, argv, options), options)
    finally:
        ctrl_c.forget()


def disable_core_dumps() -> None:
    """Forbid core dumps, for this process and its children: their memory holds keys and passwords.

    A limit of 0 does not hold back a program to which Linux pipes dumps, such as systemd-coredump (*read*: core(5)), so
    this process is also marked as not dumpable. Then no other process of the same user can read its memory or its
    environment either (*read*: PR_SET_DUMPABLE(2const)). Windows has neither.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource  # POSIX only

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def report_error(error: MigrateError, options: GlobalOptions) -> int:
    try:
        if error is options.reported_error:
            return error.exit_code
        if options.emit_final_error is not None:
            options.emit_final_error(error)
        else:
            if "migrate.talk.progress" in sys.modules:  # nothing is drawn without it
                from migrate.talk.progress import clear_bars

                clear_bars()
            console.print_error(error, as_json=options.json, paste=options.command_to_paste)
    except console.StdoutClosed:
        console.discard_stdout()
    return error.exit_code


def usage_of(error: Exception) -> UsageWrong | None:
    """typer's error about a wrong command line as ours, or None for any other error.

    typer does not export its UsageError (and before 0.20 used click's), so it is recognised by its attributes.
    """
    format_message, code = getattr(error, "format_message", None), getattr(error, "exit_code", None)
    if code != 2 or not callable(format_message):
        return None
    context = getattr(error, "ctx", None)
    return UsageWrong(str(format_message()), getattr(context, "command_path", None) or "migrate")


def full_disk(error: Exception, options: GlobalOptions) -> DiskFullHere | None:
    """A failed write to a full disk as our error, or None for any other error."""
    if not isinstance(error, OSError) or error.errno not in DISK_FULL_ERRNOS:
        return None
    return DiskFullHere(str(error.filename or options.home_folder), error.strerror or _("no space left"))


def bug(error: Exception, argv: Sequence[str], options: GlobalOptions) -> Bug:
    return Bug(type(error).__name__, write_bug_report(error, argv, options))


def write_bug_report(error: Exception, argv: Sequence[str], options: GlobalOptions) -> str:
    """Write a bug report to `<home>/bugs/….txt`, 0600. Returns its path, or "" if it cannot be written.

    A command line contains no password and a traceback only lines of code, but an exception's text may quote a value,
    so passwords are removed.
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
