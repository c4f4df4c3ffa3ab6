from __future__ import annotations

import asyncio
from typing import Any

import pytest

from migrate.phone.wait import NotReady, Time, UserWait
from migrate.problems import NoPhone, NotTrusted, PhoneLocked
from migrate.progress import NoProgress


class RecordedProgress(NoProgress):
    def __init__(self) -> None:
        self.events: list[str] = []

    def person_needed(self, phone: str, action: Any) -> None:
        self.events.append(f"needed {action}")

    def person_done(self, phone: str, action: Any) -> None:
        self.events.append(f"done {action}")


class Clock:
    now = 0.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_each_action_is_requested_and_finished_once() -> None:
    clock, seen = Clock(), RecordedProgress()
    user_wait = UserWait(seen, 60, Time(clock.clock, clock.sleep))

    async def story() -> None:
        for _ in range(3):
            await user_wait.poll(NotReady(NoPhone("x", ()), "connect"), "the iPhone")
        for _ in range(2):
            await user_wait.poll(NotReady(PhoneLocked("Anna's iPhone", "x"), "unlock"), "Anna's iPhone")
        await user_wait.poll(NotReady(NoPhone("x", ())), "Anna's iPhone")  # a brief disconnect: no new request
        await user_wait.poll(NotReady(PhoneLocked("Anna's iPhone", "x"), "unlock"), "Anna's iPhone")
        user_wait.request_done()
        user_wait.request_done()

    asyncio.run(story())
    assert seen.events == ["needed connect", "done connect", "needed unlock", "done unlock"]


def test_when_the_time_runs_out_the_last_missing_thing_is_the_error() -> None:
    clock = Clock()
    user_wait = UserWait(RecordedProgress(), 2.5, Time(clock.clock, clock.sleep))

    async def story() -> None:
        while True:
            await user_wait.poll(NotReady(NotTrusted("Anna's iPhone"), "tap-trust"), "Anna's iPhone")

    with pytest.raises(NotTrusted):
        asyncio.run(story())
    assert clock.now == 2.5


def test_with_no_time_to_wait_the_person_still_learns_what_was_missing() -> None:
    clock, seen = Clock(), RecordedProgress()
    user_wait = UserWait(seen, 0, Time(clock.clock, clock.sleep))
    with pytest.raises(NoPhone):
        asyncio.run(user_wait.poll(NotReady(NoPhone("", ()), "connect"), "the iPhone"))
    assert seen.events == ["needed connect"]
    assert clock.now == 0
