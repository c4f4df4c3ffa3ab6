"""Taking and forgetting snapshots: `python -m tests.bench.snapshots [--files N] [--rounds N] [--folder FOLDER]`.

A made backup of N small files in 256 folders. In turn: a snapshot of it, `cp -al` of it, and `cp -a`; then 30 snapshots
are forgotten. Prints medians of wall and CPU seconds. Target: a snapshot takes at most 1.5 times as long as `cp -al`.
"""

from __future__ import annotations

import argparse
import os
import plistlib
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from migrate.backup.snapshots.store import SnapshotStore

UDID = "00008101-000A1B2C3D4E5F60"
TARGET = 1.5


def write(folder: Path, files: int) -> None:
    """A finished backup; nothing reads its files."""
    folder.mkdir(parents=True)
    for shard in range(256):
        (folder / f"{shard:02x}").mkdir()
    for number in range(files):
        name = f"{number % 256:02x}{number:038x}"
        (folder / name[:2] / name).write_bytes(b"x" * 64)
    (folder / "Manifest.db").write_bytes(b"x" * 4096)
    (folder / "Manifest.plist").write_bytes(plistlib.dumps({"IsEncrypted": False}))
    (folder / "Info.plist").write_bytes(plistlib.dumps({"Device Name": "iPhone"}))


def finish(folder: Path, state: int) -> None:
    status = {"SnapshotState": "finished", "UUID": f"state-{state}", "Date": datetime(2026, 11, 1)}
    (folder / "Status.plist").unlink(missing_ok=True)
    (folder / "Status.plist").write_bytes(plistlib.dumps(status))


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds, with those of children."""
    before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    began = time.monotonic()
    work()
    wall = time.monotonic() - began
    after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(before, after, strict=True))
    return wall, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where to write; else the system's folder for temporary files")
    asked = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {asked.files:,} files")
    with tempfile.TemporaryDirectory(dir=asked.folder) as made:
        home = Path(made)
        working, store = home / "backups" / UDID, SnapshotStore(home / "snapshots")
        (home / "seals").mkdir()
        store.root.mkdir()
        write(working, asked.files)
        found: dict[str, list[tuple[float, float]]] = {"snapshot": [], "cp -al": [], "cp -a": []}
        for number in range(asked.rounds):
            finish(working, number)
            taken = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=number)
            found["snapshot"].append(measured(lambda taken=taken: store.take(working, home / "seals", taken=taken)))  # type: ignore[misc]
            for options in ("-al", "-a"):
                copy = home / "copy"
                command = ["cp", options, str(working), str(copy)]
                found[f"cp {options}"].append(measured(lambda command=command: subprocess.run(command, check=True)))  # type: ignore[misc]
                shutil.rmtree(copy)
        for name, rounds in found.items():
            wall, cpu = (statistics.median(one[index] for one in rounds) for index in (0, 1))
            print(f"{name:<10} {wall:7.2f} s wall {cpu:7.2f} s CPU")
        ours, theirs = (statistics.median(one[0] for one in found[name]) for name in ("snapshot", "cp -al"))
        print(f"snapshot / cp -al: {ours / theirs:.2f} (at most {TARGET})")
        for number in range(asked.rounds, 30):
            finish(working, number)
            store.take(working, home / "seals", taken=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=number))
        times = [measured(lambda one=one: store.forget(one))[1] for one in store.all()]  # type: ignore[misc]
        print(f"forget 30: first {times[0]:.2f}, median {statistics.median(times):.2f}, last {times[-1]:.2f} s CPU")


if __name__ == "__main__":
    main()
