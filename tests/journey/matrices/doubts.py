"""A move that is cut at one line of its journal around `restore`, from a state right before it that can be repeated.

The move is made once, up to its last confirmation. Each case then starts from copies of the home folder and of the new
phone, so it costs one restore and not two backups more.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from migrate.journey.context import RunResult
from migrate.journey.journal import Journal
from migrate.journey.run import resume, run
from migrate.journey.steps import doubt
from migrate.problems import Interrupted, MigrateError, NotAgreed, ResendWouldLose
from migrate.simulator.agent.memory import memory_of
from migrate.simulator.agent.restore import RestoreRun
from migrate.simulator.contents import ContentsSpec
from migrate.simulator.device.phone import SimulatedPhone
from tests.journey.moves import NEW_PASSWORD, PASSWORD, UNTOUCHED, Lab, Person, new_phone, old_phone

Way = Literal["replace encrypted", "replace plain", "rebuild", "overlay", "graft"]
Cut = Literal["killed before", "killed after", "torn by a power cut", "stopped with Ctrl-C after"]
WAYS: tuple[Way, ...] = ("replace encrypted", "replace plain", "rebuild", "overlay", "graft")
CUTS: tuple[Cut, ...] = ("killed before", "killed after", "torn by a power cut", "stopped with Ctrl-C after")
LINES = (
    "started restore", "restore_begins", "restore_half_sent", "restore_taken", "finished restore",
    "started wait-for-phone", "finished wait-for-phone",
)  # fmt: skip
"""The lines around the point of no return, in their order."""
TAKEN_FROM = LINES.index("restore_taken")
TINY = ContentsSpec(
    contacts=3, messages=0, attachments=0, calls=0, photos=0, videos=0, notes=0, events=0, reminders=0, bookmarks=0,
    history=0, voicemails=0, memos=2, health_samples=0, wifi_networks=0,
)  # fmt: skip
SINCE = ("MediaDomain", "Media/Recordings/20991231 235959.m4a")
"""A recording that a person makes on the new phone between the cut and the resume."""
CONTACTS = "HomeDomain/Library/AddressBook/AddressBook.sqlitedb"
LONG_S = 60.0


class Killed(BaseException):
    """Ends the process: nothing after it runs."""


@dataclass(frozen=True)
class Case:
    line: str
    cut: Cut
    is_used: bool
    """Whether the person records something on the phone in between."""

    def __str__(self) -> str:
        return f"{self.cut} {self.line!r}, {'used' if self.is_used else 'not used'} since"

    @property
    def was_taken(self) -> bool:
        """Whether the phone had taken the set by then. A killed process had not read the answer, but it was given."""
        return LINES.index(self.line) >= TAKEN_FROM


def every_case() -> list[Case]:
    return [Case(line, cut, used) for line in LINES for cut in CUTS for used in (False, True)]


@dataclass
class Ready:
    """A lab whose run has everything but the last confirmation, and copies of what it is at that moment."""

    lab: Lab
    way: Way
    template: Path
    phone: dict[str, Any]
    undisturbed: dict[str, str] = field(default_factory=dict)
    """What is on the new phone after a move that nothing disturbs."""
    staged: int = 0
    """How many restores the phone has received completely."""

    def rewind(self) -> None:
        pairing = self.lab.home.pairing.rename(self.template.with_name("pairing"))  # the newest record is the valid one
        shutil.rmtree(self.lab.home.path)
        shutil.copytree(self.template, self.lab.home.path)
        shutil.rmtree(self.lab.home.pairing)
        pairing.rename(self.lab.home.pairing)
        put_back(self.lab.new, self.phone)
        self.staged = 0

    def resume(self, **change: Any) -> RunResult:
        return asyncio.run(resume(self.lab.last_run, self.lab.context(), **change))

    @property
    def has_recording(self) -> bool:
        return self.lab.new.files.get(*SINCE) is not None


def lab_for(make_lab: Callable[..., Lab], way: Way) -> tuple[Lab, dict[str, Any]]:
    """Two little phones, and the plan's sections."""
    password = None if way == "replace plain" else PASSWORD
    old = old_phone("18.5", TINY, keybag_rounds=10, backup_password=password)
    chosen = ["voice-memos", "contacts"]
    sections: dict[str, Any] = {"safety": {"prove": False}, "backup": {"encrypted": password is not None}}
    if way in ("replace encrypted", "replace plain"):
        lab = make_lab(old, new_phone("26.1", keybag_rounds=10, aftermath=UNTOUCHED))
    else:
        ios = "18.5" if way == "overlay" else "27.0"
        own: dict[str, Any] = {"spec": TINY, "keybag_rounds": 10, "backup_password": NEW_PASSWORD}
        lab = make_lab(old, new_phone(ios, empty=False, aftermath=UNTOUCHED, **own))
        experimental = [] if way == "rebuild" else [way]
        sections["new_phone"] = {"is": "in-use", "experimental": experimental}
        sections["move"] = {"categories": chosen, "may_replace": chosen}
    lab.person = Person({"old": PASSWORD, "new": NEW_PASSWORD if way in ("rebuild", "overlay", "graft") else None})
    return lab, sections


@contextmanager
def ready(make_lab: Callable[..., Lab], way: Way) -> Iterator[Ready]:
    lab, sections = lab_for(make_lab, way)
    lab.person.agrees = False
    try:
        lab.move(lab.plan(**sections))
    except NotAgreed:
        lab.person.agrees = True
    template = lab.home.path.parent / "template"
    shutil.copytree(lab.home.path, template)
    one = Ready(lab, way, template, copy_of(lab.new))
    begin = RestoreRun._stage

    def count(run: RestoreRun, *rest: Any) -> None:
        begin(run, *rest)
        one.staged += 1

    with patch.object(RestoreRun, "_stage", count), patch.object(doubt, "LEAVES_WITHIN_S", 0.0):
        assert one.resume().outcome == "done"
        one.undisturbed = files_of(lab.new)
        yield one


def copy_of(phone: SimulatedPhone) -> dict[str, Any]:
    memory = memory_of(phone)
    return {
        "files": phone.files.copy(),
        "keychain": phone.keychain.items(),
        "apps": dict(phone.apps),
        "afc_files": dict(phone.afc_files),
        "memory": (dict(memory.rows), dict(memory.unreadable_ids)),
        "plain": (phone.trust, phone.setup, phone.setup_state, phone.backup_password),
    }


def put_back(phone: SimulatedPhone, copy: dict[str, Any]) -> None:
    memory = memory_of(phone)
    phone.files = copy["files"].copy()
    phone.keychain.remove_all()
    phone.keychain.take_over(copy["keychain"])
    phone.apps, phone.afc_files = dict(copy["apps"]), dict(copy["afc_files"])
    memory.rows, memory.unreadable_ids = dict(copy["memory"][0]), dict(copy["memory"][1])
    memory.pending_backups.clear()
    phone.trust, phone.setup, phone.setup_state, phone.backup_password = copy["plain"]
    phone.pending_restore = None


def files_of(phone: SimulatedPhone) -> dict[str, str]:
    return {path: sha for path, sha in phone.files.digests().items() if sha != "dir"}


def settle(lab: Lab) -> None:
    """Wait until the phone has restarted, if it has something to restart for, and is back with its setup finished."""
    deadline = time.monotonic() + LONG_S
    while time.monotonic() < deadline:
        attached = lab.new._is_plugged_in
        if lab.new.pending_restore is None and attached and lab.new.setup == "finished":
            return
        time.sleep(0.01)
    raise AssertionError("the phone did not come back")


@dataclass
class Knife:
    """Stands in for `Journal.append`, and cuts once at a line."""

    case: Case
    write: Callable[[Journal, dict[str, Any]], None]
    is_dead: bool = False
    has_cut: bool = False
    task: asyncio.Task[Any] | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def append(self, journal: Journal, entry: dict[str, Any]) -> None:
        if self.is_dead:
            raise Killed
        key, _, step = self.case.line.partition(" ")
        if self.has_cut or key not in entry or (step and entry[key] != step):
            return self.write(journal, entry)
        self.has_cut = True
        self.is_dead = not self.case.cut.startswith("stopped")
        if self.case.cut != "killed before":
            self.write(journal, entry)
        if self.case.cut.startswith("torn"):
            os.truncate(journal.path, journal.path.stat().st_size - 5)
        if self.is_dead:
            raise Killed
        assert self.loop is not None and self.task is not None
        self.loop.call_soon_threadsafe(self.task.cancel)
        return None


def resume_until_cut(one: Ready, case: Case) -> None:
    """Resume the run, and end it at the line."""
    knife = Knife(case, Journal.append)

    async def work() -> None:
        knife.task, knife.loop = asyncio.current_task(), asyncio.get_running_loop()
        await resume(one.lab.last_run, one.lab.context())

    with patch.object(Journal, "append", lambda journal, entry: knife.append(journal, entry)):
        try:
            asyncio.run(work())
        except (Killed, Interrupted):
            pass
        except asyncio.CancelledError:
            pass
    assert knife.has_cut, f"{case}: there is no such line"


@dataclass(frozen=True)
class Outcome:
    staged: int
    was_told: bool
    """Whether the person was told that something newer would be lost."""
    was_asked: bool
    """Whether the person was asked what the phone shows, because nothing else decided."""
    wrong: str | None


def run_case(one: Ready, case: Case) -> Outcome:
    """Cut, let the person use the phone, resume, and compare with the undisturbed move."""
    one.rewind()
    person = one.lab.person
    person.doubts = 0
    resume_until_cut(one, case)
    settle(one.lab)
    staged_then = one.staged
    person.says_restored = staged_then > 0  # as a look at the phone shows
    if case.is_used:
        one.lab.new.files.add_file(*SINCE, b"recorded since")
    was_told = False
    agreed = len(person.confirmations)
    try:
        if not one.lab.last_run.journal().is_over:
            one.resume()
    except ResendWouldLose as told:
        was_told = "Voice" in told.what
        if one.staged != staged_then or (case.is_used and not one.has_recording):
            return Outcome(one.staged, was_told, person.doubts > 0, "something was sent before the person agreed")
        try:
            one.resume(accept_loss=True)
        except MigrateError as error:
            return Outcome(one.staged, was_told, person.doubts > 0, f"with consent: {error}")
    except MigrateError as error:
        return Outcome(one.staged, was_told, person.doubts > 0, str(error))
    settle(one.lab)
    return Outcome(one.staged, was_told, person.doubts > 0, what_is_wrong(one, case, was_told, agreed))


def what_is_wrong(one: Ready, case: Case, was_told: bool, agreed: int) -> str | None:
    """`agreed`: how often the person had agreed before the phone was used in between."""
    if one.staged != 1:
        return f"the phone took the set {one.staged} times"
    if one.lab.last_run.journal().outcome != "done":
        return f"the run ended {one.lab.last_run.journal().outcome}"
    now = files_of(one.lab.new)
    now.pop("/".join(SINCE), None)
    differing = sorted(path for path in {*now, *one.undisturbed} if now.get(path) != one.undisturbed.get(path))
    if differing:
        return f"{len(differing)} files differ from the undisturbed move, {differing[0]} among them"
    if case.is_used and case.was_taken and not one.has_recording:
        return "what was recorded after the restore is lost"
    if case.is_used and not one.has_recording and not was_told and len(one.lab.person.confirmations) == agreed:
        return "what was recorded is lost, and nobody was asked again"
    if case.is_used and (case.line, case.cut) == ("restore_half_sent", "killed after") and not was_told:
        return "the person was not told that the recording would be lost"
    return None


__all__ = ["CUTS", "LINES", "WAYS", "Case", "Outcome", "Ready", "every_case", "ready", "run", "run_case"]
