"""The admin channel: orders to simulated iPhones and their users, one JSON object per line, one answer per line.

    -> {"do": "unlock", "phone": "00008101-…"}        phone: UDID or name; optional if there is only one
    <- {"ok": true}                                   or {"ok": false, "error": "…"}

list     phones
user     tap-trust, deny-trust, lock, unlock, enter-passcode, decline-passcode, tap-cancel, finish-setup, sign-in,
         find-my {on}, forget-computers, unplug, plug, reboot, erase,
         reset-settings
events   arrive, post {name}
state    set-state {state, value}, set-condition {condition, value}, set-assumption {assumption, value},
         set-aftermath {setting, value},
         scenario {name}, heal, set-fault {fault, value}, set-hand {habit, value}
files    dump {into}

The channel is a Unix socket that only its owner can open. On a system without Unix sockets it is a loopback listener,
and the file at the path holds its HOST:PORT.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from migrate.problems import UnsafeName
from migrate.simulator.aftermath.settings import Aftermath
from migrate.simulator.device.assumptions import Assumptions
from migrate.simulator.device.conditions import Conditions
from migrate.simulator.device.dump import write_files
from migrate.simulator.device.identity import build_of
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser
from migrate.simulator.faults.faults import Faults
from migrate.simulator.faults.scenarios import clear_faults, scenarios
from migrate.simulator.phone_file import PhoneFile
from migrate.simulator.usbmuxd import listeners
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from migrate.simulator.usbmuxd.streams import SocketStream

LINE_LIMIT_BYTES = 1 << 20
FAULTS_ADAPTER = TypeAdapter(Faults)
USER_ADAPTER = TypeAdapter(SimulatedUser)
CONDITIONS_ADAPTER = TypeAdapter(Conditions)
AFTERMATH_ADAPTER = TypeAdapter(Aftermath)
ASSUMPTIONS_ADAPTER = TypeAdapter(Assumptions)
STATES = (
    "activated",
    "battery_percent",
    "capacity_bytes",
    "cloud_backup_unix_s",
    "find_my",
    "icloud_account",
    "icloud_backup",
    "ios_version",
    "on_wifi",
    "pairing_allowed",
    "requires_encryption",
    "screen",
    "setup",
    "supervised",
)
"""Keys of a phone file that can change at run time: `on_wifi` when the phone is next plugged in, the iOS version with
the next request, as after an update."""


class CommandFailed(Exception):
    """An order cannot be carried out. The message is for its sender."""


class AdminChannel:
    """Executes orders for the phones of one server, from `start` to `stop`."""

    def __init__(self, server: SimulatedUsbmuxd, path: Path) -> None:
        self._server = server
        self._path = path
        self._lock = threading.Lock()
        self._streams: set[SocketStream] = set()
        self._threads: list[threading.Thread] = []
        self._acceptor: listeners.ConnectionAcceptor | None = None

    def __enter__(self) -> AdminChannel:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Raises OSError if the path cannot be used."""
        self._acceptor = listeners.ConnectionAcceptor([_open_listener(self._path)], self._start_thread)

    def stop(self) -> None:
        """Closes every connection. Does nothing if the channel was never started."""
        if self._acceptor is None:
            return
        self._acceptor.stop()
        self._acceptor = None
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.cut()
        for thread in self._threads:
            thread.join()
        self._path.unlink(missing_ok=True)

    def _start_thread(self, connection: socket.socket) -> None:
        stream = SocketStream(connection)
        with self._lock:
            self._streams.add(stream)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._serve, args=(stream,), name="simulator admin", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, stream: SocketStream) -> None:
        try:
            with contextlib.closing(stream), contextlib.suppress(OSError):
                waiting = b""
                while data := stream.recv(1 << 16):
                    *lines, waiting = (waiting + data).split(b"\n")
                    for line in filter(bytes.strip, lines):
                        stream.sendall(json.dumps(self.answer(line)).encode() + b"\n")
                    if len(waiting) > LINE_LIMIT_BYTES:
                        return
        finally:
            with self._lock:
                self._streams.discard(stream)

    def answer(self, line: bytes) -> dict[str, Any]:
        """The answer to one line. A sender's mistakes are answered, never raised."""
        try:
            command = json.loads(line)
            if not isinstance(command, dict) or not isinstance(command.get("do"), str):
                raise CommandFailed('an order must be an object with a "do" key')
            return {"ok": True, **self._handle(command)}
        except CommandFailed as error:
            return {"ok": False, "error": str(error)}
        except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, or nested too deeply
            return {"ok": False, "error": f"invalid JSON: {error}"}

    def _handle(self, command: dict[str, Any]) -> dict[str, Any]:
        if command["do"] == "phones":
            return {"phones": [self._describe(phone) for phone in self._server.phones]}
        do = _COMMANDS.get(command["do"])
        if do is None:
            raise CommandFailed(f"unknown order; the orders are phones, {', '.join(sorted(_COMMANDS))}")
        return do(self._server, self._phone(command.get("phone")), command) or {}

    def _phone(self, wanted: object) -> SimulatedPhone:
        phones = self._server.phones
        found = [phone for phone in phones if wanted is None or wanted in (phone.udid, phone.name)]
        if len(found) != 1:
            raise CommandFailed(f'{len(found)} phones match; set "phone" to the UDID of one')
        return found[0]

    def _describe(self, phone: SimulatedPhone) -> dict[str, Any]:
        return {
            "udid": phone.udid,
            "name": phone.name,
            "ios_version": phone.ios_version,
            "model": phone.model,
            "attached": self._server.is_attached(phone),
            "trust": phone.trust,
            "trusted_computers": len(phone.trusted_hosts),
            "locked": phone.locked,
            "unlocked_since_boot": phone.unlocked_since_boot,
            "asks_passcode": phone.asks_passcode,
            "setup": phone.setup,
            "find_my": phone.find_my,
            "encrypts_backups": phone.will_encrypt,
            "restore_pending": phone.pending_restore is not None,
            "arriving": phone.has_background_restore,
            "awaits_sign_in": phone.awaits_sign_in,
            "in_recovery": phone.in_recovery,
            "conditions": asdict(phone.conditions),
            "assume": asdict(phone.assume),
            "aftermath": asdict(phone.aftermath),
            "free_bytes": phone.free_bytes,
            "hand": asdict(phone.simulated_user),
        }


# --- the orders


def _find_my(server: SimulatedUsbmuxd, phone: SimulatedPhone, command: dict[str, Any]) -> None:
    if not isinstance(command.get("on"), bool):
        raise CommandFailed('find-my needs "on": true or false')
    phone.find_my = command["on"]


def _unplug(server: SimulatedUsbmuxd, phone: SimulatedPhone, command: dict[str, Any]) -> None:
    if not server.detach(phone):
        raise CommandFailed("the phone is not plugged in")


def _plug(server: SimulatedUsbmuxd, phone: SimulatedPhone, command: dict[str, Any]) -> None:
    server.attach(phone)


def _dump(server: SimulatedUsbmuxd, phone: SimulatedPhone, command: dict[str, Any]) -> dict[str, Any]:
    """The SHA-256 of every file, and the paths that hosts wrote over AFC.

    With `into`, a folder that does not exist yet, writes the files to `<into>/<Domain>/<path>` instead, without links.
    """
    into = command.get("into")
    if into is not None:
        if not isinstance(into, str) or not Path(into).is_absolute():
            raise CommandFailed('"into" must be the absolute path of a folder to create')
        try:
            written = write_files(phone.files, Path(into))
        except OSError as error:
            raise CommandFailed(f"{into}: {error.strerror or error}") from error
        except UnsafeName as error:
            raise CommandFailed(error.what) from error
        return {"written": written}
    return {"digests": phone.files.digests(), "scratch": sorted(phone.afc_files)}


def _post(server: SimulatedUsbmuxd, phone: SimulatedPhone, command: dict[str, Any]) -> None:
    if not isinstance(command.get("name"), str):
        raise CommandFailed('post needs a "name"')
    phone.post(command["name"])


def _set_state(server: SimulatedUsbmuxd, phone: SimulatedPhone, command: dict[str, Any]) -> None:
    name = command.get("state")
    if name not in STATES:
        raise CommandFailed(f"state must be one of {', '.join(STATES)}")
    try:
        value = getattr(PhoneFile.model_validate({name: command.get("value")}), name)
    except ValidationError as error:
        raise CommandFailed(f"{name}: {error.errors()[0]['msg']}") from None
    if name == "setup" and value == "finished":
        phone.finish_setup()
    setattr(phone, name, value)
    if name == "ios_version":
        phone.build = build_of(phone.ios_version)


def _set_condition(server: SimulatedUsbmuxd, phone: SimulatedPhone, command: dict[str, Any]) -> None:
    name, value = _checked(CONDITIONS_ADAPTER, Conditions, command, "condition")
    setattr(phone.conditions, name, value)


def _set_assumption(server: SimulatedUsbmuxd, phone: SimulatedPhone, command: dict[str, Any]) -> None:
    name, value = _checked(ASSUMPTIONS_ADAPTER, Assumptions, command, "assumption")
    setattr(phone.assume, name, value)


def _set_aftermath(server: SimulatedUsbmuxd, phone: SimulatedPhone, command: dict[str, Any]) -> None:
    name, value = _checked(AFTERMATH_ADAPTER, Aftermath, command, "setting")
    setattr(phone.aftermath, name, value)


def _set_fault(server: SimulatedUsbmuxd, phone: SimulatedPhone, command: dict[str, Any]) -> None:
    name, value = _checked(FAULTS_ADAPTER, Faults, command, "fault")
    setattr(phone.faults, name, value)  # in place, because open connections share this object


def _scenario(server: SimulatedUsbmuxd, phone: SimulatedPhone, command: dict[str, Any]) -> None:
    scenario = scenarios().get(str(command.get("name")))
    if scenario is None:
        raise CommandFailed(f'scenario needs a "name", one of {", ".join(scenarios())}')
    scenario.apply(phone)


def _set_simulated_user(server: SimulatedUsbmuxd, phone: SimulatedPhone, command: dict[str, Any]) -> None:
    name, value = _checked(USER_ADAPTER, SimulatedUser, command, "habit")
    phone.simulated_user = replace(phone.simulated_user, **{name: value})


def _checked(adapter: TypeAdapter[Any], table: Any, command: dict[str, Any], key: str) -> tuple[str, Any]:
    """The field of `table` that an order sets, and the validated value."""
    name = command.get(key)
    known = [field.name for field in fields(table)]
    if not isinstance(name, str) or name not in known:
        raise CommandFailed(f"{key} must be one of {', '.join(known)}")
    try:
        return name, getattr(adapter.validate_python({name: command.get("value")}), name)
    except ValidationError as error:
        raise CommandFailed(f"{name}: {error.errors()[0]['msg']}") from None


def _phone_command(
    act: Callable[[SimulatedPhone], None],
) -> Callable[[SimulatedUsbmuxd, SimulatedPhone, dict[str, Any]], None]:
    return lambda server, phone, command: act(phone)


_COMMANDS: dict[str, Callable[[SimulatedUsbmuxd, SimulatedPhone, dict[str, Any]], dict[str, Any] | None]] = {
    "tap-trust": _phone_command(SimulatedPhone.tap_trust),
    "deny-trust": _phone_command(SimulatedPhone.deny_trust),
    "lock": _phone_command(SimulatedPhone.lock),
    "unlock": _phone_command(SimulatedPhone.unlock),
    "enter-passcode": _phone_command(SimulatedPhone.answer_passcode),
    "decline-passcode": _phone_command(lambda phone: phone.answer_passcode(False)),
    "tap-cancel": _phone_command(SimulatedPhone.tap_cancel),
    "forget-computers": _phone_command(SimulatedPhone.forget_hosts),
    "arrive": _phone_command(SimulatedPhone.finish_background_restore),
    "erase": _phone_command(SimulatedPhone.erase),
    "reset-settings": _phone_command(SimulatedPhone.reset_settings),
    "set-state": _set_state,
    "set-condition": _set_condition,
    "set-assumption": _set_assumption,
    "sign-in": _phone_command(SimulatedPhone.sign_in),
    "finish-setup": _phone_command(SimulatedPhone.finish_setup),
    "find-my": _find_my,
    "unplug": _unplug,
    "plug": _plug,
    "reboot": _phone_command(SimulatedPhone.reboot),
    "post": _post,
    "dump": _dump,
    "heal": _phone_command(clear_faults),
    "scenario": _scenario,
    "set-aftermath": _set_aftermath,
    "set-fault": _set_fault,
    "set-hand": _set_simulated_user,
}


def _open_listener(path: Path) -> socket.socket:
    """A Unix socket at `path`, or a loopback listener whose address is written to `path`. Raises OSError."""
    if listeners.has_unix_sockets():
        return listeners.open_unix(path)
    listener = listeners.open_tcp(listeners.LOOPBACK, 0)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("{}:{}\n".format(*listener.getsockname()[:2]))
    except OSError:
        listener.close()
        raise
    return listener
