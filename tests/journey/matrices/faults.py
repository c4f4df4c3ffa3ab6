"""The faults of a phone, and the steps of a move at which they strike."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from migrate.journey import events
from migrate.simulator.contents import ContentsSpec
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser
from migrate.simulator.faults.faults import Mishap
from migrate.simulator.faults.scenarios import clear_faults
from tests.journey.moves import UNTOUCHED, Lab, new_phone, old_phone

STEPS: dict[str, tuple[str, ...]] = {
    "replace": (
        "meet", "preflight", "back-up-old-phone", "verify", "back-up-new-phone", "agree", "restore", "wait-for-phone",
        "prove",
    ),
    "rebuild": ("install-apps", "back-up-new-phone", "agree", "restore", "wait-for-phone"),
}  # fmt: skip
"""By strategy, the steps that talk to a phone, and one that does not."""
OLD_PHONE_STEPS = frozenset({"meet", "preflight", "back-up-old-phone", "verify"})
SMALL = ContentsSpec(
    contacts=2, messages=4, attachments=1, calls=1, photos=1, videos=0, notes=1, events=1, reminders=1, bookmarks=1,
    history=1, voicemails=0, memos=1, health_samples=2, wifi_networks=1,
)  # fmt: skip


@dataclass(frozen=True)
class PhoneFault:
    """`strike` breaks the phone when a step starts. `passes`: a move goes on without a person doing more than it asks
    for. Otherwise it stops, and goes on once the phone is healthy again."""

    name: str
    strike: Callable[[Lab, SimulatedPhone], None]
    passes: bool
    during: str = "any"
    """`backup` or `restore`: of which requests. `any`: of both. `link`: whatever the phone is doing."""

    def __str__(self) -> str:
        return self.name


def mishap(name: str, passes: bool, *mishaps: dict[str, Any]) -> PhoneFault:
    def strike(lab: Lab, phone: SimulatedPhone) -> None:
        phone.faults.mishaps.extend(Mishap(**one) for one in mishaps)

    return PhoneFault(name, strike, passes, mishaps[0].get("during", "any"))


def faulty(name: str, passes: bool, **faults: Any) -> PhoneFault:
    def strike(lab: Lab, phone: SimulatedPhone) -> None:
        for fault, value in faults.items():
            setattr(phone.faults, fault, value)

    return PhoneFault(name, strike, passes)


def refused(code: int, passes: bool = False, **more: Any) -> PhoneFault:
    times = 1 if passes else 99
    return mishap(f"{code} {more.get('at', 'at once')}", passes, {"do": "refuse", "code": code, "times": times, **more})


def replug(lab: Lab, phone: SimulatedPhone) -> None:
    lab.server.detach(phone)
    lab.server.attach(phone)


def decline_once(lab: Lab, phone: SimulatedPhone) -> None:
    phone.passcode = "1234"
    phone.simulated_user = replace(phone.simulated_user, passcode="decline")

    def on(event: events.Event) -> None:
        if isinstance(event, events.TryingAgain):
            phone.simulated_user = replace(phone.simulated_user, passcode="enter")

    lab.on = chain(lab.on, on)


def decline_always(lab: Lab, phone: SimulatedPhone) -> None:
    phone.passcode = "1234"
    phone.simulated_user = replace(phone.simulated_user, passcode="decline")


def lock(lab: Lab, phone: SimulatedPhone) -> None:
    phone.passcode = "1234"
    phone.simulated_user = replace(phone.simulated_user, unlocks=False)
    phone.trust = "locked"


def chain(*listeners: Callable[[events.Event], None]) -> Callable[[events.Event], None]:
    def on(event: events.Event) -> None:
        for listener in listeners:
            listener(event)

    return on


# One that hangs up at the end of a restore may have taken everything: a restore in doubt has tests of its own.
PASSING = (
    faulty("the first session is dropped", True, drop_sessions=1),
    faulty("two sessions are dropped", True, drop_sessions=2),
    faulty("the sync lock is held for a moment", True, afc_lock_busy_tries=10),
    refused(104, True, at="files", after=2, during="backup"),
    refused(208, True),
    refused(1, True, text="SpringBoard is not ready (MBErrorDomain/1)", during="restore"),
    mishap("plugged in again between two messages", True, {"do": "replug", "at": "messages", "after": 5}),
    mishap("plugged in again between two files of a backup", True,
           {"do": "replug", "at": "files", "after": 2, "during": "backup"}),
    mishap("plugged in again between two files of a restore", True,
           {"do": "replug", "at": "files", "after": 2, "way": "received", "during": "restore"}),
    mishap("unplugged in a backup", True, {"do": "unplug", "at": "files", "after": 3, "during": "backup"}),
    mishap("unplugged in a restore", True,
           {"do": "unplug", "at": "files", "after": 3, "way": "received", "during": "restore"}),
    mishap("hangs up between two messages", True, {"do": "hang-up", "at": "messages", "after": 7}),
    mishap("hangs up instead of confirming a backup", True, {"do": "hang-up", "at": "end", "during": "backup"}),
    mishap("plugged in again twice", True,
           *({"do": "replug", "at": "messages", "after": after} for after in (4, 9))),
    PhoneFault("unplugged when the step starts", lambda lab, phone: void(lab.server.detach(phone)), True, "link"),
    PhoneFault("plugged in anew when the step starts", replug, True, "link"),
    PhoneFault("nobody enters the passcode at first", decline_once, True),
)  # fmt: skip
LASTING = (
    *(refused(code) for code in (3, 22, 25, 101, 102, 106, 202, 203, 205, 207, 211, 212, 555)),
    refused(105, during="backup"),
    refused(104, during="backup"),
    refused(205, at="files", after=3, during="backup"),
    faulty("another program syncs", False, afc_lock_busy_tries=10_000),
    faulty("the backup service is gone", False, refuse_services={"com.apple.mobilebackup2": "InvalidService"}),
    mishap("says nothing more", False, {"do": "stall", "at": "messages", "after": 6, "seconds": 3600.0, "times": 9}),
    mishap("hangs up again and again", False, {"do": "hang-up", "at": "messages", "after": 7, "times": 99}),
    PhoneFault("nobody ever enters the passcode", decline_always, False),
    PhoneFault("locked, and nobody unlocks it", lock, False, "link"),
)
BY_NAME = {fault.name: fault for fault in (*PASSING, *LASTING)}


@dataclass(frozen=True)
class FaultyMove:
    """One move with one fault at one step."""

    strategy: str
    step: str
    fault: PhoneFault

    def __str__(self) -> str:
        return f"{self.strategy}, {self.step}: {self.fault}"


BACKUP_STEPS = frozenset({"back-up-old-phone", "back-up-new-phone", "prove"})


def can_strike(fault: PhoneFault, step: str) -> bool:
    """Whether a fault does something at a step that it does not do at a later one as well."""
    match fault.during:
        case "link":
            return True
        case "backup":
            return step in BACKUP_STEPS
        case "restore":
            return step == "restore"
    return step == "restore" or step in BACKUP_STEPS


def all_moves() -> list[FaultyMove]:
    return [
        FaultyMove(strategy, step, fault)
        for strategy, steps in STEPS.items()
        for step in steps
        for fault in (*PASSING, *LASTING)
        if can_strike(fault, step)
    ]


def some_moves(seed: int, count: int) -> list[FaultyMove]:
    return random.Random(seed).sample(all_moves(), count)


def phones_for(strategy: str) -> tuple[SimulatedPhone, SimulatedPhone]:
    small: dict[str, Any] = {"spec": SMALL, "aftermath": UNTOUCHED}
    old = old_phone(**small)
    new = new_phone("26.1", **{**small, "spec": SMALL}, empty=strategy == "replace")
    for phone in (old, new):
        phone.keybag_rounds = 10
    return old, new


def sections_for(strategy: str, step: str) -> dict[str, Any]:
    """The plan's sections, without the backups that the faulty step does not need."""
    prove = {"prove": step == "prove"}
    if strategy == "replace":
        return {"safety": {**prove, "save_new_phone_first": step == "back-up-new-phone"}}
    chosen = ["contacts", "notes", "voice-memos"]
    apps = ["com.example.chatter"]
    return {
        "new_phone": {"is": "in-use"},
        "safety": prove,
        "move": {"categories": chosen, "apps": apps, "may_replace": [*chosen, *apps]},
    }


def heal(lab: Lab, phone: SimulatedPhone, healthy: SimulatedUser) -> None:
    """The person sees to the phone: unplugs it, and plugs it in again."""
    clear_faults(phone)
    lab.server.detach(phone)
    phone.simulated_user = healthy
    if phone.trust == "locked":
        phone.trust = "ask"
    lab.server.attach(phone)


def void(_: object) -> None:
    return None


def assert_no_step_repeated(lab: Lab) -> None:
    lines = lab.last_run.journal().lines
    reopened = {line["reopened"] for line in lines if "reopened" in line}
    finished = Counter(line["finished"] for line in lines if "finished" in line)
    assert {step: count for step, count in finished.items() if count > 1 and step not in reopened} == {}
