"""lockdownd: pairing, values and services, as in the state table of facts 1.2."""

from __future__ import annotations

import datetime
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser, absent_user

AFC, BACKUP = "com.apple.afc", "com.apple.mobilebackup2"
PlugIn = Callable[..., tuple[SimulatedPhone, Any]]


def start(line: Any, service: str, **options: Any) -> Any:
    return line.ask({"Request": "StartService", "Service": service, **options})


# --- before pairing


def test_an_unpaired_computer_reads_only_public_values(plug_in: PlugIn) -> None:
    phone, computer = plug_in(name="Ana’s iPhone", trust="ask")
    line = computer.lockdown(phone)
    public = line.ask({"Request": "GetValue"})["Value"]
    assert public["DeviceName"] == "Ana’s iPhone"
    assert public["UniqueDeviceID"] == phone.udid
    assert public["DevicePublicKey"].startswith(b"-----BEGIN RSA PUBLIC KEY-----")
    assert "SerialNumber" not in public and "PhoneNumber" not in public
    assert line.ask({"Request": "GetValue", "Key": "SerialNumber"})["Error"] == "GetProhibited"
    assert line.ask({"Request": "GetValue", "Key": "Nonsense"})["Error"] == "MissingValue"
    secret = {"Request": "GetValue", "Domain": "com.apple.mobile.backup", "Key": "WillEncrypt"}
    assert line.ask(secret)["Error"] == "GetProhibited"
    assert line.ask({"Request": "GetValue", "Domain": "com.apple.mobile.backup"})["Error"] == "GetProhibited"
    assert line.ask({"Request": "GetValue", "Domain": "com.apple.none"})["Error"] == "MissingValue"
    assert start(line, AFC)["Error"] == "SessionInactive"


def test_the_dialog_stays_open_for_the_given_number_of_polls(plug_in: PlugIn) -> None:
    phone, computer = plug_in(trust="ask", simulated_user=SimulatedUser(trust_after_polls=2))
    line = computer.lockdown(phone)
    answers = [computer.ask_to_pair(line).get("Error") for _ in range(3)]
    assert answers == ["PairingDialogResponsePending", "PairingDialogResponsePending", None]
    assert phone.trust == "trusted"


def test_dont_trust_stays_until_it_is_changed(plug_in: PlugIn) -> None:
    phone, computer = plug_in(trust="ask", simulated_user=SimulatedUser(trust_answer="deny"))
    line = computer.lockdown(phone)
    answers = [computer.ask_to_pair(line).get("Error") for _ in range(3)]
    assert answers == ["PairingDialogResponsePending", "UserDeniedPairing", "UserDeniedPairing"]
    phone.tap_trust()
    assert "Error" not in computer.ask_to_pair(line)


def test_plugging_in_again_brings_a_denied_dialog_back(serve: Callable[..., Any], computer_at: Any) -> None:
    phone = SimulatedPhone(trust="ask", simulated_user=SimulatedUser(trust_after_polls=0, trust_answer="deny"))
    never = SimulatedPhone(trust="denied")
    server = serve(phone, never)
    computer = computer_at(server)
    assert computer.pair(phone)["Error"] == "UserDeniedPairing"
    phone.simulated_user = absent_user()
    for one in (phone, never):
        one.replug()
    assert computer.ask_to_pair(computer.lockdown(phone))["Error"] == "PairingDialogResponsePending"
    assert computer.pair(never)["Error"] == "UserDeniedPairing"


def test_a_locked_untrusted_phone_says_so_until_it_is_unlocked(plug_in: PlugIn) -> None:
    phone, computer = plug_in(
        trust="locked", passcode="1234", simulated_user=SimulatedUser(unlocks=False, trust_after_polls=0)
    )
    line = computer.lockdown(phone)
    assert line.ask({"Request": "GetValue", "Key": "PasswordProtected"})["Value"] is True
    assert [computer.ask_to_pair(line)["Error"] for _ in range(2)] == ["PasswordProtected"] * 2
    phone.unlock()
    assert "EscrowBag" in computer.ask_to_pair(line)


def test_the_default_user_unlocks_a_phone_that_refused(plug_in: PlugIn) -> None:
    phone, computer = plug_in(trust="ask", passcode="1234", simulated_user=SimulatedUser(trust_after_polls=0))
    phone.lock()
    line = computer.lockdown(phone)
    assert computer.ask_to_pair(line)["Error"] == "PasswordProtected"
    assert "EscrowBag" in computer.ask_to_pair(line)


def test_a_supervised_phone_may_forbid_pairing(plug_in: PlugIn) -> None:
    phone, computer = plug_in(trust="ask", pairing_allowed=False)
    assert computer.pair(phone)["Error"] == "MCProtected"


def test_an_escrow_bag_comes_only_with_a_passcode(plug_in: PlugIn) -> None:
    with_passcode, computer = plug_in(passcode="1234")
    assert computer.pair(with_passcode)["EscrowBag"] == with_passcode.escrow_bag
    without, computer = plug_in()
    assert "EscrowBag" not in computer.pair(without)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda record, other: None, "MissingPairRecord"),
        (lambda record, other: {**record, "HostID": ""}, "MissingHostID"),
        (lambda record, other: {**record, "RootCertificate": b"no certificate"}, "InvalidPairRecord"),
        (lambda record, other: {**record, "HostCertificate": other["HostCertificate"]}, "InvalidPairRecord"),
        (lambda record, other: {**record, "DeviceCertificate": record["HostCertificate"]}, "InvalidPairRecord"),
    ],
    ids=["no record", "no host id", "garbage", "leaf of another root", "leaf of another phone"],
)
def test_certificates_that_do_not_match_are_refused(
    plug_in: PlugIn, change: Callable[..., Any], error: str, computer_keys: Any
) -> None:
    phone, computer = plug_in()
    line = computer.lockdown(phone)
    key = line.ask({"Request": "GetValue", "Key": "DevicePublicKey"})["Value"]
    record = computer.make_record(key)
    computer.root_key = computer.host_key  # another authority
    changed = change(record, computer.make_record(key))
    request = {"Request": "Pair", **({"PairRecord": changed} if changed else {})}
    assert line.ask(request)["Error"] == error
    assert phone.trusted_hosts == {}


# --- in session


@pytest.mark.parametrize("as_root", [False, True], ids=["leaf, as pymobiledevice3", "root, as libimobiledevice"])
def test_a_session_uses_tls_with_either_certificate_and_returns_to_plaintext(plug_in: PlugIn, as_root: bool) -> None:
    phone, computer = plug_in(name="A")
    line = computer.session(phone, as_root=as_root)
    assert line.ask({"Request": "GetValue", "Key": "SerialNumber"})["Value"] == phone.serial
    assert line.ask({"Request": "StartSession", "HostID": "x"})["Error"] == "SessionActive"
    assert line.ask({"Request": "StopSession"})["Error"] == "MissingSessionID"
    assert line.ask({"Request": "StopSession", "SessionID": "x"})["Error"] == "InvalidSessionID"
    assert line.ask({"Request": "StopSession", "SessionID": computer.session_id})["Result"] == "Success"
    line.sock = line.sock.unwrap()
    assert line.ask({"Request": "GetValue", "Key": "SerialNumber"})["Error"] == "GetProhibited"
    assert line.ask({"Request": "StopSession", "SessionID": "x"})["Error"] == "SessionInactive"
    line.sock.close()


def test_a_host_id_without_its_key_gets_no_session(plug_in: PlugIn) -> None:
    phone, computer = plug_in()
    computer.pair(phone)
    computer.root_key = computer.host_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    line = computer.lockdown(phone)
    host_id = computer.record["HostID"]
    assert "SessionID" in line.ask({"Request": "StartSession", "HostID": host_id})
    computer.record["HostCertificate"] = computer.certificate(computer.host_key.public_key())
    with pytest.raises((ssl.SSLError, EOFError, ConnectionError)):
        computer.tls(line)
        line.ask({"Request": "GetValue", "Key": "SerialNumber"})


def test_after_trust_was_reset_the_host_id_is_invalid(plug_in: PlugIn) -> None:
    phone, computer = plug_in(simulated_user=absent_user())
    computer.pair(phone)
    phone.forget_hosts()
    line = computer.lockdown(phone)
    assert line.ask({"Request": "StartSession", "HostID": computer.record["HostID"]})["Error"] == "InvalidHostID"
    assert line.ask({"Request": "StartSession"})["Error"] == "MissingHostID"
    assert computer.ask_to_pair(line)["Error"] == "PairingDialogResponsePending"


def test_unpairing_forgets_only_this_computer(plug_in: PlugIn) -> None:
    phone, computer = plug_in()
    computer.pair(phone)
    line = computer.lockdown(phone)
    assert "Error" not in line.ask({"Request": "ValidatePair", "PairRecord": computer.record})
    assert line.ask({"Request": "Unpair"})["Error"] == "MissingHostID"
    assert line.ask({"Request": "Unpair", "PairRecord": {"HostID": "other"}})["Error"] == "InvalidHostID"
    assert computer.record["HostID"] in phone.trusted_hosts
    assert "Error" not in line.ask({"Request": "Unpair", "PairRecord": computer.record})
    assert line.ask({"Request": "ValidatePair", "PairRecord": computer.record})["Error"] == "InvalidHostID"
    assert phone.trusted_hosts == {}


def test_invalid_requests_are_refused_by_name(plug_in: PlugIn) -> None:
    phone, computer = plug_in()
    line = computer.session(phone)
    assert line.ask({"Request": "ResetPairing"})["Error"] == "RemoveProhibited"
    assert line.ask({"Request": "Dance"})["Error"] == "InvalidRequest"
    assert line.ask({"Request": "Goodbye"})["Result"] == "Success"
    assert line.is_closed()


def test_an_idle_connection_is_closed_sooner_without_a_session(plug_in: PlugIn) -> None:
    phone, computer = plug_in()
    session = computer.session(phone)
    phone.faults.idle_close_s = 0.01
    assert computer.lockdown(phone).is_closed()
    assert session.ask({"Request": "QueryType"})["Type"]
    phone.faults.session_idle_close_s = 0.01
    assert session.ask({"Request": "QueryType"})["Type"]  # the wait that began before ends with it
    assert session.is_closed()


def test_the_clock_is_this_computers_in_the_phones_time_zone(plug_in: PlugIn) -> None:
    phone, computer = plug_in(time_zone="Asia/Tokyo")
    line = computer.session(phone)
    before = time.time()
    told = line.ask({"Request": "GetValue", "Key": "TimeIntervalSince1970"})["Value"]
    assert before <= told <= time.time()
    assert line.ask({"Request": "GetValue", "Key": "TimeZoneOffsetFromUTC"})["Value"] == 9 * 3600
    phone.time_zone = "Nowhere/At_All"
    assert line.ask({"Request": "GetValue", "Key": "TimeZoneOffsetFromUTC"})["Value"] == 0


# --- values


def test_values_are_computed_from_the_phone(plug_in: PlugIn) -> None:
    phone, computer = plug_in(
        ios_version="26.1",
        find_my=True,
        capacity_bytes=1_000_000,
        backup_password="x",
        cloud_backup_unix_s=978_307_200 + 77,
        battery_percent=100,
        setup="running",
    )
    phone.files.add_file("HomeDomain", "a", b"x" * 1000)
    line = computer.session(phone)

    def value(domain: str, key: str) -> Any:
        return line.ask({"Request": "GetValue", "Domain": domain, "Key": key})["Value"]

    assert value("com.apple.mobile.backup", "WillEncrypt") is True
    assert value("com.apple.mobile.backup", "CloudBackupEnabled") is True
    assert value("com.apple.mobile.backup", "LastCloudBackupDate") == 77
    assert value("com.apple.fmip", "IsAssociated") is True
    assert value("com.apple.disk_usage", "TotalDataAvailable") == 999_000
    assert value("com.apple.mobile.battery", "BatteryIsCharging") is False
    assert value("com.apple.purplebuddy", "SetupFinishedAllSteps") is False
    assert line.ask({"Request": "GetValue", "Key": "BuildVersion"})["Value"] == "23B85"
    assert line.ask({"Request": "GetValue", "Domain": "com.apple.international"})["Value"]["Locale"] == "en_US"
    phone.finish_setup()
    phone.faults.free_bytes = 5
    assert value("com.apple.purplebuddy", "SetupFinishedAllSteps") is True
    assert value("com.apple.disk_usage", "TotalDataAvailable") == 5


def test_ios_27_does_not_report_find_my(plug_in: PlugIn) -> None:
    phone, computer = plug_in(ios_version="27.0", find_my=True)
    line = computer.session(phone)
    asked = {"Request": "GetValue", "Domain": "com.apple.fmip", "Key": "IsAssociated"}
    assert line.ask(asked)["Error"] == "MissingValue"


def test_only_some_values_can_be_set_and_removed(plug_in: PlugIn) -> None:
    phone, computer = plug_in()
    line = computer.session(phone)
    wifi = {"Domain": "com.apple.mobile.wireless_lockdown", "Key": "EnableWifiConnections"}
    assert line.ask({"Request": "SetValue", **wifi, "Value": True})["Value"] is True
    assert line.ask({"Request": "GetValue", **wifi})["Value"] is True
    assert "Error" not in line.ask({"Request": "RemoveValue", **wifi})
    assert line.ask({"Request": "GetValue", **wifi})["Value"] is False
    line.ask({"Request": "SetValue", "Key": "DeviceName", "Value": "New name"})
    assert phone.name == "New name"
    refused = [
        ({"Request": "SetValue", "Key": "UniqueDeviceID", "Value": "x"}, "ImmutableValue"),
        ({"Request": "SetValue", "Domain": "com.apple.fmip", "Key": "IsAssociated", "Value": False}, "SetProhibited"),
        ({"Request": "SetValue", "Value": 1}, "MissingKey"),
        ({"Request": "SetValue", "Key": "DeviceName"}, "MissingValue"),
        ({"Request": "RemoveValue", "Domain": "com.apple.fmip", "Key": "IsAssociated"}, "RemoveProhibited"),
        ({"Request": "RemoveValue"}, "MissingKey"),
    ]
    assert [line.ask(request)["Error"] for request, _ in refused] == [error for _, error in refused]
    stranger = computer.lockdown(phone)
    assert stranger.ask({"Request": "SetValue", "Key": "DeviceName", "Value": "x"})["Error"] == "SetProhibited"
    assert "Error" not in stranger.ask({"Request": "SetValue", "Key": "UntrustedHostBUID", "Value": "B"})


# --- services


def test_only_known_services_start(plug_in: PlugIn) -> None:
    phone, computer = plug_in()
    line = computer.session(phone)
    started = start(line, AFC)
    assert started["EnableServiceSSL"] is True
    assert started["Port"] != start(line, AFC)["Port"]
    assert start(line, "com.apple.dance")["Error"] == "InvalidService"
    assert line.ask({"Request": "StartService"})["Error"] == "MissingService"
    phone.faults.refuse_services = {AFC: "ServiceProhibited"}
    assert start(line, AFC)["Error"] == "ServiceProhibited"


def test_a_phone_that_is_not_activated_makes_no_backups(plug_in: PlugIn) -> None:
    phone, computer = plug_in(activated=False)
    assert start(computer.session(phone), BACKUP)["Error"] == "InvalidService"


def test_a_locked_phone_starts_backups_for_a_host_with_its_escrow_bag(plug_in: PlugIn) -> None:
    phone, computer = plug_in(passcode="1234", simulated_user=SimulatedUser(unlocks=False))
    line = computer.session(phone)
    phone.lock()
    assert start(line, BACKUP)["Error"] == "PasswordProtected"
    assert start(line, BACKUP, EscrowBag=b"foreign")["Error"] == "EscrowLocked"
    assert "Port" in start(line, BACKUP, EscrowBag=phone.escrow_bag)
    assert "Port" in start(line, AFC)


def test_before_the_first_unlock_the_escrow_bag_does_not_help(plug_in: PlugIn) -> None:
    phone, computer = plug_in(passcode="1234", simulated_user=SimulatedUser(unlocks=False))
    computer.pair(phone)
    phone.reboot()
    line = computer.session(phone)
    assert start(line, BACKUP, EscrowBag=phone.escrow_bag)["Error"] == "MissingValue"
    assert start(line, BACKUP)["Error"] == "PasswordProtected"
    assert start(line, AFC)["Error"] == "PasswordProtected"
    assert "Port" in start(line, "com.apple.mobile.notification_proxy")
    phone.unlock()
    assert "Port" in start(line, BACKUP, EscrowBag=phone.escrow_bag)


def test_ports_are_closed_when_the_phone_is_unplugged(serve: Callable[..., Any], computer_at: Any) -> None:
    phone = SimulatedPhone()
    server = serve(phone)
    computer = computer_at(server)
    port = start(computer.session(phone), AFC)["Port"]
    computer.connect(phone, port)
    server.detach(phone)
    server.attach(phone)
    with pytest.raises(AssertionError):
        computer.connect(phone, port)


def test_the_link_may_reset_right_after_trust(plug_in: PlugIn) -> None:
    phone, computer = plug_in(trust="ask")
    phone.faults.replug_after_trust = True
    before = computer.device_id(phone)
    line = computer.lockdown(phone)
    while "Error" in computer.ask_to_pair(line):
        pass
    assert line.is_closed()
    listener = computer.usbmuxd()
    listener.mux_request({"MessageType": "Listen"})
    assert listener.mux_receive()["DeviceID"] > before
    assert computer.session(phone).ask({"Request": "QueryType"})


# --- states with an answer of their own


def test_a_phone_does_not_pair_over_wifi(serve: Callable[..., Any], computer_at: Any) -> None:
    phone = SimulatedPhone(trust="ask", on_wifi=True)
    computer = computer_at(serve(phone))
    (wifi,) = (d["DeviceID"] for d in computer.devices() if d["Properties"]["ConnectionType"] == "Network")
    line = computer.usbmuxd()
    line.mux_request({"MessageType": "Connect", "DeviceID": wifi, "PortNumber": socket.htons(62078)})
    assert computer.ask_to_pair(line)["Error"] == "PairingProhibitedOverThisConnection"
    assert "Error" not in computer.pair(phone)


@pytest.mark.parametrize("forgotten", ["InvalidHostID", "tls-closes"])
def test_a_forgotten_computer_is_refused_or_disconnected(plug_in: PlugIn, forgotten: Any) -> None:
    phone, computer = plug_in(trust="ask", simulated_user=SimulatedUser(trust_after_polls=0))
    computer.session(phone)
    phone.forget_hosts()
    phone.assume.forgotten_computer = forgotten
    line = computer.lockdown(phone)
    answer = line.ask({"Request": "StartSession", "HostID": computer.record["HostID"], "SystemBUID": "BUID"})
    if forgotten == "InvalidHostID":
        assert answer["Error"] == "InvalidHostID"
        return
    assert answer["EnableSessionSSL"] is True
    with pytest.raises(ssl.SSLZeroReturnError):
        computer.tls(line)
    stranger = computer.lockdown(phone).ask({"Request": "StartSession", "HostID": "never-seen"})
    assert stranger["Error"] == "InvalidHostID"


def test_a_phone_that_enters_recovery_is_gone_until_it_restarts(serve: Callable[..., Any], computer_at: Any) -> None:
    phone = SimulatedPhone(trust="ask", simulated_user=SimulatedUser(trust_after_polls=0), boot_delay_s=0.0)
    computer = computer_at(serve(phone))
    line = computer.session(phone)
    assert "Error" not in line.ask({"Request": "EnterRecovery"})
    assert line.is_closed()
    assert computer.devices() == [] and phone.in_recovery
    phone.replug()
    assert computer.devices() == []
    phone.reboot()
    assert [d["Properties"]["SerialNumber"] for d in computer.devices()] == [phone.udid]


@pytest.mark.parametrize(
    ("screen", "escrow_bag", "error"),
    [
        ("unlocked", True, None),
        ("locked", True, None),
        ("locked", False, "PasswordProtected"),
        ("before-first-unlock", True, "MissingValue"),
        ("before-first-unlock", False, "PasswordProtected"),
    ],
)
def test_the_screen_decides_whether_the_backup_service_starts(
    plug_in: PlugIn, screen: Any, escrow_bag: bool, error: str | None
) -> None:
    phone, computer = plug_in(passcode="1234", simulated_user=absent_user())
    line = computer.session(phone)
    phone.screen = screen
    bag = {"EscrowBag": phone.escrow_bag} if escrow_bag else {}
    assert start(line, BACKUP, **bag).get("Error") == error


@pytest.mark.parametrize(
    ("told", "values"),
    [("tells", {"IsAssociated": True}), ("stale", {"IsAssociated": False}), ("absent", {})],
)
def test_find_my_is_reported_stale_or_absent(plug_in: PlugIn, told: Any, values: dict[str, bool]) -> None:
    phone, computer = plug_in(ios_version="27.0", find_my=True)
    line = computer.session(phone)
    domain = {"Request": "GetValue", "Domain": "com.apple.fmip"}
    assert line.ask(domain)["Value"] == {}  # as 27 does
    phone.assume.find_my_in_lockdown = told
    assert line.ask(domain)["Value"] == values


# --- supervised


def identity_of() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name, now = x509.Name([]), datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + datetime.timedelta(9))
    return key, builder.sign(key, hashes.SHA256())


def signed(content: bytes, key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> bytes:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def test_a_supervisors_computer_signs_a_challenge_and_pairs_without_a_dialog(plug_in: PlugIn) -> None:
    key, certificate = identity_of()
    pem = certificate.public_bytes(Encoding.PEM).decode()
    phone, computer = plug_in(trust="ask", pairing_allowed=False, supervisor=pem, simulated_user=absent_user())
    line = computer.lockdown(phone)
    record = computer.make_record(line.ask({"Request": "GetValue", "Key": "DevicePublicKey"})["Value"])

    def pair(**options: Any) -> Any:
        return line.ask({"Request": "Pair", "PairRecord": record, "PairingOptions": options})

    def challenge() -> bytes:
        answer = pair(SupervisorCertificate=certificate.public_bytes(Encoding.DER))
        assert answer["Error"] == "MCChallengeRequired"
        found: bytes = answer["ExtendedResponse"]["PairingChallenge"]
        return found

    other_key, other_certificate = identity_of()
    assert pair()["Error"] == "MCProtected"
    assert pair(SupervisorCertificate=other_certificate.public_bytes(Encoding.DER))["Error"] == "MCProtected"
    assert pair(ChallengeResponse=signed(b"what I like", key, certificate))["Error"] == "MCProtected"
    assert challenge() != challenge()
    for wrong in (
        signed(challenge(), other_key, other_certificate),
        signed(b"something else", key, certificate),
        b"",
        b"0\x03\x02\x01\x00",
        signed(challenge(), key, certificate)[:-40],
    ):
        challenge()
        assert pair(ChallengeResponse=wrong)["Error"] == "MCProtected"
    stale = signed(challenge(), key, certificate)
    challenge()
    assert pair(ChallengeResponse=stale)["Error"] == "MCProtected"
    assert "Error" not in pair(ChallengeResponse=signed(challenge(), key, certificate))
    assert phone.trust == "ask" and list(phone.trusted_hosts) == [record["HostID"]]
