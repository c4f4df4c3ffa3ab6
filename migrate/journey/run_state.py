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
from migrate.phone.discovery import look
from migrate.phone.muxer import Muxer
from migrate.phone.phone import Phone
from migrate.plan.model import Plan
from migrate.plan.preflight import refuse_graft_without_safety
from migrate.plan.strategy import Strategy, strategy_for
from migrate.problems import (
    NoMuxer,
    NoPhone,
    NotActivated,
    NotTrusted,
    OtherPhone,
    PairingNeedsCable,
    PhoneLocked,
    PhoneLost,
    SamePhoneTwice,
    SetupUnfinished,
    WaitedTooLong,
    WhichPhone,
)
from migrate.problems.finding import Finding
from migrate.progress import Action
from migrate.udid import same_udid

Role = Literal["old", "new"]
ROLES: tuple[Role, ...] = ("old", "new")
STILL_LACKING = (NoMuxer, NoPhone, PhoneLocked, NotTrusted, PairingNeedsCable, NotActivated, PhoneLost, SetupUnfinished)
"""What a hand on a phone can mend. The others (Trust denied, pairing forbidden) do not get better by waiting."""
POLL_S = 1.0
"""How often we look whether a phone was plugged in: a person does not notice a second."""


@dataclass(frozen=True)
class LastWord:
    """What the last confirmation says, right before the point of no return."""

    run: str
    old_name: str
    new_name: str
    strategy: Strategy
    replaces: tuple[tuple[str, int | None, int | None], ...]
    """Category title, its items (or files) in the old backup, and on the new phone (None: not known)."""
    set_bytes: int
    set_files: int
    """Files of the old phone, without the companions made for its databases."""
    saved_first: bool = False
    """Whether the new phone was saved as it is now, so that the move can be undone."""
    undoes: str | None = None
    """The run that is taken back; `replaces` is then what came after it and is lost."""


class Asking(Protocol):
    """All that a run may ask of a person. Called in the event loop's own thread, never from a worker."""

    def password(self, role: Role, phone: str, udid: str | None, *, insist: bool) -> str | None:
        """The backup password of a phone; None where nobody can tell it. Without `insist` nobody is asked for it:
        only what was given beforehand counts. An answer is remembered."""

    def chosen_password(self, role: Role, phone: str) -> str | None:
        """A password that a phone without one shall have from now on; None where nobody can tell it."""

    def forget(self, role: Role, phone: str) -> bool:
        """The password told for this phone did not fit. True: ask again; False: it was not typed, that is useless."""

    def confirm(self, word: LastWord) -> bool:
        """The last confirmation. False: the person said no.

        Raises:
            WordMissing: there is nobody to ask.
        """


@dataclass(frozen=True)
class KeptSave:
    """A save that this process made and verified before there was a run (`ahead.py`): the run need not repeat it."""

    name: str  # the phone's
    stamp: tuple[str | None, ...]
    """`saving.save_stamp` right after it: as long as the working backup still has it, this is that save."""
    verdict: Verdict
    findings: tuple[Finding, ...]


def set_role_of(journal: Journal) -> Role:
    """Whose password opens what a run sends: a graft and an undo carry the new phone's own backup."""
    return "new" if journal.undoes or journal.note("strategy") == Strategy.GRAFT.value else "old"


class Stopped(Exception):
    """Raised inside a worker thread that was asked to stop (Ctrl-C)."""


@dataclass
class Move:
    """One run while it runs."""

    home: Home
    folder: Path
    plan: Plan
    journal: Journal
    muxer: Muxer
    asking: Asking
    listener: events.Listener
    wait_s: float
    tmp: Path
    findings: list[Finding] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    step: str = ""
    saved: Mapping[str, KeptSave] = field(default_factory=dict)
    """By UDID: what was saved in this process before the run began."""
    page: Callable[[dict[str, Any]], str] | None = None
    """The receipt as a page, in talk's words; None: no page is written."""
    names: Mapping[Role, str] = field(default_factory=dict)
    """UDIDs that were said beside `resume`: for a phone that the plan leaves open and that was not met yet."""
    arriving_s: float = 0.0
    """How long the proof waits for what arrives later."""
    looked_at_set: bool = False
    """Whether this process has looked at the restore set right before the last word."""
    until: str | None = None
    """The last step that was asked for; None: all of them."""

    async def strategy(self) -> Strategy:
        """What the plan's word and the new phone's iOS make of each other (design 4). Asks for the phone if it must.

        Raises:
            StrategyRefused, GraftNeedsSafety: this combination is known to lose data, or would be a graft of nothing.
        """
        if self.journal.note("strategy") is None:
            version = None
            if self.plan.new_phone.is_ == "in-use":
                async with self.phone("new") as phone:
                    version = phone.facts.ios_version
            strategy = strategy_for(self.plan.new_phone.is_, version, experimental=self.plan.new_phone.experimental)
            if strategy is Strategy.GRAFT:
                refuse_graft_without_safety(self.plan)
            self.settle(strategy)
        return self.known_strategy

    def settle(self, strategy: Strategy) -> None:
        self.journal.append({"strategy": strategy.value})

    def asked_to(self, step: str) -> bool:
        """Whether a person asked for `step`, whatever the plan says."""
        return self.until == step or self.journal.was_reopened(step)

    @property
    def known_strategy(self) -> Strategy:
        return Strategy(self.journal.note("strategy"))

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
    def set_role(self) -> Role:
        """Whose password opens the restore set."""
        return set_role_of(self.journal)

    @property
    def composed(self) -> dict[str, Any]:
        """What is sent: what `compose` has made, or what an undo puts back."""
        return self.journal.result("compare" if self.journal.undoes else "compose")

    # -- speaking ------------------------------------------------------------------------------------------------

    def tell(self, event: events.Event) -> None:
        self.listener(event)

    def found(self, finding: Finding) -> None:
        """Pass a finding on. One that a step says again after a resume is not new."""
        if finding not in self.findings:
            self.findings.append(finding)
            self.tell(events.Found(finding))

    def recall(self, step: str) -> dict[str, Any]:
        """The result of a step that was found done although its process died before it could say so."""
        role = {"save-old-phone": "old", "save-new-phone": "new"}.get(step)
        udid = self.journal.udid_of(role) if role else None
        return {"backup": str(self.home.working_backup(udid))} if udid else {}

    def name_of(self, role: Role) -> str:
        return self.journal.name_of(role) or f"the {role} phone"

    def watch(self) -> StepWatcher:
        return StepWatcher(self, self.step)

    # -- phones --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def phone(self, role: Role) -> AsyncIterator[Phone]:
        """Meet the old or the new phone, waiting for it (and for a hand on it) as long as `--wait` says.

        Raises:
            WaitedTooLong: nobody did what was asked in time; the reason is what the phone last answered.
        """
        udid = self.journal.udid_of(role) or await self._which(role)
        phone = await self.patiently(lambda wait_s: Phone.meet(self.muxer, udid, watch=self.watch(), wait_s=wait_s))
        try:
            self.met(role, phone.facts.udid, phone.facts.name or phone.facts.udid)
            yield phone
        finally:
            await phone.close()

    async def patiently(self, meet: Callable[[float], Awaitable[Phone]]) -> Phone:
        """`meet(wait_s)`, with what it still lacked after `--wait` seconds turned into exit 50 (contract 1)."""
        try:
            return await meet(self.wait_s)
        except STILL_LACKING as error:
            if self.wait_s > 0:
                raise WaitedTooLong(round(self.wait_s), error.what(), error.next()) from error
            raise

    def met(self, role: Role, udid: str, name: str) -> None:
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

    async def _which(self, role: Role) -> str:
        """The UDID of the phone for `role`: the plan's, or the only other phone there is.

        Waits for one to be connected when none is. Two that could be meant are a choice, and a choice is not ours.
        """
        if named := self.named(role):
            return named
        taken = {self.journal.udid_of("old"), self.journal.udid_of("new"), self.named("old"), self.named("new")}
        if role == "old" and not self.named("new") and not self.journal.udid_of("new"):
            raise WhichPhone("old", tuple(f"{p.name or 'iPhone'} ({p.udid})" for p in await look(self.muxer)))

        return await self._only_other(role, {udid for udid in taken if udid})

    async def _only_other(self, role: Role, taken: set[str]) -> str:
        """Wait until exactly one phone besides `taken` is connected, and return its UDID."""
        asked, deadline = False, time.monotonic() + self.wait_s
        while True:
            seen = await look(self.muxer)
            others = [phone for phone in seen if not any(same_udid(phone.udid, udid) for udid in taken)]
            if len(others) > 1:
                raise WhichPhone(role, tuple(f"{phone.name or 'iPhone'} ({phone.udid})" for phone in others))
            if others:
                if asked:
                    self.watch().person_done(f"the {role} phone", "connect")
                return others[0].udid
            if not asked:
                self.watch().person_needed(f"the {role} phone", "connect")
                asked = True
            if self.wait_s <= 0:
                raise NoPhone("", tuple(phone.udid for phone in seen))
            if time.monotonic() >= deadline:
                raise WaitedTooLong(
                    round(self.wait_s), f"The {role} phone is not connected.", f"Connect the {role} phone and unlock it"
                )
            await asyncio.sleep(POLL_S)

    def named(self, role: Role) -> str | None:
        """The UDID that was said for this role: beside `resume`, or in the plan."""
        if said := self.names.get(role):
            return said
        if role == "old":
            if self.plan.old_phone.udid:
                return self.plan.old_phone.udid
            if self.plan.old_phone.backup:
                return BackupFolder(find_backup(Path(self.plan.old_phone.backup))).udid
            return None
        return self.plan.new_phone.udid


@dataclass(frozen=True)
class StepWatcher:
    """A Watcher that speaks for one step, from any thread, and passes a stop on to the worker that calls it."""

    move: Move
    step: str

    def bytes_moved(self, done: int, total: int | None) -> None:
        if self.move.stop.is_set():
            raise Stopped
        self.move.tell(events.BytesMoved(self.step, done, total))

    def files_moved(self, done: int) -> None:
        self.move.tell(events.FilesMoved(self.step, done))

    def person_needed(self, phone: str, action: Action) -> None:
        self.move.tell(events.PersonNeeded(self._called(phone), action))

    def person_done(self, phone: str, action: Action) -> None:
        self.move.tell(events.PersonDone(self._called(phone), action))

    def _called(self, phone: str) -> str:
        """A phone that is not there yet is known by its UDID only; this run may have met it before."""
        journal = self.move.journal
        for role in ROLES:
            udid = journal.udid_of(role) or self.move.named(role)
            if udid and udid in phone:
                return self.move.name_of(role)
        return phone

    def found(self, finding: Finding) -> None:
        self.move.found(finding)
