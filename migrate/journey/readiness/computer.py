"""What is found about this computer: its programs, its disk, its home folder, and its way to phones."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from migrate.backup.disk_space import free_bytes_at
from migrate.journey.home_location import remarks_about_place
from migrate.language import _
from migrate.plan.preflight import SPARE_BYTES
from migrate.problems import (
    AppleServiceMissing,
    AppleServiceStopped,
    DiskSpace,
    HomeOpenToOthers,
    HomeUnusable,
    IPhoneOnlyOnBus,
    MigrateError,
    NoFullDiskAccess,
    Problem,
    TooLittleSpaceHere,
    UsbmuxdNotInstalled,
    UsbmuxdNotRunning,
    Versions,
)
from migrate.problems.finding import Finding

ROOMY_BYTES = 64 << 30
"""What a current phone may need here; its restore set shares the files. Below it there is a warning. *Guessed*."""

APPLE_SERVICE = "Apple Mobile Device Service"
NO_SUCH_SERVICE = 1060  # ERROR_SERVICE_DOES_NOT_EXIST, winerror.h
APPLE_VENDOR = "05ac"
IPHONE_PRODUCTS = range(0x1290, 0x12B0)
"""The products that usbmuxd's udev rule starts it for (*read*: 39-usbmuxd.rules, 05ac/12[9a]*)."""
UDEV_RULE = "39-usbmuxd.rules"
UDEV_FOLDERS = ("usr/lib/udev/rules.d", "lib/udev/rules.d", "etc/udev/rules.d", "run/udev/rules.d")
SYSTEM_FOLDERS = ("usr/sbin", "usr/bin", "usr/local/sbin", "sbin")

PACKAGE_COMMANDS = (
    ("apt", "sudo apt install usbmuxd"),
    ("dnf", "sudo dnf install usbmuxd"),
    ("zypper", "sudo zypper install usbmuxd"),
    ("pacman", "sudo pacman -S usbmuxd"),
    ("apk", "sudo apk add usbmuxd"),
)
"""A package manager, and how it installs usbmuxd: its package has that name in all of them (*reported*)."""


def _state_of_service(name: str) -> tuple[int, str]:
    """What `sc query` answers on Windows: its exit code and its text."""
    done = subprocess.run(["sc.exe", "query", name], capture_output=True, text=True, timeout=10, check=False)
    return done.returncode, done.stdout


@dataclass(frozen=True)
class Computer:
    """How to look at this computer; other values describe another one, for tests."""

    platform: str = sys.platform
    root: Path = Path("/")
    user: Path = field(default_factory=Path.home)
    which: Callable[[str], str | None] = shutil.which
    state_of_service: Callable[[str], tuple[int, str]] = _state_of_service


def versions() -> Finding:
    try:
        library = version("pymobiledevice3")
    except PackageNotFoundError:
        library = _("of no known version")
    return Versions(platform.python_version(), library, platform.platform(terse=True)).as_finding()


def check_home(home: Path) -> list[Finding]:
    """Check the home folder and its disk. Call it before the home folder is opened, which creates it and makes it
    private."""
    findings = [*_permissions(home), *remarks_about_place(home)]
    free = free_bytes_at(home)
    if free is not None and free <= SPARE_BYTES:
        findings.append(TooLittleSpaceHere(str(home), free, SPARE_BYTES).as_finding())
    elif free is not None:
        findings.append(DiskSpace(str(home), free, free >= ROOMY_BYTES).as_finding())
    return findings


def _permissions(home: Path) -> Iterator[Finding]:
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(there, os.W_OK):
        yield HomeUnusable(str(home), _("permission denied")).as_finding()
    elif os.name == "posix" and home.exists() and stat.S_IMODE(home.stat().st_mode) & 0o077:
        yield HomeOpenToOthers(str(home), f"{stat.S_IMODE(home.stat().st_mode):o}").as_finding()


def check_access(computer: Computer) -> list[Finding]:
    """Whether macOS lets this program read Finder's backups. Its folder can be named and not be listed (TCC)."""
    folder = computer.user / "Library" / "Application Support" / "MobileSync" / "Backup"
    if computer.platform != "darwin":
        return []
    try:
        with os.scandir(folder):
            return []
    except PermissionError:
        return [NoFullDiskAccess(str(folder)).as_finding()]
    except OSError:
        return []  # Finder has made no backup here


# -- why no phone can be reached ---------------------------------------------------------------------------------------


def why_no_muxer(computer: Computer) -> MigrateError | None:
    """Why this system's own usbmuxd does not answer. None: nothing more than that it does not."""
    if computer.platform == "win32":
        return {"missing": AppleServiceMissing(), "stopped": AppleServiceStopped()}.get(_apple_service(computer))
    if computer.platform != "linux":
        return None
    installed = computer.which("usbmuxd") or any((computer.root / at / "usbmuxd").exists() for at in SYSTEM_FOLDERS)
    if not installed:
        known = (command for manager, command in PACKAGE_COMMANDS if computer.which(manager))
        return UsbmuxdNotInstalled(next(known, ""))
    has_rule = any((computer.root / folder / UDEV_RULE).exists() for folder in UDEV_FOLDERS)
    return UsbmuxdNotRunning(has_rule, iphone_is_on_bus(computer))


def _apple_service(computer: Computer) -> Literal["running", "stopped", "missing", "unknown"]:
    try:
        code, text = computer.state_of_service(APPLE_SERVICE)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    if code == NO_SUCH_SERVICE:
        return "missing"
    if code:
        return "unknown"
    # "STATE : 4  RUNNING": the word is translated in some versions of Windows, the number is not
    state = next((line.partition(":")[2].split() for line in text.splitlines() if ":" in line and " STATE" in line), [])
    return "running" if state[:1] == ["4"] else "stopped"


def iphone_only_on_bus(computer: Computer) -> Problem | None:
    """A finding where the USB has an iPhone that usbmuxd, which does answer, does not list."""
    return IPhoneOnlyOnBus() if iphone_is_on_bus(computer) else None


def iphone_is_on_bus(computer: Computer) -> bool:
    """Whether Linux sees an iPhone, iPad or iPod on the USB; elsewhere False, because it is not looked for."""
    if computer.platform != "linux":
        return False
    with suppress(OSError):
        return any(_is_iphone(device) for device in (computer.root / "sys" / "bus" / "usb" / "devices").iterdir())
    return False


def _is_iphone(device: Path) -> bool:
    try:
        vendor, product = ((device / name).read_text().strip() for name in ("idVendor", "idProduct"))
        return vendor == APPLE_VENDOR and int(product, 16) in IPHONE_PRODUCTS
    except (OSError, ValueError):  # a hub's interface, or a device that is just leaving
        return False
