"""What holds for every command: `--home`, `--usbmuxd` and `--json`, before or after its name (contract 1).

A command is a function whose first parameter is what was said everywhere; `@with_global_options` adds the options to the others.
"""

from __future__ import annotations

import functools
import inspect
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, TypeVar

import typer

from migrate.problems import HomeUnusable, MigrateError, StoppedBeforeBeginning
from migrate.progress import key_derivation_notice
from migrate.talk.console import say
from migrate.talk.ctrl_c import run_until_ctrl_c

if TYPE_CHECKING:
    from migrate.journey.home import Home
    from migrate.phone.muxer import UsbmuxConfig

P = ParamSpec("P")
T = TypeVar("T")
Exit = int | None
"""What a command comes back with: its exit code, None for 0."""

APP_NAME = "iphone-migrate"
"""The folder below the platform's data folder: `migrate` alone could be anybody's."""

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", metavar="DIR", help="Where backups and runs are kept (else MIGRATE_HOME).", show_default=False
    ),
]
UsbmuxdOption = Annotated[
    str | None,
    typer.Option(
        "--usbmuxd",
        metavar="ADDRESS",
        help="HOST:PORT or the path of a socket (else USBMUXD_SOCKET_ADDRESS, else the system's).",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, and in nothing else.", show_default=False)]

PlainOption = Annotated[
    bool,
    typer.Option(
        "--plain",
        help="Plain lines for a screen reader: nothing drawn anew (else MIGRATE_PLAIN=1).",
        show_default=False,
    ),
]

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
    """What was said on the command line beside the command itself."""

    home: Path | None = None
    usbmuxd: str | None = None
    json: bool = False
    ctrl_c_error: MigrateError | None = field(default=None, repr=False)
    """What Ctrl-C means from here on; a command sets it once it has begun something that can be gone on with."""
    reported_error: MigrateError | None = field(default=None, repr=False)
    """An error that the command itself has told already; `main` only takes its exit code."""
    emit_final_error: Callable[[MigrateError], None] | None = field(default=None, repr=False)
    """How a command whose answer is a stream of events tells what ended it (contract 4); None: as any other error."""
    done: bool = False
    """Whether what was asked for is done and told: Ctrl-C has nothing left to stop."""

    phones_stay: bool = True
    """Whether the phones of this command are there after it: those of a demo are not."""

    def update(self, home: Path | None, usbmuxd: str | None, json: bool) -> None:
        self.home = home or self.home
        self.usbmuxd = usbmuxd or self.usbmuxd
        self.json = self.json or json

    @property
    def home_folder(self) -> Path:
        """--home, else MIGRATE_HOME, else the platform's data folder. Not made by asking."""
        chosen = self.home or os.environ.get("MIGRATE_HOME")
        if chosen:
            return Path(chosen).expanduser().absolute()
        import platformdirs

        return platformdirs.user_data_path(APP_NAME, appauthor=False)

    @property
    def is_default_home(self) -> bool:
        """Whether nobody named a home, so that it is the platform's data folder."""
        return not (self.home or os.environ.get("MIGRATE_HOME"))

    @property
    def own_options(self) -> tuple[str, ...]:
        """What was said of home and usbmuxd on this command line: a command to be pasted after it needs the same."""
        home = ("--home", str(self.home_folder)) if self.home else ()
        return (*home, *(("--usbmuxd", self.usbmuxd) if self.usbmuxd else ()))

    def command_to_paste(self, *words: str) -> str:
        """`migrate WORDS`, as it can be pasted after this command line."""
        return shlex.join(("migrate", *self.own_options, *words))

    @property
    def usbmuxd_address(self) -> str | None:
        """--usbmuxd, else USBMUXD_SOCKET_ADDRESS; None: the system's own."""
        return self.usbmuxd or os.environ.get("USBMUXD_SOCKET_ADDRESS") or None

    def open_workspace(self) -> AbstractContextManager[Workspace]:
        """At work in the home folder."""
        return self.open_workspace_at(self.home_folder)

    @contextmanager
    def open_workspace_at(self, folder: Path) -> Iterator[Workspace]:
        """At work in `folder` as home, made if need be; what killed processes left in its tmp is removed.

        Libraries that ask `tempfile` for a place get a tmp of our own: none may write plaintext or keys elsewhere.

        Raises:
            HomeUnusable: nothing can be written there.
        """
        from migrate.journey.home import Home

        try:
            home = Home(folder).open()
            home.empty_tmp()
        except OSError as error:
            raise HomeUnusable(str(folder), error.strerror or type(error).__name__) from error
        with home.private_tmp() as tmp:
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


_current: ContextVar[GlobalOptions] = ContextVar("everywhere")


def reset_options() -> GlobalOptions:
    """Begin a command line: nothing has been said yet."""
    options = GlobalOptions()
    _current.set(options)
    return options


def current_options() -> GlobalOptions:
    try:
        return _current.get()
    except LookupError:
        return reset_options()


def with_global_options(command: Callable[Concatenate[GlobalOptions, P], Exit]) -> Callable[..., Exit]:
    """Give a command the options that hold everywhere, and make Ctrl-C an error like any other.

    typer would turn a KeyboardInterrupt into a bare exit code before `main` could say how to go on.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    @functools.wraps(command)
    def with_options(
        *args: Any, home: Path | None = None, usbmuxd: str | None = None, json: bool = False, **kwargs: Any
    ) -> Exit:
        options = current_options()
        options.update(home, usbmuxd, json)
        _finish_heals(options.home_folder)
        key_derivation_notice.set(_announce_key_derivation)
        try:
            return command(options, *args, **kwargs)
        except KeyboardInterrupt:
            if options.done:
                return None
            raise (options.ctrl_c_error or StoppedBeforeBeginning()) from None

    parameters = [*own, *OPTIONS]
    del with_options.__dict__["__wrapped__"]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    with_options.__setattr__("__signature__", inspect.Signature(parameters))
    return with_options


@contextmanager
def _announce_key_derivation() -> Iterator[None]:
    """Somebody at a terminal is told why nothing happens; nobody else is."""
    if sys.stderr is not None and sys.stderr.isatty():
        say("Trying the backup password. That takes some seconds: iPhones make guessing slow on purpose.")
    yield


def _finish_heals(home: Path) -> None:
    """Before any command looks for a backup: where `migrate repair` was killed between two renames, one has no name."""
    with suppress(OSError):
        if any((home / "backups").glob(".*.healing")):
            from migrate.journey.home import Home

            Home(home).finish_repairs()


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """The one event loop of a command."""
    return run_until_ctrl_c(work)
