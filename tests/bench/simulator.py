"""How fast the simulated iPhone sends a backup, compared with our client: python -m tests.bench.simulator

The phone runs in its own process. Two clients back it up: one discards everything it reads, and ours writes to the disk
and hashes. The phone must be at least 1.5 times as fast as our client, so that it never makes a test slow.
`--files N` and `--gigabytes N` show that large backups need no more memory in the simulator.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.phone.connection import run_in_thread
from migrate.phone.mobilebackup2.link import DeviceLink
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone
from migrate.progress import no_progress
from tests.contract.drain import Drain

UDID = "00008101-000A1B2C3D4E5F60"
WANTED_RATIO = 1.5
ROUNDS = 3


@dataclass(frozen=True)
class Bench:
    name: str
    files: int
    file_bytes: int
    vast_bytes: int
    password: str | None = None

    @property
    def total_bytes(self) -> int:
        return self.files * self.file_bytes + self.vast_bytes


BENCHES = [
    Bench("1 GiB in large files", 0, 4096, 1 << 30),
    Bench("1 GiB in large files, encrypted", 0, 4096, 1 << 30, "secret"),
    Bench("10,000 files of 4 KiB", 10_000, 4096, 0),
    Bench("10,000 files of 4 KiB, encrypted", 10_000, 4096, 0, "secret"),
    Bench("2,000 files of 100 kB", 2_000, 100_000, 0),
]


@dataclass
class Served:
    """A phone in its own process. `peak_rss_bytes` can be read while the process runs."""

    address: str
    process: subprocess.Popen[str]

    @property
    def peak_rss_bytes(self) -> int:
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0  # only Linux has it
        return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


@contextlib.contextmanager
def served(bench: Bench, folder: Path) -> Iterator[Served]:
    lines = [
        f'udid = "{UDID}"\nseed = 1\nkeybag_rounds = 100\npasscode = ""\ncapacity_bytes = 4_000_000_000_000',
        f'backup_password = "{bench.password}"' if bench.password else "",
        f"[contents]\nphotos = 0\nvideos = 0\nmessages = 0\nattachments = 0\nmany_files = {bench.files}",
        f"many_file_bytes = {bench.file_bytes}\nvast_bytes = {bench.vast_bytes}",
    ]
    file = folder / "phone.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "migrate", "simulator", "serve", "--phone", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield Served(process.stdout.readline().strip().partition("=")[2], process)
        finally:
            process.terminate()


async def drained(address: str, home: Path) -> float:
    spool = home / "spool"
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir(parents=True)
    async with await connect(address, home) as phone, phone._connection.backup_link(no_progress) as link:
        started = time.perf_counter()
        await run_in_thread(link, lambda: whole_backup(link, spool))
        return time.perf_counter() - started


def whole_backup(link: DeviceLink, spool: Path) -> None:
    link.open_session()
    response = Drain(link, UDID, spool).backup()
    if response["ErrorCode"]:
        raise SystemExit(f"the phone refused: {response}")


async def backed_up(address: str, home: Path) -> float:
    folder = home / "backups" / UDID
    shutil.rmtree(folder.parent, ignore_errors=True)
    async with await connect(address, home) as phone:
        started = time.perf_counter()
        await phone.back_up(folder, seals=home / "seals", begin="fresh")
        return time.perf_counter() - started


async def connect(address: str, home: Path) -> Phone:
    return await Phone.meet(UsbmuxConfig(address, home / "pairing", home / "tmp"), UDID, wait_s=30)


def measure(bench: Bench, folder: Path, rounds: int, *, ours: bool = True) -> tuple[float, float | None, int]:
    """Median seconds of the draining client and of ours, run alternately, and the phone's peak memory in bytes."""
    clients: list[Callable[[str, Path], Any]] = [drained, *([backed_up] if ours else [])]
    took: dict[Any, list[float]] = {client: [] for client in clients}
    with served(bench, folder) as phone:
        for _ in range(rounds):
            for client in clients:
                took[client].append(asyncio.run(client(phone.address, folder / "home")))
        peak = phone.peak_rss_bytes
    return statistics.median(took[drained]), statistics.median(took[backed_up]) if ours else None, peak


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--files", type=int, default=0, help="drain this many files of 4 KiB")
    parser.add_argument("--gigabytes", type=int, default=0, help="drain this many gigabytes in large files")
    arguments = parser.parse_args()
    benches = [(bench, True) for bench in BENCHES]
    if arguments.files or arguments.gigabytes:
        bench = Bench("scale", arguments.files, 4096, arguments.gigabytes * 10**9)
        benches, arguments.rounds = [(bench, False)], 1
    print("| what | served | by our client | ratio | peak RSS of the phone |\n|---|---|---|---|---|")
    worst = float("inf")
    for bench, ours in benches:
        with tempfile.TemporaryDirectory(prefix="bench-simulator-") as folder:
            drain_s, ours_s, peak = measure(bench, Path(folder), arguments.rounds, ours=ours)
        cells = [
            rate(bench, drain_s),
            rate(bench, ours_s) if ours_s else "",
            f"{ours_s / drain_s:.2f}" if ours_s else "",
        ]
        worst = min(worst, ours_s / drain_s) if ours_s else worst
        print(f"| {bench.name} | {' | '.join(cells)} | {peak / 1e6:.0f} MB |", flush=True)
    if worst < WANTED_RATIO:
        print(f"worst ratio {worst:.2f}, wanted {WANTED_RATIO}", file=sys.stderr)
    return int(worst < WANTED_RATIO)


def rate(bench: Bench, seconds: float) -> str:
    if bench.files and not bench.vast_bytes:
        return f"{bench.files / seconds:,.0f} files/s ({seconds:.1f} s)"
    return f"{bench.total_bytes / seconds / 1e6:,.0f} MB/s ({seconds:.1f} s)"


if __name__ == "__main__":
    sys.exit(main())
