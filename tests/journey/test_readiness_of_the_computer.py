"""What `migrate check` finds about this computer: its home folder, and why no phone can be reached."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.journey.home import Home
from migrate.journey.readiness import computer as readiness
from migrate.journey.readiness.computer import (
    NO_SUCH_SERVICE,
    Computer,
    check_access,
    check_home,
    iphone_only_on_bus,
    versions,
    why_no_muxer,
)
from migrate.journey.readiness.report import check_phones
from migrate.phone.muxer import UsbmuxConfig
from migrate.problems.finding import Finding
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

RUNNING = "SERVICE_NAME: Apple Mobile Device Service\n        STATE              : 4  RUNNING\n"
STOPPED = "SERVICE_NAME: Apple Mobile Device Service\n        STATE              : 1  STOPPED\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").open()


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


@pytest.fixture
def linux(tmp_path: Path) -> Computer:
    """A Debian computer without usbmuxd and without anything on the USB."""
    root = tmp_path / "root"
    (root / "sys/bus/usb/devices/usb1").mkdir(parents=True)
    (root / "sys/bus/usb/devices/1-0:1.0").mkdir()  # an interface has no idVendor
    (root / "usr/lib/udev/rules.d").mkdir(parents=True)
    plug_in(root, "usb1", "1d6b", "0002")
    return Computer("linux", root, tmp_path, {"apt": "/usr/bin/apt"}.get, no_service)


def no_service(name: str) -> tuple[int, str]:
    raise FileNotFoundError(name)


def plug_in(root: Path, name: str, vendor: str, product: str) -> None:
    device = root / "sys/bus/usb/devices" / name
    device.mkdir(exist_ok=True)
    (device / "idVendor").write_text(f"{vendor}\n")
    (device / "idProduct").write_text(f"{product}\n")


def install(computer: Computer, *, rule: bool = True) -> Computer:
    if rule:
        (computer.root / "usr/lib/udev/rules.d/39-usbmuxd.rules").touch()
    return replace(computer, which={"usbmuxd": "/usr/sbin/usbmuxd"}.get)


def test_a_computer_without_usbmuxd_is_told_how_to_install_it(linux: Computer) -> None:
    problem = why_no_muxer(linux)
    assert problem is not None and problem.code == "no-muxer" and problem.exit_code == 20
    assert "not installed" in problem.what and "sudo apt install usbmuxd" in problem.next
    fedora, unknown = replace(linux, which={"dnf": "x"}.get), replace(linux, which={}.get)
    assert "sudo dnf install usbmuxd" in str(why_no_muxer(fedora))
    assert "Install the package usbmuxd" in str(why_no_muxer(unknown)) and "sudo" not in str(why_no_muxer(unknown))


def test_an_installed_usbmuxd_that_does_not_run_is_not_installed_again(linux: Computer) -> None:
    problem = str(why_no_muxer(install(linux)))
    assert "does not run" in problem and "Plug the iPhone in again" in problem and "install usbmuxd" not in problem
    plug_in(linux.root, "1-2", "05ac", "12a8")
    assert "An iPhone is on the USB" in str(why_no_muxer(install(linux)))


def test_a_missing_udev_rule_is_named(linux: Computer) -> None:
    assert "39-usbmuxd.rules) is missing" in str(why_no_muxer(install(linux, rule=False)))
    assert "39-usbmuxd.rules" not in str(why_no_muxer(install(linux)))


def test_an_iphone_that_only_the_usb_sees_is_said(linux: Computer) -> None:
    assert iphone_only_on_bus(linux) is None
    plug_in(linux.root, "1-3", "05ac", "8600")  # a Mac's keyboard
    assert iphone_only_on_bus(linux) is None
    plug_in(linux.root, "1-2", "05ac", "12a8")
    found = iphone_only_on_bus(linux)
    assert found is not None and found.code == "iphone-only-on-bus"
    assert iphone_only_on_bus(replace(linux, platform="darwin")) is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((NO_SUCH_SERVICE, ""), "is not installed"),
        ((0, STOPPED), "is not running"),
        ((0, RUNNING), None),
        ((5, ""), None),
    ],
)
def test_on_windows_the_state_of_apples_service_is_said(answer: tuple[int, str], words: str | None) -> None:
    windows = Computer("win32", which=lambda name: None, state_of_service=lambda name: answer)
    problem = why_no_muxer(windows)
    assert (problem is None) if words is None else words in str(problem)


@pytest.mark.parametrize("error", [FileNotFoundError(), subprocess.TimeoutExpired("sc", 10)])
def test_a_windows_that_does_not_tell_is_not_guessed_about(error: Exception) -> None:
    def broken(name: str) -> tuple[int, str]:
        raise error

    assert why_no_muxer(Computer("win32", state_of_service=broken)) is None


def test_on_a_mac_full_disk_access_is_missed_only_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mac = Computer("darwin", user=tmp_path)
    assert check_access(mac) == [] and why_no_muxer(mac) is None
    folder = tmp_path / "Library/Application Support/MobileSync/Backup"
    folder.mkdir(parents=True)
    assert check_access(mac) == []

    def refuse(path: object) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(readiness.os, "scandir", refuse)
    (finding,) = check_access(mac)
    assert finding.code == "no-full-disk-access" and str(folder) in finding.what and "Full Disk Access" in finding.next
    assert check_access(replace(mac, platform="linux")) == []


def checked(home: Home, address: str | None, computer: Computer) -> list[Finding]:
    found = asyncio.run(check_phones(UsbmuxConfig(address, home.pairing, home.tmp), computer, home))
    assert not found.phones
    return found.computer


def test_a_missing_usbmuxd_is_an_error_and_its_reason_is_looked_for_only_where_it_is_the_systems_own(
    home: Home, linux: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (named,) = checked(home, "127.0.0.1:1", linux)
    assert (named.code, named.severity) == ("no-muxer", "error") and "127.0.0.1:1" in named.why
    monkeypatch.delenv("USBMUXD_SOCKET_ADDRESS", raising=False)
    if Path("/var/run/usbmuxd").exists():
        pytest.skip("this computer has a usbmuxd")
    (own,) = checked(home, None, linux)
    assert (own.code, own.severity) == ("no-muxer", "error") and "sudo apt install usbmuxd" in own.next


def test_no_connected_phone_is_only_a_warning(home: Home, linux: Computer) -> None:
    plug_in(linux.root, "1-2", "05ac", "12a8")  # on this computer; the usbmuxd that was named may be on another one
    with SimulatedUsbmuxd([]) as server:
        assert [(f.code, f.severity) for f in checked(home, server.address, linux)] == [
            ("no-phone-connected", "warning")
        ]


# -- the home folder ---------------------------------------------------------------------------------------------------


def test_a_full_disk_is_an_error_and_a_small_one_a_warning(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, severity in ((1000, "error"), (10 << 30, "warning"), (1 << 40, "info")):
        answer: Callable[[Path], int] = lambda path, free=free: free  # noqa: E731
        monkeypatch.setattr(readiness, "free_bytes_at", answer)
        assert [f.severity for f in check_home(home.path)] == [severity]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_home_folder_readable_by_others_is_reported(home: Home) -> None:
    assert "home-open-to-others" not in codes(check_home(home.path))
    home.path.chmod(0o755)
    assert "home-open-to-others" in codes(check_home(home.path))


def test_versions_are_listed_for_a_report() -> None:
    assert "pymobiledevice3" in versions().what and "Python 3." in versions().what
