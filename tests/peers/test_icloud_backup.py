"""idevicebackup2 and we turn the same switch of the simulated iPhone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone

MakePhone = Callable[..., Any]


def test_idevicebackup2_and_we_turn_the_same_switch(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone(icloud_account="ada@icloud.com", passcode="1234")
    tools = bench(phone)
    usbmux = UsbmuxConfig(tools.server.address, tools.home / "pairing", tools.home / "tmp")

    async def ours(turn: bool | None) -> bool | None:
        async with await Phone.meet(usbmux, phone.udid) as met:
            if turn is not None:
                await met.set_icloud_backup(turn)
            return (await met.icloud_backup()).on

    (tools.home / "backups").mkdir()
    theirs = ("idevicebackup2", "-u", phone.udid, "cloud")
    tools.run("idevicepair", "-u", phone.udid, "pair")
    assert asyncio.run(ours(None)) is False
    assert "has been enabled successfully" in tools.check(*theirs, "on", tools.home / "backups")
    assert phone.icloud_backup is True and asyncio.run(ours(None)) is True
    assert asyncio.run(ours(False)) is False and phone.icloud_backup is False
    tools.check(*theirs, "on", tools.home / "backups")
    assert asyncio.run(ours(None)) is True
    tools.check(*theirs, "off", tools.home / "backups")
    assert phone.icloud_backup is False

    phone.icloud_account = ""
    refused = tools.run(*theirs, "on", tools.home / "backups")
    assert refused.returncode and "No account exists" in refused.stdout + refused.stderr
