"""How the host handles faults: every refusal code, a pulled cable, a stall, a full disk."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from migrate.problems import DeviceRefused, MigrateError, PhoneLost, PhoneSilent
from migrate.simulator.agent.mb_errors import known_error_texts
from migrate.simulator.faults.faults import Mishap
from migrate.simulator.faults.scenarios import scenarios

UDID = "00008110-000A1B2C3D4E5F60"
HAS_NO_ERROR_OF_ITS_OWN = {2, 4, 11, 14, 22, 100, 103, 107, 210, 213, 555}
"""Codes for which `DeviceRefused` quotes the phone, because there is no specific remedy."""


@pytest.mark.soak
def test_every_refusal_code_gives_an_error_that_quotes_it(attach: Any, a_phone: Any) -> None:
    phone = a_phone()
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone) as met:
            for code, texts in known_error_texts().items():
                phone.faults.mishaps = [Mishap("refuse", code=code, text=text) for text in texts]
                for text in texts:
                    with pytest.raises(MigrateError) as refused:
                        await met.back_up(home.folder(phone), seals=home.seals, progress=home.progress)
                    error = refused.value
                    phone.faults.mishaps.pop(0)
                    told = f"{error.what} {error.why} {error.next}"
                    assert error.exit_code not in (0, 1, 130)
                    assert text.split(":")[0].split(" (")[0] in told or type(error) is not DeviceRefused
                    # 1 and 3 have several meanings, which depend on the text
                    assert (type(error) is DeviceRefused) <= (code in HAS_NO_ERROR_OF_ITS_OWN | {1, 3})
            phone.faults.mishaps = []
            await met.back_up(home.folder(phone), seals=home.seals, progress=home.progress)

    asyncio.run(story())


@pytest.mark.parametrize("at", [{"at": "files", "after": 4}, {"at": "end"}], ids=["midway", "at the end"])
def test_a_backup_refused_late_keeps_its_files_and_the_next_one_succeeds(
    attach: Any, a_phone: Any, at: dict[str, Any]
) -> None:
    phone = a_phone()
    phone.faults.mishaps = [Mishap("refuse", code=205, **at), Mishap("refuse", code=104, **at)]
    home = attach(phone)
    for _ in range(1 if at["at"] == "files" else 2):
        with pytest.raises(MigrateError) as refused:
            asyncio.run(home.back_up(phone))
        assert refused.value.exit_code in (30, 43, 35, 34)
    phone.faults.mishaps = []
    asyncio.run(home.back_up(phone))


def test_a_replugged_phone_gets_a_new_device_id_and_an_unplugged_one_stays_away(attach: Any, a_phone: Any) -> None:
    phone = a_phone(boot_delay_s=0.0)
    home = attach(phone)

    def device_id() -> int:
        deadline = time.monotonic() + 10  # the simulator plugs it in again a moment after the link has dropped
        while not (devices := home.server._devices()) and time.monotonic() < deadline:
            time.sleep(0.01)
        (device,) = devices
        return int(device.device_id)

    first = device_id()
    phone.faults.mishaps = [Mishap("replug", at="messages", after=4), Mishap("unplug", at="messages", after=9)]
    with pytest.raises(PhoneLost):
        asyncio.run(home.back_up(phone))
    assert device_id() > first
    with pytest.raises(PhoneLost):
        asyncio.run(home.back_up(phone))
    assert not home.server.is_attached(phone)
    home.server.attach(phone)
    assert asyncio.run(home.back_up(phone)).files_received > 0


@pytest.mark.parametrize("way", ["sent", "received"])
def test_a_stalled_phone_is_reported_as_silent_until_its_cable_is_pulled(attach: Any, a_phone: Any, way: Any) -> None:
    phone = a_phone()
    phone.faults.mishaps = [Mishap("stall", at="messages", after=6, way=way, seconds=3600.0)]
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone) as met:
            met._connection.silence_s = 0.2
            await met.back_up(home.folder(phone), seals=home.seals, progress=home.progress)

    with pytest.raises(PhoneSilent):
        asyncio.run(story())
    home.server.detach(phone)  # so the server can stop at once instead of waiting for an hour


@pytest.mark.parametrize(
    "name", ["first-session-dropped", "sync-lock-held", "sheet-shown-twice", "backup-manifest-db-unreadable"]
)
def test_a_backup_survives_these_scenarios(attach: Any, a_phone: Any, name: str) -> None:
    phone = a_phone(passcode="1234")
    phone.files.add_file(
        "HomeDomain", "Library/Application Support/FileProvider/backup/backup_manifest.db", b"SQLite format 3\0" * 9
    )
    scenarios()[name].apply(phone)
    home = attach(phone)
    assert asyncio.run(home.back_up(phone)).files_received > 4
    assert [finding.code for finding in home.progress.findings] == ["file-unreadable"] * (name.startswith("backup-man"))


# -- a really full disk ----------------------------------------------------------------------------------------------

SAVE_UNTIL_FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from migrate.problems import MigrateError
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.filesystem import Synthetic
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

disk, limit = Path(sys.argv[1]), int(sys.argv[2])
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
phone = SimulatedPhone(udid="UDID", name="Anna's iPhone", keybag_rounds=100)
phone.files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/film.mov", Synthetic(1, 12_000_000))
# a phone requires 128 MiB of headroom and would not start; this disk fills up while it sends
from migrate.phone.mobilebackup2.host_folder import HostFolder, StatusResponse
HostFolder.free_space = lambda self: StatusResponse(payload=1 << 40)

async def story(home):
    with SimulatedUsbmuxd([phone]) as server:
        muxer = UsbmuxConfig(server.address, home / "pairing", home / "tmp")
        async with await Phone.meet(muxer, phone.udid, wait_s=9) as met:
            await met.back_up(disk / "backups" / phone.udid, seals=home / "seals")

try:
    asyncio.run(story(disk if limit else Path(sys.argv[3])))
except MigrateError as error:
    print(type(error).__name__, error.exit_code)
    left = sorted(p.name for p in (disk / "backups").iterdir())
    print(left)
"""


def run_until_full(*arguments: str, before: tuple[str, ...] = ()) -> str:
    ran = subprocess.run(
        [*before, sys.executable, "-c", SAVE_UNTIL_FULL.replace("UDID", UDID), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="a small tmpfs of one's own needs Linux")
def test_a_disk_that_fills_up_during_the_backup_is_reported_as_full(tmp_path: Path) -> None:
    disk, home = tmp_path / "disk", tmp_path / "home"
    disk.mkdir()
    home.mkdir()
    mount = f'mount -t tmpfs -o size=6m,mode=700 none {disk} && exec "$0" "$@"'
    before = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount)
    try:
        subprocess.run([*before, "true"], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no tmpfs can be mounted here")
    told = run_until_full(str(disk), "0", str(home), before=before)
    assert told == f"BackupDiskFull 33\n['{UDID}']\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no RLIMIT_FSIZE")
def test_a_file_too_large_for_the_file_system_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    """FAT32 ends a file at 4 GiB with EFBIG; here a limit of the process does, at 5 MB."""
    told = run_until_full(str(tmp_path), "5000000")
    assert told.splitlines()[0] == "CannotWriteHere 33" and f"['{UDID}']" in told
