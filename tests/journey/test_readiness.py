"""The readiness check of `migrate check`: it only looks and never prompts."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from migrate.journey import readiness
from migrate.journey.home import Home
from migrate.journey.readiness import check_home, check_phones, versions
from migrate.phone.muxer import UsbmuxConfig
from migrate.problems.finding import Finding
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import absent_user
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.journey.moves import NEW, OLD


def codes(findings: list[Finding], severity: str | None = None) -> list[str]:
    return [finding.code for finding in findings if severity in (None, finding.severity)]


def phones_seen(home: Home, *phones: SimulatedPhone) -> list[Finding]:
    with SimulatedUsbmuxd(phones) as server:
        return asyncio.run(check_phones(UsbmuxConfig(server.address, home.pairing, home.tmp)))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").open()


def test_both_phones_are_listed_with_their_obstacles_and_no_trust_dialog(home: Home) -> None:
    old = SimulatedPhone(udid=OLD, name="Ada's old iPhone", ios_version="18.5", find_my=True)
    stranger = SimulatedPhone(
        udid=NEW, name="Ben's iPhone", ios_version="27.0", trust="ask", simulated_user=absent_user()
    )
    found = phones_seen(home, old, stranger)
    assert codes(found, "error") == []
    assert codes(found, "warning") == ["find-my-on", "not-trusted-yet"]
    assert stranger.trust == "ask" and not stranger.trusted_hosts
    (ben,) = [f for f in found if f.code == "phone" and f.phone == "Ben's iPhone"]
    assert "erased" in ben.why


def test_no_connected_phone_is_only_a_warning(home: Home) -> None:
    assert [(f.code, f.severity) for f in phones_seen(home)] == [("no-phone-connected", "warning")]


def test_a_missing_usbmuxd_is_an_error(home: Home) -> None:
    found = asyncio.run(check_phones(UsbmuxConfig("127.0.0.1:1", home.pairing, home.tmp)))
    assert [(f.code, f.severity) for f in found] == [("no-muxer", "error")]


def test_a_full_disk_is_an_error_and_a_small_one_a_warning(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, severity in ((1000, "error"), (10 << 30, "warning"), (1 << 40, "info")):
        monkeypatch.setattr(readiness, "free_bytes_at", lambda path, free=free: free)
        assert [f.severity for f in check_home(home.path)] == [severity]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_home_folder_readable_by_others_is_reported(home: Home) -> None:
    assert "home-open-to-others" not in codes(check_home(home.path))
    home.path.chmod(0o755)
    assert "home-open-to-others" in codes(check_home(home.path))


def test_versions_are_listed_for_a_report() -> None:
    assert "pymobiledevice3" in versions().what and "Python 3." in versions().what
