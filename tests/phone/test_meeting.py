"""Find a phone and get its trust."""

from __future__ import annotations

import asyncio
import errno
import os
import plistlib
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from migrate.phone import lockdown
from migrate.phone.discovery import find_phones
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone, wait_until_ready
from migrate.problems import (
    CannotStoreKeys,
    NoMuxer,
    NoPhone,
    NoRoomForConnection,
    NotActivated,
    NotTrusted,
    PairingForbidden,
    PhoneLocked,
    PhoneLost,
    RestoreNeedsCable,
    SeveralPhones,
    TrustDenied,
    UsbmuxdAddressInvalid,
)
from migrate.simulator.device.simulated_user import SimulatedUser
from migrate.simulator.lockdown import lockdownd
from migrate.simulator.lockdown import values as lockdown_values

UDID = "00008110-000A1B2C3D4E5F60"
OTHER = "00008110-0000000000000B0B"


def test_a_trusted_phone_is_met_at_once(attach: Any, a_phone: Any) -> None:
    phone = a_phone(ios_version="17.5.1")
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone, wait_s=0) as met:
            assert met.facts.trusted is True
            assert met.facts.name == "Anna's iPhone"
            assert (met.facts.ios_version, met.facts.model, met.facts.model_name) == (
                "17.5.1",
                "iPhone13,2",
                "iPhone 12",
            )
            assert met.facts.encrypts_backups is False
            assert met.facts.find_my is False
            assert met.facts.setup_finished is True
            assert met.facts.free_bytes is not None
            assert met.facts.used_bytes is not None
            assert met.facts.battery_percent == 87
            promised = (
                "udid name model model_name ios_version build connection trusted encrypts_backups find_my free_bytes "
                "used_bytes battery_percent last_icloud_backup"
            )
            assert " ".join(met.facts.as_json()) == promised

    asyncio.run(story())
    assert home.progress.asked == []


def test_trust_is_requested_once_and_the_pair_record_is_private(attach: Any, a_phone: Any) -> None:
    phone = a_phone(trust="ask", passcode="1234", simulated_user=SimulatedUser(trust_after_polls=3))
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone) as met:
            assert met.facts.trusted is True
        async with await home.meet(phone, wait_s=0):
            pass

    asyncio.run(story())
    assert home.progress.asked == ["tap-trust"]
    assert home.progress.done == ["tap-trust"]
    record = home.usbmux.pairing / f"{UDID}.plist"
    assert "EscrowBag" in plistlib.loads(record.read_bytes())
    assert list(home.usbmux.tmp.iterdir()) == [], "a key file was left behind"
    if os.name != "nt":
        assert stat.S_IMODE(record.stat().st_mode) == 0o600
        assert stat.S_IMODE(home.usbmux.pairing.stat().st_mode) == 0o700
    assert home.server.pair_records.read(UDID, phone) is not None, "our usbmuxd was not told"


def test_a_brief_disconnect_when_trust_is_tapped_asks_for_nothing(attach: Any, a_phone: Any) -> None:
    phone = a_phone(trust="ask", simulated_user=SimulatedUser(trust_after_polls=2))
    phone.faults.replug_after_trust = True
    phone.boot_delay_s = 0
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone) as met:
            assert met.facts.trusted is True

    asyncio.run(story())
    assert home.progress.asked == ["tap-trust"]


def test_an_unanswered_trust_dialog_ends_with_a_clear_error(attach: Any, a_phone: Any) -> None:
    phone = a_phone(trust="ask", simulated_user=SimulatedUser(trust_after_polls=None))
    home = attach(phone)
    with pytest.raises(NotTrusted) as caught:
        asyncio.run(home.meet(phone, wait_s=30))
    assert caught.value.exit_code == 22
    assert "Anna's iPhone" in str(caught.value)
    assert sum(home.time.slept) == pytest.approx(30)


def test_do_not_trust_ends_the_wait_at_once(attach: Any, a_phone: Any) -> None:
    phone = a_phone(trust="ask", simulated_user=SimulatedUser(trust_after_polls=1, trust_answer="deny"))
    home = attach(phone)
    with pytest.raises(TrustDenied):
        asyncio.run(home.meet(phone, wait_s=600))
    assert sum(home.time.slept) < 10


def test_a_locked_untrusting_phone_needs_unlocking_and_then_trust(attach: Any, a_phone: Any) -> None:
    phone = a_phone(trust="locked", passcode="1234")
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone):
            pass

    asyncio.run(story())
    assert home.progress.asked == ["unlock", "tap-trust"]
    assert home.progress.done == ["unlock", "tap-trust"]


def test_a_phone_that_stays_locked_is_reported(attach: Any, a_phone: Any) -> None:
    phone = a_phone(trust="locked", passcode="1234", simulated_user=SimulatedUser(unlocks=False))
    home = attach(phone)
    with pytest.raises(PhoneLocked) as caught:
        asyncio.run(home.meet(phone, wait_s=5))
    assert caught.value.exit_code == 21


def test_a_managed_phone_that_forbids_pairing_is_reported(attach: Any, a_phone: Any) -> None:
    phone = a_phone(trust="ask", pairing_allowed=False)
    home = attach(phone)
    with pytest.raises(PairingForbidden, match="MCProtected"):
        asyncio.run(home.meet(phone, wait_s=600))


def test_a_phone_that_was_reset_is_paired_again(attach: Any, a_phone: Any) -> None:
    phone = a_phone(trust="ask")
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone):
            pass
        phone.forget_hosts()
        assert [facts.trusted for facts in await find_phones(home.usbmux)] == [False]
        async with await home.meet(phone):
            pass

    asyncio.run(story())
    assert home.progress.asked == ["tap-trust", "tap-trust"]


def test_a_phone_whose_newest_pairing_was_lost_here_is_paired_again(attach: Any, a_phone: Any) -> None:
    """The disk was full when the record should have been written: the phone knows our name with another certificate."""
    phone = a_phone(trust="ask")
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone):
            pass
        record = home.usbmux.pairing / f"{UDID}.plist"
        older = record.read_bytes()
        phone.forget_hosts()
        async with await home.meet(phone):
            pass
        record.write_bytes(older)
        home.server.pair_records.save(UDID, older)
        assert [facts.trusted for facts in await find_phones(home.usbmux)] == [False]
        async with await home.meet(phone) as met:
            assert met.facts.trusted is True
        async with await home.meet(phone, wait_s=0):
            pass
        assert record.read_bytes() != older

    asyncio.run(story())


def test_a_usbmuxd_with_a_record_the_phone_has_forgotten_does_not_hide_our_own(attach: Any, a_phone: Any) -> None:
    phone = a_phone(trust="ask")
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone):
            pass
        known = plistlib.loads((home.usbmux.pairing / f"{UDID}.plist").read_bytes())
        home.server.pair_records.save(UDID, plistlib.dumps({**known, "HostID": "FORGOTTEN"}))
        async with await home.meet(phone, wait_s=0) as met:
            assert met.facts.trusted is True

    asyncio.run(story())


@pytest.mark.parametrize("garbage", [b"", b"no plist", plistlib.dumps(["a list"]), plistlib.dumps({"HostID": "x"})])
def test_a_corrupt_pair_record_is_ignored(attach: Any, a_phone: Any, garbage: bytes) -> None:
    phone = a_phone(trust="ask")
    home = attach(phone)
    home.usbmux.make_folders()
    (home.usbmux.pairing / f"{UDID}.plist").write_bytes(garbage)
    home.server.pair_records.save(UDID, garbage)

    async def story() -> None:
        async with await home.meet(phone):
            pass

    asyncio.run(story())


def test_a_phone_that_is_not_activated_is_reported(attach: Any, a_phone: Any) -> None:
    phone = a_phone(activated=False)
    home = attach(phone)
    with pytest.raises(NotActivated) as caught:
        asyncio.run(home.meet(phone, wait_s=2))
    assert caught.value.exit_code == 24
    assert home.progress.asked == ["finish-setup"]


def test_a_phone_connected_during_the_wait_is_met(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach()

    async def plug_in_after_three_polls(seconds: float) -> None:
        home.time.slept.append(seconds)
        if len(home.time.slept) == 3:
            home.server.attach(phone)

    home.time.sleep = plug_in_after_three_polls

    async def story() -> None:
        async with await home.meet(phone) as met:
            assert met.facts.udid == UDID

    asyncio.run(story())
    assert home.progress.asked == ["connect"]
    assert home.progress.done == ["connect"]


def test_no_phone_and_a_wrong_phone_are_reported(attach: Any, a_phone: Any) -> None:
    home = attach(a_phone(udid=OTHER))
    with pytest.raises(NoPhone, match=OTHER) as caught:
        asyncio.run(Phone.meet(home.usbmux, UDID))
    assert caught.value.exit_code == 20


def test_the_only_phone_is_met_without_a_udid(attach: Any, a_phone: Any) -> None:
    old, new = a_phone(), a_phone(udid=OTHER, name="Ben's iPhone")
    home = attach(old, new)

    async def story() -> None:
        async with await Phone.meet_any(home.usbmux, excluded_udids={UDID}) as met:
            assert met.facts.name == "Ben's iPhone"
        with pytest.raises(SeveralPhones):
            await Phone.meet_any(home.usbmux)

    asyncio.run(story())


def test_a_phone_on_cable_and_wi_fi_is_listed_once_as_usb(attach: Any, a_phone: Any) -> None:
    phone = a_phone(on_wifi=True)
    home = attach(phone)
    found = asyncio.run(find_phones(home.usbmux))
    assert [(facts.udid, facts.connection) for facts in found] == [(UDID, "USB")]


def test_listing_phones_never_raises_the_trust_dialog(attach: Any, a_phone: Any) -> None:
    phone = a_phone(trust="ask", simulated_user=SimulatedUser(trust_after_polls=0))
    home = attach(phone)
    (facts,) = asyncio.run(find_phones(home.usbmux))
    assert phone.trust == "ask"
    assert facts.trusted is False
    assert facts.name == "Anna's iPhone"
    assert facts.encrypts_backups is None
    assert facts.find_my is None


def test_a_silent_phone_does_not_break_the_list(attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mute, well = a_phone(udid=OTHER), a_phone()
    home = attach(mute, well)
    serve = lockdownd.serve

    def serve_all_but_one(stream: Any, phone: Any, ports: Any, **how: Any) -> None:
        if phone is not mute:
            serve(stream, phone, ports, **how)

    monkeypatch.setattr(lockdownd, "serve", serve_all_but_one)
    found = {facts.udid: facts for facts in asyncio.run(find_phones(home.usbmux))}
    assert found[UDID].trusted is True
    assert found[OTHER].name is None
    assert found[OTHER].trusted is None
    with pytest.raises(PhoneLost):
        asyncio.run(home.meet(mute, wait_s=0))


def test_a_name_with_control_characters_is_shown_as_text(attach: Any, a_phone: Any) -> None:
    phone = a_phone(name="Anna\n\t\u202ephone" + "x" * 500)
    home = attach(phone)
    (facts,) = asyncio.run(find_phones(home.usbmux))
    assert facts.name is not None
    assert facts.name.startswith("Anna phone")
    assert len(facts.name) <= 80
    assert facts.name.isprintable()


@pytest.mark.parametrize("claimed", [OTHER, "../../etc", "x" * 500, ""])
def test_a_phone_may_not_pass_for_another(
    attach: Any, a_phone: Any, claimed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The UDID becomes the name of the backup folder."""
    phone = a_phone()
    home = attach(phone)
    read, asked = lockdown_values.read, []

    def claim(phone: Any, domain: Any, key: Any, *, in_session: bool) -> Any:
        told = read(phone, domain, key, in_session=in_session)
        if domain is None and key is None:
            asked.append(claimed)
            return {**told, "UniqueDeviceID": claimed}
        return told

    monkeypatch.setattr(lockdown_values, "read", claim)

    async def story() -> None:
        async with await home.meet(phone) as met:
            assert met.facts.udid == UDID
        assert [facts.udid for facts in await find_phones(home.usbmux)] == [UDID]

    asyncio.run(story())
    assert asked


# -- no usbmuxd ------------------------------------------------------------------------------------------------------


def test_a_missing_usbmuxd_is_reported_with_its_address(tmp_path: Path) -> None:
    free = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
    free.close()
    with pytest.raises(NoMuxer, match=address) as caught:
        asyncio.run(find_phones(UsbmuxConfig(address, tmp_path / "pairing", tmp_path / "tmp")))
    assert caught.value.exit_code == 20


def test_a_missing_socket_file_is_reported_as_no_usbmuxd(tmp_path: Path) -> None:
    usbmux = UsbmuxConfig(f"UNIX:{tmp_path}/usbmuxd", tmp_path / "pairing", tmp_path / "tmp")
    with pytest.raises(NoMuxer):
        asyncio.run(find_phones(usbmux))


def test_another_server_at_that_address_is_reported_as_no_usbmuxd(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        usbmux = UsbmuxConfig(f"127.0.0.1:{door.getsockname()[1]}", tmp_path / "pairing", tmp_path / "tmp")

        async def story() -> None:
            looking = asyncio.create_task(find_phones(usbmux))
            peer, _ = await asyncio.to_thread(door.accept)
            with peer:
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                peer.shutdown(socket.SHUT_WR)
                with pytest.raises(NoMuxer):
                    await looking

        asyncio.run(story())


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_the_advice_depends_on_the_operating_system(platform: str) -> None:
    assert NoMuxer("", platform, "No such file").next != NoMuxer("127.0.0.1:1", platform, "refused").next


@pytest.mark.skipif(os.name == "nt", reason="no unix sockets there")
def test_all_forms_of_an_address_reach_the_same_phone(tmp_path: Path, a_phone: Any, simulated_usbmuxd: Any) -> None:
    path = tmp_path / "mux"
    server = simulated_usbmuxd(a_phone(), socket_path=path)
    for address in (server.address, str(path), f"UNIX:{path}", f"unix:{path}"):
        found = asyncio.run(find_phones(UsbmuxConfig(address, tmp_path / "pairing", tmp_path / "tmp")))
        assert [facts.udid for facts in found] == [UDID]


@pytest.mark.parametrize("address", ["nonsense", "host:", ":27015", "host:port", "host:99999", "a:b:1"])
def test_an_invalid_address_is_a_usage_error(tmp_path: Path, address: str) -> None:
    with pytest.raises(UsbmuxdAddressInvalid) as caught:
        asyncio.run(find_phones(UsbmuxConfig(address, tmp_path, tmp_path)))
    assert caught.value.exit_code == 2


def test_the_environment_is_only_the_default(
    attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = attach(a_phone())
    monkeypatch.setenv("USBMUXD_SOCKET_ADDRESS", home.server.address)
    (facts,) = asyncio.run(find_phones(UsbmuxConfig(None, tmp_path / "pairing", tmp_path / "tmp")))
    assert facts.udid == UDID
    monkeypatch.setenv("USBMUXD_SOCKET_ADDRESS", "127.0.0.1:1")
    (facts,) = asyncio.run(find_phones(home.usbmux))
    assert facts.udid == UDID


# -- after a restart -------------------------------------------------------------------------------------------------


def test_waiting_until_the_setup_is_finished(attach: Any, a_phone: Any) -> None:
    phone = a_phone(setup="running")
    home = attach(phone)

    async def finish_after_two_polls(seconds: float) -> None:
        home.time.slept.append(seconds)
        home.time.now += seconds
        if len(home.time.slept) == 2:
            phone.finish_setup()

    home.time.sleep = finish_after_two_polls

    async def story() -> None:
        time = home.time.as_time()
        async with await wait_until_ready(home.usbmux, UDID, progress=home.progress, wait_s=60, time=time) as met:
            assert met.facts.setup_finished is True

    asyncio.run(story())
    assert home.progress.asked == ["finish-setup"]
    assert home.progress.done == ["finish-setup"]


def test_a_setup_that_is_never_finished_is_reported(attach: Any, a_phone: Any) -> None:
    phone = a_phone(setup="running", simulated_user=SimulatedUser(finishes_setup=False))
    home = attach(phone)
    with pytest.raises(Exception, match="not finished") as caught:
        asyncio.run(wait_until_ready(home.usbmux, UDID, progress=home.progress, wait_s=30, time=home.time.as_time()))
    assert caught.value.exit_code == 24  # type: ignore[attr-defined]


def test_signs_of_use_and_installed_apps(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone) as met:
            apps = await met.installed_apps()
            assert apps["org.example.chat"].version == "2.1"
            assert apps["org.example.chat"].name == "Chat"
            assert apps["org.example.chat"].groups == ("group.org.example",)
            assert await met.signs_of_use() == ("1 app", "1 photo and videos")

    asyncio.run(story())


# -- this computer's own disk ----------------------------------------------------------------------------------------


def no_space(*arguments: Any, **more: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_not_taken_for_a_bad_cable(attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meeting a phone writes a pair record and a key file. It was polled silently for the whole --wait."""
    phone = a_phone()
    home = attach(phone)
    monkeypatch.setattr(lockdown.tempfile, "mkstemp", no_space)
    with pytest.raises(NoRoomForConnection) as full:
        asyncio.run(home.meet(phone, wait_s=1800))
    assert full.value.exit_code == 33 and "No space left" in full.value.why
    assert home.time.slept == [], "it waited for a cable"
    assert "connect" not in home.progress.asked
    monkeypatch.undo()
    asyncio.run(meet_and_leave(home, phone))


def test_the_list_of_phones_says_that_the_disk_is_full(
    attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = a_phone()
    home = attach(phone)
    asyncio.run(meet_and_leave(home, phone))
    monkeypatch.setattr(lockdown.tempfile, "mkstemp", no_space)
    with pytest.raises(NoRoomForConnection):
        asyncio.run(find_phones(home.usbmux))


def test_a_home_that_cannot_be_written_is_said_at_once(
    attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*arguments: Any, **more: Any) -> Any:
        raise OSError(errno.EROFS, "Read-only file system")

    phone = a_phone()
    home = attach(phone)
    monkeypatch.setattr(lockdown.tempfile, "mkstemp", read_only)
    with pytest.raises(CannotStoreKeys, match="cannot write to its own folder"):
        asyncio.run(home.meet(phone, wait_s=1800))
    assert home.time.slept == []


async def meet_and_leave(home: Any, phone: Any) -> None:
    async with await home.meet(phone):
        pass


# -- over Wi-Fi ------------------------------------------------------------------------------------------------------


def test_a_phone_that_is_only_on_wifi_is_asked_onto_its_cable_before_a_restore(attach: Any, a_phone: Any) -> None:
    phone = a_phone(on_wifi=True)
    home = attach(phone)
    asyncio.run(meet_and_leave(home, phone))  # trusted, over the cable
    with home.server._lock:  # the cable is pulled, and the phone stays on Wi-Fi
        plugged_in = home.server._plugged_in[phone.udid]
        cable = [device for device in plugged_in.devices if device.connection_type == "USB"]
        plugged_in.devices[:] = [device for device in plugged_in.devices if device not in cable]
    usbmux, progress = home.usbmux, home.progress

    async def meet(needs_cable: bool) -> str:
        time = home.time.as_time()
        async with await Phone.meet(
            usbmux, phone.udid, progress=progress, wait_s=60, time=time, needs_cable=needs_cable
        ) as met:
            return met.facts.connection

    assert asyncio.run(meet(needs_cable=False)) == "Network", "a backup may go over Wi-Fi"
    with pytest.raises(RestoreNeedsCable) as refused:
        asyncio.run(meet(needs_cable=True))
    assert refused.value.exit_code == 24 and progress.asked == ["connect"]
    plugged_in.devices.extend(cable)
    assert asyncio.run(meet(needs_cable=True)) == "USB"
