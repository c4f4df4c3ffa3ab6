"""A week of automatic backups in fast motion: three iPhones, a computer that is sometimes off, and people who are
sometimes away. The clock is an argument; backups, snapshots and their removal are real."""

from __future__ import annotations

import asyncio
import plistlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from migrate.backup.snapshots.store import Snapshot
from migrate.journey.home import Home
from migrate.phone.facts import PhoneFacts
from migrate.problems import BackupBusy, DiskFullHere, PasscodeNotEntered
from migrate.schedule.overview import standings
from migrate.schedule.settings import Settings
from migrate.schedule.tick import Outcome, Phones, Tick, Told
from tests.backup.small_backup import SmallBackup

HERE = timezone(timedelta(hours=1))
ADA, BEN, EVE = (f"00008101-000000000000000{number}" for number in (1, 2, 3))
NAMES = {ADA: "Ada's iPhone", BEN: "Ben's iPhone", EVE: "Eve's iPhone"}
MONDAY = datetime(2026, 11, 23, tzinfo=HERE)


def on(day: int, hour: int) -> datetime:
    """Day 1 is Monday."""
    return MONDAY + timedelta(days=day - 1, hours=hour)


@dataclass
class Week:
    """The iPhones of the week, and what people and the disk do."""

    home: Home
    now: datetime = MONDAY
    made: list[tuple[str, int, int]] = field(default_factory=list)
    """Which backups happened: iPhone, day, hour."""
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    told: list[tuple[str, str, int]] = field(default_factory=list)
    """Event, iPhone, day."""

    @property
    def day(self) -> int:
        return (self.now - MONDAY).days + 1

    async def find(self) -> Sequence[PhoneFacts]:
        """Ada's is always at home and charges. Ben's is away on Tuesday and Wednesday. Eve's sleeps before 20:00 on
        Wi-Fi, and does not charge on Friday."""
        here = [ADA]
        if self.day not in (2, 3):
            here.append(BEN)
        if self.now.hour >= 20:
            here.append(EVE)
        return [
            PhoneFacts(
                udid=udid, connection="Network", name=NAMES[udid], used_bytes=1, charging=(udid, self.day) != (EVE, 5)
            )
            for udid in here
        ]

    async def back_up(self, facts: PhoneFacts, passcode_needed: Callable[[], None]) -> Snapshot | None:
        """Nobody enters Ada's passcode before 21:00 on Wednesday. The disk is full all Thursday."""
        passcode_needed()
        await asyncio.sleep(0)
        self.asked.append((facts.udid, self.day, self.now.hour))
        if facts.udid == ADA and self.day == 3 and self.now.hour < 21:
            raise PasscodeNotEntered(NAMES[ADA], "208")
        if self.day == 4:
            raise DiskFullHere(str(self.home.backups), "No space left on device")
        folder = self.home.working_backup(facts.udid)
        shutil.rmtree(folder, ignore_errors=True)
        backup = SmallBackup(folder, encrypted=False)
        backup.add_file("HomeDomain", "day.txt", b"day %d" % self.day)
        backup.write()
        status = {
            "SnapshotState": "finished",
            "UUID": f"{self.now}",
            "Date": self.now.astimezone().replace(tzinfo=None),
        }
        (folder / "Status.plist").write_bytes(plistlib.dumps(status))
        self.made.append((facts.udid, self.day, self.now.hour))
        return self.home.snapshot_store.take(folder, self.home.seals, taken=self.now)

    async def tell(self, told: Told) -> None:
        self.told.append((told.event, told.schedule.udid, self.day))


def tick(week: Week, settings: Settings) -> list[Outcome]:
    def phones() -> Phones:
        return week

    return asyncio.run(Tick(week.home, settings, phones, week.now, week.tell).run())


@pytest.fixture
def settings() -> Settings:
    keep = {"daily": 3, "weekly": 0, "monthly": 0}
    phones = [{"udid": udid, "name": name, "overdue": "2d", "keep": keep} for udid, name in NAMES.items()]
    return Settings.model_validate({"phone": phones})


@pytest.fixture
def week(tmp_path: Path, settings: Settings) -> Week:
    """The computer is on from 7 to 23, except on Saturday, when it is off until 21:00."""
    week = Week(Home(tmp_path / "home").open())
    for hours in range(7 * 24):
        week.now = MONDAY + timedelta(hours=hours)
        is_on = 7 <= week.now.hour < 23 and not (week.day == 6 and week.now.hour < 21)
        if is_on:
            tick(week, settings)
    return week


def test_the_week(week: Week, settings: Settings) -> None:
    of = {udid: [(day, hour) for one, day, hour in week.made if one == udid] for udid in NAMES}
    assert of[ADA] == [(1, 18), (2, 18), (3, 21), (5, 18), (6, 21), (7, 18)], (
        "the passcode, a full disk, a late computer"
    )
    assert of[BEN] == [(1, 18), (5, 18), (6, 21), (7, 18)], "away for two days, then a full disk"
    assert of[EVE] == [(1, 20), (2, 20), (3, 20), (6, 21), (7, 20)], "asleep until eight; not charging on Friday"

    asked_ada = [(day, hour) for udid, day, hour in week.asked if udid == ADA and day == 3]
    assert asked_ada == [(3, 18), (3, 19), (3, 20), (3, 21)], "an hour between two tries, the same evening"
    full = [one for one in week.told if one == ("not-possible", ADA, 4)]
    assert len(full) == 1 and not any(event == "not-possible" and day == 2 for event, _udid, day in week.told)
    assert [day for event, udid, day in week.told if (event, udid) == ("overdue", BEN)] == [3, 4]
    assert not [one for one in week.told if one[:2] == ("overdue", ADA)]

    kept = {
        udid: [snapshot.taken.astimezone(HERE).day for snapshot in week.home.snapshot_store.all(udid)] for udid in NAMES
    }
    assert kept == {ADA: [27, 28, 29], BEN: [27, 28, 29], EVE: [25, 28, 29]}

    week.now = on(7, 22)
    assert all(one.overdue_since is None and one.state.last_code is None for one in standings(week.home, week.now))
    assert all(one.next_try == on(8, 18) for one in standings(week.home, week.now))


def test_looking_twice_in_an_hour_makes_one_backup(tmp_path: Path, settings: Settings) -> None:
    week = Week(Home(tmp_path / "home").open(), now=on(1, 21))
    assert [one.result for one in tick(week, settings)] == ["backed-up"] * 3
    assert [one.result for one in tick(week, settings)] == ["not-due"] * 3
    assert len(week.made) == 3


def test_a_backup_that_somebody_made_by_hand_counts(week: Week, settings: Settings) -> None:
    week.now = on(8, 18)
    asyncio.run(week.back_up(PhoneFacts(udid=ADA, connection="USB", name=NAMES[ADA]), lambda: None))
    results = {one.udid: one.result for one in tick(week, settings)}
    assert results[ADA] == "not-due" and results[BEN] == "backed-up"


def test_an_iphone_that_is_being_backed_up_is_left_alone(tmp_path: Path, settings: Settings) -> None:
    week = Week(Home(tmp_path / "home").open(), now=on(1, 21))

    async def busy(facts: PhoneFacts, passcode_needed: Callable[[], None]) -> Snapshot | None:
        raise BackupBusy(facts.udid)

    week.back_up = busy  # type: ignore[method-assign]
    outcomes = tick(week, settings)
    assert {one.result for one in outcomes} == {"busy"} and week.told == []
    assert all(one.next_try == on(1, 22) for one in outcomes)


def test_a_damaged_note_of_the_past_is_no_obstacle(week: Week, settings: Settings) -> None:
    for note in (week.home.path / "auto").iterdir():
        note.write_text("{]")
    week.now = on(8, 20)
    assert {one.result for one in tick(week, settings)} == {"backed-up"}
