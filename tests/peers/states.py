"""The states of a phone: what a real phone answers in each, and what the peers print for that answer.

Both peers translate lockdownd's strings and the agent's error codes with fixed tables (libimobiledevice
src/lockdown.c, pymobiledevice3 lockdown.py). If a peer prints the `expected` text, the simulated phone gave the same
answer as a real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from migrate.simulator.agent.staged_restore import empty_restore
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser, absent_user
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.peers.workbench import LIBIMOBILEDEVICE, PYMOBILEDEVICE3, Bench

CommandName = Literal["info", "backup", "restore"]
Prepare = Callable[[SimulatedPhone], object]
RETRIES_FOREVER = "polls forever"

COMMANDS: Mapping[str, Mapping[CommandName, tuple[str, ...]]] = {
    LIBIMOBILEDEVICE: {
        "info": ("ideviceinfo", "-u", "{udid}", "-k", "SerialNumber"),
        "backup": ("idevicebackup2", "-u", "{udid}", "backup", "{backups}"),
        "restore": ("idevicebackup2", "-u", "{udid}", "restore", "--system", "--no-reboot", "{backups}"),
    },
    PYMOBILEDEVICE3: {
        "info": (PYMOBILEDEVICE3, "lockdown", "info", "--udid", "{udid}"),
        "backup": (PYMOBILEDEVICE3, "backup2", "backup", "{backups}", "--udid", "{udid}"),
        "restore": (PYMOBILEDEVICE3, "backup2", "restore", "{backups}", "--udid", "{udid}", "--system", "--no-reboot"),
    },
}


@dataclass(frozen=True)
class State:
    name: str
    command: CommandName
    real_answer: str  # what a real phone answers
    expected: Mapping[str, str]  # peer -> what it prints for that answer
    about: Mapping[str, Any] = field(default_factory=dict)
    prepare: Prepare = lambda phone: None  # after pairing and, for a restore, after a backup
    is_fast: bool = False

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Answer:
    """What one peer printed in one state."""

    state: State
    peer: str
    printed: str

    @property
    def agrees(self) -> bool:
        return self.state.expected[self.peer] in self.printed


def both(text: str) -> dict[str, str]:
    return {LIBIMOBILEDEVICE: text, PYMOBILEDEVICE3: text}


def each(libimobiledevice: str, pymobiledevice3: str) -> dict[str, str]:
    return {LIBIMOBILEDEVICE: libimobiledevice, PYMOBILEDEVICE3: pymobiledevice3}


def error_code(number: int) -> dict[str, str]:
    return each(f"ErrorCode {number}:", f"'ErrorCode': {number},")


def condition(name: str, value: object) -> Prepare:
    return lambda phone: setattr(phone.conditions, name, value)


def state(name: str, value: object) -> Prepare:
    return lambda phone: setattr(phone, name, value)


def habit(name: str, value: object) -> Prepare:
    return lambda phone: setattr(phone.simulated_user, name, value)


def forget_with(fate: Literal["InvalidHostID", "tls-closes"]) -> Prepare:
    def forget(phone: SimulatedPhone) -> None:
        phone.assume.forgotten_computer = fate
        phone.forget_hosts()
        phone.trust = "denied"  # otherwise the peers pair again

    return forget


def lock_away(phone: SimulatedPhone) -> None:
    phone.simulated_user.unlocks = False
    phone.lock()


def restart_without_unlocking(phone: SimulatedPhone) -> None:
    phone.simulated_user.unlocks = False
    phone.screen = "before-first-unlock"


STATES = (
    State("locked, never trusted", "info", "PasswordProtected (−17)",
          each("Password protected (-17)", "Device is password protected"),
          {"trust": "locked", "simulated_user": absent_user()}, is_fast=True),
    State("trust dialog open", "info", "PairingDialogResponsePending (−19)",
          each("Pairing dialog response pending (-19)", RETRIES_FOREVER),
          {"trust": "ask", "simulated_user": absent_user()}, is_fast=True),
    State("trust denied", "info", "UserDeniedPairing (−18)",
          each("User denied pairing (-18)", "The user refused to trust this computer"), {"trust": "denied"}),
    State("supervised, pairing forbidden", "info", "MCProtected (−38)",
          each("MC protected (-38)", "A configuration profile on the device prohibits this action"),
          {"trust": "ask", "pairing_allowed": False}),
    State("trust was reset: session refused", "info", "InvalidHostID (−21), then Pair again",
          each("Invalid HostID (-21)", "The user refused to trust this computer"),
          prepare=forget_with("InvalidHostID")),
    State("trust was reset: session granted, TLS closes", "info", "TLS ends at once",
          each("SSL error (-5)", "The user refused to trust this computer"), prepare=forget_with("tls-closes")),
    State("locked, trusted before", "info", "everything", both(""), prepare=lock_away),
    State("locked, trusted before", "backup", "the EscrowBag unlocks: a backup",
          each("Backup Successful.", ""), prepare=lock_away),
    State("not unlocked since the start", "backup", "MissingValue (−12)",
          each("Could not start service com.apple.mobilebackup2", "No such value"),
          prepare=restart_without_unlocking, is_fast=True),
    State("not activated", "backup", "InvalidService (−27)",
          each("Could not start service com.apple.mobilebackup2", "Failed to start service"), {"activated": False}),
    State("passcode declined", "backup", "208 Device locked", error_code(208), prepare=habit("passcode", "decline")),
    State("passcode ignored", "backup", "208 Device locked", error_code(208), prepare=habit("passcode", "ignore")),
    State("passcode sheet shown twice", "backup", "a backup",
          each("Backup Successful.", ""), prepare=habit("passcode_sheets", 2)),
    State("setup unfinished", "backup", "212", error_code(212), {"setup": "running"}),
    State("another program syncs", "backup", "AFC 19 OP_WOULD_BLOCK, 50 times",
          each("timeout while locking for sync", "lock"), prepare=condition("sync_lock_held", True)),
    State("encryption required by policy", "backup", "207", error_code(207), {"requires_encryption": True}),
    State("Shared iPad", "backup", "22", error_code(22), prepare=condition("policy", "shared-ipad")),
    State("iCloud restore running", "backup", "25", error_code(25), prepare=condition("cloud_restore", "running")),
    State("snapshot left behind", "backup", "3", error_code(3), prepare=condition("snapshot_left", True)),
    State("low battery", "backup", "a backup: no gate is known",
          each("Backup Successful.", ""), {"battery_percent": 2}),
    State("Find My on", "restore", "211", error_code(211), prepare=state("find_my", True), is_fast=True),
    State("restore pending", "restore", "102", error_code(102), {"restore_pending": True}),
    State("setup unfinished", "restore", "212", error_code(212), prepare=state("setup", "running")),
    State("iCloud restore running", "restore", "25", error_code(25), prepare=condition("cloud_restore", "running")),
    State("SpringBoard not ready", "restore", "1", error_code(1), prepare=condition("springboard_ready", False)),
    State("another restore holds the lock", "restore", "1", error_code(1),
          prepare=condition("restore_lock_held", True)),
    State("no room on the phone", "restore", "106", error_code(106),
          prepare=lambda p: setattr(p.faults, "free_bytes", 5000)),  # enough for the first AFC writes
    State("backup of a newer iOS", "restore", "203", error_code(203), prepare=state("ios_version", "15.8.2")),
    State("cancelled on the phone", "backup", "202 (and syncCancelRequest)", error_code(202),
          prepare=habit("cancels", "backup")),
    State("cancelled on the phone", "restore", "202 (and syncCancelRequest)", error_code(202),
          prepare=habit("cancels", "restore")),
)  # fmt: skip


@contextmanager
def phone_in(state: State, folder: Path, peer: str) -> Iterator[tuple[Bench, SimulatedPhone]]:
    """A connected phone in that state, paired first if the command needs it, and with a backup for a restore."""
    about = dict(state.about)
    pending = about.pop("restore_pending", False)
    simulated_user = about.pop("simulated_user", SimulatedUser(setup_delay_s=0.0))
    phone = SimulatedPhone(
        **{"ios_version": "26.1", "passcode": "1947", "keybag_rounds": 1000, "simulated_user": simulated_user} | about
    )
    phone.files.add_file("HomeDomain", "Library/SMS/sms.db", b"messages" * 1000)
    (folder / "backups" / phone.udid).mkdir(parents=True)
    with SimulatedUsbmuxd([phone]) as server:
        bench = Bench(server, folder)
        if state.command == "restore":
            run_peer(bench, phone, peer, "backup")
        elif phone.trust == "trusted" and state.expected[peer]:
            run_peer(bench, phone, peer, "info")
        if pending:
            phone.pending_restore = empty_restore()
        state.prepare(phone)
        yield bench, phone


def run_peer(bench: Bench, phone: SimulatedPhone, peer: str, command: CommandName) -> tuple[int, str]:
    """The peer's exit code and all its output."""
    values = {"udid": phone.udid, "backups": str(bench.home / "backups")}
    program, *arguments = (argument.format_map(values) for argument in COMMANDS[peer][command])
    done = bench.run(program, *arguments)
    return done.returncode, done.stdout + done.stderr


def answer_in(state: State, peer: str, folder: Path) -> Answer:
    """What the peer prints in that state. A peer that would wait forever is not run."""
    if state.expected[peer] == RETRIES_FOREVER:
        return Answer(state, peer, RETRIES_FOREVER)
    with phone_in(state, folder, peer) as (bench, phone):
        code, printed = run_peer(bench, phone, peer, state.command)
    if state.expected[peer] == "" and code != 0:
        printed = f"exit {code}: {printed}"
    return Answer(state, peer, printed)
