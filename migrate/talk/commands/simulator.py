"""`migrate simulator serve`: simulated iPhones behind a usbmuxd socket, for tests and other tools."""

from __future__ import annotations

import difflib
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from migrate.language import _
from migrate.problems import CannotListen, UnknownScenario
from migrate.talk.command_groups import command_group
from migrate.talk.console import print_json, print_line, say, wrapped
from migrate.talk.options import Exit, GlobalOptions, with_global_options

if TYPE_CHECKING:
    from migrate.simulator.faults.scenarios import Scenario
    from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

ANY_PORT = "127.0.0.1:0"
DEFAULT_NAME = "Simulated iPhone"
DEFAULT_SEED = 1
"""The phone served without --phone is always the same one."""
POLL_S = 1.0
"""How long the main thread waits at a time: on Windows Ctrl-C cannot interrupt an unlimited wait."""


def register(app: typer.Typer) -> None:
    command_group(app, "simulator").command("serve")(with_global_options(serve))


def serve(
    options: GlobalOptions,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help=_("The address to listen on; port 0 is any free port."))
    ] = ANY_PORT,
    socket: Annotated[
        Path | None,
        typer.Option("--socket", metavar="PATH", help=_("Listen on a Unix socket too."), show_default=False),
    ] = None,
    phone: Annotated[
        list[Path] | None,
        typer.Option(
            "--phone", metavar="FILE", help=_("A phone, described in TOML; can be repeated."), show_default=False
        ),
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario", metavar="NAME", help=_("A fault that every phone has; can be repeated."), show_default=False
        ),
    ] = None,
    admin: Annotated[
        Path | None,
        typer.Option(
            "--admin", metavar="PATH", help=_("A socket that takes commands for the phones."), show_default=False
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--for", metavar="SECONDS", min=0, help=_("Stop after this time."), show_default=False),
    ] = None,
) -> Exit:
    """Serves simulated iPhones until Ctrl-C.

    When ready, prints the line USBMUXD_SOCKET_ADDRESS=HOST:PORT, to be set in the environment of other programs.
    """
    from migrate.simulator.phone_file import PhoneFile, read_phones
    from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

    address = host_and_port(listen)
    wrong = scenarios_named(scenario or [])
    phones = read_phones(phone) if phone else [PhoneFile(name=DEFAULT_NAME, seed=DEFAULT_SEED).to_phone()]
    for one in phones:
        for each in wrong:
            each.apply(one)
    server = SimulatedUsbmuxd(phones, listen=address, socket_path=socket)
    with stop_signal() as stop, listening(server, f"{listen} {socket or ''}".strip(), admin):
        for one in phones:
            say(wrapped(f"{one.name}, iOS {one.ios_version}, {one.udid}"))
        if options.json:
            print_json({"USBMUXD_SOCKET_ADDRESS": server.address})
        else:
            print_line(f"USBMUXD_SOCKET_ADDRESS={server.address}")
        wait_for(stop, seconds)
    return None


def scenarios_named(names: list[str]) -> list[Scenario]:
    """The scenarios with these names.

    Raises:
        UnknownScenario: one of the names is unknown.
    """
    from migrate.simulator.faults.scenarios import scenarios

    known = scenarios()
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise UnknownScenario(name, near[0] if near else "", tuple(known))
    return [known[name] for name in names]


@contextmanager
def listening(server: SimulatedUsbmuxd, where: str, admin: Path | None) -> Iterator[None]:
    """Run the server, with its admin channel if `admin` is given.

    Raises:
        CannotListen: an address is not available.
    """
    from migrate.simulator.admin import AdminChannel

    with ExitStack() as at_the_end:
        try:
            at_the_end.enter_context(server)
            if admin is not None:
                where = str(admin)
                at_the_end.enter_context(AdminChannel(server, admin))
        except OSError as error:
            raise CannotListen(where, error.strerror or str(error)) from error
        yield


def host_and_port(listen: str) -> tuple[str, int]:
    """Split `127.0.0.1:0` or `[::1]:0`.

    Raises:
        CannotListen: it has another form.
    """
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 0xFFFF:
        raise CannotListen(listen, _("it is not HOST:PORT"))
    return host, int(port)


@contextmanager
def stop_signal() -> Iterator[threading.Event]:
    """An event set by Ctrl-C or SIGTERM, the usual ways to end serving."""
    stop = threading.Event()
    before: dict[signal.Signals, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for(stop: threading.Event, seconds: float | None) -> None:
    """Wait until `stop` is set, or for `seconds`."""
    ends = None if seconds is None else time.monotonic() + seconds
    while not stop.is_set():
        left = POLL_S if ends is None else min(POLL_S, ends - time.monotonic())
        if left <= 0:
            return
        stop.wait(left)
