"""How fast every step of a move is, beside other programs in the same run.

    python -m tests.bench.move                                   every scenario, step and disk, then the wanted ratios
    python -m tests.bench.move a --step backup --rounds 3        one scenario, one step
    python -m tests.bench.move a c --step verify --step compose --only migrate --disk tmpfs --plain
    python -m tests.bench.move a --scale 0.1                     a tenth of the files
    python -m tests.bench.move --list                            the scenarios, steps and programs

Each simulated phone runs in a process of its own. In every round each program does the same once, one after the other.
Figures are medians of the rounds: wall time, processor time (user and system, with child processes), peak memory. The
`ceiling` is the phone with a client that discards everything; its processor time and memory are the phone's. About 3 s
of idevicebackup2's wall time are fixed sleeps.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from tests.bench.move.candidates import MIGRATE, STEPS, Place, prepare
from tests.bench.move.children import Figures, ProgramFailed
from tests.bench.move.scenarios import SCENARIOS, Scenario
from tests.bench.move.targets import Results, check

ROUNDS = 3
MEMORY_DISK = Path("/dev/shm")
PROGRAMS = tuple(dict.fromkeys(program for candidates in STEPS.values() for program in candidates))


def main() -> int:
    asked = _arguments()
    if asked.list:
        _list()
        return 0
    print(f"{_machine()}\n{_versions()}", flush=True)
    results: Results = {}
    for scenario in (SCENARIOS[name].scaled(asked.scale) for name in asked.scenario or SCENARIOS):
        for disk in asked.disk or ("tmpfs", "disk"):
            for encrypted in asked.encryption or (False, True):
                where = f"({scenario.name}) {scenario.what}" + (f" x {asked.scale}" if asked.scale != 1 else "")
                print(f"\n{where}, {'encrypted' if encrypted else 'plain'}, {disk}", flush=True)
                with _folder(disk, asked.folder) as folder:
                    found = _measure(scenario, folder, asked, encrypted=encrypted)
                results[scenario.name, encrypted, disk] = found
                _print_table(found)
    if asked.results:
        _save(asked.results, results)
    return check(results) if asked.scale == 1 and not asked.only else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.move",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", nargs="*", help=f"{', '.join(SCENARIOS)}; by default all of them")
    parser.add_argument("--step", action="append", choices=list(STEPS), help="may be repeated")
    parser.add_argument("--only", action="append", choices=PROGRAMS, help="only this program; may be repeated")
    parser.add_argument("--disk", action="append", choices=("tmpfs", "disk"), help="by default both")
    parser.add_argument(
        "--folder", type=Path, help="a folder on the disk to use; by default the one for temporary files"
    )
    parser.add_argument("--plain", dest="encryption", action="append_const", const=False, help="only plain backups")
    parser.add_argument("--encrypted", dest="encryption", action="append_const", const=True, help="only encrypted ones")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--scale", type=float, default=1.0, help="how many of the files, for example 0.1")
    parser.add_argument("--results", type=Path, help="also write the medians to this JSON file")
    parser.add_argument("--list", action="store_true", help="show what can be measured")
    asked = parser.parse_args()
    if unknown := set(asked.scenario) - set(SCENARIOS):
        parser.error(f"no scenario {', '.join(sorted(unknown))}")
    return asked


def _list() -> None:
    for scenario in SCENARIOS.values():
        print(f"  {scenario.name}  {scenario.what}")
    for step, candidates in STEPS.items():
        print(f"  {step:<12} {', '.join(candidates)}")


def _folder(disk: str, folder: Path | None) -> tempfile.TemporaryDirectory[str]:
    if disk == "tmpfs":
        if not MEMORY_DISK.is_dir():
            raise SystemExit(f"this system has no {MEMORY_DISK}; use --disk disk")
        folder = MEMORY_DISK
    return tempfile.TemporaryDirectory(prefix="bench-move-", dir=folder, ignore_cleanup_errors=True)


def _measure(
    scenario: Scenario, folder: str, asked: argparse.Namespace, *, encrypted: bool
) -> dict[str, dict[str, Figures]]:
    """Part -> program -> medians of its rounds."""
    steps: list[str] = asked.step or [step for step in STEPS if step != "incremental" or scenario.name == "d"]
    programs = list(asked.only or PROGRAMS)
    rounds: dict[str, dict[str, list[Figures]]] = {}
    keeps = any(step in ("incremental", "restore") for step in steps)
    with Place(scenario, encrypted, Path(folder), keeps) as place:
        for number in range(asked.rounds):
            for step, program in _order(steps, programs):
                prepare(place, [step], [program])
                load = os.getloadavg()[0]
                try:
                    parts = STEPS[step][program](place)
                except ProgramFailed as failure:
                    print(f"  {step}, {program}: {failure}", file=sys.stderr, flush=True)
                    continue
                first = next(iter(parts.values()))
                print(
                    f"  round {number + 1}: {step}, {program}: {first.wall_s:.2f} s (load {load:.1f})",
                    file=sys.stderr,
                    flush=True,
                )
                for part, figures in parts.items():
                    rounds.setdefault(part, {}).setdefault(program, []).append(figures)
    return {part: {name: _median(each) for name, each in found.items()} for part, found in rounds.items()}


def _order(steps: list[str], programs: list[str]) -> Iterator[tuple[str, str]]:
    return ((step, program) for step in steps for program in STEPS[step] if program in programs)


def _median(each: list[Figures]) -> Figures:
    def of(name: str) -> float:
        return statistics.median(getattr(one, name) for one in each)

    return Figures(of("wall_s"), of("cpu_s"), int(of("peak_bytes")))


def _print_table(found: dict[str, dict[str, Figures]]) -> None:
    print("| | | wall | CPU | peak | wall, ours = 1 | CPU, ours = 1 |\n|---|---|---|---|---|---|---|")
    for part, by_program in found.items():
        ours = by_program.get(MIGRATE)
        for program, one in by_program.items():
            ratios = [
                f"{theirs / our:.2f}" if ours and our else ""
                for theirs, our in ((one.wall_s, ours and ours.wall_s), (one.cpu_s, ours and ours.cpu_s))
            ]
            cells = [
                part,
                program,
                f"{one.wall_s:.2f} s",
                f"{one.cpu_s:.2f} s",
                f"{one.peak_bytes / 1e6:.0f} MB",
                *ratios,
            ]
            print(f"| {' | '.join(cells)} |", flush=True)


def _save(path: Path, results: Results) -> None:
    rows = [
        {"scenario": scenario, "encrypted": encrypted, "disk": disk, "part": part, "program": program, **asdict(one)}
        for (scenario, encrypted, disk), found in results.items()
        for part, by_program in found.items()
        for program, one in by_program.items()
    ]
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def _machine() -> str:
    load = " ".join(f"{one:.2f}" for one in os.getloadavg())
    return f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, {platform.machine()}, load {load}"


def _versions() -> str:
    names = ("pymobiledevice3", "apsw", "cryptography", "pycryptodome")
    versions = [f"Python {platform.python_version()}", *(f"{name} {metadata.version(name)}" for name in names)]
    for program in ("idevicebackup2", "sha256sum"):
        if shutil.which(program) is None:
            versions.append(f"no {program}")
            continue
        said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.splitlines()
        versions.append(said[0] if said else program)
    return ", ".join(versions)


if __name__ == "__main__":
    sys.exit(main())
