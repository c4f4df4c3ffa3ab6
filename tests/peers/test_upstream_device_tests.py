"""pymobiledevice3's own tests for a connected iPhone, run unchanged against a simulated one.

They come from the sources of the installed version (`python tests/peers/fetch.py`), never from this repository. It is
the only judge of the small services that neither we nor our reading of the facts wrote, which is worth its 8 s of CPU
time (*measured*; 3 s of them are imports). Backups and the shell take another 15 s, and are in the soak.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import pytest

from migrate.simulator.contents import ContentsSpec
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.phone_file import PhoneFile
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.peers.fetch import SITE, upstream_sdist

LIMIT_S = 400
QUICK = {
    "test_afc": 59,
    "test_apps": 3,
    "test_list_devices": 1,
    "test_notification_proxy": 1,
    "test_springboard_services_relay": 3,
}
SLOW = {"test_afc_shell": 16, "test_backup2": 2}
"""Module -> how many of its tests need a device and pass here: if upstream adds some, this says so."""
LEFT_OUT = {
    "test_afc_shell.py::test_create_runs_a_shell_until_exit": (
        "passes, and then fails upstream's check for leaks, because upstream's own event loop stays open (*seen*)"
    ),
    "test_afc_shell.py::test_crash_reports_shell_adds_its_commands": "crash reports are not simulated",
}
RECONNECT = "test_lockdown.py::test_lockdown_reconnect"
"""Waits 65 s for lockdownd to close an idle session. test_device_services_pymobiledevice3.py has it in a second."""


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """A folder with upstream's tests and their configuration, but not its code: the installed one is tested with."""
    sdist = upstream_sdist()
    if not sdist.exists() or not SITE.exists():
        missing = f"{sdist.name} or pytest-asyncio is not there (`python tests/peers/fetch.py` downloads them)"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    top = sdist.name.removesuffix(".tar.gz")
    with tarfile.open(sdist) as archive:
        wanted = [one for one in archive if one.name.startswith((f"{top}/tests/", f"{top}/pytest.ini"))]
        archive.extractall(tmp_path, members=wanted, filter="data")
    return tmp_path / top


@pytest.fixture
def furnished_phone() -> SimulatedPhone:
    """A phone with what upstream's tests look for: photos, Apple's apps with icons, a dock."""
    contents = ContentsSpec(photos=1, videos=0, messages=2, attachments=0, health_samples=1, history=1, contacts=1)
    return PhoneFile(seed=1, keybag_rounds=10, contents=contents).to_phone()


def run_upstream(upstream: Path, phone: SimulatedPhone, tests: list[str], *options: str) -> dict[str, str]:
    """Run some of upstream's tests that need a device. Returns each one's name -> "" or its failure."""
    report = upstream / "report.xml"
    home = upstream / "home"
    home.mkdir()
    with SimulatedUsbmuxd([phone]) as server:
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR", "LANG") if name in os.environ}
        environment = {
            **kept,
            "HOME": str(home),
            "USERPROFILE": str(home),
            "USBMUXD_SOCKET_ADDRESS": server.address,
            "PYTHONPATH": str(SITE),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, "-m", "pytest", "-q", "-m", "device", f"--junitxml={report}"]
        command += ["-p", "no:cacheprovider", "-p", "no:xdist", f"--basetemp={upstream / 'temporary'}", *options]
        done = subprocess.run(
            [*command, *(f"tests/services/{test}" for test in tests)],
            cwd=upstream,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    assert report.exists(), done.stdout + done.stderr
    results: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{str(case.get('classname')).rpartition('.')[2]}.py::{case.get('name')}"
        wrong = [child for child in case if child.tag in ("failure", "error", "skipped")]
        results[name] = results.get(name, "") + "".join(f"{one.tag}: {one.get('message')}" for one in wrong)
    return results


@pytest.mark.parametrize(
    "modules", [pytest.param(QUICK, id="services"), pytest.param(SLOW, id="backups and shell", marks=pytest.mark.soak)]
)
def test_upstreams_own_device_tests_pass(
    upstream: Path, furnished_phone: SimulatedPhone, modules: dict[str, int]
) -> None:
    left_out = [f"--deselect=tests/services/{test}" for test in LEFT_OUT]
    results = run_upstream(upstream, furnished_phone, [f"{module}.py" for module in modules], *left_out)
    assert {name: wrong for name, wrong in results.items() if wrong} == {}
    assert Counter(name.partition(".py")[0] for name in results) == modules


@pytest.mark.soak
def test_upstreams_reconnect_test_passes(upstream: Path, furnished_phone: SimulatedPhone) -> None:
    furnished_phone.faults.session_idle_close_s = 60
    assert run_upstream(upstream, furnished_phone, [RECONNECT]) == {RECONNECT: ""}
