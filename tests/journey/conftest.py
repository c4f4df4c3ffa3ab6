"""Fixtures: a lab with two simulated iPhones, and a backup of the old one."""

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
from tests.journey.moves import OLD, PASSWORD, Lab, new_phone, old_phone

MakeLab = Callable[..., Lab]


@pytest.fixture(scope="session")
def old_phone_backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encrypted backup of the old phone, made once, for tests that need no backup step."""
    home = Home(tmp_path_factory.mktemp("backed-up") / "home").open()
    folder = home.working_backup(OLD)

    async def back_up(address: str) -> None:
        async with await Phone.meet(UsbmuxConfig(address, home.pairing, home.tmp), OLD, wait_s=20) as phone:
            await phone.back_up(folder, seals=home.seals)

    with SimulatedUsbmuxd([old_phone(backup_password=PASSWORD)]) as server:
        asyncio.run(back_up(server.address))
    return folder


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[MakeLab]:
    """`make_lab()` starts a usbmuxd with two phones and creates a home folder. It stops after the test."""
    servers: list[SimulatedUsbmuxd] = []

    def make(old: SimulatedPhone | None = None, new: SimulatedPhone | None = None) -> Lab:
        phones = [old or old_phone(), new or new_phone()]
        server = SimulatedUsbmuxd(phones)
        server.start()
        servers.append(server)
        tmp = tmp_path / "tmp"
        tmp.mkdir(exist_ok=True, mode=0o700)
        return Lab(phones[0], phones[1], server, Home(tmp_path / "home").open(), tmp)

    yield make
    for server in servers:
        server.stop()
