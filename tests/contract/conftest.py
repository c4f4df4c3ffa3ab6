"""One suite for the simulated iPhone and, with `--iphone UDID`, for a real one. See docs/contract-suite.md."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone
from migrate.progress import NoProgress, UserAction
from migrate.simulator.contents import ContentsSpec
from migrate.simulator.phone_file import PhoneFile
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.contract.fidelity import Row, markdown

T = TypeVar("T")
WAIT_S = 300.0
UDID = "00008101-000A1B2C3D4E5F60"
PROPERTY = "fidelity"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("contract", "a real iPhone")
    group.addoption("--iphone", metavar="UDID", help="test this iPhone instead of the simulated one; read-only")
    group.addoption("--iphone-usbmuxd", metavar="ADDRESS", help="its usbmuxd; default: the system's")
    group.addoption(
        "--iphone-backup", action="store_true", help="also make a complete backup and discard it; needs its passcode"
    )
    group.addoption(
        "--iphone-may-write",
        action="store_true",
        help="also run tests that leave a temporary trace or ask for the passcode",
    )
    group.addoption(
        "--fidelity-report", metavar="FILE", help="write the report to this file; with --iphone it is also printed"
    )


class TerminalProgress(NoProgress):
    """Shows on the terminal what the user must do on the phone."""

    def person_needed(self, phone: str, action: UserAction) -> None:
        print(f"\n>>> on {phone}: {action}", file=sys.__stderr__, flush=True)


@dataclass
class Lab:
    """The phone under test. `run` connects to it each time."""

    usbmux: UsbmuxConfig
    udid: str
    is_real: bool
    folder: Path
    transcript: Any = field(default=None)

    def run(self, work: Callable[[Phone], Awaitable[T]]) -> T:
        async def meet_and_work() -> T:
            progress = TerminalProgress() if self.is_real else NoProgress()
            async with await Phone.meet(self.usbmux, self.udid, progress=progress, wait_s=WAIT_S) as phone:
                return await work(phone)

        return asyncio.run(meet_and_work())


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("contract")
    udid = request.config.getoption("--iphone", default=None)
    if udid:
        address = request.config.getoption("--iphone-usbmuxd", default=None)
        yield Lab(UsbmuxConfig(address, folder / "pairing", folder / "tmp"), udid, True, folder)
        return
    contents = ContentsSpec(photos=3, videos=0, messages=20, attachments=2, health_samples=5, many_files=200)
    phone = PhoneFile(udid=UDID, seed=1, backup_password="secret", keybag_rounds=100, contents=contents).to_phone()
    phone.files.add_symlink("HomeDomain", "Library/link", "/private/var/mobile/Library/SMS")
    with SimulatedUsbmuxd([phone]) as server:
        yield Lab(UsbmuxConfig(server.address, folder / "pairing", folder / "tmp"), UDID, False, folder)


@pytest.fixture
def expect(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`expect(behaviour, expected, seen, agrees, source)` adds a row to the report and asserts `agrees`."""

    def look(behaviour: str, expected: str, seen: str, agrees: bool, source: str) -> None:
        row = Row(behaviour, expected, seen, agrees, source)
        request.node.user_properties.append((PROPERTY, row.as_properties()))
        assert agrees, f"{behaviour}: expected {expected}, seen {seen}"

    return look


@pytest.fixture
def needs_writing(request: pytest.FixtureRequest) -> None:
    """Skips a test that leaves a temporary trace, unless the phone is simulated or `--iphone-may-write` is given."""
    config = request.config
    if config.getoption("--iphone", default=None) and not config.getoption("--iphone-may-write", default=False):
        pytest.skip("needs --iphone-may-write")


@pytest.fixture
def needs_backup(request: pytest.FixtureRequest) -> None:
    config = request.config
    if config.getoption("--iphone", default=None) and not config.getoption("--iphone-backup", default=False):
        pytest.skip("needs --iphone-backup")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    rows = [
        Row(**value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    file = config.getoption("--fidelity-report", default=None)
    is_real = config.getoption("--iphone", default=None)
    if not rows or not (file or is_real):
        return
    text = markdown(rows, "A real iPhone" if is_real else "The simulated iPhone")
    if file:
        Path(file).write_text(text + "\n", encoding="utf-8")
    terminalreporter.write_line(text)
