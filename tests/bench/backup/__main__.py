"""Measure reading, checking and composing backups, compared with independent programs.

    python -m tests.bench.backup                                    listing, 200,000 records, 3 rounds
    python -m tests.bench.backup listing --records 1000000 --only migrate --rounds 1
    python -m tests.bench.backup verify --files 20000 --gib 4
    python -m tests.bench.backup compose --files 200000
    python -m tests.bench.backup extract --files 20000 --gib 4    encrypted, with two other programs (mvt-ios in PATH)
    python -m tests.bench.backup password                            10,000,000 rounds

Every figure is the median of the rounds. Each round runs every candidate once, in its own process. Ratios compare
figures of one run on one machine. The backups are generated for each run; `--keep FOLDER` keeps them for the next one.
"""

from __future__ import annotations

import argparse
import json
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.bench.backup.candidates import ALL, measure
from tests.bench.backup.synthetic import make_files, make_listing


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.backup", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("subject", nargs="?", choices=[*ALL, "all"], default="listing")
    parser.add_argument("--records", type=int, default=200_000, help="rows to list")
    parser.add_argument("--files", type=int, default=20_000, help="stored files to verify, compose or extract")
    parser.add_argument("--gib", type=float, default=1.0, help="stored bytes to verify or extract")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", help="measure only this candidate (may be repeated)")
    parser.add_argument("--keep", type=Path, help="folder for the generated backups")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "BACKUP"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.subject, arguments.one[0], Path(arguments.one[1]))))
        return
    print(_versions())
    with tempfile.TemporaryDirectory() as temporary:
        for subject in ALL if arguments.subject == "all" else (arguments.subject,):
            for encrypted in (True,) if subject in ("extract", "password") else (False, True):
                _compare(
                    subject,
                    _backup_for(arguments, subject, arguments.keep or Path(temporary), encrypted=encrypted),
                    arguments,
                )


def _backup_for(arguments: argparse.Namespace, subject: str, place: Path, *, encrypted: bool) -> Path:
    if subject == "password":
        return place
    kind = "encrypted" if encrypted else "plain"
    if subject == "listing":
        folder = place / f"{kind}-{arguments.records}-records"
        if not folder.exists():
            _make(["make_listing", str(folder), str(arguments.records), str(encrypted)])
        return folder
    size = int(arguments.gib * (1 << 30)) if subject in ("verify", "extract") else 16 * arguments.files
    folder = place / f"{kind}-{arguments.files}-files-{size}"
    if not folder.exists():
        _make(["make_files", str(folder), str(arguments.files), str(encrypted), str(size)])
    return folder


def _make(what: list[str]) -> None:
    """In another process, so that generating a million rows does not count towards our memory."""
    subprocess.run([sys.executable, "-c", _MAKE, *what], check=True)


_MAKE = f"""
import sys; from pathlib import Path
from tests.bench.backup.synthetic import {make_files.__name__}, {make_listing.__name__}
what, folder, count, encrypted, *size = sys.argv[1:]
if what == "make_listing":
    make_listing(Path(folder), int(count), encrypted=encrypted == "True")
else:
    make_files(Path(folder), count=int(count), total_bytes=int(size[0]), encrypted=encrypted == "True")
"""


def _compare(subject: str, folder: Path, arguments: argparse.Namespace) -> None:
    names = [name for name in ALL[subject] if not arguments.only or name in arguments.only]
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(arguments.rounds):
        for name in names:
            command = [sys.executable, "-m", "tests.bench.backup", subject, "--one", name, str(folder)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                results[name].append({"failed": done.stderr.strip().splitlines()[-1]})
            else:
                results[name].append(json.loads(done.stdout))
    print(f"\n{subject}, {folder.name}")
    ours = _median(results.get("migrate", []), "seconds")
    for name, rounds in results.items():
        seconds, peak = _median(rounds, "seconds"), _median(rounds, "peak_bytes")
        if seconds is None or peak is None:
            print(f"  {name:24} failed: {next(each['failed'] for each in rounds if 'failed' in each)}")
            continue
        ratio = f"{seconds / ours:6.2f} × migrate's time" if ours else ""
        cpu = _median(rounds, "cpu_seconds") if rounds[0]["cpu_seconds"] else None
        cpu_text = f"   processor {cpu:6.2f} s" if cpu is not None else ""
        answer = f"peak {peak / 1e6:7.0f} MB{cpu_text}   answer {rounds[0]['answer']}"
        print(f"  {name:24} {seconds:8.2f} s   {ratio}   {answer}")


def _median(rounds: list[dict[str, Any]], key: str) -> float | None:
    return statistics.median(each[key] for each in rounds) if rounds and all(key in each for each in rounds) else None


def _versions() -> str:
    peers = ("pyiosbackup", "bpylist2", "iphone-backup-decrypt", "cryptography", "apsw")
    found = []
    for name in peers:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} (not installed)")
    python = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.machine()}"
    return f"{python}; {', '.join(found)}"


if __name__ == "__main__":
    main()
