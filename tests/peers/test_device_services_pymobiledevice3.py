"""pymobiledevice3's library, unchanged and in this process: what its own device tests leave out or take minutes for."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pymobiledevice3.exceptions import DeprecationError
from pymobiledevice3.lockdown import LockdownClient, create_using_usbmux
from pymobiledevice3.services.diagnostics import DiagnosticsService

from migrate.simulator.device.phone import SimulatedPhone

MakePhone = Callable[..., SimulatedPhone]
Talk = Callable[[SimulatedPhone, Callable[[LockdownClient], Awaitable[Any]]], Any]


@pytest.fixture
def talk(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Talk:
    """`talk(phone, work)`: what `work` returns, with pymobiledevice3's client for this phone."""

    def run(phone: SimulatedPhone, work: Callable[[LockdownClient], Awaitable[Any]]) -> Any:
        address = bench(phone).server.address
        monkeypatch.setenv("USBMUXD_SOCKET_ADDRESS", address)

        async def connect_and_work() -> Any:
            async with await create_using_usbmux(
                serial=phone.udid, usbmux_address=address, pairing_records_cache_folder=tmp_path
            ) as client:
                return await work(client)

        return asyncio.run(connect_and_work())

    return run


def test_the_clock_is_right(talk: Talk, small_phone: MakePhone) -> None:
    told = talk(small_phone(), lambda client: client.get_date())
    assert abs(datetime.datetime.now() - told) < datetime.timedelta(seconds=30)


def test_a_client_goes_on_after_lockdownd_closed_its_idle_session(talk: Talk, small_phone: MakePhone) -> None:
    phone = small_phone()

    async def work(client: LockdownClient) -> tuple[datetime.datetime, datetime.datetime]:
        phone.faults.session_idle_close_s = 0.05
        first = await client.get_date()
        closed = client.service
        assert await asyncio.wait_for(closed.reader.read(), 10) == b""
        phone.faults.session_idle_close_s = None
        second = await client.get_date()
        assert client.service is not closed
        return first, second

    first, second = talk(phone, work)
    assert first < second


def test_diagnostics_are_read(talk: Talk, small_phone: MakePhone) -> None:
    phone = small_phone(battery_percent=55)

    async def work(client: LockdownClient) -> None:
        async with DiagnosticsService(client) as diagnostics:
            reports = await diagnostics.info()
            assert reports is not None and reports["GasGauge"]["Status"] == "Success"
            battery = await diagnostics.get_battery()
            assert battery is not None and battery["CurrentCapacity"] == 55
            assert await diagnostics.get_wifi() is None
            with pytest.raises(DeprecationError):
                await diagnostics.mobilegestalt(["ProductType"])

    talk(phone, work)
