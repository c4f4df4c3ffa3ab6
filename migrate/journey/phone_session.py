"""The two phones of a move: meeting them, knowing which is which, reporting progress. For runs and the wizard."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from migrate.backup.folder import BackupFolder, find_backup
from migrate.journey import events
from migrate.journey.context import PresavedBackup, RunContext
from migrate.journey.estimate import measure
from migrate.journey.home import Home
from migrate.journey.prompts import ROLES, Role, UserPrompts
from migrate.phone.discovery import find_phones
from migrate.phone.facts import PhoneFacts, same_name
from migrate.phone.facts import told_apart_by as what_tells_apart
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone
from migrate.problems import (
    MigrateError,
    NoMuxer,
    NoPhone,
    NotActivated,
    NotTrusted,
    OtherPhone,
    PairingNeedsCable,
    PhoneLocked,
    PhoneLost,
    PhoneNotConnected,
    RestoreNeedsCable,
    SamePhoneTwice,
    SetupUnfinished,
    WaitedTooLong,
    WhichPhone,
)
from migrate.problems.finding import Finding
from migrate.progress import Phase, UserAction
from migrate.udid import same_udid

NOT_READY_ERRORS = (
    NoMuxer,
    NoPhone,
    PhoneLocked,
    PhoneNotConnected,
    NotTrusted,
    PairingNeedsCable,
    RestoreNeedsCable,
    NotActivated,
    PhoneLost,
    SetupUnfinished,
)
"""What a person can fix at the phone. Others (Trust denied, pairing forbidden) do not get better by waiting."""
POLL_S = 1.0
"""How often to look whether a phone was plugged in: a person does not notice a second."""


class WorkerStopped(Exception):
    """Raised inside a worker thread that was asked to stop (Ctrl-C)."""


@dataclass(frozen=True)
class MetPhone:
    udid: str
    name: str
    told_apart_by: str = ""
    """What tells it from a phone of the same name; empty where that is unknown."""


@dataclass(kw_only=True)
class PhoneSession:
    """Reaches the old and the new phone and remembers which is which, for as long as a command or a run lasts."""

    context: RunContext
    old_udid: str | None
    """The UDID requested for the old phone; None: the only other one."""
    old_backup: Path | None
    """The backup used in place of the old phone."""
    new_udid: str | None
    encrypts_backups: bool
    """Whether encryption is turned on for phones that do not encrypt their backups."""
    step: str = ""
    """The step that progress is reported for."""
    findings: list[Finding] = field(default_factory=list)
    stop_requested: threading.Event = field(default_factory=threading.Event)
    moved_bytes: int = 0
    """How far the current attempt at a step has come."""
    _met: dict[Role, MetPhone] = field(default_factory=dict)
    _names_here: dict[str, str] | None = None
    """The names of the phones that were connected when the first one was met; None: not looked yet."""

    @property
    def home(self) -> Home:
        return self.context.home

    @property
    def tmp(self) -> Path:
        return self.context.tmp

    @property
    def usbmux(self) -> UsbmuxConfig:
        return self.context.usbmux

    @property
    def prompts(self) -> UserPrompts:
        return self.context.prompts

    @property
    def wait_s(self) -> float:
        return self.context.wait_s

    def met_phone(self, role: Role) -> MetPhone | None:
        """The phone met in this role so far."""
        return self._met.get(role)

    def remember_phone(self, role: Role, phone: MetPhone) -> None:
        self._met[role] = phone

    def udid_of(self, role: Role) -> str | None:
        met = self.met_phone(role)
        return met.udid if met else None

    def name_of(self, role: Role) -> str:
        met = self.met_phone(role)
        return met.name if met else f"the {role} phone"

    def requested_udid(self, role: Role) -> str | None:
        """The UDID requested for this role: beside `resume`, or in the plan."""
        if named := self.context.named_udids.get(role):
            return named
        if role == "new":
            return self.new_udid
        if self.old_udid:
            return self.old_udid
        return BackupFolder(find_backup(self.old_backup)).udid if self.old_backup else None

    def presaved_backup(self, udid: str) -> PresavedBackup | None:
        """The backup of this phone made before the run began, if its working backup is still that one."""
        kept = self.context.saved.get(udid)
        return kept if kept and kept.stamp == tuple(backup_stamp(self.home.working_backup(udid))) else None

    # -- reporting -----------------------------------------------------------------------------------------------

    def emit(self, event: events.Event) -> None:
        self.context.listener(event)

    def found(self, finding: Finding) -> None:
        """Report a finding, once: a step repeated after a resume finds the same things again."""
        if finding not in self.findings:
            self.findings.append(finding)
            self.emit(events.Found(finding))

    def progress(self) -> StepProgress:
        return StepProgress(self, self.step)

    async def announce_backup(self, phone: Phone, folder: Path, *, fresh: bool = False) -> None:
        """Report what is expected of a backup of `phone` before it begins."""
        self.emit(events.Estimated(self.step, await measure(self.usbmux, phone.facts, folder, fresh=fresh)))

    # -- phones --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def phone(self, role: Role, *, needs_cable: bool = False) -> AsyncIterator[Phone]:
        """Meet the old or the new phone, waiting for it (and for its owner) as long as `--wait` says.

        Raises:
            WaitedTooLong: what the phone needs was not done in time; the reason is its last answer.
        """
        udid = self.udid_of(role) or await self._find_udid(role)
        taken_names = await self.names_of_others(role, udid)
        phone = await self.with_wait_timeout(
            lambda wait_s: Phone.meet(
                self.usbmux,
                udid,
                progress=self.progress(),
                wait_s=wait_s,
                taken_names=taken_names,
                needs_cable=needs_cable,
            )
        )
        try:
            facts = phone.facts
            self.record_phone(role, facts.udid, facts.name or facts.udid, facts.told_apart_by)
            yield phone
        finally:
            await phone.close()

    async def names_of_others(self, role: Role, udid: str) -> tuple[str, ...]:
        """The names of the other phone of the move, and of the phones that were connected when the first one was
        met."""
        if self._names_here is None:
            with suppress(NoMuxer):  # waiting for a phone says so
                self._names_here = {one.udid: one.name for one in await find_phones(self.usbmux) if one.name}
        here = [name for other, name in (self._names_here or {}).items() if not same_udid(other, udid)]
        other = self.met_phone("new" if role == "old" else "old")
        return (*here, other.name.removesuffix(f" ({other.told_apart_by})")) if other else tuple(here)

    async def with_wait_timeout(self, meet: Callable[[float], Awaitable[Phone]]) -> Phone:
        """`meet(wait_s)`, turning what is still missing after `--wait` seconds into exit 50 (contract 1)."""
        try:
            return await meet(self.wait_s)
        except NOT_READY_ERRORS as error:
            if self.wait_s > 0:
                raise WaitedTooLong(round(self.wait_s), error) from error
            raise

    def record_phone(self, role: Role, udid: str, name: str, told_apart_by: str = "") -> None:
        """Remember a phone when it is first met; refuse another one later. Two phones of one name are remembered with
        what tells them apart.

        Raises:
            SamePhoneTwice: it is also the other phone.
            OtherPhone: another phone was met in this role before.
        """
        other_role: Role = "new" if role == "old" else "old"
        known, other = self.met_phone(role), self.met_phone(other_role)
        if other and same_udid(other.udid, udid):
            raise SamePhoneTwice(name)
        if known is not None and not same_udid(known.udid, udid):
            raise OtherPhone(role, name, udid, known.udid)
        if known is not None:
            return
        if other and same_name(other.name.removesuffix(f" ({other.told_apart_by})"), name):
            if other.told_apart_by and not other.name.endswith(f"({other.told_apart_by})"):
                self.remember_phone(other_role, replace(other, name=f"{other.name} ({other.told_apart_by})"))
            name = f"{name} ({told_apart_by or what_tells_apart(None, None, udid)})"
        self.remember_phone(role, MetPhone(udid, name, told_apart_by))

    async def _find_udid(self, role: Role) -> str:
        """The UDID of the phone for `role`: the plan's, or the only other phone there is.

        Waits for one to be connected when none is. With two candidates the person has to choose.
        """
        if requested_udid := self.requested_udid(role):
            return requested_udid
        excluded_udids = {
            self.udid_of("old"),
            self.udid_of("new"),
            self.requested_udid("old"),
            self.requested_udid("new"),
        }
        if role == "old" and not self.requested_udid("new") and not self.udid_of("new"):
            raise WhichPhone("old", _listed(await find_phones(self.usbmux)))

        return await self._wait_for_only_other(role, {udid for udid in excluded_udids if udid})

    async def _wait_for_only_other(self, role: Role, excluded_udids: set[str]) -> str:
        """Wait until exactly one phone besides `excluded_udids` is connected, and return its UDID."""
        asked, deadline = False, time.monotonic() + self.wait_s
        while True:
            seen = await find_phones(self.usbmux)
            others = [phone for phone in seen if not any(same_udid(phone.udid, udid) for udid in excluded_udids)]
            if len(others) > 1:
                raise WhichPhone(role, _listed(others))
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


@dataclass(frozen=True)
class StepProgress:
    """Reports one step's progress from any thread, and stops the worker that calls it when a stop was requested."""

    session: PhoneSession
    step: str
    failed: str = ""
    """What failed, while it is waited to try it again."""

    def bytes_moved(self, done: int, total: int | None) -> None:
        if self.session.stop_requested.is_set():
            raise WorkerStopped
        self.session.moved_bytes = done
        self.session.emit(events.BytesMoved(self.step, done, total))

    def files_moved(self, done: int) -> None:
        self.session.emit(events.FilesMoved(self.step, done))

    def phase_began(self, phase: Phase) -> None:
        self.session.emit(events.PhaseBegan(self.step, phase))

    def person_needed(self, phone: str, action: UserAction) -> None:
        self.session.emit(events.PersonNeeded(self._called(phone), action))

    def person_done(self, phone: str, action: UserAction) -> None:
        self.session.emit(events.PersonDone(self._called(phone), action))

    def trying_again(self, phone: str, seconds_left: int) -> None:
        self.session.emit(events.TryingAgain(self._called(phone), seconds_left, self.failed))

    def _called(self, phone: str) -> str:
        """The phone's name, where a phone that is not connected is known by its UDID only."""
        for role in ROLES:
            udid = self.session.udid_of(role) or self.session.requested_udid(role)
            if udid and udid in phone:
                return self.session.name_of(role)
        return phone

    def found(self, finding: Finding) -> None:
        self.session.found(finding)


def _listed(phones: Sequence[PhoneFacts]) -> tuple[str, ...]:
    return tuple(f"{phone.name_or_model if phone.name else 'iPhone'} ({phone.udid})" for phone in phones)


def backup_stamp(folder: Path) -> list[str | None]:
    """What tells one finished backup in a folder from the next: Status.plist's UUID and date, or nothing."""
    try:
        backup = BackupFolder(folder)
        if not backup.is_finished:
            return [None, None]
        return [backup.status_uuid, str(backup.status_date)]
    except (MigrateError, OSError):
        return [None, None]
