"""What the steps of a run demand of the connection to the new phone, and of the disk that holds its home."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migrate.journey.home import Home
from migrate.journey.run_state import Run
from migrate.journey.steps import agree as agreeing
from migrate.journey.steps import meet as meeting
from migrate.journey.steps import restore as restoring
from migrate.phone.facts import PhoneFacts
from migrate.phone.muxer import UsbmuxConfig
from migrate.plan.model import Plan
from migrate.plan.strategy import Strategy
from migrate.problems import NoRoomForProof, RestoreNeedsCable
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.journey.moves import OLD, new_phone, run_without_phones

GB = 1_000_000_000
COMPOSED: Any = SimpleNamespace(set=Path("set"), bytes=10 * GB)


def a_plan(**safety: bool) -> Plan:
    return Plan.model_validate(
        {"version": 1, "new_phone": {"is": "erased"}, "move": {"categories": ["everything"]}, "safety": safety}
    )


@pytest.fixture
def a_run(tmp_path: Path) -> Run:
    return run_without_phones(Home(tmp_path / "home").open())


# -- a restore goes over the cable -------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[SimulatedUsbmuxd]:
    with SimulatedUsbmuxd([new_phone(on_wifi=True, keybag_rounds=10)]) as server:
        yield server


def pull_the_cable(server: SimulatedUsbmuxd, phone: SimulatedPhone) -> None:
    """The phone stays on Wi-Fi."""
    with server._lock:
        devices = server._plugged_in[phone.udid].devices
        devices[:] = [device for device in devices if device.connection_type != "USB"]


def ask(run: Run) -> Awaitable[object]:
    return agreeing.agree(run, a_plan(), COMPOSED, None)


def send(run: Run) -> Awaitable[object]:
    return restoring.restore(run, a_plan(), COMPOSED, None)


@pytest.mark.parametrize("step", [ask, send], ids=["the last confirmation", "the restore"])
def test_a_phone_that_is_only_on_wifi_has_to_be_on_its_cable_for(
    a_run: Run, server: SimulatedUsbmuxd, monkeypatch: pytest.MonkeyPatch, step: Callable[[Run], Awaitable[object]]
) -> None:
    """A backup of it may go over Wi-Fi, so until then the run has not asked for the cable."""

    async def met(run: Run, plan: Plan, composed: object, phone: Any) -> None:
        raise AssertionError(f"met over {phone.facts.connection}")

    async def nothing(*_: object) -> None:
        pass

    for module in (agreeing, restoring):
        monkeypatch.setattr(module, "refuse_unready_phone", met)
        monkeypatch.setattr(module, "refuse_damaged_set", nothing)
    usbmux = UsbmuxConfig(server.address, a_run.home.pairing, a_run.home.tmp)
    run = replace(a_run, context=replace(a_run.context, usbmux=usbmux, wait_s=20))
    run.set_strategy(Strategy.REPLACE)

    async def go() -> None:
        async with run.phone("new") as phone:
            assert phone.facts.connection == "USB"
        pull_the_cable(server, server.phones[0])
        run.context = replace(run.context, wait_s=0)
        async with run.phone("new") as phone:
            assert phone.facts.connection == "Network"
        await step(run)

    with pytest.raises(RestoreNeedsCable):
        asyncio.run(go())


# -- a disk without hard links -----------------------------------------------------------------------------------------


def refuse_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))  # exFAT on Linux

    monkeypatch.setattr(os, "link", link)


@pytest.mark.parametrize(
    ("links", "said"), [(True, set()), (False, {"no-hard-links", "little-room-here"})], ids=["with", "without"]
)
def test_the_homes_disk_is_probed_for_hard_links_when_the_phones_are_met(
    a_run: Run, monkeypatch: pytest.MonkeyPatch, links: bool, said: set[str]
) -> None:
    """The backup, the run's own copy of it and the set take the space of one, or of three."""
    old = PhoneFacts(udid=OLD, connection="USB", name="Ada's old iPhone", encrypts_backups=True, used_bytes=20 * GB)

    async def connected(usbmux: object) -> list[PhoneFacts]:
        return [old]

    monkeypatch.setattr(meeting, "find_phones", connected)
    monkeypatch.setattr(meeting, "free_bytes_at", lambda folder: 50 * GB)
    if not links:
        refuse_links(monkeypatch)
    a_run.record_phone("old", OLD, "Ada's old iPhone")
    asyncio.run(meeting.preflight(a_run, a_plan(prove=False)))
    assert {finding.code for finding in a_run.findings} == said


def test_without_hard_links_the_proof_needs_twice_the_room_before_anything_is_sent(
    a_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreeing, "free_bytes_at", lambda folder: 15 * GB)
    agreeing.refuse_full_computer(a_run, a_plan(), COMPOSED)
    refuse_links(monkeypatch)
    with pytest.raises(NoRoomForProof) as refused:
        agreeing.refuse_full_computer(a_run, a_plan(), COMPOSED)
    assert refused.value.needed_bytes >= 20 * GB
