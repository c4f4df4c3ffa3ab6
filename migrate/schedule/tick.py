"""One look at all scheduled iPhones: back up those that are due, and say for the others why not.

Called every hour by the system's timer, and safe to call at any time: what is not due is left alone, two at a time do
not meet (each phone's backup is locked), and what was not possible is tried again within the window.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from migrate.backup.disk_space import free_bytes_at
from migrate.backup.snapshots.retention import decide as decide_retention
from migrate.backup.snapshots.store import Snapshot
from migrate.journey.home import Home
from migrate.problems import (
    AutoNoRoom,
    AutoNotCharging,
    AutoNotConnected,
    BackupBusy,
    MigrateError,
    PasscodeNotEntered,
    PasscodeWaitOver,
)
from migrate.schedule.decide import decide, overdue_since
from migrate.schedule.settings import PhoneSchedule, Settings
from migrate.schedule.state import State, state_of, write_state

if TYPE_CHECKING:
    from migrate.phone.facts import PhoneFacts

ANOTHER_TRY = timedelta(hours=1)
"""How long nobody is bothered again after the passcode was not entered: never a storm of notices."""
TELL_OVERDUE_EVERY = timedelta(days=1)
_CHANGED_SHARE = 0.05
"""*guessed*: how much of a phone an incremental backup transfers."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """Something that people and hooks are told about one iPhone."""

    event: str
    """`backed-up`, `not-possible`, `passcode-needed`, `overdue`."""
    schedule: PhoneSchedule
    why: str = ""
    snapshot: Snapshot | None = None


class Phones(Protocol):
    """The iPhones that can be reached; the simulated week has its own."""

    async def find(self) -> Sequence[PhoneFacts]:
        """All that are connected, over a cable or Wi-Fi."""

    async def back_up(self, facts: PhoneFacts, passcode_needed: Callable[[], None]) -> Snapshot | None:
        """Back one up, and keep its snapshot. `passcode_needed` is called when the iPhone asks for its passcode, in the
        thread of the event loop.

        Raises:
            MigrateError: it was not possible.
        """


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a tick did about one iPhone."""

    udid: str
    name: str
    result: str
    """`backed-up`, `not-due`, `not-possible`, `busy`."""
    next_try: datetime
    why: str = ""
    forgotten: int = 0
    """Snapshots that no rule kept."""


@dataclass
class Tick:
    """One tick.

    Args:
        phones: makes the phones; called only if one is due, because their protocols take long to load.
        now: aware, in the time zone of the people here.
        tell: shows a notice and calls the hook; it never raises.
    """

    home: Home
    settings: Settings
    phones: Callable[[], Phones]
    now: datetime
    tell: Callable[[Told], Awaitable[None]]

    async def run(self) -> list[Outcome]:
        """Look at every scheduled iPhone in turn."""
        due = [(one, decide(one, self._state(one), self.now)) for one in self.settings.phone]
        phones = self.phones() if any(when.now for _one, when in due) else None
        connected = await phones.find() if phones else ()
        outcomes = []
        for schedule, when in due:
            if when.now and phones is not None:
                facts = next((one for one in connected if one.udid.casefold() == schedule.udid.casefold()), None)
                outcomes.append(await self._try(schedule, phones, facts))
            else:
                outcomes.append(
                    Outcome(udid=schedule.udid, name=schedule.called, result="not-due", next_try=when.next_try)
                )
            await self._tell_overdue(schedule)
        return outcomes

    async def _try(self, schedule: PhoneSchedule, phones: Phones, facts: PhoneFacts | None) -> Outcome:
        before = self._state(schedule)
        state = replace(before, last_try=self.now)
        notices: list[asyncio.Future[None]] = []

        def passcode_needed() -> None:
            if not notices:
                notices.append(asyncio.ensure_future(self.tell(Told(event="passcode-needed", schedule=schedule))))

        try:
            self._check(schedule, facts)
            assert facts is not None
            snapshot = await phones.back_up(facts, passcode_needed)
        except BackupBusy as busy:
            return self._outcome(schedule, "busy", busy)
        except MigrateError as problem:
            nobody_there = bool(notices) or isinstance(problem, PasscodeNotEntered | PasscodeWaitOver)
            not_before = self.now + ANOTHER_TRY if nobody_there else None
            self._write(schedule, replace(state, last_code=problem.code, last_why=problem.what, not_before=not_before))
            if not (
                self._is_known(schedule, before, problem) or isinstance(problem, AutoNotConnected | AutoNotCharging)
            ):
                await self.tell(Told(event="not-possible", schedule=schedule, why=problem.what))
            return self._outcome(schedule, "not-possible", problem)
        finally:
            await asyncio.gather(*notices)
        done = replace(state, last_good=self.now, last_code=None, last_why=None, not_before=None, told_overdue=None)
        self._write(schedule, done)
        forgotten = self._forget(schedule)
        await self.tell(Told(event="backed-up", schedule=schedule, snapshot=snapshot))
        next_try = decide(schedule, done, self.now).next_try
        return Outcome(
            udid=schedule.udid, name=schedule.called, result="backed-up", next_try=next_try, forgotten=forgotten
        )

    def _is_known(self, schedule: PhoneSchedule, before: State, problem: MigrateError) -> bool:
        """Whether the try before, in the same window, failed for the same reason: once an evening is enough."""
        if before.last_try is None or before.last_code != problem.code:
            return False
        return before.last_try >= schedule.hours.begins_before(self.now)

    def _check(self, schedule: PhoneSchedule, facts: PhoneFacts | None) -> None:
        """What can be told before the iPhone is bothered.

        Raises:
            AutoNotConnected, AutoNotCharging, AutoNoRoom
        """
        if facts is None:
            raise AutoNotConnected(schedule.called)
        if schedule.power == "charging" and facts.charging is not True:
            raise AutoNotCharging(schedule.called)
        has_backup = self.home.has_finished_backup(schedule.udid)
        if facts.used_bytes is not None and (free := free_bytes_at(self.home.backups)) is not None:
            needed = round(facts.used_bytes * (_CHANGED_SHARE if has_backup else 1))
            if free < needed:
                raise AutoNoRoom(schedule.called, needed, free)

    def _forget(self, schedule: PhoneSchedule) -> int:
        """Remove the snapshots that no rule keeps. What cannot be removed stays: the next tick tries again."""
        policy = schedule.keep.policy
        if policy.is_empty:
            return 0
        store, forgotten = self.home.snapshot_store, 0
        known = [replace(one, taken=one.taken.astimezone(self.now.tzinfo)) for one in store.all(schedule.udid)]
        for snapshot, reasons in decide_retention(known, policy):
            if not reasons and not snapshot.place.protections:
                try:
                    store.forget(snapshot)
                except OSError:
                    continue
                forgotten += 1
        return forgotten

    async def _tell_overdue(self, schedule: PhoneSchedule) -> None:
        state = self._state(schedule)
        since = overdue_since(schedule, state, self.now)
        if since is None:
            return
        if state.told_overdue is None or self.now - state.told_overdue >= TELL_OVERDUE_EVERY:
            self._write(schedule, replace(state, told_overdue=self.now))
            await self.tell(Told(event="overdue", schedule=schedule, why=state.last_why or ""))

    def _outcome(self, schedule: PhoneSchedule, result: str, problem: MigrateError) -> Outcome:
        later = self.now + ANOTHER_TRY
        return Outcome(
            udid=schedule.udid,
            name=schedule.called,
            result=result,
            next_try=decide(schedule, self._state(schedule), later).next_try,
            why=problem.what,
        )

    def _state(self, schedule: PhoneSchedule) -> State:
        return state_of(self.home, schedule.udid)

    def _write(self, schedule: PhoneSchedule, state: State) -> None:
        write_state(self.home.path, schedule.udid, state)
