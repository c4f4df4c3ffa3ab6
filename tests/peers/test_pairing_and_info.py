"""Debian's libimobiledevice tools: pairing, and what a phone tells about itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser, absent_user

MakePhone = Callable[..., SimulatedPhone]


def test_idevice_id_lists_every_phone_on_the_cable(bench: Any, small_phone: MakePhone) -> None:
    phones = [small_phone(), small_phone()]
    listed = bench(*phones).check("idevice_id", "-l").split()
    assert sorted(listed) == sorted(phone.udid for phone in phones)


def test_idevicepair_pairs_once_trust_was_tapped_and_validates_and_unpairs(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone(trust="ask", passcode="1234")
    table = bench(phone)
    first = table.run("idevicepair", "-u", phone.udid, "pair")
    assert first.returncode != 0 and "accept the trust dialog" in first.stdout
    assert "SUCCESS: Paired" in table.check("idevicepair", "-u", phone.udid, "pair")
    assert len(phone.trusted_hosts) == 1
    assert "SUCCESS: Validated" in table.check("idevicepair", "-u", phone.udid, "validate")
    host_id = table.check("idevicepair", "-u", phone.udid, "hostid").strip()
    assert list(phone.trusted_hosts) == [host_id]
    assert "SUCCESS: Unpaired" in table.check("idevicepair", "-u", phone.udid, "unpair")
    assert phone.trusted_hosts == {}
    assert "is not paired" in table.run("idevicepair", "-u", phone.udid, "unpair").stdout


def test_idevicepair_says_what_a_phone_that_denies_or_is_locked_says(bench: Any, small_phone: MakePhone) -> None:
    denied = small_phone(trust="denied")
    locked = small_phone(trust="locked", passcode="1234", simulated_user=absent_user())
    table = bench(denied, locked)
    assert "denied the trust dialog" in table.run("idevicepair", "-u", denied.udid, "pair").stdout
    assert "passcode" in table.run("idevicepair", "-u", locked.udid, "pair").stdout


def test_idevicepair_pairs_again_after_the_phone_forgot_this_computer(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone(simulated_user=SimulatedUser(trust_after_polls=0))
    table = bench(phone)
    assert "SUCCESS" in table.check("idevicepair", "-u", phone.udid, "validate")
    phone.forget_hosts()
    assert "SUCCESS" in table.check("idevicepair", "-u", phone.udid, "pair")
    assert len(phone.trusted_hosts) == 1


@pytest.mark.parametrize("passcode", ["", "1234"], ids=["without a passcode", "with one"])
def test_ideviceinfo_reads_everything_in_a_session(bench: Any, small_phone: MakePhone, passcode: str) -> None:
    phone = small_phone(backup_password="x", passcode=passcode)
    table = bench(phone)
    told = dict(
        line.split(": ", 1) for line in table.check("ideviceinfo", "-u", phone.udid).splitlines() if ": " in line
    )
    assert told["DeviceName"] == phone.name
    assert told["SerialNumber"] == phone.serial
    assert told["ProductVersion"] == "17.5.1"
    backup = table.check("ideviceinfo", "-u", phone.udid, "-q", "com.apple.mobile.backup", "-k", "WillEncrypt")
    assert backup.strip() == "true"
    space = table.check("ideviceinfo", "-u", phone.udid, "-q", "com.apple.disk_usage", "-k", "TotalDataAvailable")
    assert int(space) == phone.free_bytes


def test_ideviceinfo_reads_the_public_part_without_pairing(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone(trust="ask", simulated_user=absent_user())
    told = bench(phone).check("ideviceinfo", "-s", "-u", phone.udid)
    assert f"UniqueDeviceID: {phone.udid}" in told
    assert "SerialNumber" not in told
    assert phone.trusted_hosts == {}


def test_idevicename_renames_the_phone(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone()
    table = bench(phone)
    assert table.check("idevicename", "-u", phone.udid).strip() == phone.name
    table.check("idevicename", "-u", phone.udid, "New name")
    assert phone.name == "New name"


@dataclass
class Applied:
    """A restore that does nothing but tell that the phone restarted."""

    happened: threading.Event
    removes_unrestored: bool = False
    runs_setup: bool = False

    def apply(self, phone: SimulatedPhone) -> None:
        self.happened.set()


def test_idevicediagnostics_restarts_the_phone(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone()
    restarted = threading.Event()
    phone.pending_restore = Applied(restarted)
    bench(phone).check("idevicediagnostics", "-u", phone.udid, "restart")
    assert restarted.wait(10)
