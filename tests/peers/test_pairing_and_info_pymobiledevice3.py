"""pymobiledevice3's command line, unchanged: list, info, AFC, apps, pairing."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser, absent_user

MakePhone = Callable[..., SimulatedPhone]
PEER = "pymobiledevice3"


def test_usbmux_list_shows_trusted_and_untrusted_phones(bench: Any, small_phone: MakePhone) -> None:
    phones = [small_phone(), small_phone(trust="ask", name="New iPhone")]
    shown = bench(*phones).run_in_its_own_process(PEER, "usbmux", "list")
    listed = json.loads(shown.stdout)
    assert {one["Identifier"]: one["DeviceName"] for one in listed} == {phone.udid: phone.name for phone in phones}
    assert phones[1].trusted_hosts == {}


@pytest.mark.parametrize(
    "passcode", [pytest.param("", marks=pytest.mark.soak), "1234"], ids=["without a passcode", "with a passcode"]
)
def test_lockdown_info_of_a_trusted_phone_has_the_private_values(
    bench: Any, small_phone: MakePhone, passcode: str
) -> None:
    phone = small_phone(passcode=passcode)
    info = json.loads(bench(phone).check(PEER, "lockdown", "info", "--udid", phone.udid))
    assert info["SerialNumber"] == phone.serial
    assert info["PhoneNumber"] == phone.phone_number


def test_pairing_waits_for_the_dialog_and_unpairing_removes_the_trust(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone(trust="ask", simulated_user=SimulatedUser(trust_after_polls=1))
    tools = bench(phone)
    tools.check(PEER, "lockdown", "pair", "--udid", phone.udid)
    assert len(phone.trusted_hosts) == 1
    info = json.loads(tools.check(PEER, "lockdown", "info", "--udid", phone.udid))
    assert info["SerialNumber"] == phone.serial
    tools.check(PEER, "lockdown", "unpair", "--udid", phone.udid)
    assert phone.trusted_hosts == {}


@pytest.mark.soak
def test_a_supervisors_computer_pairs_with_a_phone_that_forbids_pairing(bench: Any, small_phone: MakePhone) -> None:
    key, name, now = rsa.generate_private_key(65537, 2048), x509.Name([]), datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + datetime.timedelta(9))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    phone = small_phone(
        trust="ask", pairing_allowed=False, supervisor=certificate.decode(), simulated_user=absent_user()
    )
    tools = bench(phone)
    identity = tools.home / "identity.pem"
    identity.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate)
    done = tools.run(PEER, "lockdown", "pair-supervised", identity, "--udid", phone.udid)
    assert len(phone.trusted_hosts) == 1, done.stdout + done.stderr


def test_afc_lists_pulls_and_pushes(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone()
    tools = bench(phone)
    assert "/DCIM/100APPLE/IMG_0001.JPG" in tools.check(PEER, "afc", "ls", "/DCIM/100APPLE", "--udid", phone.udid)
    tools.check(PEER, "afc", "pull", "/DCIM", tools.home / "pulled", "--udid", phone.udid)
    (pulled,) = (tools.home / "pulled").rglob("IMG_0001.JPG")
    assert pulled.read_bytes() == bytes(range(256)) * 20
    large = bytes(5_000_000)  # more than one AFC packet
    (tools.home / "large.bin").write_bytes(large)
    tools.check(PEER, "afc", "push", tools.home / "large.bin", "/large.bin", "--udid", phone.udid)
    assert phone.afc_files["/large.bin"] == large


@pytest.mark.soak
def test_afc_refuses_paths_outside_its_root(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone()
    done = bench(phone).run(PEER, "afc", "ls", "/../Library", "--udid", phone.udid)
    assert done.returncode != 0
    assert "PERM_DENIED" in done.stderr


def test_apps_are_listed_with_their_groups(bench: Any, small_phone: MakePhone) -> None:
    phone = small_phone()
    tools = bench(phone)
    apps = json.loads(tools.check(PEER, "apps", "list", "--type", "User", "--udid", phone.udid))
    assert set(apps) == {"com.example.chat", "com.example.own"}
    assert list(apps["com.example.chat"]["GroupContainers"]) == ["group.com.example.chat"]
    one = json.loads(tools.check(PEER, "apps", "query", "com.example.own", "--udid", phone.udid))
    assert set(one) == {"com.example.own"}
