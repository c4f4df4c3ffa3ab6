"""What the steps of one run share: the frozen plan, the journal, the phones as they are met, the passwords."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from migrate.backup.folder import BackupFolder, find_backup
from migrate.backup.verify.run import Verdict
from migrate.journey import events
from migrate.journey.home import Home
from migrate.journey.journal import Journal
from migrate.phone.discovery import find_phones
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone
from migrate.plan.model import Plan
from migrate.plan.preflight import refuse_graft_without_safety
from migrate.plan.strategy import Strategy, choose_strategy
from migrate.problems import (
    NoMuxer,
    NoPhone,
    NotActivated,
    NotTrusted,
    OtherPhone,
    PairingNeedsCable,
    PhoneLocked,
    PhoneLost,
    PhoneNotConnected,
    SamePhoneTwice,
    SetupUnfinished,
    WaitedTooLong,
    WhichPhone,
)
from migrate.problems.finding import Finding
from migrate.progress import UserAction
from migrate.udid import same_udid

Role = Literal["old", "new"]
ROLES: tuple[Role, ...] = ("old", "new")
NOT_READY_ERRORS = (
    NoMuxer,
    NoPhone,
    PhoneLocked,
    PhoneNotConnected,
    NotTrusted,
    PairingNeedsCable,
    NotActivated,
    PhoneLost,
    SetupUnfinished,
)
"""What a hand on a phone can mend. The others (Trust denied, pairing forbidden) do not get better by waiting."""
POLL_S = 1.0
"""How often we look whether a phone was plugged in: a person does not notice a second."""


@dataclass(frozen=True)
class Confirmation:
    """What the last confirmation says, right before the point of no return."""

    run_id: str
    old_name: str
    new_name: str
    strategy: Strategy
    replaces: tuple[tuple[str, int | None, int | None], ...]
    """Category title, its items (or files) in the old backup, and on the new phone (None: not known)."""
    set_bytes: int
    set_files: int
    """Files of the old phone, without the companions made for its databases."""
    is_undoable: bool = False
    """Whether the new phone was saved as it is now, so that the move can be undone."""
    undoes: str | None = None
    """The run that is taken back; `replaces` is then what came after it and is lost."""


class UserPrompts(Protocol):
    """All that a run may ask of a person. Called in the event loop's own thread, never from a worker."""

    def password(self, role: Role, phone: str, udid: str | None, *, may_prompt: bool) -> str | None:
        """The backup password of a phone; None where nobody can tell it. Without `may_prompt` nobody is asked for it:
        only what was given beforehand counts. An answer is remembered."""

    def chosen_password(self, role: Role, phone: str) -> str | None:
        """A password that a phone without one shall have from now on; None where nobody can tell it."""

    def reject_password(self, role: Role, phone: str) -> bool:
        """The password told for this phone did not fit. True: ask again; False: it was not typed, that is useless."""

    def confirm(self, confirmation: Confirmation) -> bool:
        """The last confirmation. False: the person said no.

        Raises:
            WordMissing: there is nobody to ask.
        """


@dataclass(frozen=True)
class PresavedBackup:
    """A save that this process made and verified before there was a run (`ahead.py`): the run need not repeat it."""

    name: str  # the phone's
    stamp: tuple[str | None, ...]
    """`saving.save_stamp` right after it: as long as the working backup still has it, this is that save."""
    verdict: Verdict
    findings: tuple[Finding, ...]


def restore_set_role_of(journal: Journal) -> Role:
    """Whose password opens what a run sends: a graft and an undo carry the new phone's own backup."""
    return "new" if journal.undoes or journal.latest_value("strategy") == Strategy.GRAFT.value else "old"


class WorkerStopped(Exception):
    """Raised inside a worker thread that was asked to stop (Ctrl-C)."""


@dataclass
class Run:
    """One run while it runs."""

    home: Home
    folder: Path
    plan: Plan
    journal: Journal
    usbmux: UsbmuxConfig
    prompts: UserPrompts
    listener: events.Listener
    wait_s: float
    tmp: Path
    findings: list[Finding] = field(default_factory=list)
    stop_requested: threading.Event = field(default_factory=threading.Event)
    step: str = ""
    saved: Mapping[str, PresavedBackup] = field(default_factory=dict)
    """By UDID: what was saved in this process before the run began."""
    page: Callable[[dict[str, Any]], str] | None = None
    """The receipt as a page, in talk's words; None: no page is written."""
    named_udids: Mapping[Role, str] = field(default_factory=dict)
    """UDIDs that were said beside `resume`: for a phone that the plan leaves open and that was not met yet."""
    arrival_wait_s: float = 0.0
    """How long the proof waits for what arrives later."""
    restore_set_checked: bool = False
    """Whether this process has looked at the restore set right before the last word."""
    stop_after: str | None = None
    """The last step that was asked for; None: all of them."""

    async def strategy(self) -> Strategy:
        """What the plan's word and the new phone's iOS make of each other (design 4). Asks for the phone if it must.

        Raises:
            StrategyRefused, GraftNeedsSafety: this combination is known to lose data, or would be a graft of nothing.
        """
        if self.journal.latest_value("strategy") is None:
            version = None
            if self.plan.new_phone.is_ == "in-use":
                async with self.phone("new") as phone:
                    version = phone.facts.ios_version
            strategy = choose_strategy(self.plan.new_phone.is_, version, experimental=self.plan.new_phone.experimental)
            if strategy is Strategy.GRAFT:
                refuse_graft_without_safety(self.plan)
            self.set_strategy(strategy)
        return self.known_strategy

    def set_strategy(self, strategy: Strategy) -> None:
        self.journal.append({"strategy": strategy.value})

    def is_requested(self, step: str) -> bool:
        """Whether a person asked for `step`, whatever the plan says."""
        return self.stop_after == step or self.journal.was_reopened(step)

    @property
    def known_strategy(self) -> Strategy:
        return Strategy(self.journal.latest_value("strategy"))

    @property
    def old_backup(self) -> Path:
        """The saved, verified backup of the old phone that compose, resume and proof read."""
        return Path(self.journal.result("verify")["backup"])

    @property
    def safety_backup(self) -> Path | None:
        saved = self.journal.result("verify-new-phone").get("backup")
        return Path(saved) if saved else None

    @property
    def restore_set(self) -> Path:
        if self.journal.undoes:
            return Path(self.journal.result("verify-safety")["backup"])
        return Path(self.composed["set"])

    @property
    def restore_set_role(self) -> Role:
        """Whose password opens the restore set."""
        return restore_set_role_of(self.journal)

    @property
    def composed(self) -> dict[str, Any]:
        """What is sent: what `compose` has made, or what an undo puts back."""
        return self.journal.result("compare" if self.journal.undoes else "compose")

    # -- speaking ------------------------------------------------------------------------------------------------

    def emit(self, event: events.Event) -> None:
        self.listener(event)

    def found(self, finding: Finding) -> None:
        """Pass a finding on. One that a step says again after a resume is not new."""
        if finding not in self.findings:
            self.findings.append(finding)
            self.emit(events.Found(finding))

    def result_of_done_step(self, step: str) -> dict[str, Any]:
        """The result of a step that was found done although its process died before it could say so."""
        role = {"back-up-old-phone": "old", "back-up-new-phone": "new"}.get(step)
        udid = self.journal.udid_of(role) if role else None
        return {"backup": str(self.home.working_backup(udid))} if udid else {}

    def name_of(self, role: Role) -> str:
        return self.journal.name_of(role) or f"the {role} phone"

    def progress(self) -> StepProgress:
        return StepProgress(self, self.step)

    # -- phones --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def phone(self, role: Role) -> AsyncIterator[Phone]:
        """Meet the old or the new phone, waiting for it (and for a hand on it) as long as `--wait` says.

        Raises:
            WaitedTooLong: nobody did what was asked in time; the reason is what the phone last answered.
        """
        udid = self.journal.udid_of(role) or await self._find_udid(role)
        phone = await self.with_wait_timeout(
            lambda wait_s: Phone.meet(self.usbmux, udid, progress=self.progress(), wait_s=wait_s)
        )
        try:
            self.record_phone(role, phone.facts.udid, phone.facts.name or phone.facts.udid)
            yield phone
        finally:
            await phone.close()

    async def with_wait_timeout(self, meet: Callable[[float], Awaitable[Phone]]) -> Phone:
        """`meet(wait_s)`, with what it still lacked after `--wait` seconds turned into exit 50 (contract 1)."""
        try:
            return await meet(self.wait_s)
        except NOT_READY_ERRORS as error:
            if self.wait_s > 0:
                raise WaitedTooLong(round(self.wait_s), error) from error
            raise

    def record_phone(self, role: Role, udid: str, name: str) -> None:
        """Journal a phone when it is first met; refuse another one later.

        Raises:
            SamePhoneTwice: it is also the other phone.
            OtherPhone: this run knows another phone in this role.
        """
        known, other = self.journal.udid_of(role), self.journal.udid_of("new" if role == "old" else "old")
        if other and same_udid(other, udid):
            raise SamePhoneTwice(name)
        if known is None:
            self.journal.append({"met": role, "udid": udid, "name": name})
        elif not same_udid(known, udid):
            raise OtherPhone(role, name, udid, known)

    async def _find_udid(self, role: Role) -> str:
        """The UDID of the phone for `role`: the plan's, or the only other phone there is.

        Waits for one to be connected when none is. Two that could be meant are a choice, and a choice is not ours.
        """
        if requested_udid := self.requested_udid(role):
            return requested_udid
        excluded_udids = {
            self.journal.udid_of("old"),
            self.journal.udid_of("new"),
            self.requested_udid("old"),
            self.requested_udid("new"),
        }
        if role == "old" and not self.requested_udid("new") and not self.journal.udid_of("new"):
            raise WhichPhone("old", tuple(f"{p.name or 'iPhone'} ({p.udid})" for p in await find_phones(self.usbmux)))

        return await self._wait_for_only_other(role, {udid for udid in excluded_udids if udid})

    async def _wait_for_only_other(self, role: Role, excluded_udids: set[str]) -> str:
        """Wait until exactly one phone besides `excluded_udids` is connected, and return its UDID."""
        asked, deadline = False, time.monotonic() + self.wait_s
        while True:
            seen = await find_phones(self.usbmux)
            others = [phone for phone in seen if not any(same_udid(phone.udid, udid) for udid in excluded_udids)]
            if len(others) > 1:
                raise WhichPhone(role, tuple(f"{phone.name or 'iPhone'} ({phone.udid})" for phone in others))
            if others:
                if asked:
                    self.progress().person_done(f"the {role} phone", "connect")
                return others[0].udid
            if not asked:
                self.progress().person_needed(f"the {role} phone", "connect")
                asked = True
            if self.wait_s <= 0:
                raise NoPhone("", tuple(phone.udid for phone in seen))
            if time.monotonic() >= deadline:
                raise WaitedTooLong(round(self.wait_s), PhoneNotConnected(role))
            await asyncio.sleep(POLL_S)

    def requested_udid(self, role: Role) -> str | None:
        """The UDID that was said for this role: beside `resume`, or in the plan."""
        if said := self.named_udids.get(role):
            return said
        if role == "old":
            if self.plan.old_phone.udid:
                return self.plan.old_phone.udid
            if self.plan.old_phone.backup:
                return BackupFolder(find_backup(Path(self.plan.old_phone.backup))).udid
            return None
        return self.plan.new_phone.udid


@dataclass(frozen=True)
class StepProgress:
    """A Watcher that speaks for one step, from any thread, and passes a stop on to the worker that calls it."""

    run: Run
    step: str

    def bytes_moved(self, done: int, total: int | None) -> None:
        if self.run.stop_requested.is_set():
            raise WorkerStopped
        self.run.emit(events.BytesMoved(self.step, done, total))

    def files_moved(self, done: int) -> None:
        self.run.emit(events.FilesMoved(self.step, done))

    def person_needed(self, phone: str, action: UserAction) -> None:
        self.run.emit(events.PersonNeeded(self._called(phone), action))

    def person_done(self, phone: str, action: UserAction) -> None:
        self.run.emit(events.PersonDone(self._called(phone), action))

    def _called(self, phone: str) -> str:
        """A phone that is not there yet is known by its UDID only; this run may have met it before."""
        journal = self.run.journal
        for role in ROLES:
            udid = journal.udid_of(role) or self.run.requested_udid(role)
            if udid and udid in phone:
                return self.run.name_of(role)
        return phone

    def found(self, finding: Finding) -> None:
        self.run.found(finding)
