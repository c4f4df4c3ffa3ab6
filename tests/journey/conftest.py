"""A bench with two simulated iPhones on it, cleared after the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migrate.journey.home import Home
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.journey.moves import OLD, PASSWORD, Bench, new_phone, old_phone

SetBench = Callable[..., Bench]


@pytest.fixture(scope="session")
def saved_old_phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encrypted backup of the old phone, saved once: for moves whose story begins after the save."""
    home = Home(tmp_path_factory.mktemp("saved") / "home").open()
    folder = home.working_backup(OLD)

    async def back_up(address: str) -> None:
        async with await Phone.meet(UsbmuxConfig(address, home.pairing, home.tmp), OLD, wait_s=20) as phone:
            await phone.back_up(folder, seals=home.seals)

    with SimulatedUsbmuxd([old_phone(backup_password=PASSWORD)]) as server:
        asyncio.run(back_up(server.address))
    return folder


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SetBench]:
    """Puts two phones behind a usbmuxd and makes a home folder."""
    servers: list[SimulatedUsbmuxd] = []

    def set_one(old: SimulatedPhone | None = None, new: SimulatedPhone | None = None) -> Bench:
        phones = [old or old_phone(), new or new_phone()]
        server = SimulatedUsbmuxd(phones)
        server.start()
        servers.append(server)
        tmp = tmp_path / "tmp"
        tmp.mkdir(exist_ok=True, mode=0o700)
        return Bench(phones[0], phones[1], server, Home(tmp_path / "home").open(), tmp)

    yield set_one
    for server in servers:
        server.stop()
