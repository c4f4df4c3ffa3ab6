"""A locked phone is waited for, and the work goes on when it is unlocked. Nothing is left out because of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from migrate.phone.mobilebackup2 import sync_lock
from migrate.phone.phone import Phone
from migrate.phone.unlocking import wait_until_unlocked
from migrate.problems import PhoneLocked
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser
from migrate.simulator.lockdown.lockdownd import SERVICES

AWAY = SimulatedUser(unlocks=False)


def restarted(a_phone: Any) -> SimulatedPhone:
    """A phone with a passcode that nobody has unlocked since it was switched on."""
    phone: SimulatedPhone = a_phone(passcode="1234", simulated_user=AWAY, icloud_account="ada@icloud.com")
    phone.files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0002.JPG", b"jpeg")
    phone.reboot()
    return phone


class Owner:
    """Unlocks the phone when asked, after a while, and records what was asked."""

    def __init__(self, host: Any, phone: SimulatedPhone) -> None:
        self.asked: list[str] = []
        self.done: list[str] = []
        outer = self

        class Progress(type(host.progress)):  # type: ignore[misc]
            def person_needed(self, name: str, action: Any) -> None:
                assert name == phone.name
                outer.asked.append(action)
                if action == "unlock":
                    phone.unlock()

            def person_done(self, name: str, action: Any) -> None:
                outer.done.append(action)

        host.progress = Progress()


Work = Callable[[Phone, Any], Any]
READING: dict[str, Work] = {
    "its apps": lambda met, host: met.installed_apps(),
    "its photos": lambda met, host: met.pictures(),
    "its signs of use": lambda met, host: met.signs_of_use(),
    "its icloud backup": lambda met, host: met.icloud_backup(),
}
CHANGING: dict[str, Work] = {
    "a backup password": lambda met, host: met.change_backup_password(None, "secret", progress=host.progress),
    "icloud backup": lambda met, host: met.set_icloud_backup(True, progress=host.progress),
    "a backup": lambda met, host: met.back_up(
        host.folder(SimulatedPhone(udid=met.facts.udid)), seals=host.seals, progress=host.progress
    ),
}


async def meet_and(host: Any, phone: SimulatedPhone, work: Work) -> Any:
    async with await host.meet(phone) as met:
        return await work(met, host)


@pytest.fixture
def locked_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many services do not start before the first unlock (libimobiledevice #1273); which ones is not known."""
    name = "com.apple.mobile.installation_proxy"
    monkeypatch.setitem(SERVICES, name, replace(SERVICES[name], needs_keybag=True))


@pytest.mark.usefixtures("locked_services")
@pytest.mark.parametrize("work", [*READING, *CHANGING])
def test_everything_that_needs_the_phone_waits_until_it_is_unlocked(attach: Any, a_phone: Any, work: str) -> None:
    phone = restarted(a_phone)
    host = attach(phone)
    owner = Owner(host, phone)
    result = asyncio.run(meet_and(host, phone, {**READING, **CHANGING}[work]))
    assert "unlock" in owner.asked or work == "its icloud backup", "lockdown itself answers"
    assert owner.asked.count("unlock") == owner.done.count("unlock") <= 1
    assert host.progress.findings == [], "a backup has the list of apps"
    if work == "its photos":
        assert result == ["100APPLE/IMG_0001.JPG", "100APPLE/IMG_0002.JPG"]
    if work == "its apps":
        assert list(result) == ["org.example.chat"]


@pytest.mark.usefixtures("locked_services")
@pytest.mark.parametrize("work", ["its apps", "its photos", *CHANGING])
def test_a_phone_that_stays_locked_is_reported_when_the_time_is_over(attach: Any, a_phone: Any, work: str) -> None:
    phone = restarted(a_phone)
    host = attach(phone)
    with pytest.raises(PhoneLocked) as caught:
        asyncio.run(meet_and(host, phone, {**READING, **CHANGING}[work]))
    assert caught.value.exit_code == 21 and host.progress.asked == ["unlock"]
    assert 50 < sum(host.time.slept) < 70, "the whole --wait, and not twice"


def test_a_backup_that_waited_for_the_phone_holds_the_sync_lock(
    attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AFC, through which other programs are kept out, starts only after the first unlock."""
    phone = restarted(a_phone)
    host = attach(phone)
    Owner(host, phone)
    held: list[bool] = []
    acquire = sync_lock._acquire

    async def seen(*arguments: Any) -> None:
        await acquire(*arguments)
        held.append(not phone.advisory_locks.take(sync_lock.LOCK_FILE, "another program", exclusive=True))

    monkeypatch.setattr(sync_lock, "_acquire", seen)
    asyncio.run(host.back_up(phone))
    assert held == [True]


def waits_for(host: Any, phone: SimulatedPhone) -> None:
    wait = {"progress": host.progress, "wait_s": 60.0, "time": host.time.as_time()}
    asyncio.run(wait_until_unlocked(host.usbmux, phone.udid, asked_for="some of its files", **wait))


def test_only_a_phone_whose_screen_is_locked_is_waited_for(attach: Any, a_phone: Any) -> None:
    phone = a_phone(passcode="1234", simulated_user=AWAY)
    host = attach(phone)
    owner = Owner(host, phone)
    waits_for(host, phone)
    assert owner.asked == []
    phone.lock()
    waits_for(host, phone)
    assert owner.asked == owner.done == ["unlock"]
    host.server.detach(phone)
    waits_for(host, phone)  # nobody can tell
