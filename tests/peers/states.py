"""Every state of a phone, what facts say a real one answers in it, and what the peers print when they meet that answer.

`expects` is what a peer prints for that answer on a real phone too: both map lockdownd's strings and the agent's error
codes by a table of their own (libimobiledevice src/lockdown.c, pymobiledevice3 lockdown.py), so where a peer prints its
word for the right answer, the phone gave it.
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

Question = Literal["info", "backup", "restore"]
Prepare = Callable[[SimulatedPhone], object]
RETRIES_FOR_EVER = "polls for ever"

COMMANDS: Mapping[str, Mapping[Question, tuple[str, ...]]] = {
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
    asks: Question
    says: str  # what a real phone answers
    expects: Mapping[str, str]  # peer -> what it prints then
    about: Mapping[str, Any] = field(default_factory=dict)
    prepare: Prepare = lambda phone: None  # once the computer is trusted and, for a restore, a backup was made
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
        return self.state.expects[self.peer] in self.printed


def both(text: str) -> dict[str, str]:
    return {LIBIMOBILEDEVICE: text, PYMOBILEDEVICE3: text}


def each(libimobiledevice: str, pymobiledevice3: str) -> dict[str, str]:
    return {LIBIMOBILEDEVICE: libimobiledevice, PYMOBILEDEVICE3: pymobiledevice3}


def coded(number: int) -> dict[str, str]:
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
        phone.trust = "denied"  # else the peers just pair again

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
          each("Pairing dialog response pending (-19)", RETRIES_FOR_EVER),
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
    State("passcode declined", "backup", "208 Device locked", coded(208), prepare=habit("passcode", "decline")),
    State("passcode ignored", "backup", "208 Device locked", coded(208), prepare=habit("passcode", "ignore")),
    State("passcode sheet shown twice", "backup", "a backup",
          each("Backup Successful.", ""), prepare=habit("passcode_sheets", 2)),
    State("setup unfinished", "backup", "212", coded(212), {"setup": "running"}),
    State("another program syncs", "backup", "AFC 19 OP_WOULD_BLOCK, 50 times",
          each("timeout while locking for sync", "lock"), prepare=condition("sync_lock_held", True)),
    State("encryption required by policy", "backup", "207", coded(207), {"requires_encryption": True}),
    State("Shared iPad", "backup", "22", coded(22), prepare=condition("policy", "shared-ipad")),
    State("iCloud restore running", "backup", "25", coded(25), prepare=condition("cloud_restore", "running")),
    State("snapshot left behind", "backup", "3", coded(3), prepare=condition("snapshot_left", True)),
    State("low battery", "backup", "a backup: no gate is known",
          each("Backup Successful.", ""), {"battery_percent": 2}),
    State("Find My on", "restore", "211", coded(211), prepare=state("find_my", True), is_fast=True),
    State("restore pending", "restore", "102", coded(102), {"restore_pending": True}),
    State("setup unfinished", "restore", "212", coded(212), prepare=state("setup", "running")),
    State("iCloud restore running", "restore", "25", coded(25), prepare=condition("cloud_restore", "running")),
    State("SpringBoard not ready", "restore", "1", coded(1), prepare=condition("springboard_ready", False)),
    State("another restore holds the lock", "restore", "1", coded(1), prepare=condition("restore_lock_held", True)),
    State("no room on the phone", "restore", "106", coded(106),
          prepare=lambda p: setattr(p.faults, "free_bytes", 5000)),  # enough for what AFC writes first
    State("backup of a newer iOS", "restore", "203", coded(203), prepare=state("ios_version", "15.8.2")),
    State("cancelled on the phone", "backup", "202 (and syncCancelRequest)", coded(202),
          prepare=habit("cancels", "backup")),
    State("cancelled on the phone", "restore", "202 (and syncCancelRequest)", coded(202),
          prepare=habit("cancels", "restore")),
)  # fmt: skip


@contextmanager
def phone_in(state: State, folder: Path, peer: str) -> Iterator[tuple[Bench, SimulatedPhone]]:
    """A phone in that state on a cable, with what has to be there before: trust, and for a restore a backup."""
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
        if state.asks == "restore":
            ask(bench, phone, peer, "backup")
        elif phone.trust == "trusted" and state.expects[peer]:
            ask(bench, phone, peer, "info")
        if pending:
            phone.pending_restore = empty_restore()
        state.prepare(phone)
        yield bench, phone


def ask(bench: Bench, phone: SimulatedPhone, peer: str, question: Question) -> tuple[int, str]:
    """The peer's exit code and all it printed."""
    words = {"udid": phone.udid, "backups": str(bench.home / "backups")}
    program, *arguments = (word.format_map(words) for word in COMMANDS[peer][question])
    done = bench.run(program, *arguments)
    return done.returncode, done.stdout + done.stderr


def answer_in(state: State, peer: str, folder: Path) -> Answer:
    """What the peer prints in that state. A peer that would wait for ever is not asked."""
    if state.expects[peer] == RETRIES_FOR_EVER:
        return Answer(state, peer, RETRIES_FOR_EVER)
    with phone_in(state, folder, peer) as (bench, phone):
        code, printed = ask(bench, phone, peer, state.asks)
    if state.expects[peer] == "" and code != 0:
        printed = f"ended {code}: {printed}"
    return Answer(state, peer, printed)
