"""A phone that leaves the bus is noticed within seconds, also where usbmuxd forgets to close its connections."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from migrate.phone import connection
from migrate.phone.mobilebackup2.restore import RestoreAttempt, RestoreOptions
from migrate.phone.wait import Time, count_down
from migrate.problems import PhoneLost
from migrate.progress import NoProgress
from migrate.simulator.faults.faults import Mishap

OPTIONS = RestoreOptions(
    system_files=True,
    should_reboot=True,
    dont_copy_backup=True,
    preserve_settings=False,
    remove_items_not_restored=True,
)


def vanish(server: Any, phone: Any) -> Any:
    """Take the phone off the bus, and leave its connections open as they are."""
    with server._lock:
        return server._plugged_in.pop(phone.udid)


def come_back(server: Any, phone: Any, plugged_in: Any) -> None:
    with server._lock:
        server._plugged_in[phone.udid] = plugged_in
    server.detach(phone)


@pytest.fixture(autouse=True)
def _watch_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WATCH_EVERY_S", 0.2)


def test_a_restore_notices_an_unplugged_phone_at_once(attach: Any, a_phone: Any) -> None:
    """One freeze of 108 s was seen: cleaning up waited for the phone's file service."""
    phone = a_phone()
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    phone.faults.mishaps = [Mishap("stall", at="files", after=2, way="received", during="restore", seconds=600.0)]
    gone: list[Any] = []
    attempt = RestoreAttempt()

    async def story() -> float:
        async with await home.meet(phone) as met:
            restoring = asyncio.create_task(
                met.restore(
                    home.folder(phone), options=OPTIONS, restore_applications=True, progress=home.progress,
                    attempt=attempt,
                )
            )  # fmt: skip
            while attempt.conversation is None or not attempt.conversation.sender.files_sent:
                await asyncio.sleep(0.01)
            gone.append(vanish(home.server, phone))
            began = time.monotonic()
            with pytest.raises(PhoneLost):
                await restoring
            return time.monotonic() - began

    seconds = asyncio.run(story())
    come_back(home.server, phone, gone[0])
    assert seconds < 30, "seconds on a busy computer, not minutes"
    assert attempt.conversation is not None and not attempt.half_sent


def test_a_backup_notices_it_too(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach(phone)
    phone.faults.silence_s = 600.0
    gone: list[Any] = []

    async def story() -> None:
        backing_up = asyncio.create_task(home.back_up(phone))
        while not (home.folder(phone) / "Info.plist").exists():
            await asyncio.sleep(0.01)
        gone.append(vanish(home.server, phone))
        with pytest.raises(PhoneLost):
            await asyncio.wait_for(backing_up, 60)

    asyncio.run(story())
    come_back(home.server, phone, gone[0])


def test_a_countdown_is_told_every_second() -> None:
    class Told(NoProgress):
        def __init__(self) -> None:
            self.left: list[int] = []

        def trying_again(self, phone: str, seconds_left: int) -> None:
            self.left.append(seconds_left)

    told, now = Told(), [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    asyncio.run(count_down(told, Time(lambda: now[0], sleep), "Anna's iPhone", 2.5))
    assert told.left == [3, 2, 1, 0] and now[0] == 2.5
