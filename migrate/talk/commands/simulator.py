"""`migrate simulator serve`: a simulated iPhone behind a usbmuxd socket, for rehearsals, tests and others' tools."""

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

from migrate.problems import CannotListen, UnknownScenario
from migrate.talk.command_groups import command_group
from migrate.talk.console import print_json, print_line, say, wrapped
from migrate.talk.options import Exit, GlobalOptions, with_global_options

if TYPE_CHECKING:
    from migrate.simulator.faults.scenarios import Scenario
    from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

ANYWHERE = "127.0.0.1:0"
A_PHONE = "Simulated iPhone"
SEED = 1
"""Of the phone that is served when none is described: always the same one."""
LOOK_UP_S = 1.0
"""How often the serving thread looks up: on Windows a wait without an end cannot be interrupted by Ctrl-C."""


def register(app: typer.Typer) -> None:
    group = command_group(app, "simulator")
    group.callback()(only_a_group)
    group.command("serve")(with_global_options(serve))


def only_a_group() -> None:
    """A simulated iPhone, for rehearsals, tests and other people's tools."""


def serve(
    options: GlobalOptions,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen; port 0 takes any free one.")
    ] = ANYWHERE,
    socket: Annotated[
        Path | None, typer.Option("--socket", metavar="PATH", help="Listen on a Unix socket too.", show_default=False)
    ] = None,
    phone: Annotated[
        list[Path] | None,
        typer.Option(
            "--phone", metavar="FILE", help="A phone, described in TOML; can be repeated.", show_default=False
        ),
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario", metavar="NAME", help="What goes wrong on every phone; can be repeated.", show_default=False
        ),
    ] = None,
    admin: Annotated[
        Path | None,
        typer.Option("--admin", metavar="PATH", help="Take orders for the phones on this socket.", show_default=False),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--for", metavar="SECONDS", min=0, help="Stop after so long.", show_default=False),
    ] = None,
) -> Exit:
    """Serves simulated iPhones until Ctrl-C.

    Prints one line when ready, USBMUXD_SOCKET_ADDRESS=HOST:PORT: what other programs need in their environment.
    """
    from migrate.simulator.phone_file import PhoneFile, read_phones
    from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

    address = host_and_port(listen)
    wrong = scenarios_named(scenario or [])
    phones = read_phones(phone) if phone else [PhoneFile(name=A_PHONE, seed=SEED).to_phone()]
    for one in phones:
        for each in wrong:
            each.apply(one)
    server = SimulatedUsbmuxd(phones, listen=address, socket_path=socket)
    with told_to_stop() as stop, listening(server, f"{listen} {socket or ''}".strip(), admin):
        for one in phones:
            say(wrapped(f"{one.name}, iOS {one.ios_version}, {one.udid}"))
        if options.json:
            print_json({"USBMUXD_SOCKET_ADDRESS": server.address})
        else:
            print_line(f"USBMUXD_SOCKET_ADDRESS={server.address}")
        wait_for(stop, seconds)
    return None


def scenarios_named(names: list[str]) -> list[Scenario]:
    """Raises UnknownScenario."""
    from migrate.simulator.faults.scenarios import scenarios

    known = scenarios()
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise UnknownScenario(name, near[0] if near else "", tuple(known))
    return [known[name] for name in names]


@contextmanager
def listening(server: SimulatedUsbmuxd, where: str, admin: Path | None) -> Iterator[None]:
    """The server at work, with its admin channel when there is to be one.

    Raises:
        CannotListen: an address cannot be had.
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
    """`127.0.0.1:0` or `[::1]:0`, taken apart.

    Raises:
        CannotListen: it is neither.
    """
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 0xFFFF:
        raise CannotListen(listen, "it is not HOST:PORT")
    return host, int(port)


@contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """Set by Ctrl-C and by SIGTERM: both are how serving is meant to end, so neither is an error."""
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
    """Return when told to stop, or after so many seconds."""
    ends = None if seconds is None else time.monotonic() + seconds
    while not stop.is_set():
        left = LOOK_UP_S if ends is None else min(LOOK_UP_S, ends - time.monotonic())
        if left <= 0:
            return
        stop.wait(left)
