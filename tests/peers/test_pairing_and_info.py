"""Debian's libimobiledevice tools: pairing and device information."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser, absent_user

MakePhone = Callable[..., SimulatedPhone]


def test_idevice_id_lists_every_connected_phone(bench: Any, small_phone: MakePhone) -> None:
    phones = [small_phone(), small_phone()]
    listed = bench(*phones).check("idevice_id", "-l").split()
    assert sorted(listed) == sorted(phone.udid for phone in phones)


def test_idevicepair_pairs_after_trust_is_tapped_then_validates_and_unpairs(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone(trust="ask", passcode="1234")
    tools = bench(phone)
    first = tools.run("idevicepair", "-u", phone.udid, "pair")
    assert first.returncode != 0 and "accept the trust dialog" in first.stdout
    assert "SUCCESS: Paired" in tools.check("idevicepair", "-u", phone.udid, "pair")
    assert len(phone.trusted_hosts) == 1
    assert "SUCCESS: Validated" in tools.check("idevicepair", "-u", phone.udid, "validate")
    host_id = tools.check("idevicepair", "-u", phone.udid, "hostid").strip()
    assert list(phone.trusted_hosts) == [host_id]
    assert "SUCCESS: Unpaired" in tools.check("idevicepair", "-u", phone.udid, "unpair")
    assert phone.trusted_hosts == {}
    assert "is not paired" in tools.run("idevicepair", "-u", phone.udid, "unpair").stdout


def test_idevicepair_reports_a_denied_dialog_and_a_locked_phone(bench: Any, small_phone: MakePhone) -> None:
    denied = small_phone(trust="denied")
    locked = small_phone(trust="locked", passcode="1234", simulated_user=absent_user())
    tools = bench(denied, locked)
    assert "denied the trust dialog" in tools.run("idevicepair", "-u", denied.udid, "pair").stdout
    assert "passcode" in tools.run("idevicepair", "-u", locked.udid, "pair").stdout


def test_idevicepair_pairs_again_after_the_phone_forgot_this_computer(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone(simulated_user=SimulatedUser(trust_after_polls=0))
    tools = bench(phone)
    assert "SUCCESS" in tools.check("idevicepair", "-u", phone.udid, "validate")
    phone.forget_hosts()
    assert "SUCCESS" in tools.check("idevicepair", "-u", phone.udid, "pair")
    assert len(phone.trusted_hosts) == 1


@pytest.mark.parametrize("passcode", ["", "1234"], ids=["without a passcode", "with a passcode"])
def test_ideviceinfo_reads_everything_in_a_session(bench: Any, small_phone: MakePhone, passcode: str) -> None:
    phone = small_phone(backup_password="x", passcode=passcode)
    tools = bench(phone)
    info = dict(
        line.split(": ", 1) for line in tools.check("ideviceinfo", "-u", phone.udid).splitlines() if ": " in line
    )
    assert info["DeviceName"] == phone.name
    assert info["SerialNumber"] == phone.serial
    assert info["ProductVersion"] == "17.5.1"
    backup = tools.check("ideviceinfo", "-u", phone.udid, "-q", "com.apple.mobile.backup", "-k", "WillEncrypt")
    assert backup.strip() == "true"
    space = tools.check("ideviceinfo", "-u", phone.udid, "-q", "com.apple.disk_usage", "-k", "TotalDataAvailable")
    assert int(space) == phone.free_bytes


def test_ideviceinfo_reads_the_public_part_without_pairing(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone(trust="ask", simulated_user=absent_user())
    info = bench(phone).check("ideviceinfo", "-s", "-u", phone.udid)
    assert f"UniqueDeviceID: {phone.udid}" in info
    assert "SerialNumber" not in info
    assert phone.trusted_hosts == {}


def test_idevicename_renames_the_phone(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone()
    tools = bench(phone)
    assert tools.check("idevicename", "-u", phone.udid).strip() == phone.name
    tools.check("idevicename", "-u", phone.udid, "New name")
    assert phone.name == "New name"


@dataclass
class RecordsRestart:
    """A pending restore that only records that the phone restarted."""

    happened: threading.Event
    removes_unrestored: bool = False
    runs_setup: bool = False

    def apply(self, phone: SimulatedPhone) -> None:
        self.happened.set()


def test_idevicediagnostics_restarts_the_phone(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone()
    restarted = threading.Event()
    phone.pending_restore = RecordsRestart(restarted)
    bench(phone).check("idevicediagnostics", "-u", phone.udid, "restart")
    assert restarted.wait(10)
