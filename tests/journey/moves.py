"""Whole moves in the test process: simulated iPhones behind a real socket and `journey.run`, without a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from migrate.backup.reader import Backup
from migrate.backup.restore_set.compose import SetRequest
from migrate.journey import events
from migrate.journey.context import RunContext, RunResult
from migrate.journey.home import Home
from migrate.journey.journal import Journal
from migrate.journey.prompts import Confirmation, EraseOffer, MissingOriginals, Role
from migrate.journey.run import resume, run
from migrate.journey.run_state import Run
from migrate.journey.runs import RunFolder
from migrate.phone.muxer import UsbmuxConfig
from migrate.plan.model import Plan
from migrate.simulator.aftermath.settings import Aftermath
from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

PASSWORD, NEW_PASSWORD = "correct-horse-1947", "battery-staple-2026"
ROUNDS = 1_000
OLD, NEW = "00008101-0001AAAA00000001", "00008140-0002BBBB00000002"
LITTLE = ContentsSpec(
    contacts=6, messages=20, attachments=3, calls=5, photos=4, videos=0, notes=3, events=4, reminders=3, bookmarks=3,
    history=5, voicemails=1, memos=1, health_samples=20, wifi_networks=2,
)  # fmt: skip
"""Contents that move in a second or two."""
AFTERMATH = Aftermath(arrives_in_s=0, signs_in_after_s=0)
"""The phone rewrites its data as a restored iPhone does, and nothing is awaited for long."""
UNTOUCHED = Aftermath(on=False)
"""A phone that leaves restored data alone, for tests that compare its files byte by byte."""


@dataclass
class Person:
    """Answers the questions of a run."""

    passwords: dict[Role, str | None] = field(default_factory=lambda: {"old": PASSWORD, "new": None})
    agrees: bool = True
    erases: bool = False
    """Whether the person agrees to erase a phone that is too full."""
    erase_offers: list[EraseOffer] = field(default_factory=list)
    confirmations: list[Confirmation] = field(default_factory=list)
    says_restored: bool | None = None
    """What is answered when migrate cannot tell whether the phone was restored."""
    doubts: int = 0
    looks: list[bool] | None = None
    """Whether the person looks again for originals that are only in iCloud, answer by answer; None: not there."""
    missing: list[MissingOriginals] = field(default_factory=list)

    def password(self, role: Role, phone: str, udid: str | None, *, may_prompt: bool) -> str | None:
        return self.passwords.get(role)

    def chosen_password(self, role: Role, phone: str) -> str | None:
        return self.passwords.get(role) or self.passwords.get("old")

    def reject_password(self, role: Role, phone: str) -> bool:
        return False

    def may_erase(self, offer: EraseOffer) -> bool:
        self.erase_offers.append(offer)
        return self.erases

    def looks_for_originals(self) -> bool:
        return self.looks is not None

    def look_again(self, missing: MissingOriginals) -> bool:
        self.missing.append(missing)
        return bool(self.looks) and (self.looks or []).pop(0)

    def is_restored(self, new: str, old: str) -> bool | None:
        self.doubts += 1
        return self.says_restored

    def confirm(self, confirmation: Confirmation) -> bool:
        self.confirmations.append(confirmation)
        return self.agrees


@dataclass
class Lab:
    """Two phones, a usbmuxd, a home folder and a person."""

    old: SimulatedPhone
    new: SimulatedPhone
    server: SimulatedUsbmuxd
    home: Home
    tmp: Path
    person: Person = field(default_factory=Person)
    received_events: list[events.Event] = field(default_factory=list)
    on: Callable[[events.Event], None] = events.nobody

    def context(self, **change: Any) -> RunContext:
        def on_event(event: events.Event) -> None:
            self.received_events.append(event)
            self.on(event)

        usbmux = UsbmuxConfig(self.server.address, self.home.pairing, self.tmp)
        context = RunContext(self.home, self.tmp, usbmux, self.person, on_event, wait_s=20)
        return replace(context, **change)

    def plan(self, **sections: Any) -> Plan:
        """A plan for these two phones. Rehearsal is off unless set, because most tests are about something else."""
        raw: dict[str, Any] = {
            "version": 1,
            "old_phone": {"udid": self.old.udid},
            "new_phone": {"is": "erased", "udid": self.new.udid},
            "move": {"categories": ["everything"]},
        }
        for name, section in sections.items():
            raw[name] = {**raw.get(name, {}), **section}
        if "backup" in raw["old_phone"]:
            del raw["old_phone"]["udid"]
        raw["safety"] = {"rehearse": False, **raw.get("safety", {})}
        return Plan.model_validate(raw)

    def move(self, plan: Plan, **change: Any) -> RunResult:
        return asyncio.run(run(plan, self.context(**change)))

    def resume(self, **change: Any) -> RunResult:
        return asyncio.run(resume(self.last_run, self.context(**change)))

    @property
    def last_run(self) -> RunFolder:
        return RunFolder(max(self.home.runs.iterdir(), key=lambda run: (run / "plan.toml").stat().st_mtime_ns))

    @property
    def steps(self) -> list[str]:
        return [event.step for event in self.received_events if isinstance(event, events.StepFinished)]

    def codes(self, severity: str | None = None) -> list[str]:
        """The codes of the findings so far, in order."""
        found = [event.finding for event in self.received_events if isinstance(event, events.Found)]
        return [finding.code for finding in found if severity in (None, finding.severity)]


def run_without_phones(home: Home, person: Person | None = None, **change: Any) -> Run:
    """A run in a home of its own, for tests of one step that meet no phone. Its new phone is met already."""
    folder = home.runs / "a-run"
    folder.mkdir()
    journal = Journal.create(folder / "journal.ndjson", "a-run", "a digest")
    journal.append({"met": "new", "udid": NEW, "name": "Ada's new iPhone"})
    usbmux = UsbmuxConfig("127.0.0.1:1", home.pairing, home.tmp)
    context = RunContext(home, home.tmp, usbmux, person or Person(), wait_s=0)
    given: dict[str, Any] = {"old_udid": None, "old_backup": None, "new_udid": None, "encrypts_backups": True, **change}
    return Run(context=context, folder=folder, journal=journal, step="verify", **given)


def see_every_row(request: SetRequest) -> None:
    """What the composer does with its choice: every row is looked at, then the choice is held to be complete."""
    wanted = request.wanted
    assert not isinstance(wanted, Collection)
    with Backup.open(request.source, request.password) as backup:
        for row in backup.manifest.rows():
            wanted.takes(row, row.size())
        assert list(wanted.missing(backup.manifest)) == []


def a_phone(udid: str, name: str, ios_version: str, spec: ContentsSpec, seed: int, **more: Any) -> SimulatedPhone:
    phone = SimulatedPhone(
        udid=udid, name=name, ios_version=ios_version, boot_delay_s=0.01,
        **{"keybag_rounds": ROUNDS, "aftermath": replace(AFTERMATH), **more},
    )  # fmt: skip
    phone.simulated_user.setup_delay_s = 0.0
    fill(phone, spec, seed=seed)
    return phone


def old_phone(ios_version: str = "18.5", spec: ContentsSpec = LITTLE, seed: int = 1, **more: Any) -> SimulatedPhone:
    return a_phone(OLD, "Ada's old iPhone", ios_version, spec, seed, model="iPhone13,2", **more)


def new_phone(
    ios_version: str = "26.1", *, empty: bool = True, spec: ContentsSpec = LITTLE, seed: int = 2, **more: Any
) -> SimulatedPhone:
    contents = ContentsSpec(empty=True) if empty else spec
    return a_phone(NEW, "Ada's new iPhone", ios_version, contents, seed, model="iPhone17,3", **more)
