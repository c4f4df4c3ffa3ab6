"""Simulated iPhones in a process of their own, and a client that discards all that they send."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate.phone.connection import run_in_thread
from migrate.phone.mobilebackup2.link import DeviceLink
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone
from migrate.progress import no_progress
from tests.bench.move.children import cpu_seconds_of, peak_bytes
from tests.bench.move.scenarios import OLD
from tests.contract.drain import Drain


@dataclass
class Served:
    """Phones on a usbmuxd in another process. Its figures can be read while the process runs."""

    address: str
    process: subprocess.Popen[str]

    @property
    def cpu_s(self) -> float:
        return cpu_seconds_of(self.process.pid)

    @property
    def peak_bytes(self) -> int:
        return peak_bytes(self.process.pid)


@contextlib.contextmanager
def served(phone_files: Sequence[str], folder: Path) -> Iterator[Served]:
    """Serves phones with these phone files until the block ends."""
    command = [sys.executable, "-m", "migrate", "simulator", "serve"]
    for number, text in enumerate(phone_files):
        file = folder / f"phone-{number}.toml"
        file.write_text(text, encoding="utf-8")
        command += ["--phone", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip().partition("=")[2]
            if not address:
                raise SystemExit("the simulator did not start")
            yield Served(address, process)
        finally:
            process.terminate()


async def meet(address: str, udid: str, home: Path) -> Phone:
    return await Phone.meet(UsbmuxConfig(address, home / "pairing", home / "tmp"), udid, wait_s=60)


def drain(address: str, home: Path) -> float:
    """Receives a whole backup and discards it: the fastest that the phone can be. Returns the seconds it took."""
    return asyncio.run(_drain(address, home))


async def _drain(address: str, home: Path) -> float:
    spool = home / "spool"
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir(parents=True)
    async with await meet(address, OLD, home) as phone, phone._connection.backup_link(no_progress) as link:
        started = time.perf_counter()
        await run_in_thread(link, lambda: _whole_backup(link, spool))
        return time.perf_counter() - started


def _whole_backup(link: DeviceLink, spool: Path) -> None:
    link.open_session()
    response = Drain(link, OLD, spool).backup()
    if response["ErrorCode"]:
        raise SystemExit(f"the phone refused: {response}")
