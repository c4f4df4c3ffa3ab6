"""The total of a backup from its first byte on, what it is at, and how fast its link is."""

from __future__ import annotations

import asyncio
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from migrate.phone.facts import PhoneFacts
from migrate.phone.link_speed import link_to
from migrate.phone.mobilebackup2.expected import ExpectedTotal, expect_backup

MB = 1_000_000
UDID = "00008110-000A1B2C3D4E5F60"


def facts(used_bytes: int | None) -> PhoneFacts:
    return PhoneFacts(udid=UDID, connection="USB", used_bytes=used_bytes)


# -- the guess ---------------------------------------------------------------------------------------------------------


def test_a_first_backup_is_expected_to_have_what_is_used(tmp_path: Path) -> None:
    expected = expect_backup(facts(100 * MB), tmp_path / UDID)
    assert (expected.kind, expected.size_bytes) == ("first", 100 * MB)
    assert expect_backup(facts(None), tmp_path / UDID).size_bytes is None


def test_the_guess_knows_an_earlier_backup_and_an_interrupted_one(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    folder = home.folder(phone)
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    changes = expect_backup(facts(100 * MB), folder)
    assert changes.kind == "changes" and changes.size_bytes and changes.size_bytes < stored / 10
    assert expect_backup(facts(100 * MB), folder, fresh=True).kind == "first"

    (folder / "Status.plist").unlink()  # as after an interruption: some of it waits in Snapshot
    (folder / "Snapshot" / "ab").mkdir(parents=True)
    (folder / "Snapshot" / "ab" / "file").write_bytes(bytes(2 * MB))
    rest = expect_backup(facts(100 * MB), folder)
    assert (rest.kind, rest.size_bytes) == ("rest", 98 * MB)


def test_the_phones_percentage_replaces_the_guess() -> None:
    expected = ExpectedTotal(100 * MB)  # it uses that much, and backs up 20 MB of it
    assert expected.total(0, 0) == 100 * MB
    half_way = expected.total(1 * MB, 5)
    assert half_way is not None and 20 * MB < half_way < 100 * MB
    assert expected.total(4 * MB, 20) == 20 * MB


def test_a_resumed_backup_whose_percentage_does_not_begin_at_zero() -> None:
    expected = ExpectedTotal(100 * MB)
    expected.total(0, 60)  # the phone counts what was there already
    assert expected.total(10 * MB, 80) == 20 * MB


def test_a_large_file_between_two_reports_does_not_raise_the_total() -> None:
    expected = ExpectedTotal(None)
    expected.total(0, 0)
    expected.total(10 * MB, 20)
    assert expected.total(45 * MB, 20) == 50 * MB


@pytest.mark.parametrize("seed", range(20))
def test_whatever_a_phone_reports_the_total_stays_above_what_is_done(seed: int) -> None:
    chance, done, percent = random.Random(seed), 0, 0.0
    guess = chance.choice((None, 0, 5 * MB, 10_000 * MB))
    expected = ExpectedTotal(guess)
    for _ in range(500):
        done += chance.choice((0, 1, 100, 40 * MB))
        percent = min(100.0, percent + chance.choice((0, 0, 0, 0.1, 7)))
        total = expected.total(done, percent)
        assert total is None or total > done
        assert total is not None or guess is None


# -- a real conversation -----------------------------------------------------------------------------------------------


def test_a_backup_has_a_total_from_its_first_report_and_ends_at_it(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    reported = home.progress.bytes
    assert reported[0][0] == 0 and reported[0][1] == phone.capacity_bytes - phone.free_bytes
    assert all(total is not None and total > done for done, total in reported[:-1])
    assert reported[-1][0] == reported[-1][1] > 0


def test_a_phone_that_does_not_tell_its_used_space_gets_its_total_from_its_percentage(
    attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate.phone.facts._used_bytes", lambda disk: None)
    phone = a_phone()
    phone.files.add_file("HomeDomain", "Library/large", bytes(8 * MB))
    home = attach(phone)
    asyncio.run(home.back_up(phone))
    assert home.progress.bytes[0] == (0, None)
    totals = [total for _done, total in home.progress.bytes if total is not None]
    assert totals and all(total < 20 * MB for total in totals)


def test_the_phases_of_a_backup(attach: Any, a_phone: Any) -> None:
    """Also of one that begins anew: the phone moves the old folder aside before it sends anything."""
    phone = a_phone()
    home = attach(phone)
    for begin in ("incremental", "fresh"):
        home.progress.phases.clear()
        asyncio.run(home.back_up(phone, begin))
        assert home.progress.phases == ["getting-ready", "copying", "moving-files", "finishing", "checking-here"]


# -- the link ----------------------------------------------------------------------------------------------------------


def usb_bus(folder: Path, udid: str, megabits: str) -> Path:
    device = folder / "1-2"
    shutil.rmtree(device, ignore_errors=True)
    device.mkdir(parents=True)
    (device / "serial").write_text(udid.replace("-", "") + "\n")
    (device / "speed").write_text(megabits + "\n")
    return folder


@pytest.mark.parametrize(("megabits", "link"), [("480", "usb2"), ("5000", "usb3"), ("10000", "usb3"), ("odd", "usb2")])
def test_the_speed_on_the_bus_counts_more_than_usbmuxds(
    attach: Any, a_phone: Any, tmp_path: Path, megabits: str, link: str
) -> None:
    """usbmuxd 1.1.1 takes USB at 10 Gbit/s for USB 2, and the simulated one says USB 2 of everything."""
    home = attach(a_phone())
    bus = usb_bus(tmp_path / "bus", UDID, megabits)
    assert asyncio.run(link_to(home.usbmux, UDID, usb_devices=bus)) == link


def test_the_link_without_a_bus_over_wifi_and_to_an_absent_phone(attach: Any, a_phone: Any, tmp_path: Path) -> None:
    nothing = tmp_path / "no-bus"
    home = attach(a_phone(on_wifi=True))
    assert asyncio.run(link_to(home.usbmux, UDID, usb_devices=nothing)) == "usb2", "the cable, where it has both"
    assert asyncio.run(link_to(home.usbmux, "0" * 40, usb_devices=nothing)) == "unknown"
    home.server.stop()
    assert asyncio.run(link_to(home.usbmux, UDID, usb_devices=nothing)) == "unknown"


def test_usb_3_by_usbmuxds_word(attach: Any, a_phone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from migrate.wire.usbmux import Device

    plain = Device.as_plist

    def fast(self: Device) -> dict[str, Any]:
        record = plain(self)
        return {**record, "Properties": {**record["Properties"], "ConnectionSpeed": 5_000_000_000}}

    monkeypatch.setattr(Device, "as_plist", fast)
    home = attach(a_phone())
    assert asyncio.run(link_to(home.usbmux, UDID, usb_devices=tmp_path)) == "usb3"
