"""The phone: its screen, dialogs, user, and restarts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from migrate.simulator.device import identity
from migrate.simulator.device.app import App
from migrate.simulator.device.passcode_sheet import SHEET_DISMISSED, SHEET_PRESENTED
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser, absent_user


@dataclass
class Staged:
    """A restore that writes one file."""

    removes_unrestored: bool

    @property
    def runs_setup(self) -> bool:
        return self.removes_unrestored

    def apply(self, phone: SimulatedPhone) -> None:
        phone.files.add_file("HomeDomain", "restored", b"x")


def posts_of(phone: SimulatedPhone) -> list[str]:
    posted: list[str] = []
    phone.observe(posted.append)
    return posted


# --- identity


def test_a_phones_identity_follows_from_its_udid() -> None:
    one, again, other = (
        SimulatedPhone(udid="00008101-0000000000000A01"),
        SimulatedPhone(udid="00008101-0000000000000A01"),
        SimulatedPhone(),
    )
    assert (one.serial, one.wifi_address, one.imei) == (again.serial, again.wifi_address, again.imei)
    assert one.serial != other.serial and one.udid != other.udid
    assert one.ecid == 0xA01
    assert one.build == "21F90" and one.ios == (17, 5, 1)
    assert one.model_facts.name == "iPhone 12" and one.device_class == "iPhone"


def test_a_seed_always_gives_the_same_valid_udid() -> None:
    assert identity.udid_from_seed(7) == identity.udid_from_seed(7) != identity.udid_from_seed(8)
    assert len(identity.udid_from_seed(7)) == 25 and identity.udid_from_seed(7)[8] == "-"


@pytest.mark.parametrize(
    ("version", "family"), [("15.8.2", "19"), ("16.3", "20"), ("18.7", "22"), ("26.4", "23"), ("27.2", "24")]
)
def test_an_unlisted_version_gets_a_build_of_its_family(version: str, family: str) -> None:
    assert identity.build_of(version).startswith(family)


def test_imei_check_digits_are_correct() -> None:
    for seed in range(20):
        digits = [int(digit) for digit in identity.imei_from_seed(seed)]
        luhn = sum(d if index % 2 == 0 else sum(divmod(2 * d, 10)) for index, d in enumerate(digits))
        assert len(digits) == 15 and luhn % 10 == 0


def test_secrets_are_not_in_a_repr() -> None:
    phone = SimulatedPhone(passcode="271828", backup_password="correct-horse-1947")
    assert "271828" not in repr(phone) and "correct-horse" not in repr(phone)


def test_no_two_phones_share_a_key_or_a_bag() -> None:
    phones = [SimulatedPhone(udid="00008101-0000000000000001", passcode="1") for _ in range(2)]
    assert phones[0].escrow_bag != phones[1].escrow_bag
    assert phones[0].private_key.public_key() != phones[1].private_key.public_key()
    assert phones[0].private_key is phones[0].private_key


# --- passcode


def test_a_phone_without_a_passcode_shows_no_sheet() -> None:
    phone = SimulatedPhone()
    posted = posts_of(phone)
    assert phone.enter_passcode() is True
    assert posted == []


@pytest.mark.parametrize(("habit", "entered"), [("enter", True), ("decline", False), ("ignore", False)])
def test_the_sheet_is_shown_and_dismissed_for_every_habit(habit: Any, entered: bool) -> None:
    phone = SimulatedPhone(passcode="1234", simulated_user=SimulatedUser(passcode=habit))
    phone.lock()
    posted = posts_of(phone)
    assert phone.enter_passcode() is entered
    assert posted == [SHEET_PRESENTED, SHEET_DISMISSED]
    assert phone.locked is not entered
    assert phone.asks_passcode is False


@pytest.mark.parametrize("entered", [True, False])
def test_a_waiting_sheet_can_be_answered(entered: bool) -> None:
    phone = SimulatedPhone(passcode="1234", simulated_user=absent_user())
    phone.observe(lambda name: phone.answer_passcode(entered) if name == SHEET_PRESENTED else None)
    assert phone.enter_passcode() is entered


def test_pulling_the_cable_ends_the_wait_for_a_passcode() -> None:
    phone = SimulatedPhone(passcode="1234", simulated_user=absent_user())
    pulled: list[threading.Thread] = []

    def pull(name: str) -> None:
        if name == SHEET_PRESENTED:
            pulled.append(threading.Thread(target=phone.on_detached))
            pulled[0].start()

    phone.observe(pull)
    assert phone.enter_passcode() is False
    pulled[0].join()


def test_an_unplugged_phone_does_not_wait_for_its_passcode(serve: Callable[..., Any]) -> None:
    phone = SimulatedPhone(passcode="1234", simulated_user=absent_user())
    server = serve(phone)
    server.detach(phone)
    assert phone.enter_passcode() is False
    server.stop()
    assert phone.enter_passcode() is False


# --- restarting


def test_a_restore_is_visible_only_after_the_reboot() -> None:
    phone = SimulatedPhone()
    phone.pending_restore = Staged(removes_unrestored=False)
    assert phone.files.get("HomeDomain", "restored") is None
    phone.reboot()
    assert phone.files.get("HomeDomain", "restored") is not None
    assert phone.pending_restore is None
    assert phone.setup == "finished" and phone.trust == "trusted"
    phone.files.remove("HomeDomain", "restored")
    phone.reboot()
    assert phone.files.get("HomeDomain", "restored") is None


def test_a_passcode_locks_the_phone_at_every_boot() -> None:
    phone = SimulatedPhone(passcode="1234", simulated_user=SimulatedUser(unlocks=False))
    phone.reboot()
    assert phone.locked and not phone.unlocked_since_boot
    phone.unlock()
    phone.simulated_user = SimulatedUser()
    phone.reboot()
    assert not phone.locked and phone.unlocked_since_boot


def test_after_a_replace_no_computer_is_trusted_and_setup_waits_for_the_user(
    serve: Callable[..., Any], computer_at: Callable[..., Any]
) -> None:
    phone = SimulatedPhone(simulated_user=SimulatedUser(finishes_setup=False, trust_after_polls=1))
    server = serve(phone)
    computer = computer_at(server)
    asked = {"MessageType": "ReadPairRecord", "PairRecordID": phone.udid}
    record = computer.usbmuxd().mux_request(asked)["PairRecordData"]
    computer.pair(phone)
    before = computer.device_id(phone)
    phone.pending_restore = Staged(removes_unrestored=True)
    phone.reboot()
    assert computer.device_id(phone) != before
    assert phone.setup == "running"
    assert computer.usbmuxd().mux_request(asked)["PairRecordData"] == record  # usbmuxd does not know
    line = computer.lockdown(phone)
    stale = {"Request": "StartSession", "HostID": computer.record["HostID"]}
    assert line.ask(stale)["Error"] == "InvalidHostID"
    assert computer.ask_to_pair(line)["Error"] == "PairingDialogResponsePending"
    assert "Error" not in computer.ask_to_pair(line)
    phone.finish_setup()
    setup = {"Request": "GetValue", "Domain": "com.apple.purplebuddy", "Key": "SetupState"}
    assert computer.session(phone).ask(setup)["Value"] == "RestoredFromiTunesBackup"


def test_the_default_user_finishes_the_setup_after_a_replace(serve: Callable[..., Any]) -> None:
    phone = SimulatedPhone(simulated_user=SimulatedUser(setup_delay_s=0.01))
    finished = threading.Event()
    finish = phone.finish_setup

    def finish_and_tell() -> None:
        finish()
        finished.set()

    phone.finish_setup = finish_and_tell  # type: ignore[method-assign]
    serve(phone)
    phone.pending_restore = Staged(removes_unrestored=True)
    phone.reboot()
    assert finished.wait(10)
    assert phone.setup == "finished"


def test_the_setup_can_wait_until_a_computer_has_seen_it(
    serve: Callable[..., Any], computer_at: Callable[..., Any]
) -> None:
    user = SimulatedUser(setup_delay_s=0.01, setup_waits_for_computer=True, trust_after_polls=0)
    phone = SimulatedPhone(simulated_user=user)
    finished = threading.Event()
    phone.finish_setup = finished.set  # type: ignore[method-assign]
    computer = computer_at(serve(phone))
    phone.pending_restore = Staged(removes_unrestored=True)
    phone.reboot()
    assert not finished.wait(0.2)
    computer.pair(phone)
    asked = {"Request": "GetValue", "Domain": "com.apple.purplebuddy", "Key": "SetupDone"}
    assert computer.session(phone).ask(asked)["Value"] is False
    assert finished.wait(10)


def test_an_unplugged_phone_restarts_and_stays_unplugged(
    serve: Callable[..., Any], computer_at: Callable[..., Any]
) -> None:
    phone = SimulatedPhone()
    server = serve(phone)
    server.detach(phone)
    phone.reboot()
    assert not server.is_attached(phone)
    server.attach(phone)
    assert server.is_attached(phone)


def test_stopping_the_server_cancels_the_phones_delayed_actions(serve: Callable[..., Any]) -> None:
    phone = SimulatedPhone(simulated_user=SimulatedUser(setup_delay_s=3600))
    server = serve(phone)
    phone.pending_restore = Staged(removes_unrestored=True)
    phone.reboot()
    phone.reboot_soon(3600)
    server.stop()
    assert phone.setup == "running"
    another = serve(phone)
    phone.reboot()
    assert phone.cable is another and another.is_attached(phone)


def test_an_erased_phone_has_lost_all_its_state() -> None:
    phone = SimulatedPhone(passcode="1234", backup_password="x", find_my=True, apps={"a": App("a", "A")})
    phone.files.add_file("HomeDomain", "a", b"x")
    phone.afc_files["/x"] = b"x"
    phone.lockdown_settings["com.apple.international"] = {"Language": "de"}
    bag = phone.escrow_bag
    phone.erase()
    assert not phone.files.domains() and not phone.apps and not phone.afc_files and not phone.lockdown_settings
    assert (phone.setup, phone.trust, phone.find_my, phone.will_encrypt) == ("never-begun", "ask", False, False)
    assert not phone.locked and phone.escrow_bag is None
    phone.passcode = "1"
    assert phone.escrow_bag != bag


def test_find_my_is_turned_off_only_by_a_user_who_does_so() -> None:
    phone = SimulatedPhone(find_my=True)
    phone.on_refused_by_find_my()
    assert phone.find_my
    phone.simulated_user = SimulatedUser(turns_off_find_my=True)
    phone.on_refused_by_find_my()
    assert not phone.find_my


def test_free_space_is_computed_or_set_by_a_fault() -> None:
    phone = SimulatedPhone(capacity_bytes=1000)
    phone.files.add_file("HomeDomain", "a", b"x" * 600)
    phone.afc_files["/x"] = b"x" * 300
    assert phone.free_bytes == 100
    phone.afc_files["/y"] = b"x" * 300
    assert phone.free_bytes == 0
    phone.faults.free_bytes = 7
    assert phone.free_bytes == 7
