"""How processor time per file and memory grow with the number of files: one command measures and draws a plot.

    python -m tests.bench.move.growth --svg growth.svg
    python -m tests.bench.move.growth --files 1000 --files 10000 --step move --svg growth.svg

Every step of a whole `replace` move and an unchanged incremental backup, on phones with files of 512 bytes. Processor
time, because it says something on a busy machine too. Exits 1 if a step takes more than 1.3 times as long per file with
the most files as with the fewest, or more than 120 MB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.bench.move.candidates import MIGRATE, STEP_ALONE, STEPS, Place, prepare
from tests.bench.move.children import Figures
from tests.bench.move.plot import Line, Panel, draw
from tests.bench.move.scenarios import Scenario
from tests.bench.move.targets import MEMORY_LIMIT_BYTES

FILES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
FILE_BYTES = 512
AT_MOST = 1.3
SMALL_STEP_S = 0.2
"""Steps that never take longer than this are left out: they do not work on files."""
Growth = dict[str, dict[int, Figures]]
"""Part -> number of files -> its figures."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, action="append", help="may be repeated")
    parser.add_argument("--step", action="append", choices=list(STEPS), help="may be repeated")
    parser.add_argument("--encrypted", action="store_true")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to use")
    parser.add_argument("--svg", type=Path, help="where to draw the plot")
    asked = parser.parse_args()
    growth: Growth = {}
    for files in sorted(asked.files or FILES):
        measured = measure(files, asked.step or ["incremental", "move"], asked.folder, encrypted=asked.encrypted)
        for part, figures in measured.items():
            growth.setdefault(part, {})[files] = figures
    growth = {part: by for part, by in growth.items() if max(one.cpu_s for one in by.values()) > SMALL_STEP_S}
    if asked.svg:
        asked.svg.write_text(plot_of(growth), encoding="utf-8")
    return report(growth)


def measure(files: int, steps: list[str], folder: Path | None, *, encrypted: bool) -> dict[str, Figures]:
    scenario = Scenario("growth", f"{files:,} files of {FILE_BYTES} bytes", files, FILE_BYTES)
    found: dict[str, Figures] = {}
    with (
        tempfile.TemporaryDirectory(prefix="bench-move-", dir=folder, ignore_cleanup_errors=True) as place,
        Place(scenario, encrypted, Path(place), keeps_backups=True) as phone,
    ):
        for step in steps:
            print(f"  {scenario.what}: {step}", file=sys.stderr, flush=True)
            prepare(phone, [step], [MIGRATE])
            found |= STEPS[step][MIGRATE](phone)
    return {_name(part): one for part, one in found.items() if _is_a_step(part, found)}


def _is_a_step(part: str, found: dict[str, Figures]) -> bool:
    """Whether the figures are those of a step alone: the start of Python would hide how the step grows."""
    return not part.endswith(("process", "(with the start of Python)")) and f"{part}{STEP_ALONE}" not in found


def _name(part: str) -> str:
    return part.removeprefix("move: ").removesuffix(STEP_ALONE)


def report(growth: Growth) -> int:
    """Prints a table of microseconds per file and of peaks. Returns 1 if a limit is passed."""
    counts = sorted({files for by_files in growth.values() for files in by_files})
    print(f"| us of processor time per file | {' | '.join(f'{files:,}' for files in counts)} | growth | peak |")
    print("|---|" + "---|" * (len(counts) + 2))
    passed = False
    for part, by_files in growth.items():
        each = [by_files[files].cpu_s / files * 1e6 for files in counts if files in by_files]
        peak = max(one.peak_bytes for one in by_files.values())
        ratio = each[-1] / each[0] if each[0] else 0.0
        passed |= ratio > AT_MOST or peak > MEMORY_LIMIT_BYTES
        print(f"| {part} | {' | '.join(f'{one:.1f}' for one in each)} | {ratio:.2f} | {peak / 1e6:.0f} MB |")
    return int(passed)


def plot_of(growth: Growth) -> str:
    time = [Line(part, [(n, by[n].cpu_s / n * 1e6) for n in sorted(by)]) for part, by in growth.items()]
    memory = [Line(part, [(n, by[n].peak_bytes / 1e6) for n in sorted(by)]) for part, by in growth.items()]
    return draw([Panel("microseconds of processor time per file", time), Panel("peak memory in MB", memory)])


if __name__ == "__main__":
    sys.exit(main())
