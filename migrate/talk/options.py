"""The options of every command: `--home`, `--usbmuxd` and `--json`, before or after its name (contract 1).

A command is a function whose first parameter is a GlobalOptions. `with_global_options` adds the options themselves.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, TypeVar

import typer

from migrate.ctrl_c import ctrl_c
from migrate.language import _
from migrate.problems import HomeUnusable, MigrateError, StoppedBeforeBeginning
from migrate.problems.problem import quoted_command
from migrate.progress import key_derivation_notice
from migrate.talk.console import say

if TYPE_CHECKING:
    from migrate.journey.home import Home
    from migrate.phone.muxer import UsbmuxConfig

P = ParamSpec("P")
T = TypeVar("T")
Exit = int | None
"""A command's exit code; None for 0."""

APP_NAME = "iphone-migrate"
"""The folder below the platform's data folder; `migrate` alone could belong to any program."""

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        help=_("Folder for backups and runs (default: MIGRATE_HOME, else the system's data folder)."),
        show_default=False,
    ),
]
UsbmuxdOption = Annotated[
    str | None,
    typer.Option(
        "--usbmuxd",
        metavar="ADDRESS",
        help=_("HOST:PORT or socket path (default: USBMUXD_SOCKET_ADDRESS, else the system's usbmuxd)."),
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help=_("Print JSON only."), show_default=False)]

PlainOption = Annotated[
    bool,
    typer.Option(
        "--plain",
        help=_("Plain lines without redraws, for screen readers (default: MIGRATE_PLAIN)."),
        show_default=False,
    ),
]

PHONE_WAIT_S = 60
"""How long `backup` and `repair` wait for Trust to be tapped or a phone to be unlocked: the person has just typed the
command and is near. A run, which may be hours old, waits longer (contract 1)."""

OPTIONS = tuple(
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
    for name, annotation, default in (
        ("home", HomeOption, None),
        ("usbmuxd", UsbmuxdOption, None),
        ("json", JsonOption, False),
    )
)


@dataclass
class GlobalOptions:
    """The global options of one command line, and what `main` must know about how the command ended."""

    home: Path | None = None
    usbmuxd: str | None = None
    json: bool = False
    ctrl_c_error: MigrateError | None = field(default=None, repr=False)
    """The error that Ctrl-C becomes; a command sets it once it has begun something that can be resumed."""
    reported_error: MigrateError | None = field(default=None, repr=False)
    """An error that was already reported; `main` only takes its exit code."""
    emit_final_error: Callable[[MigrateError], None] | None = field(default=None, repr=False)
    """How a command that answers with events reports its error (contract 4); None: as any other error."""
    done: bool = False
    """Whether the work is done and reported: Ctrl-C has nothing left to stop."""

    phones_stay: bool = True
    """Whether the phones still exist after this command; those of a demo do not."""
    is_unattended: bool = False
    """Whether nobody may be there (--yes, the demo): nothing is asked at the end of a run."""

    def update(self, home: Path | None, usbmuxd: str | None, json: bool) -> None:
        self.home = home or self.home
        self.usbmuxd = usbmuxd or self.usbmuxd
        self.json = self.json or json

    @property
    def home_folder(self) -> Path:
        """--home, else MIGRATE_HOME, else the platform's data folder. Not created here."""
        chosen = self.home or os.environ.get("MIGRATE_HOME")
        if chosen:
            return Path(chosen).expanduser().absolute()
        import platformdirs

        return platformdirs.user_data_path(APP_NAME, appauthor=False)

    def find_backup(self, name: Path) -> Path:
        """The backup that a person means by BACKUP: a folder, a UDID, or `UDID@SNAPSHOT`.

        Raises:
            BackupNotFound, BackupForbidden, SnapshotNotFound
        """
        from migrate.backup.folder import find_backup
        from migrate.backup.snapshots.store import named_backup

        return find_backup(named_backup(self.home_folder, name))

    @property
    def is_default_home(self) -> bool:
        """Whether neither --home nor MIGRATE_HOME names a home."""
        return not (self.home or os.environ.get("MIGRATE_HOME"))

    @property
    def own_options(self) -> tuple[str, ...]:
        """The home and usbmuxd options of this command line, which a command to paste afterwards needs too."""
        home = ("--home", str(self.home_folder)) if self.home else ()
        return (*home, *(("--usbmuxd", self.usbmuxd) if self.usbmuxd else ()))

    def command_to_paste(self, *words: str) -> str:
        """`migrate WORDS` with this command line's options, ready to paste."""
        return quoted_command("migrate", *self.own_options, *words)

    @property
    def usbmuxd_address(self) -> str | None:
        """--usbmuxd, else USBMUXD_SOCKET_ADDRESS; None: the system's own."""
        return self.usbmuxd or os.environ.get("USBMUXD_SOCKET_ADDRESS") or None

    def open_workspace(self) -> AbstractContextManager[Workspace]:
        """Open the home folder for the length of a command."""
        return self.open_workspace_at(self.home_folder)

    @contextmanager
    def open_workspace_at(self, folder: Path) -> Iterator[Workspace]:
        """Open `folder` as the home, created if needed; what killed processes left in its tmp is removed.

        Libraries that use `tempfile` get a private tmp below it: plaintext and keys must not be written elsewhere.

        Raises:
            HomeUnusable: the folder cannot be written to.
        """
        from migrate.journey.home import Home

        opened = ExitStack()
        try:
            home = Home(folder).open()
            home.empty_tmp()
            tmp = opened.enter_context(home.private_tmp())
        except OSError as error:
            raise HomeUnusable(str(folder), error.strerror or type(error).__name__) from error
        with opened:
            before, tempfile.tempdir = tempfile.tempdir, str(tmp)
            try:
                yield Workspace(home, tmp, self.usbmuxd_address)
            finally:
                tempfile.tempdir = before


@dataclass(frozen=True)
class Workspace:
    """Where a command may read and write."""

    home: Home
    tmp: Path
    usbmuxd: str | None

    @property
    def usbmux(self) -> UsbmuxConfig:
        from migrate.phone.muxer import UsbmuxConfig

        return UsbmuxConfig(self.usbmuxd, self.home.pairing, self.tmp)


_current: ContextVar[GlobalOptions] = ContextVar("options")


def reset_options() -> GlobalOptions:
    """Start a command line without any options."""
    options = GlobalOptions()
    _current.set(options)
    return options


def current_options() -> GlobalOptions:
    try:
        return _current.get()
    except LookupError:
        return reset_options()


def with_global_options(
    command: Callable[Concatenate[GlobalOptions, P], Exit], *, uses_event_loop: bool = False
) -> Callable[..., Exit]:
    """Add the global options to a command, translate its docstring for `--help`, and turn Ctrl-C into an error.

    `uses_event_loop`: the command does its work in `run_async`, so before and after that Ctrl-C only sets its flag.
    Otherwise Ctrl-C raises KeyboardInterrupt.

    typer would turn a KeyboardInterrupt into a bare exit code before `main` could say how to continue.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    @functools.wraps(command)
    def with_options(
        *args: Any, home: Path | None = None, usbmuxd: str | None = None, json: bool = False, **kwargs: Any
    ) -> Exit:
        options = current_options()
        options.update(home, usbmuxd, json)
        _finish_repairs(options.home_folder)
        key_derivation_notice.set(_announce_key_derivation)
        try:
            with nullcontext() if uses_event_loop else ctrl_c.raising():
                return command(options, *args, **kwargs)
        except KeyboardInterrupt:
            if options.done:
                return None
            raise (options.ctrl_c_error or StoppedBeforeBeginning()) from None

    parameters = [*own, *OPTIONS]
    del with_options.__dict__["__wrapped__"]
    with_options.__doc__ = _(inspect.cleandoc(command.__doc__)) if command.__doc__ else None
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    with_options.__setattr__("__signature__", inspect.Signature(parameters))
    return with_options


@contextmanager
def _announce_key_derivation() -> Iterator[None]:
    """Explain the wait to a person at a terminal."""
    if sys.stderr is not None and sys.stderr.isatty():
        from migrate.talk.progress import clear_bars

        clear_bars(hold=False)
        say(_("Trying the backup password. This takes a few seconds: iPhones make guessing slow on purpose."))
    yield


def _finish_repairs(home: Path) -> None:
    """Finish what a `migrate repair` killed between two renames left, so that every backup has its name again."""
    with suppress(OSError):
        if any((home / "backups").glob(".*.healing")):
            from migrate.journey.home import Home

            Home(home).finish_repairs()


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run the event loop of a command."""
    from migrate.talk.ctrl_c import run_until_ctrl_c  # asyncio takes a tenth of the time of `migrate --help`

    return run_until_ctrl_c(work)
